// Finds the watchers of a key: single keys by hash, ranges by an implicit interval tree over a sorted array, rebuilt when
// enough has changed (watchers do not churn as keys do). owned by: one WatchHub.
using EtcdAot.Sys;

namespace EtcdAot.Mvcc.Watch;

/// <summary>Watchers by key.</summary>
internal sealed class WatchIntervals
{
    /// <summary>New ranges are looked at one by one until there are more than this and a 256th of the sorted ones. A
    /// merge visits every range once, so it costs each new one at most 256 visits, however many there are.</summary>
    private const int TailLimit = 64;

    private readonly Dictionary<byte[], List<Watcher>> _single = new(new KeyComparer());
    private readonly Dictionary<byte[], List<Watcher>>.AlternateLookup<ReadOnlySpan<byte>> _bySpan;
    private readonly List<Watcher> _tail = [];
    private Watcher[] _sorted = [];
    private byte[]?[] _maxEnd = [];
    private int _removed;

    public WatchIntervals()
    {
        _bySpan = _single.GetAlternateLookup<ReadOnlySpan<byte>>();
    }

    /// <summary>Watchers registered.</summary>
    public int Count { get; private set; }

    public void Add(Watcher watcher)
    {
        Count++;
        if (!watcher.IsSingle)
        {
            _tail.Add(watcher);
            if (_tail.Count > TailLimit + (_sorted.Length / 256))
            {
                Rebuild();
            }

            return;
        }

        if (!_single.TryGetValue(watcher.Start, out List<Watcher>? list))
        {
            list = [];
            _single.Add(watcher.Start, list);
        }

        watcher.Slot = list.Count;
        list.Add(watcher);
    }

    /// <summary>Takes a watcher out; it is marked Removed already.</summary>
    public void Remove(Watcher watcher)
    {
        Count--;
        if (watcher.IsSingle)
        {
            List<Watcher> list = _single[watcher.Start];
            Watcher last = list[^1];
            last.Slot = watcher.Slot;
            list[watcher.Slot] = last;
            list.RemoveAt(list.Count - 1);
            if (list.Count == 0)
            {
                _ = _single.Remove(watcher.Start);
            }

            return;
        }

        if (!_tail.Remove(watcher) && ++_removed > TailLimit + (_sorted.Length / 4))
        {
            Rebuild();
        }
    }

    /// <summary>All watchers, in no order that matters.</summary>
    public List<Watcher> All()
    {
        List<Watcher> all = [.. _tail, .. _sorted.Where(w => w.Standing != Watcher.State.Removed)];
        foreach (List<Watcher> list in _single.Values)
        {
            all.AddRange(list);
        }

        return all;
    }

    /// <summary>Adds all watchers whose range holds the key; those that were removed may be among them.</summary>
    public void Find(ReadOnlySpan<byte> key, List<Watcher> found)
    {
        if (_bySpan.TryGetValue(key, out List<Watcher>? list))
        {
            found.AddRange(list);
        }

        foreach (Watcher watcher in _tail)
        {
            if (Holds(watcher, key))
            {
                found.Add(watcher);
            }
        }

        Find(0, _sorted.Length, key, found);
    }

    private void Find(int low, int high, ReadOnlySpan<byte> key, List<Watcher> found)
    {
        while (low < high)
        {
            int middle = (low + high) >>> 1;
            byte[]? end = _maxEnd[middle];
            if (end is not null && key.SequenceCompareTo(end) >= 0)
            {
                return;
            }

            Find(low, middle, key, found);
            Watcher watcher = _sorted[middle];
            if (key.SequenceCompareTo(watcher.Start) < 0)
            {
                return;
            }

            if (watcher.End is null || key.SequenceCompareTo(watcher.End) < 0)
            {
                found.Add(watcher);
            }

            low = middle + 1;
        }
    }

    /// <summary>Merges the new ranges in and leaves the removed ones out.</summary>
    private void Rebuild()
    {
        _tail.Sort(static (a, b) => a.Start.AsSpan().SequenceCompareTo(b.Start));
        var merged = new List<Watcher>(_sorted.Length + _tail.Count);
        int next = 0;
        foreach (Watcher old in _sorted)
        {
            if (old.Standing == Watcher.State.Removed)
            {
                continue;
            }

            while (next < _tail.Count && _tail[next].Start.AsSpan().SequenceCompareTo(old.Start) < 0)
            {
                merged.Add(_tail[next++]);
            }

            merged.Add(old);
        }

        merged.AddRange(_tail.GetRange(next, _tail.Count - next));
        _sorted = [.. merged];
        _maxEnd = new byte[]?[_sorted.Length];
        _tail.Clear();
        _removed = 0;
        _ = Build(0, _sorted.Length, out _);
    }

    /// <summary>Largest end of [low, high); open when one of them is.</summary>
    private byte[]? Build(int low, int high, out bool isOpen)
    {
        isOpen = false;
        if (low >= high)
        {
            return null;
        }

        int middle = (low + high) >>> 1;
        byte[]? left = Build(low, middle, out bool leftOpen);
        byte[]? right = Build(middle + 1, high, out bool rightOpen);
        byte[]? own = _sorted[middle].End;
        isOpen = leftOpen || rightOpen || own is null;
        _maxEnd[middle] = isOpen ? null : Larger(Larger(own, left), right);
        return _maxEnd[middle];
    }

    private static byte[]? Larger(byte[]? a, byte[]? b)
    {
        return a is null ? b : b is null || a.AsSpan().SequenceCompareTo(b) >= 0 ? a : b;
    }

    private static bool Holds(Watcher watcher, ReadOnlySpan<byte> key)
    {
        return key.SequenceCompareTo(watcher.Start) >= 0
            && (watcher.End is null || key.SequenceCompareTo(watcher.End) < 0);
    }

    private sealed class KeyComparer : IEqualityComparer<byte[]>, IAlternateEqualityComparer<ReadOnlySpan<byte>, byte[]>
    {
        public bool Equals(byte[]? x, byte[]? y) => x.AsSpan().SequenceEqual(y);

        public int GetHashCode(byte[] obj) => GetHashCode(obj.AsSpan());

        public bool Equals(ReadOnlySpan<byte> alternate, byte[] other) => alternate.SequenceEqual(other);

        public int GetHashCode(ReadOnlySpan<byte> alternate) => (int)Crc32C.Append(0, alternate);

        public byte[] Create(ReadOnlySpan<byte> alternate) => alternate.ToArray();
    }
}
