// Tables with ASCII borders, as the upstream releases of 3.5 draw them (etcdctl §10). One thread at a time.
using System.Text;
using EtcdAot.Wire.Etcdserverpb;

namespace EtcdAot.Cmd.Etcdctl.Printing;

/// <summary>Lists as tables; other replies are not supported.</summary>
internal sealed class TablePrinter(Output output) : Printer(output, "table")
{
    private const int WrapWidth = 30;

    public override void MemberList(MemberListResponse reply) => Out.Write(Draw(
        ["ID", "STATUS", "NAME", "PEER ADDRS", "CLIENT ADDRS", "IS LEARNER"],
        reply.Members.Select(m => Rows.Of(m, StatusOf(m)))));

    public override void Health(IReadOnlyList<EndpointHealth> list) => Out.Write(Draw(
        ["ENDPOINT", "HEALTH", "TOOK", "ERROR"], list.Select(Rows.Of)));

    public override void Status(IReadOnlyList<EndpointStatus> list) => Out.Write(Draw(
        [
            "ENDPOINT", "ID", "VERSION", "DB SIZE", "IS LEADER", "IS LEARNER", "RAFT TERM", "RAFT INDEX",
            "RAFT APPLIED INDEX", "ERRORS",
        ],
        list.Select(Rows.Of)));

    public override void Hashes(IReadOnlyList<EndpointHash> list) =>
        Out.Write(Draw(["ENDPOINT", "HASH"], list.Select(Rows.Of)));

    public override void Snapshot(SnapshotSummary summary) =>
        Out.Write(Draw(["HASH", "REVISION", "TOTAL KEYS", "TOTAL SIZE"], [Rows.Of(summary)]));

    /// <summary>Draws a table; cells above 30 columns are wrapped at blanks.</summary>
    internal static string Draw(string[] head, IEnumerable<string[]> rows)
    {
        List<List<string>[]> wrapped = [.. rows.Select(r => r.Select(Wrap).ToArray())];
        int[] widths = [.. head.Select((h, i) =>
            wrapped.SelectMany(r => r[i]).Append(h).Max(Columns))];
        for (int i = 0; i < widths.Length; i++)
        {
            bool broken = wrapped.Exists(r => r[i].Count > 1);
            widths[i] = broken ? Math.Max(widths[i], WrapWidth) : widths[i];
        }

        string rule = string.Concat(widths.Select(w => "+" + new string('-', w + 2))) + "+\n";
        var table = new StringBuilder(rule);
        table.Append(Line(head, widths, Centred)).Append(rule);
        foreach (List<string>[] row in wrapped)
        {
            for (int line = 0; line < row.Max(c => c.Count); line++)
            {
                string[] cells = [.. row.Select(c => line < c.Count ? c[line] : "")];
                table.Append(Line(cells, widths, (c, w) => new string(' ', w - Columns(c)) + c));
            }
        }

        return table.Append(rule).ToString();
    }

    private static string Line(string[] cells, int[] widths, Func<string, int, string> place)
    {
        return string.Concat(cells.Select((c, i) => $"| {place(c, widths[i])} ")) + "|\n";
    }

    private static string Centred(string cell, int width)
    {
        int gap = width - Columns(cell);
        return new string(' ', gap / 2) + cell + new string(' ', gap - (gap / 2));
    }

    private static List<string> Wrap(string cell)
    {
        if (Columns(cell) <= WrapWidth)
        {
            return [cell];
        }

        // Blanks at the end stay with the last word.
        var lines = new List<string>();
        string line = "";
        foreach (string word in cell.TrimEnd(' ').Split(' ', StringSplitOptions.RemoveEmptyEntries))
        {
            bool fits = line.Length > 0 && Columns(line) + 1 + Columns(word) <= WrapWidth;
            if (!fits && line.Length > 0)
            {
                lines.Add(line);
            }

            line = fits ? $"{line} {word}" : word;
        }

        lines.Add(line + cell[cell.TrimEnd(' ').Length..]);
        return lines;
    }

    private static int Columns(string text) => text.EnumerateRunes().Sum(r => r.Value switch
    {
        < 0x1100 => 1,
        <= 0x115f or (>= 0x2e80 and <= 0xa4cf) or (>= 0xac00 and <= 0xd7a3) or (>= 0xf900 and <= 0xfaff) or
            (>= 0xfe30 and <= 0xfe6f) or (>= 0xff00 and <= 0xff60) or (>= 0x1f300 and <= 0x1faff) => 2,
        _ => 1,
    });
}
