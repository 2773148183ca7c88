// Two servers in turn (A B, B A, A B …), each with fresh data on the same file system, the same rows on each; prints
// for every row the ratio ours/theirs of each pair as minimum, median, maximum.
using System.Globalization;

namespace EtcdAot.Tests.Bench;

internal static class Harness
{
    private static readonly (string Name, Func<RowResult, double> Of)[] Columns = [
        ("cpu/100k", static r => r.CpuPer100K),
        ("ops/s", static r => r.Throughput),
        ("p50", static r => r.P50Micros),
        ("p99", static r => r.P99Micros),
        ("p99.9", static r => r.P999Micros),
        ("rss", static r => r.RssBytes),
        ("rss-anon", static r => r.RssAnonBytes),
    ];

    internal static int Compare(Options options)
    {
        var ours = new List<List<RowResult>>();
        var theirs = new List<List<RowResult>>();
        for (int pair = 0; pair < options.Pairs; pair++)
        {
            bool oursFirst = pair % 2 == 0;
            foreach (bool isOurs in (bool[])[oursFirst, !oursFirst])
            {
                string command = isOurs ? options.Ours : options.Theirs;
                Console.WriteLine($"pair {pair + 1}/{options.Pairs}: {(isOurs ? "ours" : "theirs")}");
                (isOurs ? ours : theirs).Add(RunServer(command, options));
            }
        }

        PrintRatios(ours, theirs);
        long errors = ours.Concat(theirs).SelectMany(static r => r).Sum(static r => r.Errors);
        return errors == 0 ? 0 : 1;
    }

    internal static List<RowResult> RunRows(Generator generator, ProcessProbe? probe, Options options)
    {
        var results = new List<RowResult>();
        foreach (string row in options.Rows)
        {
            foreach (int clients in options.Clients)
            {
                RowResult result = generator.Run(row, clients, options.Duration, probe);
                results.Add(result);
                Console.WriteLine(Line(result));
            }
        }

        return results;
    }

    internal static void PrintHead()
    {
        Console.WriteLine(
            $"{"row",-17}{"clients",8}{"ops/s",10}{"errors",8}{"p50 us",10}{"p99 us",10}{"p99.9 us",10}"
            + $"{"cpu s/100k",12}{"rss MiB",9}{"anon MiB",9}");
    }

    private static List<RowResult> RunServer(string command, Options options)
    {
        using var server = new ServerProcess(command, options.Folder);
        using var generator = new Generator(server.Address);
        generator.Load();
        PrintHead();
        return RunRows(generator, server.Probe, options);
    }

    private static string Line(RowResult r)
    {
        return string.Create(
            CultureInfo.InvariantCulture,
            $"{r.Row,-17}{r.Clients,8}{r.Throughput,10:F0}{r.Errors,8}{r.P50Micros,10:F0}{r.P99Micros,10:F0}"
            + $"{r.P999Micros,10:F0}{r.CpuPer100K,12:F3}{Mebibytes(r.RssBytes),9:F1}{Mebibytes(r.RssAnonBytes),9:F1}");
    }

    private static double Mebibytes(long bytes) => bytes / (1024.0 * 1024.0);

    private static void PrintRatios(List<List<RowResult>> ours, List<List<RowResult>> theirs)
    {
        Console.WriteLine();
        Console.WriteLine($"ours/theirs over {ours.Count} pairs, min–median–max");
        Console.Write($"{"row",-17}{"clients",8}");
        Console.WriteLine(string.Concat(Columns.Select(static c => $"{c.Name,18}")));
        for (int i = 0; i < ours[0].Count; i++)
        {
            Console.Write($"{ours[0][i].Row,-17}{ours[0][i].Clients,8}");
            foreach ((_, Func<RowResult, double> of) in Columns)
            {
                double[] ratios = [.. ours.Zip(theirs, (a, b) => of(a[i]) / of(b[i])).Order()];
                Console.Write($"{Spread(ratios),18}");
            }

            Console.WriteLine();
        }
    }

    private static string Spread(double[] sorted)
    {
        double median = sorted.Length % 2 == 1
            ? sorted[sorted.Length / 2]
            : (sorted[(sorted.Length / 2) - 1] + sorted[sorted.Length / 2]) / 2;
        return string.Create(CultureInfo.InvariantCulture, $"{sorted[0]:F2}–{median:F2}–{sorted[^1]:F2}");
    }
}
