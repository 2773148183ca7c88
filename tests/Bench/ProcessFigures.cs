// The required figures of one process at a time: how fast it starts, what it holds and does when idle, what its collector
// does under a million puts. Theirs is measured beside it where the same question can be asked. Main thread.
using System.Globalization;

namespace EtcdAot.Tests.Bench;

internal static class ProcessFigures
{
    private const double Mebibyte = 1024 * 1024;
    private const int FillClients = 1000;
    private static readonly TimeSpan Settle = TimeSpan.FromSeconds(5);

    internal static IEnumerable<Figure> Measure(Options options)
    {
        IEnumerable<Figure> Group(string name, string what, Func<Options, IEnumerable<Figure>> measure)
        {
            if (options.Without.Contains(name))
            {
                return [new Figure(what, "", "left out", Verdict.NotJudged)];
            }

            Console.Error.WriteLine("figure: " + name);
            return measure(options);
        }

        return options.Trial ? [] : [
            .. Group("start", "exec to first answered get", Start),
            .. Group("idle", "idle: VmRSS, syncs", Idle),
            .. Group("fill", "after many puts: managed heap, longest pause", Fill)];
    }

    private static IEnumerable<Figure> Start(Options options)
    {
        var ours = new List<double>();
        var theirs = new List<double>();
        for (int i = 0; i < options.Starts; i++)
        {
            foreach (bool isOurs in (bool[])[Plan.OursFirst(i), !Plan.OursFirst(i)])
            {
                using var server = new ServerProcess(isOurs ? options.Ours : options.Theirs, options.Folder);
                (isOurs ? ours : theirs).Add(server.StartTime.TotalMilliseconds);
            }
        }

        Spread spread = Spread.Of(ours);
        string measured = string.Create(
            CultureInfo.InvariantCulture,
            $"{spread.Median:F0} ms, max {spread.Max:F0} of {spread.Count} (theirs {Spread.Of(theirs).Median:F0})");
        yield return Figure.AtMost(
            "exec to first answered get, empty directory, median", RequiredFigures.MostStartMillis, " ms", spread.Median, measured);
    }

    /// <summary>Both do nothing at the same time.</summary>
    private static IEnumerable<Figure> Idle(Options options)
    {
        using var ours = new ServerProcess(options.Ours, options.Folder);
        using var theirs = new ServerProcess(options.Theirs, options.Folder);
        Thread.Sleep(Settle);
        using SyncTrace? trace = SyncTrace.Attach(ours.Id, options.Folder);
        Thread.Sleep(options.Idle);
        (long rss, long anonymous) = ours.Probe.Memory();
        (long theirRss, long theirAnonymous) = theirs.Probe.Memory();
        int? syncs = trace?.Finish();
        string seconds = string.Create(CultureInfo.InvariantCulture, $"{options.Idle.TotalSeconds:F0} s");
        bool whole = options.Idle >= TimeSpan.FromSeconds(60);
        string memory = string.Create(
            CultureInfo.InvariantCulture,
            $"{rss / Mebibyte:F1} MiB, RssAnon {anonymous / Mebibyte:F1} (theirs {theirRss / Mebibyte:F1}, {theirAnonymous / Mebibyte:F1})");
        var resident = Figure.AtMost(
            "VmRSS after " + seconds + " idle", RequiredFigures.MostIdleMebibytes, " MiB", rss / Mebibyte, memory);
        string counted = syncs?.ToString(CultureInfo.InvariantCulture) ?? "no trace: is strace there, and allowed?";
        var synced = new Figure("syncs in " + seconds + " idle", "0", counted, syncs == 0 ? Verdict.Met : Verdict.Missed);
        return whole ? [resident, synced]
            : [resident with { Verdict = Verdict.NotJudged }, synced with { Verdict = Verdict.NotJudged }];
    }

    private static IEnumerable<Figure> Fill(Options options)
    {
        using var server = new ServerProcess(options.Ours, options.Folder);
        using var generator = new Generator(server.Address);
        generator.Fill(options.Puts, FillClients);
        var page = MetricsPage.Fetch(server.Address);
        double inUse = page.Value("etcdaot_managed_heap_bytes") / Mebibyte;
        double committed = page.Value("etcdaot_managed_committed_bytes") / Mebibyte;
        double pause = page.Value("etcdaot_gc_pause_seconds_max") * 1000;
        double collections = page.Value("etcdaot_gc_collections_total");
        double allocated = page.Value("etcdaot_managed_allocated_bytes_total") / options.Puts;
        (long rss, long anonymous) = server.Probe.Memory();
        string after = string.Create(CultureInfo.InvariantCulture, $"after {options.Puts:N0} puts of different keys: ");
        string heap = string.Create(
            CultureInfo.InvariantCulture,
            $"{committed:F1} MiB committed, {inUse:F1} in use, {allocated:F0} B/put");
        string longest = string.Create(CultureInfo.InvariantCulture, $"{pause:F2} ms at most, {collections:F0} collections");
        Console.Error.WriteLine(string.Create(
            CultureInfo.InvariantCulture,
            $"VmRSS {rss / Mebibyte:F1} MiB, RssAnon {anonymous / Mebibyte:F1} after the puts"));
        var size = Figure.AtMost(
            after + "managed heap", RequiredFigures.MostHeapMebibytes, " MiB", Math.Max(committed, inUse), heap);
        var stop = Figure.AtMost(after + "longest pause", RequiredFigures.MostPauseMillis, " ms", pause, longest);
        return options.Puts >= 1_000_000 ? [size, stop]
            : [size with { Verdict = Verdict.NotJudged }, stop with { Verdict = Verdict.NotJudged }];
    }
}
