// Open streams by id: open addressing. Ids of one side are consecutive odd numbers, so their homes are spread: side by
// side they would make one run through the whole table, and each removal walks to the end of its run. Owned by: the
// connection. Grows, never shrinks below its start; no allocation while the number of streams is steady.
using System.Numerics;
using EtcdAot.Observe;

namespace EtcdAot.Http.H2;

/// <summary>Finds an open stream by its id.</summary>
internal sealed class StreamTable
{
    private H2Stream?[] _slots = new H2Stream?[16];
    private int _sweep;

    /// <summary>Open streams.</summary>
    public int Count { get; private set; }

    public H2Stream? Find(uint id)
    {
        int mask = _slots.Length - 1;
        for (int i = Home(id); ; i = (i + 1) & mask)
        {
            H2Stream? stream = _slots[i];
            if (stream is null || stream.Id == id)
            {
                return stream;
            }
        }
    }

    public void Add(H2Stream stream)
    {
        if ((Count + 1) * 2 > _slots.Length)
        {
            Grow();
        }

        Put(stream);
        Count++;
    }

    public void Remove(uint id)
    {
        int mask = _slots.Length - 1;
        int hole = Home(id);
        while (_slots[hole]?.Id != id)
        {
            Invariant.Check(_slots[hole] is not null, "a stream that is removed stands in the table");
            hole = (hole + 1) & mask;
        }

        // Pull back what had been pushed past the hole, so that a search may stop at the first empty slot.
        for (int i = (hole + 1) & mask; _slots[i] is { } stream; i = (i + 1) & mask)
        {
            int home = Home(stream.Id);
            if (((i - home) & mask) >= ((i - hole) & mask))
            {
                _slots[hole] = stream;
                hole = i;
            }
        }

        _slots[hole] = null;
        Count--;
    }

    /// <summary>Any stream that is still open, for closing them one after the other; null when none is.</summary>
    public H2Stream? Any()
    {
        for (int n = 0; n < _slots.Length && Count > 0; n++)
        {
            if (_slots[_sweep & (_slots.Length - 1)] is { } stream)
            {
                return stream;
            }

            _sweep++;
        }

        return null;
    }

    /// <summary>The slots, for walks that open and close nothing.</summary>
    public ReadOnlySpan<H2Stream?> Slots => _slots;

    // Fibonacci hashing: the top bits of the product.
    private int Home(uint id) => (int)(((id >> 1) * 0x9E3779B9u) >> (32 - BitOperations.Log2((uint)_slots.Length)));

    private void Put(H2Stream stream)
    {
        int mask = _slots.Length - 1;
        int i = Home(stream.Id);
        while (_slots[i] is not null)
        {
            i = (i + 1) & mask;
        }

        _slots[i] = stream;
    }

    private void Grow()
    {
        H2Stream?[] old = _slots;
        _slots = new H2Stream?[old.Length * 2];
        foreach (H2Stream? stream in old)
        {
            if (stream is not null)
            {
                Put(stream);
            }
        }
    }
}
