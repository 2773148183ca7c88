// Takes out of an output what differs from run to run: times, sizes, ids, ports. The rules and their order
// belong to the recording.
using System.Text;
using System.Text.RegularExpressions;

namespace EtcdAot.Tests.Conformance.Ctl;

/// <summary>Texts made comparable.</summary>
internal static class Normaliser
{
    private static readonly (Regex Pattern, string Replacement)[] Rules =
    [
        Rule(@"(?<![\w.])3\.5\.\d+(?![\w.])", "{V35}"),
        Rule(@"""ts"":(""[^""]*""|[0-9.]+)", @"""ts"":T"),
        Rule(@"(?m)^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ\t", "T\t"),
        Rule(@"(?m)^\d{4}[-/]\d\d[-/]\d\d \d\d:\d\d:\d\d(\.\d+)?", "T"),
        Rule(@"""caller"":""[^""]*""", @"""caller"":C"),
        Rule(@"\t\w+/\w+\.go:\d+\t", "\tC\t"),
        Rule(@",""stacktrace"":""(?:[^""\\]|\\.)*""", ""),
        Rule("(etcd-endpoints://|endpoint://client-)[0-9a-fx-]+/", "TARGET/"),
        Rule(@"LocalAddr: '[^']*'", "LocalAddr: L"),
        Rule(@"127\.0\.0\.1:\d+->", "L->"),
        Rule(@"""took"":""(now|\d+ seconds? ago)""", @"""took"":D"),
        Rule(@"stream terminated by RST_STREAM with error code: CANCEL", "context deadline exceeded"),
        Rule(@"got \[[\d ]+\]", "got [SHA]"),
        Rule(@"""took"":[0-9.]+", @"""took"":D"),
        Rule(@"(?<![\w.])\d+(\.\d+)?(ns|µs|ms|s)\b(?!\))", "D"),
        Rule(@"remaining\(-?\d+s\)", "remaining(N)"),
        Rule(@"""ttl"":\d+,""granted", @"""ttl"":N,""granted"),
        Rule(@"""TTL"" : -?\d+(?=\n""GrantedTTL)", @"""TTL"" : N"),
        Rule(@"""(raft_term|raftIndex|raftTerm|raftAppliedIndex)"":\d+", @"""$1"":N"),
        Rule(@"""(dbSize|dbSizeInUse|dbSizeQuota|hash|totalSize|totalKey)"":\d+", @"""$1"":N"),
        Rule(@"""(RaftTerm|RaftIndex|RaftAppliedIndex|DBSize|Hash|Size|Keys)"" : \d+", @"""$1"" : N"),
        Rule(@"\b\d+(\.\d)? (B|kB|MB)\b", "Z"),
        Rule(@"(?m), (true|false), (true|false), \d+, \d+, \d+, ", ", $1, $2, N, N, N, "),
        Rule(@"(?m)^(\S+), \d{6,10}$", "$1, N"),
        Rule(@"(?m)^[0-9a-f]{5,8}, (\d+), \d+, Z", "H, $1, N, Z"),
        Rule(@"\b[0-9a-f]{14,16}\b", "X"),
        Rule(@"\b\d{16,20}\b", "N"),
    ];

    private static readonly Regex Cell = new(@"(?<=[│|] )([0-9a-f]{6,8}|\d+)(?= [│|])");
    private static readonly Regex TransportLog = new(
        "(?<=ETCDCTL_WRITE_OUT=[^\n]*\n)(?!\\{\"level\"|Error:)[^\n]*\n");
    private static readonly Regex Heading = new("^[A-Z][A-Z ]+:$");

    /// <summary>The comparable form of <paramref name="text"/>.</summary>
    public static string Of(string text)
    {
        foreach ((Regex pattern, string replacement) in Rules)
        {
            text = pattern.Replace(text, replacement);
        }

        text = Regex.Replace(text, @"attached keys\(\[(.*?)\]\)",
            m => $"attached keys([{Ordered(m.Groups[1].Value, ' ')}])");
        text = Regex.Replace(text, @"(""keys"":\[)([^\]]*)",
            m => m.Groups[1].Value + Ordered(m.Groups[2].Value, ','));
        string[] lines = text.Split('\n');
        if (lines.Any(l => l.Length > 1 && l[0] is '│' or '|' && l[^1] is '│' or '|'))
        {
            lines = [.. lines.Select(l => Regex.Replace(Cells(Cells(l)), "[─-]+", "-"))];
        }

        return string.Join('\n', lines);
    }

    /// <summary>Without the transport's own log lines, which --debug shows behind the list of
    /// flags.</summary>
    public static string WithoutTransportLog(string text) => TransportLog.Replace(text, "");

    /// <summary>Each run of equal lines once, for outputs without end.</summary>
    public static string WithoutRepeats(string text)
    {
        var kept = new List<string>();
        foreach (string line in text.Split('\n'))
        {
            if (kept.Count == 0 || kept[^1] != line)
            {
                kept.Add(line);
            }
        }

        return string.Join('\n', kept);
    }

    /// <summary>Lines, members and JSON objects in a fixed order.</summary>
    public static string Sorted(string text)
    {
        text = Regex.Replace(text, @"(""(?:members|leases|nodes)"":\[)(\{.*?\})(\])(?=[,}])", SortObjects);
        text = Regex.Replace(text, @"(?m)^(\[)(\{.*\})(\])$", SortObjects);
        return string.Join('\n', text.Split('\n').Order(StringComparer.Ordinal));
    }

    /// <summary>Help with its prose masked: layout, names and defaults stay.</summary>
    public static string MaskHelp(string text)
    {
        List<string> lines = [.. text.Split('\n')];
        int usage = lines.IndexOf("Usage:");
        if (usage >= 0)
        {
            return MaskCobra(lines, usage);
        }

        return lines.Contains("NAME:") ? MaskSections(lines) : text;
    }

    private static string MaskCobra(List<string> lines, int usage)
    {
        var kept = lines[..usage].FindAll(l => l.StartsWith("Error: ", StringComparison.Ordinal));
        kept.AddRange(lines[usage..].Select(l => Regex.Replace(
            l, @"^(\s+(?:-\w, )?--\S+(?: \w+)?\s{2,})\S.*?( \(default .*\))?$", "$1<desc>$2")));
        return string.Join('\n', kept);
    }

    private static string MaskSections(List<string> lines)
    {
        var kept = new List<string>();
        string section = "";
        bool described = false;
        foreach (string line in lines)
        {
            if (Heading.IsMatch(line))
            {
                if (described)
                {
                    kept.Add("");
                }

                section = line;
                described = false;
                kept.Add(line);
                continue;
            }

            switch (section)
            {
                case "NAME:":
                    kept.Add(Regex.Replace(line, @"^(\s+.*?) - .*$", "$1 - <desc>"));
                    section = line.Trim().Length > 0 ? "NAME" : section;
                    break;
                case "NAME" when line.Trim().Length > 0:
                    break;
                case "DESCRIPTION:":
                    if (!described)
                    {
                        kept.Add("\t<desc>");
                    }

                    described = true;
                    break;
                case "COMMANDS:":
                    kept.Add(Regex.Replace(line, @"^(\t[^\t]+\t+)\S.*$", "$1<desc>"));
                    break;
                default:
                    kept.Add(Regex.Replace(line, @"^(\s+(?:-\w, )?--[^\t]*\t+)\S.*$", "$1<desc>"));
                    break;
            }
        }

        return string.Join('\n', kept);
    }

    private static string Ordered(string items, char separator) =>
        string.Join(separator, items.Split(separator).Order(StringComparer.Ordinal));

    private static string Cells(string line) => Cell.Replace(Regex.Replace(line, @"\s+", " "), "N");

    private static string SortObjects(Match match)
    {
        IEnumerable<string> objects = Regex.Matches(match.Groups[2].Value, @"\{(?:[^{}]|\{[^{}]*\})*\}")
            .Select(m => m.Value).Order(StringComparer.Ordinal);
        var text = new StringBuilder(match.Groups[1].Value).AppendJoin(',', objects);
        return text.Append(match.Groups[3].Value).ToString();
    }

    private static (Regex Pattern, string Replacement) Rule(string pattern, string replacement)
    {
        return (new Regex(pattern), replacement);
    }
}
