namespace EtcdAot.Tests.Conformance.Ctl;

/// <summary>Goal: our etcdctl answers recorded command lines as the original does: exit code, stdout, stderr.
/// Method: the rows of the golden file are run in order against a real server (ETCD names another).
/// GOLDEN=set or GOLDEN=set:first-last judges only those rows; earlier ones of the set still run.</summary>
public class GoldenCtlTests(ITestOutputHelper output)
{
    /// <summary>Rows that may differ, with the reason; at most one in a hundred.</summary>
    private static readonly Dictionary<string, string> Exceptions = new(StringComparer.Ordinal)
    {
        ["core:165"] = "asks for TLS, which this build does not have yet",
    };

    [Fact]
    public void RecordedCommandLinesAreAnsweredAlike()
    {
        string filter = Environment.GetEnvironmentVariable("GOLDEN") ?? "";
        string[] parts = filter.Split(':', '-');
        var report = new Report();
        Parallel.ForEach(
            new[] { "core", "alarm", "noserver", "usage" }.Where(s => filter.Length == 0 || parts[0] == s),
            new ParallelOptions { MaxDegreeOfParallelism = 2 },
            set => RunSet(set, parts, report));
        string counts = $"golden ctl: {report.Passed} / {report.Total}";
        output.WriteLine(counts);
        Console.WriteLine(counts);
        Assert.True(report.Faults.Count == 0, $"{counts}\n{string.Join("\n\n", report.Faults)}");
        Assert.True(Exceptions.Count * 100 <= report.Total
            || filter.Length > 0, "more than one exception in a hundred rows");
    }

    private static void RunSet(string name, string[] parts, Report report)
    {
        int first = parts.Length > 1 ? int.Parse(parts[1], null) : 1;
        int last = parts.Length > 2 ? int.Parse(parts[2], null) : parts.Length > 1 ? first : int.MaxValue;
        List<GoldenRow> rows = GoldenRow.Load(name).FindAll(r => r.Step <= last);
        Assert.NotEmpty(rows);
        using var set = new GoldenSet(name);
        set.Run(rows, (row, answer) =>
        {
            if (row.Step >= first)
            {
                report.Add(row, answer.Differences(row, set.Hide));
            }
        });
    }

    /// <summary>Counts and faults of all sets. Any thread.</summary>
    private sealed class Report
    {
        private readonly Lock _guard = new();

        public int Passed { get; private set; }

        public int Total { get; private set; }

        public List<string> Faults { get; } = [];

        public void Add(GoldenRow row, List<string> differences)
        {
            lock (_guard)
            {
                Total++;
                if (differences.Count == 0)
                {
                    Passed++;
                }
                else if (!Exceptions.ContainsKey($"{row.Set}:{row.Step}"))
                {
                    Faults.Add(
                        $"{row.Set} {row.Step}: etcdctl {string.Join(' ', row.Args)}\n  {string.Join("\n  ", differences)}\n" +
                        $"  again: GOLDEN={row.Set}:{row.Step} dotnet run --project tests/Conformance -- " +
                        "-class EtcdAot.Tests.Conformance.Ctl.GoldenCtlTests");
                }
            }
        }
    }
}
