// The world of one run: virtual time and the queue of what is to happen. One thread; what is due at the same instant comes
// in a drawn order. Nothing here knows what an event means.

namespace EtcdAot.Tests.Simulation.World;

/// <summary>A checker found something that must not be.</summary>
internal sealed class BrokenPromiseException(string message) : Exception(message);

/// <summary>Time and events.</summary>
internal sealed class World(ulong seed, Trace trace)
{
    public const long Microsecond = 1_000;
    public const long Millisecond = 1_000_000;
    public const long Second = 1_000_000_000;

    private readonly PriorityQueue<Action, Due> _queue = new();
    private readonly Dice _order = new(seed ^ 0x6F72646572);
    private long _sequence;

    /// <summary>What everything else draws from: fork it.</summary>
    public Dice Dice { get; } = new(seed);

    /// <summary>The hash of what happened.</summary>
    public Trace Trace { get; } = trace;

    /// <summary>Nanoseconds since the world began.</summary>
    public long Now { get; private set; }

    /// <summary>Events so far.</summary>
    public long Events { get; private set; }

    private readonly record struct Due(long Nanos, ulong Draw, long Sequence) : IComparable<Due>
    {
        public int CompareTo(Due other)
        {
            int order = Nanos.CompareTo(other.Nanos);
            order = order != 0 ? order : Draw.CompareTo(other.Draw);
            return order != 0 ? order : Sequence.CompareTo(other.Sequence);
        }
    }

    /// <summary>Lets something happen at a time.</summary>
    public void At(long nanos, Action what)
    {
        _queue.Enqueue(what, new Due(Math.Max(nanos, Now), _order.NextUInt64(), _sequence++));
    }

    /// <summary>Lets something happen after a while.</summary>
    public void After(long nanos, Action what) => At(Now + nanos, what);

    /// <summary>Runs until a time, or until a condition holds. Also called from inside an event that takes time (a disk
    /// call): the world goes on meanwhile.</summary>
    /// <returns>True when the condition was met (or none was given).</returns>
    public bool RunUntil(long end, Func<bool>? done = null)
    {
        while (done is null || !done())
        {
            if (!_queue.TryPeek(out _, out Due due) || due.Nanos > end)
            {
                Now = Math.Max(Now, end);
                return done is null;
            }

            Action what = _queue.Dequeue();
            Now = due.Nanos;
            Events++;
            what();
        }

        return true;
    }
}
