// The tables of the distribution's build of 3.5.30. It is linked with a newer table library than upstream
// 3.5.33, whose tables were recorded: lines are drawn with box characters, and cells over 30 columns are not
// wrapped.
using System.Text;

namespace EtcdAot.Tests.Conformance.Ctl;

/// <summary>Turns a recorded table into the distribution's form; nothing else of an answer.</summary>
internal static class DistributionTables
{
    /// <summary>The rows whose standard output is a table.</summary>
    private static readonly HashSet<string> Rows = new(StringComparer.Ordinal)
    {
        "core:10", "core:18", "core:23", "core:28", "core:426", "alarm:20", "alarm:25",
    };

    /// <summary>What the distribution's build prints in place of the recorded <paramref name="text"/>. Widths
    /// are not computed again: the normaliser takes them out.</summary>
    public static string Expected(GoldenRow row, string text)
    {
        if (!Rows.Contains(row.Name))
        {
            return text;
        }

        var cells = new List<string[]>();
        foreach (string line in text.Split('\n').Where(static l => l.StartsWith('|')))
        {
            string[] found = [.. line.Trim('|').Split('|').Select(static c => c.Trim())];
            if (found[0].Length > 0)
            {
                cells.Add(found);
                continue;
            }

            // A wrapped cell goes on: its line leaves the others empty.
            cells[^1] = [.. cells[^1].Zip(found, static (above, here) => $"{above} {here}".Trim())];
        }

        int columns = cells[0].Length;
        var box = new StringBuilder();
        Rule(box, '┌', '┬', '┐', columns);
        for (int i = 0; i < cells.Count; i++)
        {
            box.Append("│ ").AppendJoin(" │ ", cells[i]).Append(" │\n");
            if (i == 0)
            {
                Rule(box, '├', '┼', '┤', columns);
            }
        }

        Rule(box, '└', '┴', '┘', columns);
        return box.ToString();
    }

    private static void Rule(StringBuilder box, char left, char between, char right, int columns)
    {
        box.Append(left).AppendJoin(between, Enumerable.Repeat('─', columns)).Append(right).Append('\n');
    }
}
