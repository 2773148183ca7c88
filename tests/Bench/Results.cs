// What the pairs gave, and the tables of it. Main thread.
using System.Globalization;

namespace EtcdAot.Tests.Bench;

/// <summary>Results of both servers by case, pair for pair.</summary>
internal sealed class Results
{
    private static readonly (string Name, Func<RowResult, double> Of)[] Columns = [
        ("cpu/100k", static r => r.CpuPer100K),
        ("ops/s", static r => r.Throughput),
        ("p50", static r => r.P50Micros),
        ("p99", static r => r.P99Micros),
        ("p99.9", static r => r.P999Micros),
        ("rss", static r => r.RssBytes),
    ];

    private readonly Dictionary<Case, List<RowResult>> _ours = [];
    private readonly Dictionary<Case, List<RowResult>> _theirs = [];

    /// <summary>Failed operations of both.</summary>
    internal long Errors { get; private set; }

    internal void Add(bool ours, RowResult result)
    {
        Dictionary<Case, List<RowResult>> of = ours ? _ours : _theirs;
        var at = new Case(result.Row, result.Clients);
        if (!of.TryGetValue(at, out List<RowResult>? list))
        {
            of[at] = list = [];
        }

        list.Add(result);
        Errors += result.Errors;
    }

    /// <summary>Ours/theirs of each pair.</summary>
    internal Spread Ratios(Case at, Func<RowResult, double> of) =>
        Spread.Of(Of(_ours, at).Zip(Of(_theirs, at), (a, b) => of(a) / of(b)));

    internal void PrintRatios(Plan plan)
    {
        Console.WriteLine();
        Console.WriteLine("ratios ours/theirs of the pairs, min–median–max");
        Console.WriteLine($"{"row",-17}{"clients",8}{"pairs",7}{string.Concat(Columns.Select(static c => $"{c.Name,18}"))}");
        foreach (Case at in plan.Cases)
        {
            string ratios = string.Concat(Columns.Select(c => $"{Ratios(at, c.Of),18}"));
            Console.WriteLine($"{at.Row,-17}{at.Clients,8}{Of(_ours, at).Count,7}{ratios}");
        }
    }

    internal void PrintMedians(Plan plan)
    {
        Console.WriteLine();
        Console.WriteLine("medians, ours | theirs: cpu-seconds per 100k operations, operations per second, p99 us, rss MiB");
        foreach (Case at in plan.Cases)
        {
            Console.WriteLine(string.Create(
                CultureInfo.InvariantCulture,
                $"{at.Row,-17}{at.Clients,8}"
                + $"{Median(_ours, at, static r => r.CpuPer100K),12:F3} |{Median(_theirs, at, static r => r.CpuPer100K),8:F3}"
                + $"{Median(_ours, at, static r => r.Throughput),12:F0} |{Median(_theirs, at, static r => r.Throughput),8:F0}"
                + $"{Median(_ours, at, static r => r.P99Micros),12:F0} |{Median(_theirs, at, static r => r.P99Micros),8:F0}"
                + $"{Median(_ours, at, Mebibytes),10:F1} |{Median(_theirs, at, Mebibytes),6:F1}"));
        }
    }

    private static double Mebibytes(RowResult r) => r.RssBytes / (1024.0 * 1024.0);

    private static double Median(Dictionary<Case, List<RowResult>> of, Case at, Func<RowResult, double> value) =>
        Spread.Of(Of(of, at).Select(value)).Median;

    private static List<RowResult> Of(Dictionary<Case, List<RowResult>> of, Case at) =>
        of.TryGetValue(at, out List<RowResult>? list) ? list : [];
}
