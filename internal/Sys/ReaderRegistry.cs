// Who is reading right now (DESIGN 4.10): one padded counter a reading thread. A thread enters at the start of a wake
// and exits at its end; memory that was unlinked before an epoch was closed is free once nobody reads in it any more.
// owned by: any (interlocked). It must never be held across a wake: a sleeping reader counts as past.
namespace EtcdAot.Sys;

/// <summary>Epochs of reading threads.</summary>
public sealed class ReaderRegistry
{
    /// <summary>Reading threads of one member; more is a programming error.</summary>
    public const int MaxReaders = 256;

    private const int Stride = 16;
    private readonly long[] _slots = new long[(MaxReaders + 1) * Stride];
    private long _epoch = 1;
    private int _readers;

    /// <summary>Gives a thread its slot; once a thread, for the member's life.</summary>
    public int Register()
    {
        int reader = Interlocked.Increment(ref _readers) - 1;
        if (reader >= MaxReaders)
        {
            throw new InvalidOperationException("more reading threads than ReaderRegistry.MaxReaders");
        }

        return reader;
    }

    /// <summary>Start of a wake: announce, fence, re-read. Views taken from now on stay readable until
    /// <see cref="Exit"/>.</summary>
    public void Enter(int reader)
    {
        ref long slot = ref _slots[(reader + 1) * Stride];
        while (true)
        {
            long epoch = Volatile.Read(ref _epoch);
            Volatile.Write(ref slot, epoch);
            Interlocked.MemoryBarrier();
            if (Volatile.Read(ref _epoch) == epoch)
            {
                return;
            }
        }
    }

    /// <summary>End of a wake: everything taken since <see cref="Enter"/> is forgotten.</summary>
    public void Exit(int reader) => Volatile.Write(ref _slots[(reader + 1) * Stride], 0);

    /// <summary>Closes the current epoch and returns its number: what was unlinked before this call may be freed when
    /// <see cref="OldestActive"/> is greater. Publisher only.</summary>
    public long Advance() => Interlocked.Increment(ref _epoch) - 1;

    /// <summary>Smallest epoch in which somebody still reads; the current one when nobody does.</summary>
    public long OldestActive()
    {
        long oldest = Volatile.Read(ref _epoch);
        int readers = Volatile.Read(ref _readers);
        for (int i = 1; i <= readers; i++)
        {
            long at = Volatile.Read(ref _slots[i * Stride]);
            if (at != 0 && at < oldest)
            {
                oldest = at;
            }
        }

        return oldest;
    }
}
