// JSON as Go's encoding/json writes it: no blanks, HTML characters escaped, bytes in base64, zero values left
// out where the caller says so. Pure.
using System.Globalization;
using System.Text;
using Google.Protobuf;

namespace EtcdAot.Cmd.Etcdctl.Printing;

/// <summary>Builds one JSON text (etcdctl §10).</summary>
/// <param name="isLog">As the log library writes it: only what JSON demands is escaped.</param>
internal sealed class GoJson(bool isLog = false)
{
    private readonly StringBuilder _text = new();
    private bool _first = true;

    public override string ToString() => _text.ToString();

    public GoJson Open(char bracket)
    {
        Separate();
        _text.Append(bracket);
        _first = true;
        return this;
    }

    public GoJson Close(char bracket)
    {
        _text.Append(bracket);
        _first = false;
        return this;
    }

    public GoJson Name(string name)
    {
        Separate();
        Quote(name);
        _text.Append(':');
        _first = true;
        return this;
    }

    public GoJson Value(long value) => Raw(value.ToString(CultureInfo.InvariantCulture));

    public GoJson Value(ulong value) => Raw(value.ToString(CultureInfo.InvariantCulture));

    public GoJson Value(bool value) => Raw(value ? "true" : "false");

    public GoJson Value(string value)
    {
        Separate();
        Quote(value);
        return this;
    }

    public GoJson Value(ByteString value) => Raw($"\"{value.ToBase64()}\"");

    public GoJson Raw(string token)
    {
        Separate();
        _text.Append(token);
        return this;
    }

    /// <summary>A member that is left out at zero.</summary>
    public GoJson Optional(string name, long value) => value == 0 ? this : Name(name).Value(value);

    /// <summary>A member that is left out at zero.</summary>
    public GoJson Optional(string name, ulong value) => value == 0 ? this : Name(name).Value(value);

    /// <summary>A member that is left out when false.</summary>
    public GoJson Optional(string name, bool value) => value ? Name(name).Value(value) : this;

    /// <summary>A member that is left out when empty.</summary>
    public GoJson Optional(string name, string value) => value.Length == 0 ? this : Name(name).Value(value);

    /// <summary>A member that is left out when empty.</summary>
    public GoJson Optional(string name, ByteString value) => value.IsEmpty ? this : Name(name).Value(value);

    /// <summary>An array that is left out when empty.</summary>
    public GoJson Optional<T>(string name, IReadOnlyCollection<T> values, Action<GoJson, T> each)
    {
        return values.Count == 0 ? this : Name(name).Array(values, each);
    }

    public GoJson Array<T>(IEnumerable<T> values, Action<GoJson, T> each)
    {
        Open('[');
        foreach (T value in values)
        {
            each(this, value);
        }

        return Close(']');
    }

    private void Separate()
    {
        if (!_first)
        {
            _text.Append(',');
        }

        _first = false;
    }

    private void Quote(string value)
    {
        _text.Append('"');
        foreach (Rune rune in value.EnumerateRunes())
        {
            string? escape = rune.Value switch
            {
                '<' or '>' or '&' or 0x2028 or 0x2029 when isLog => null,
                '\b' or '\f' when isLog => $"\\u{rune.Value:x4}",
                '"' => "\\\"",
                '\\' => "\\\\",
                '\n' => "\\n",
                '\r' => "\\r",
                '\t' => "\\t",
                '\b' => "\\b",
                '\f' => "\\f",
                '<' or '>' or '&' or < 0x20 or 0x2028 or 0x2029 => $"\\u{rune.Value:x4}",
                _ => null,
            };
            _text.Append(escape ?? rune.ToString());
        }

        _text.Append('"');
    }
}
