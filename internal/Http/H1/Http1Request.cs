// One HTTP/1 request head. Owned by: the I/O thread of its connection; valid until its answer has ended.
using System.Text;

namespace EtcdAot.Http.H1;

/// <summary>Method, target, version and headers of a request.</summary>
public sealed class Http1Request
{
    private byte[] _head = [];
    private (int NameStart, int NameLength, int ValueStart, int ValueLength)[] _fields = new (int, int, int, int)[16];

    /// <summary>As sent; case matters.</summary>
    public string Method { get; internal set; } = "";

    /// <summary>Request target as sent, query included; an absolute target keeps only its path.</summary>
    public string Target { get; internal set; } = "";

    /// <summary>Target up to the first '?', escapes as sent.</summary>
    public string Path { get; internal set; } = "";

    /// <summary>What follows the first '?', without it; empty when there is none.</summary>
    public string Query { get; internal set; } = "";

    /// <summary>1 for HTTP/1.1 and later, 0 for HTTP/1.0.</summary>
    public int MinorVersion { get; internal set; }

    /// <summary>Host of the target or of the Host field; empty when absent.</summary>
    public string Host { get; internal set; } = "";

    /// <summary>Announced body length; -1 for a chunked body, 0 for none.</summary>
    public long ContentLength { get; internal set; }

    /// <summary>Peer as text.</summary>
    public string RemoteAddress { get; internal set; } = "";

    /// <summary>Number of header fields, in the order sent.</summary>
    public int FieldCount { get; private set; }

    /// <summary>Name of a field, as sent.</summary>
    public ReadOnlySpan<byte> FieldName(int index) => _head.AsSpan(_fields[index].NameStart, _fields[index].NameLength);

    /// <summary>Value of a field, blanks around it removed.</summary>
    public ReadOnlySpan<byte> FieldValue(int index) => _head.AsSpan(_fields[index].ValueStart, _fields[index].ValueLength);

    /// <summary>Value of the first field of that name (any case); null when absent. Bytes above 0x7f as Latin-1.</summary>
    public string? Header(string name)
    {
        for (int i = 0; i < FieldCount; i++)
        {
            if (Ascii.EqualsIgnoreCase(FieldName(i), name))
            {
                return Encoding.Latin1.GetString(FieldValue(i));
            }
        }

        return null;
    }

    /// <summary>True when a comma list of that field holds the token, in any case.</summary>
    public bool HasToken(string name, string token)
    {
        for (int i = 0; i < FieldCount; i++)
        {
            if (!Ascii.EqualsIgnoreCase(FieldName(i), name))
            {
                continue;
            }

            foreach (string part in Encoding.Latin1.GetString(FieldValue(i)).Split(','))
            {
                if (string.Equals(part.Trim(), token, StringComparison.OrdinalIgnoreCase))
                {
                    return true;
                }
            }
        }

        return false;
    }

    internal void Begin(byte[] head)
    {
        _head = head;
        FieldCount = 0;
    }

    internal void AddField(int nameStart, int nameLength, int valueStart, int valueLength)
    {
        if (FieldCount == _fields.Length)
        {
            Array.Resize(ref _fields, FieldCount * 2);
        }

        _fields[FieldCount++] = (nameStart, nameLength, valueStart, valueLength);
    }
}
