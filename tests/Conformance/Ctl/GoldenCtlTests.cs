namespace EtcdAot.Tests.Conformance.Ctl;

/// <summary>Goal: our etcdctl answers recorded command lines as the original does, on a real server and on
/// ours, and the original's etcdctl finds nothing else on our server: exit code, stdout, stderr with its log
/// lines. Method: the rows of the golden file are run in order against a fresh server. GOLDEN=set or
/// GOLDEN=set:first-last judges only those rows; earlier ones of the set still run. ETCDCTL and ETCD_AOT name
/// other programs than those in bin.</summary>
public class GoldenCtlTests(ITestOutputHelper output)
{
    [Theory]
    [InlineData(GoldenPairing.OursOnOriginal)]
    [InlineData(GoldenPairing.OursOnOurs)]
    [InlineData(GoldenPairing.OriginalOnOurs)]
    public void RecordedCommandLinesAreAnsweredAlike(string name)
    {
        string filter = Environment.GetEnvironmentVariable("GOLDEN") ?? "";
        string[] parts = filter.Split(':', '-');
        var pairing = GoldenPairing.Of(name);
        var report = new Report(pairing);
        using var names = new NameServer();
        if (names.Problem is string problem)
        {
            Print(
                $"golden ctl: the system's name server is asked, not the test's own, because {problem}");
        }

        Parallel.ForEach(
            pairing.Sets.Where(s => filter.Length == 0 || parts[0] == s),
            new ParallelOptions { MaxDegreeOfParallelism = 2 },
            set => RunSet(set, names, parts, report));
        string counts = $"golden ctl ({name}): {report.Passed} / {report.Total}";
        Print(counts);
        foreach (string excepted in report.Excepted)
        {
            Print($"  excepted: {excepted}");
        }

        Assert.True(report.Faults.Count == 0, $"{counts}\n{string.Join("\n\n", report.Faults)}");
        Assert.True(report.Excepted.Count * 100 <= report.Total || filter.Length > 0,
            "more than one exception in a hundred rows");
    }

    private static void RunSet(string name, NameServer names, string[] parts, Report report)
    {
        int first = parts.Length > 1 ? int.Parse(parts[1], null) : 1;
        int last = parts.Length > 2 ? int.Parse(parts[2], null) : parts.Length > 1 ? first : int.MaxValue;
        List<GoldenRow> rows = GoldenRow.Load(name).FindAll(r => r.Step <= last);
        Assert.NotEmpty(rows);
        using var set = new GoldenSet(name, report.Pairing, names);
        set.Run(rows, (row, answer) =>
        {
            if (row.Step >= first)
            {
                report.Add(row, answer.Differences(row, report.Pairing.IsDistribution, set.Hide));
            }
        });
    }

    private void Print(string line)
    {
        output.WriteLine(line);
        Console.WriteLine(line);
    }

    /// <summary>Counts and faults of all sets. Any thread.</summary>
    private sealed class Report(GoldenPairing pairing)
    {
        private readonly Lock _guard = new();

        public GoldenPairing Pairing => pairing;

        public int Passed { get; private set; }

        public int Total { get; private set; }

        public List<string> Faults { get; } = [];

        public List<string> Excepted { get; } = [];

        public void Add(GoldenRow row, List<string> differences)
        {
            lock (_guard)
            {
                Total++;
                if (differences.Count == 0)
                {
                    Passed++;
                }
                else if (row.Exit != 0 && pairing.Exceptions.TryGetValue(row.Name, out string? reason))
                {
                    // Never what a success answers.
                    Excepted.Add($"{row.Name} {reason}");
                }
                else
                {
                    Faults.Add(
                        $"{row.Name}: etcdctl {string.Join(' ', row.Args)}\n  " +
                        $"{string.Join("\n  ", differences)}\n" +
                        $"  again: GOLDEN={row.Name} dotnet run --project tests/Conformance -- " +
                        "-class EtcdAot.Tests.Conformance.Ctl.GoldenCtlTests");
                }
            }
        }
    }
}
