// Keeps a storm of equal lines from filling the disk, as the original's logger does (spec server-config §11): of each level
// and message the first hundred of a second are written, then every hundredth. Any thread (interlocked).
namespace EtcdAot.Observe;

/// <summary>Decides which lines are written.</summary>
internal sealed class LogSampler
{
    private const int First = 100;
    private const int Thereafter = 100;
    private const long TickNanos = 1_000_000_000;

    // Two messages in one slot share a count, which is noticed only when both storm at once.
    private const int Slots = 1024;

    private readonly long[] _resetAt = new long[Slots];
    private readonly int[] _counts = new int[Slots];

    /// <summary>Counts a line made at a time; true when it is to be written.</summary>
    public bool Admits(LogLevel level, string message, long unixNanos)
    {
        int slot = SlotOf(level, message);
        long resetAt = Volatile.Read(ref _resetAt[slot]);
        if (unixNanos >= resetAt && Interlocked.CompareExchange(ref _resetAt[slot], unixNanos + TickNanos, resetAt) == resetAt)
        {
            Volatile.Write(ref _counts[slot], 0);
        }

        int count = Interlocked.Increment(ref _counts[slot]);
        return count <= First || (count - First) % Thereafter == 0;
    }

    // FNV-1a.
    private static int SlotOf(LogLevel level, string message)
    {
        uint hash = 2166136261u ^ (uint)level;
        foreach (char c in message)
        {
            hash = (hash ^ c) * 16777619u;
        }

        return (int)((hash ^ (hash >> 16)) % Slots);
    }
}
