// What a row of runs did, in one page: time, operations, faults, lives, probes.
using System.Text.RegularExpressions;

namespace EtcdAot.Tests.Simulation;

/// <summary>Sums over runs.</summary>
internal sealed partial class Report
{
    private readonly SortedDictionary<string, long> _probes = new(StringComparer.Ordinal);
    private readonly SortedDictionary<string, long> _faults = new(StringComparer.Ordinal);
    private readonly SortedDictionary<string, long> _deaths = new(StringComparer.Ordinal);
    private readonly SortedDictionary<string, long> _operations = new(StringComparer.Ordinal);
    private double _simulated;
    private double _real;
    private long _events;
    private long _runs;
    private long _hashes;
    private long _watches;
    private int _undecided;

    /// <summary>Runs that found something.</summary>
    public int Failed { get; set; }

    public void OnProbe(string sentence) => _probes[sentence] = _probes.GetValueOrDefault(sentence) + 1;

    public void Add(Episode episode, TimeSpan real)
    {
        _runs++;
        _simulated += episode.SimulatedNanos / 1e9;
        _real += real.TotalSeconds;
        _events += episode.Events;
        _undecided += episode.Undecided;
        _hashes += episode.Evidence.HashesCompared;
        _watches += episode.Evidence.Watches.Count;
        AddTo(_faults, episode.Nemesis.Counts);
        AddTo(_deaths, episode.Deaths);
        AddTo(_operations, episode.Evidence.Counts);
    }

    public void Print()
    {
        long operations = _operations.Where(static p => p.Key.EndsWith(" Ok", StringComparison.Ordinal)).Sum(static p => p.Value);
        long faults = _faults.Values.Sum();
        Console.WriteLine();
        Console.WriteLine($"{_runs} runs, {_simulated:F0} s simulated in {_real:F1} s of one core ({_simulated / _real:F0} x real time), "
            + $"{_events} events");
        Console.WriteLine($"{operations} operations succeeded ({operations / _simulated:F0} a simulated second), {faults} faults "
            + $"({faults / _simulated:F1} a second), {_watches} watchers and {_hashes} pairs of hashes compared, "
            + $"{_undecided} partitions undecided");
        Table("operations", _operations);
        Table("faults", _faults);
        Table("lives that ended", _deaths);
        PrintProbes();
        Console.WriteLine(Failed == 0 ? "nothing found" : $"{Failed} of {_runs} runs found something");
    }

    private void PrintProbes()
    {
        List<string>? all = KnownProbes();
        if (all is null)
        {
            return;
        }

        Table($"probes hit ({_probes.Count} of {all.Count})", _probes);
        string[] missed = [.. all.Where(p => !_probes.ContainsKey(p))];
        if (missed.Length > 0)
        {
            Console.WriteLine("probes missed:");
            Console.WriteLine("  " + string.Join("\n  ", missed));
        }
    }

    // The list is the source itself: what it says of rare places cannot fall behind.
    private static List<string>? KnownProbes()
    {
        string? root = AppContext.BaseDirectory;
        while (root is not null && !File.Exists(Path.Combine(root, "EtcdAot.sln")))
        {
            root = Path.GetDirectoryName(root.TrimEnd('/'));
        }

        if (root is null)
        {
            return null;
        }

        var found = new SortedSet<string>(StringComparer.Ordinal);
        foreach (string file in Directory.EnumerateFiles(Path.Combine(root, "internal"), "*.cs", SearchOption.AllDirectories))
        {
            if (file.Contains("/obj/", StringComparison.Ordinal))
            {
                continue;
            }

            foreach (Match match in ProbeCall().Matches(File.ReadAllText(file)))
            {
                found.Add(match.Groups["sentence"].Value);
            }
        }

        return [.. found];
    }

    private static void Table(string title, SortedDictionary<string, long> rows)
    {
        Console.WriteLine(title + ":");
        foreach ((string name, long count) in rows)
        {
            Console.WriteLine($"  {count,9} {name}");
        }
    }

    private static void AddTo(SortedDictionary<string, long> sum, SortedDictionary<string, long> more)
    {
        foreach ((string name, long count) in more)
        {
            sum[name] = sum.GetValueOrDefault(name) + count;
        }
    }

    [GeneratedRegex("Probe\\.Hit\\(\\s*\"(?<sentence>[^\"]+)\"", RegexOptions.ExplicitCapture, 1000)]
    private static partial Regex ProbeCall();
}
