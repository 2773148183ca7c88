// One option of a command: what the table says of it and what a command line made of it. Not shared between
// threads.
using System.Text;
using EtcdAot.Observe;

namespace EtcdAot.Cmd.Etcdctl.Flags;

/// <summary>What kind of value an option takes.</summary>
internal enum FlagKind
{
    Text,
    Bool,
    Int,
    Uint,
    Duration,

    /// <summary>A CSV list; repeated uses add up.</summary>
    List,
}

/// <summary>A row of the command table. <paramref name="Default"/> is in command line spelling.</summary>
internal sealed record FlagSpec(string Name, FlagKind Kind, string Default, string Text, char Short = '\0')
{
    /// <summary>The command does not run without it (etcdutl).</summary>
    public bool Required { get; init; }
}

/// <summary>An option with its present value.</summary>
internal sealed class Flag
{
    private readonly List<string> _list = [];
    private long _number;
    private ulong _unsigned;
    private bool _bool;

    public Flag(FlagSpec spec)
    {
        Spec = spec;
        string? bad = Set(spec.Default);
        System.Diagnostics.Debug.Assert(bad is null, bad);
        Changed = false;
    }

    public FlagSpec Spec { get; }

    /// <summary>True when the command line or the environment has set it.</summary>
    public bool Changed { get; private set; }

    public string Text { get; private set; } = "";

    public bool Bool => _bool;

    public long Int => _number;

    public ulong Uint => _unsigned;

    /// <summary>A duration in nanoseconds.</summary>
    public long Nanos => _number;

    public IReadOnlyList<string> List => _list;

    /// <summary>The value as --debug and help print it.</summary>
    public string Shown => Spec.Kind switch
    {
        FlagKind.Bool => _bool ? "true" : "false",
        FlagKind.Int => $"{_number}",
        FlagKind.Uint => $"{_unsigned}",
        FlagKind.Duration => GoDuration.Text(_number),
        FlagKind.List => $"[{string.Join(',', _list)}]",
        _ => Text,
    };

    /// <summary>Takes a new value; returns null or Go's reason why not.</summary>
    public string? Set(string text)
    {
        string? bad = null;
        switch (Spec.Kind)
        {
            case FlagKind.Bool:
                bad = GoNumber.ParseBool(text, out bool flag);
                _bool = bad is null ? flag : _bool;
                break;
            case FlagKind.Int:
                bad = GoNumber.ParseInt(text, 0, out long number);
                _number = bad is null ? number : _number;
                break;
            case FlagKind.Uint:
                bad = GoNumber.ParseUint(text, 0, out ulong unsigned);
                _unsigned = bad is null ? unsigned : _unsigned;
                break;
            case FlagKind.Duration:
                bad = GoDuration.Parse(text, out long nanos);
                _number = bad is null ? nanos : _number;
                break;
            case FlagKind.List:
                if (!Changed)
                {
                    _list.Clear();
                }

                bad = AddCsv(text);
                break;
            default:
                Text = text;
                break;
        }

        Changed |= bad is null;
        return bad;
    }

    // One CSV record: a quoted item may hold commas, a doubled quote stands for one.
    private string? AddCsv(string line)
    {
        if (line.Length == 0)
        {
            return null;
        }

        int at = 0;
        while (true)
        {
            var item = new StringBuilder();
            if (at < line.Length && line[at] == '"')
            {
                at++;
                while (at < line.Length && (line[at] != '"' || (at + 1 < line.Length && line[at + 1] == '"')))
                {
                    at += line[at] == '"' ? 1 : 0;
                    item.Append(line[at++]);
                }

                if (at >= line.Length)
                {
                    return BrokenCsv(line.Length + 1);
                }

                at++;
            }
            else
            {
                while (at < line.Length && line[at] != ',')
                {
                    item.Append(line[at++]);
                }
            }

            _list.Add(item.ToString());
            if (at >= line.Length)
            {
                return null;
            }

            if (line[at++] != ',')
            {
                return BrokenCsv(at);
            }
        }
    }

    private static string BrokenCsv(int column) =>
        $"parse error on line 1, column {column}: extraneous or missing \" in quoted-field";
}
