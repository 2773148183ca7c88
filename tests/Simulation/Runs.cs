// Runs episodes and tells of them.

using EtcdAot.Observe;
using EtcdAot.Tests.Simulation.World;

namespace EtcdAot.Tests.Simulation;

/// <summary>The verbs.</summary>
internal static class Runs
{
    public static int Usage()
    {
        Console.Error.WriteLine("""
            simulation seeds [FIRST [COUNT [SECONDS]]]   a row of seeds, SECONDS of storm each
            simulation seed N [SECONDS] [-v]             one seed; -v prints everything that happens
            simulation hash N [SECONDS]                  prints the hash of one seed's trace
            simulation first [FIRST [SECONDS]]           seeds until one finds something; prints "seed | what"
            simulation check                             the checkers on histories whose verdict is known
            """);
        return 2;
    }

    public static int Hash(ulong seed, long seconds)
    {
        var trace = new Trace(null);
        using var episode = new Episode(seed, trace);
        episode.Run(seconds);
        Console.WriteLine($"{trace.Hash:x16}");
        return 0;
    }

    public static int One(ulong seed, long seconds, bool verbose)
    {
        var report = new Report();
        bool good = Run(seed, seconds, report, verbose ? Console.Out : null);
        report.Print();
        return good ? 0 : 1;
    }

    public static int Seeds(ulong first, ulong count, long seconds)
    {
        var report = new Report();
        int bad = 0;
        for (ulong seed = first; seed < first + count; seed++)
        {
            bad += Run(seed, seconds, report, null) ? 0 : 1;
        }

        report.Print();
        return bad == 0 ? 0 : 1;
    }

    public static int First(ulong first, long seconds)
    {
        for (ulong seed = first; ; seed++)
        {
            using var episode = new Episode(seed, new Trace(null));
            try
            {
                episode.Run(seconds);
            }
            catch (Exception e) when (IsFinding(e))
            {
                string what = e.Message.Split('\n')[0];
                Console.WriteLine($"{seed}, after {episode.SimulatedNanos / 1e9:F0} s simulated | {what[..Math.Min(160, what.Length)]}");
                return 0;
            }
        }
    }

    private static bool IsFinding(Exception e) => e is BrokenPromiseException or InvariantException
        or InvalidOperationException or NullReferenceException or ArgumentException or IndexOutOfRangeException;

    private static bool Run(ulong seed, long seconds, Report report, TextWriter? verbose)
    {
        Probe.ListenWith(report.OnProbe);
        var trace = new Trace(verbose);
        TimeSpan began = Environment.CpuUsage.TotalTime;
        using var episode = new Episode(seed, trace);
        try
        {
            episode.Run(seconds);
            report.Add(episode, Environment.CpuUsage.TotalTime - began);
            Console.WriteLine($"seed {seed}: {episode.SimulatedNanos / 1e9:F0} s simulated in {(Environment.CpuUsage.TotalTime - began).TotalSeconds:F2} CPU-s, "
                + $"{episode.Evidence.Operations} operations, {episode.Nemesis.Counts.Values.Sum()} faults, "
                + $"{episode.Lives} lives, trace {trace.Hash:x16}");
            return true;
        }
        catch (Exception e) when (IsFinding(e))
        {
            report.Add(episode, Environment.CpuUsage.TotalTime - began);
            report.Failed++;
            Console.WriteLine($"seed {seed}: BROKEN after {episode.SimulatedNanos / 1e9:F3} s: {e.Message}");
            if (e is not BrokenPromiseException)
            {
                Console.WriteLine(e.StackTrace);
            }

            foreach (string line in episode.RecentLog.TakeLast(8))
            {
                Console.WriteLine("    " + line);
            }

            Console.WriteLine($"  repeat: SEED={seed} SECONDS_OF_STORM={seconds} make sim");
            return false;
        }
        finally
        {
            Probe.ListenWith(null);
        }
    }
}
