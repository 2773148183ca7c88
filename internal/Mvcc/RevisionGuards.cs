// What must outlive a wake is a revision (DESIGN 4.10): a guard delays the physical compaction of what is visible at it.
// owned by: any (interlocked). A guard is taken inside a wake, from a view whose compacted revision is not above it; it
// must always be disposed: it pins the past.
namespace EtcdAot.Mvcc;

/// <summary>The guards of a store, limited in number.</summary>
public sealed class RevisionGuards
{
    /// <summary>Guards at one time; beyond it the asker takes the slow way or gives up.</summary>
    public const int Limit = 256;

    private readonly long[] _slots = new long[Limit];

    /// <summary>Guards held.</summary>
    public int Count
    {
        get
        {
            int count = 0;
            for (int i = 0; i < Limit; i++)
            {
                count += Volatile.Read(ref _slots[i]) != 0 ? 1 : 0;
            }

            return count;
        }
    }

    /// <summary>Smallest guarded revision, <see cref="long.MaxValue"/> when none.</summary>
    public long Oldest
    {
        get
        {
            long oldest = long.MaxValue;
            for (int i = 0; i < Limit; i++)
            {
                long slot = Volatile.Read(ref _slots[i]);
                oldest = slot != 0 ? Math.Min(oldest, slot - 2) : oldest;
            }

            return oldest;
        }
    }

    /// <summary>Takes a guard; false when all are taken or the view has already given the revision up.</summary>
    public bool TryAcquire(View view, long revision, out RevisionGuard guard)
    {
        guard = default;
        if (revision < view.CompactedRevision)
        {
            return false;
        }

        for (int i = 0; i < Limit; i++)
        {
            // −1 (nothing compacted yet) is a guardable revision, 0 a free slot: hence the 2.
            if (Interlocked.CompareExchange(ref _slots[i], revision + 2, 0) == 0)
            {
                guard = new RevisionGuard(this, i);
                return true;
            }
        }

        return false;
    }

    internal void Release(int slot) => Volatile.Write(ref _slots[slot], 0);
}

/// <summary>One guard.</summary>
public readonly struct RevisionGuard : IDisposable
{
    private readonly RevisionGuards? _owner;
    private readonly int _slot;

    internal RevisionGuard(RevisionGuards owner, int slot)
    {
        _owner = owner;
        _slot = slot;
    }

    public void Dispose() => _owner?.Release(_slot);
}
