// The window of unacknowledged MsgApp of one peer: a ring of the last index of each. Owned by: core thread.
using EtcdAot.Observe;

namespace EtcdAot.Raft;

/// <summary>Sliding window of appends in flight (raft's Inflights).</summary>
public sealed class Inflights(int capacity)
{
    private ulong[] _lastIndexes = [];
    private int _start;

    /// <summary>Messages in flight.</summary>
    public int Count { get; private set; }

    /// <summary>True when nothing more may be sent.</summary>
    public bool IsFull => Count == capacity;

    /// <summary>Notes a message whose last entry is <paramref name="lastIndex"/>; the window must not be full.</summary>
    public void Add(ulong lastIndex)
    {
        Invariant.Check(!IsFull, "an append is sent only while the window has room");
        if (Count == _lastIndexes.Length)
        {
            Grow();
        }

        _lastIndexes[(_start + Count) % _lastIndexes.Length] = lastIndex;
        Count++;
    }

    /// <summary>Frees every message whose last entry is at or below <paramref name="index"/>.</summary>
    public void FreeTo(ulong index)
    {
        while (Count > 0 && _lastIndexes[_start] <= index)
        {
            FreeFirst();
        }
    }

    /// <summary>Frees the oldest, if any.</summary>
    public void FreeFirst()
    {
        if (Count > 0)
        {
            _start = (_start + 1) % _lastIndexes.Length;
            Count--;
        }
    }

    /// <summary>Forgets everything.</summary>
    public void Reset()
    {
        Count = 0;
        _start = 0;
    }

    private void Grow()
    {
        var larger = new ulong[Math.Min(capacity, Math.Max(16, _lastIndexes.Length * 2))];
        for (int i = 0; i < Count; i++)
        {
            larger[i] = _lastIndexes[(_start + i) % _lastIndexes.Length];
        }

        _lastIndexes = larger;
        _start = 0;
    }
}
