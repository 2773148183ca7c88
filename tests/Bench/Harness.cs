// Two servers in turn (A B, B A, A B …), each with fresh data on the same file system, the same rows on each; then the
// figures of one process. Prints the report. Main thread.
using System.Diagnostics;
using System.Globalization;

namespace EtcdAot.Tests.Bench;

internal static class Harness
{
    internal static int Compare(Options options)
    {
        long started = Stopwatch.GetTimestamp();
        Directory.CreateDirectory(options.Folder);
        foreach (string line in Machine.Describe(options.Folder))
        {
            Console.WriteLine(line);
        }

        string ours = options.Trial ? "the stub of the network stack" : Machine.VersionOf(options.Ours);
        Console.WriteLine($"ours: {ours}; theirs: {Machine.VersionOf(options.Theirs)}");
        var plan = new Plan(options);
        var results = new Results();
        for (int pair = 0; pair < plan.Pairs; pair++)
        {
            foreach (bool isOurs in (bool[])[Plan.OursFirst(pair), !Plan.OursFirst(pair)])
            {
                Console.Error.WriteLine($"pair {pair + 1}/{plan.Pairs}: {(isOurs ? "ours" : "theirs")}");
                RunServer(isOurs, plan.Of(pair), options).ForEach(r => results.Add(isOurs, r));
            }
        }

        results.PrintRatios(plan);
        results.PrintMedians(plan);
        Figure[] figures =
            [.. RequiredFigures.OfRows(plan, results, options.Trial), .. ProcessFigures.Measure(options)];
        RequiredFigures.Print(figures);
        Console.WriteLine(string.Create(
            CultureInfo.InvariantCulture,
            $"failed operations: {results.Errors}; {Stopwatch.GetElapsedTime(started).TotalMinutes:F1} minutes"));
        return results.Errors == 0 && figures.All(static f => f.Verdict != Verdict.Missed) ? 0 : 1;
    }

    /// <summary>Runs cases on a server that is there, telling of each.</summary>
    internal static List<RowResult> RunCases(Generator generator, ProcessProbe? probe, Case[] cases, TimeSpan duration)
    {
        Console.Error.WriteLine(
            $"{"row",-17}{"clients",8}{"ops/s",10}{"errors",8}{"p50 us",10}{"p99 us",10}{"p99.9 us",10}"
            + $"{"cpu s/100k",12}{"rss MiB",9}{"anon MiB",9}");
        var results = new List<RowResult>();
        foreach (Case at in cases)
        {
            RowResult result = generator.Run(at.Row, at.Clients, duration, probe);
            results.Add(result);
            Console.Error.WriteLine(Line(result));
        }

        return results;
    }

    private static List<RowResult> RunServer(bool isOurs, Case[] cases, Options options)
    {
        using var server = new ServerProcess(isOurs ? options.Ours : options.Theirs, options.Folder);
        using var generator = new Generator(server.Address);

        // The stub has a fixed answer and no store.
        if (!isOurs || !options.Trial)
        {
            generator.Load();
        }

        return RunCases(generator, server.Probe, cases, options.Duration);
    }

    private static string Line(RowResult r)
    {
        return string.Create(
            CultureInfo.InvariantCulture,
            $"{r.Row,-17}{r.Clients,8}{r.Throughput,10:F0}{r.Errors,8}{r.P50Micros,10:F0}{r.P99Micros,10:F0}"
            + $"{r.P999Micros,10:F0}{r.CpuPer100K,12:F3}{Mebibytes(r.RssBytes),9:F1}{Mebibytes(r.RssAnonBytes),9:F1}");
    }

    private static double Mebibytes(long bytes) => bytes / (1024.0 * 1024.0);
}
