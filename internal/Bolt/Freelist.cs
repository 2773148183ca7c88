// Which pages may be allocated: a bitmap, and a queue of pages that older metas may still reach (spec storage
// §2.8). Owned by the writer. Kept in memory only: it is found by the walk at opening, and "none" is what
// etcd on Linux stores, so none is what we store, at clean shutdown too: one form less on the disk, readable
// by every bbolt.
using System.Numerics;
using EtcdAot.Observe;

namespace EtcdAot.Bolt;

/// <summary>Free and pending pages.</summary>
internal sealed class Freelist
{
    private readonly Queue<PendingRun> _pending = new();
    private ulong[] _words = new ulong[64];
    private ulong _lowest = ulong.MaxValue;

    // A search for this many pages has failed since the last release; longer ones need not try.
    private int _knownAbsent = int.MaxValue;

    /// <summary>Pages that can be allocated now.</summary>
    public long FreePages { get; private set; }

    /// <summary>Pages waiting for readers.</summary>
    public long PendingPages { get; private set; }

    public bool IsFree(ulong id)
    {
        return id >> 6 < (ulong)_words.Length && (_words[id >> 6] >> (int)(id & 63) & 1) != 0;
    }

    /// <summary>Makes a run allocatable.</summary>
    public void Release(ulong id, ulong count)
    {
        while ((ulong)_words.Length << 6 < id + count)
        {
            Array.Resize(ref _words, _words.Length * 2);
        }

        for (ulong page = id; page < id + count; page++)
        {
            ref ulong word = ref _words[page >> 6];
            Invariant.Check((word >> (int)(page & 63) & 1) == 0, "a page is freed once");
            word |= 1UL << (int)(page & 63);
        }

        FreePages += (long)count;
        _lowest = Math.Min(_lowest, id);
        _knownAbsent = int.MaxValue;
    }

    /// <summary>Notes that transaction <paramref name="txId"/> (never below an earlier one) no longer needs
    /// the run.</summary>
    public void AddPending(ulong txId, ulong id, ulong count)
    {
        _pending.Enqueue(new PendingRun(txId, id, count));
        PendingPages += (long)count;
    }

    /// <summary>Releases what transactions up to <paramref name="txId"/> freed.</summary>
    public void ReleasePendingThrough(ulong txId)
    {
        while (_pending.TryPeek(out PendingRun run) && run.TxId <= txId)
        {
            _ = _pending.Dequeue();
            PendingPages -= (long)run.Count;
            Release(run.Id, run.Count);
        }
    }

    /// <summary>Takes the lowest run of <paramref name="count"/> pages; 0 when there is none.</summary>
    public ulong Allocate(int count)
    {
        if (FreePages < count || count >= _knownAbsent)
        {
            return 0;
        }

        ulong run = 0;
        bool lowestKnown = false;
        ulong end = (ulong)_words.Length << 6;
        for (ulong page = _lowest; page < end; page++)
        {
            ulong rest = _words[page >> 6] >> (int)(page & 63);
            if (rest == 0)
            {
                run = 0;
                page |= 63;
                continue;
            }

            int skip = BitOperations.TrailingZeroCount(rest);
            run = skip > 0 ? 1 : run + 1;
            page += (ulong)skip;
            if (!lowestKnown)
            {
                _lowest = page;
                lowestKnown = true;
            }

            if (run == (ulong)count)
            {
                Take(page + 1 - run, run);
                return page + 1 - run;
            }
        }

        _knownAbsent = count;
        return 0;
    }

    private void Take(ulong id, ulong count)
    {
        for (ulong page = id; page < id + count; page++)
        {
            _words[page >> 6] &= ~(1UL << (int)(page & 63));
        }

        FreePages -= (long)count;
        _lowest = _lowest == id ? id + count : _lowest;
    }

    private readonly record struct PendingRun(ulong TxId, ulong Id, ulong Count);
}
