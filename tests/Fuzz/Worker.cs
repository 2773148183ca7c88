// Runs targets in this process, one input after the other, and writes findings. A supervisor watches from outside, because
// a stack overflow or an endless loop cannot be caught from inside.
using System.Diagnostics;
using System.Globalization;

namespace EtcdAot.Tests.Fuzz;

/// <summary>How a target went.</summary>
internal sealed record TargetReport(string Name, long Inputs, long Accepted, long Refused, int Outcomes, int Findings);

/// <summary>The loop over inputs.</summary>
internal sealed class Worker(RunOptions options, CurrentInput? current)
{
    private const int CorpusMax = 2048;
    private const long ResidentMax = 2L << 30;
    private readonly Stopwatch _watch = new();
    private readonly HashSet<string> _signatures = [];
    private readonly HashSet<string> _outcomes = [];
    private readonly List<byte[]> _corpus = [];
    private readonly List<byte[]> _good = [];
    private long _number;
    private long _accepted;
    private long _refused;
    private bool _slow;

    /// <summary>Runs one target to the end of its time or count.</summary>
    public TargetReport Fuzz(FuzzTarget target, int index)
    {
        (_accepted, _refused, _number, _slow) = (0, 0, 0, false);
        _signatures.Clear();
        _outcomes.Clear();
        _corpus.Clear();
        _good.Clear();
        foreach (byte[] seed in target.Seeds())
        {
            string? outcome = Feed(target, index, seed);
            _good.Add(seed);
            if (outcome is not null && outcome[0] != '+')
            {
                Tell(target, seed, "a good input is refused: " + outcome);
            }
        }

        foreach (byte[] old in Resources.OldFindings(target.Name))
        {
            _ = Feed(target, index, old);
            _corpus.Add(old);
        }

        Mutate(target, index);
        (target as IDisposable)?.Dispose();
        if (_accepted == 0 || _refused == 0)
        {
            Tell(target, [], $"toothless: {_accepted} inputs accepted, {_refused} refused");
        }

        return new TargetReport(target.Name, _number, _accepted, _refused, _outcomes.Count, _signatures.Count);
    }

    /// <summary>Runs one input; true when it is no finding.</summary>
    public bool Repeat(FuzzTarget target, byte[] input)
    {
        string? outcome = Feed(target, 0, input);
        (target as IDisposable)?.Dispose();
        Console.WriteLine(outcome is null ? "a finding" : "no finding: " + outcome);
        return outcome is not null;
    }

    private void Mutate(FuzzTarget target, int index)
    {
        var random = new Rng(options.Seed ^ NameHash(target.Name));
        long count = options.Seconds > 0 ? long.MaxValue : target.CountOf(options.Count);
        var time = Stopwatch.StartNew();
        for (long i = 0; i < count && _signatures.Count < options.FindingsMax && !_slow; i++)
        {
            if (options.Seconds > 0 && time.Elapsed.TotalSeconds >= options.Seconds)
            {
                return;
            }

            // What was accepted leads deeper than what was refused.
            List<byte[]> from = _corpus.Count == 0 || !random.OneIn(4) ? _good : _corpus;
            byte[] input = Mutator.Mutate(target, random.Pick(from), _good, random);
            if (Feed(target, index, input) is { } outcome && _outcomes.Add(outcome))
            {
                List<byte[]> into = outcome[0] == '+' ? _good : _corpus;
                if (into.Count < CorpusMax)
                {
                    into.Add(input);
                }
            }
        }
    }

    /// <summary>Feeds one input; null when it was a finding.</summary>
    private string? Feed(FuzzTarget target, int index, byte[] input)
    {
        string? why = Try(target, index, input, out string outcome);
        if (why is null)
        {
            _ = outcome[0] == '+' ? _accepted++ : _refused++;
            return outcome;
        }

        Tell(target, target.Repeatable(input), why);
        target.StartAfresh();
        return null;
    }

    /// <summary>Null, or why this input is a finding.</summary>
    private string? Try(FuzzTarget target, int index, byte[] input, out string outcome)
    {
        current?.Set(++_number, index, input);
        outcome = "";
        long before = GC.GetAllocatedBytesForCurrentThread();
        _watch.Restart();
        try
        {
            outcome = target.Run(input);
        }
        catch (Exception e)
        {
            return e.GetType().Name + ": " + e.Message + "\n" + e.StackTrace;
        }

        long millis = _watch.ElapsedMilliseconds;
        long allocated = GC.GetAllocatedBytesForCurrentThread() - before;
        _slow = millis > target.MillisMax && StaysSlow(target, input);
        return _slow ? $"slow: {millis} ms"
            : allocated > target.AllocatedMax ? $"allocates {allocated} bytes"
            : (_number & 0x3FF) == 0 && Environment.WorkingSet > ResidentMax ? "memory of the process grows" : null;
    }

    // The machine may have been busy: only what takes its time of the processor, and again, is slow.
    private static bool StaysSlow(FuzzTarget target, byte[] input)
    {
        using var self = Process.GetCurrentProcess();
        for (int i = 0; i < 2; i++)
        {
            TimeSpan before = self.TotalProcessorTime;
            _ = target.Run(input);
            self.Refresh();
            if ((self.TotalProcessorTime - before).TotalMilliseconds <= target.MillisMax)
            {
                return false;
            }
        }

        return true;
    }

    private void Tell(FuzzTarget target, byte[] input, string why)
    {
        if (_signatures.Add(Signature(why)))
        {
            Findings.Tell(options, target.Name, input, why);
        }
    }

    /// <summary>Type and place; numbers in messages do not make a new finding.</summary>
    private static string Signature(string why)
    {
        string[] lines = why.Split('\n');
        string place = lines.Skip(1).FirstOrDefault(static l => l.Contains("EtcdAot.", StringComparison.Ordinal)
            && !l.Contains("Invariant", StringComparison.Ordinal)) ?? "";
        return string.Concat(lines[0].Where(static c => !char.IsAsciiDigit(c))) + place.Trim();
    }

    private static ulong NameHash(string name)
    {
        ulong hash = 14695981039346656037;
        foreach (char c in name)
        {
            hash = (hash ^ c) * 1099511628211;
        }

        return hash;
    }
}

/// <summary>Writes findings down.</summary>
internal static class Findings
{
    /// <summary>Keeps the input and prints the one command that repeats it.</summary>
    public static void Tell(RunOptions options, string target, byte[] input, string why)
    {
        _ = Directory.CreateDirectory(options.OutputDirectory);
        ulong digest = 14695981039346656037;
        foreach (byte b in input)
        {
            digest = (digest ^ b) * 1099511628211;
        }

        string path = Path.Combine(options.OutputDirectory,
            string.Create(CultureInfo.InvariantCulture, $"{target}-{digest:x16}.bin"));
        File.WriteAllBytes(path, input);
        Console.WriteLine($"FINDING in {target} (seed {options.Seed}): {why}");
        Console.WriteLine($"  input of {input.Length} bytes: {path}");
        Console.WriteLine($"  repeat: tests/Fuzz/run --repeat {target} {path}");
    }
}
