// Counts what one loop's clients did inside the measured time. Owned by: the loop's thread; the switch is for any.
using HdrHistogram;

namespace EtcdAot.Tests.Bench;

/// <summary>What the clients do now.</summary>
internal enum Phase
{
    WarmUp,
    Measure,
    Stop,
}

/// <summary>The switch that all clients of a row look at.</summary>
internal sealed class PhaseSwitch
{
    private int _phase;

    internal Phase Phase
    {
        get => (Phase)Volatile.Read(ref _phase);
        set => Volatile.Write(ref _phase, (int)value);
    }
}

internal sealed class Meter(PhaseSwitch phase)
{
    private const long HighestNanos = 60_000_000_000;

    internal LongHistogram Latency { get; } = new(HighestNanos, 3);

    internal long Operations { get; private set; }

    internal long Errors { get; private set; }

    internal bool Running => phase.Phase != Phase.Stop;

    /// <summary>One operation ended.</summary>
    internal void Record(long startedTicks, bool good)
    {
        if (phase.Phase != Phase.Measure)
        {
            return;
        }

        long nanos = (System.Diagnostics.Stopwatch.GetTimestamp() - startedTicks) * 1_000_000_000
            / System.Diagnostics.Stopwatch.Frequency;
        Latency.RecordValue(Math.Clamp(nanos, 1, HighestNanos));
        Operations++;
        Errors += good ? 0 : 1;
    }
}
