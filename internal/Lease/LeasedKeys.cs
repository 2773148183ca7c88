// Which key belongs to which lease, both ways: a hash table whose entries are chained through their lease, in arrays
// without references and keys in native memory (DESIGN 4.8: every Kubernetes event has a lease). owned by: core thread.
using System.Numerics;
using System.Runtime.InteropServices;
using EtcdAot.Sys;

namespace EtcdAot.Lease;

/// <summary>Key ↔ lease.</summary>
internal sealed unsafe class LeasedKeys(ulong seed) : IDisposable
{
    private const ulong Spread = 0x9E3779B97F4A7C15;

    private readonly NativeHeap _memory = new(new ReaderRegistry());
    private Entry[] _entries = new Entry[64];
    private int[] _buckets = NewBuckets(64);
    private int _free = -1;
    private int _used;

    private struct Entry
    {
        public byte* Key;
        public int Length;
        public uint Hash;
        public int NextInBucket;
        public int NextInLease;
        public int PreviousInLease;
        public LeaseRecord.Slot Lease;
    }

    /// <summary>Keys that belong to a lease.</summary>
    public int Count { get; private set; }

    /// <summary>Makes the key the lease's, and no other's.</summary>
    public void Attach(LeaseRecord lease, ReadOnlySpan<byte> key, List<LeaseRecord?> leases)
    {
        uint hash = Hash(key);
        int at = Find(key, hash);
        if (at >= 0)
        {
            if (_entries[at].Lease.Index == lease.Place.Index)
            {
                return;
            }

            Unlink(at, leases);
        }
        else
        {
            at = Insert(key, hash);
        }

        ref Entry entry = ref _entries[at];
        entry.Lease = lease.Place;
        entry.PreviousInLease = -1;
        entry.NextInLease = lease.FirstKey;
        if (lease.FirstKey >= 0)
        {
            _entries[lease.FirstKey].PreviousInLease = at;
        }

        lease.FirstKey = at;
        lease.KeyCount++;
    }

    /// <summary>Forgets the key.</summary>
    public void Detach(ReadOnlySpan<byte> key, List<LeaseRecord?> leases)
    {
        int at = Find(key, Hash(key));
        if (at >= 0)
        {
            Unlink(at, leases);
            RemoveEntry(at);
        }
    }

    /// <summary>Lease of a key, −1 for none.</summary>
    public int LeaseOf(ReadOnlySpan<byte> key)
    {
        int at = Find(key, Hash(key));
        return at >= 0 ? _entries[at].Lease.Index : -1;
    }

    /// <summary>Forgets all keys of a lease.</summary>
    public void Clear(LeaseRecord lease)
    {
        for (int at = lease.FirstKey; at >= 0;)
        {
            int next = _entries[at].NextInLease;
            RemoveEntry(at);
            at = next;
        }

        lease.FirstKey = -1;
        lease.KeyCount = 0;
    }

    /// <summary>Copies of a lease's keys, sorted bytewise: the order in which a revocation deletes them.</summary>
    public byte[][] SortedKeys(LeaseRecord lease)
    {
        byte[][] keys = new byte[lease.KeyCount][];
        int n = 0;
        for (int at = lease.FirstKey; at >= 0; at = _entries[at].NextInLease)
        {
            keys[n++] = new ReadOnlySpan<byte>(_entries[at].Key, _entries[at].Length).ToArray();
        }

        Array.Sort(keys, (a, b) => a.AsSpan().SequenceCompareTo(b));
        return keys;
    }

    public void Dispose()
    {
        foreach (int head in _buckets)
        {
            for (int at = head; at >= 0; at = _entries[at].NextInBucket)
            {
                _memory.FreeIfLarge(_entries[at].Key, _entries[at].Length);
            }
        }

        _memory.Dispose();
    }

    private uint Hash(ReadOnlySpan<byte> key)
    {
        ulong hash = seed ^ ((ulong)key.Length * Spread);
        while (key.Length >= sizeof(ulong))
        {
            hash = Mix(hash ^ MemoryMarshal.Read<ulong>(key));
            key = key[sizeof(ulong)..];
        }

        ulong rest = 0;
        foreach (byte b in key)
        {
            rest = (rest << 8) | b;
        }

        return (uint)Mix(hash ^ rest);
    }

    private ulong Mix(ulong value)
    {
        ulong high = Math.BigMul(value ^ Spread, BitOperations.RotateLeft(seed ^ Spread, 23) | 1, out ulong low);
        return high ^ low;
    }

    private static int[] NewBuckets(int size)
    {
        int[] buckets = new int[size];
        Array.Fill(buckets, -1);
        return buckets;
    }

    private int Find(ReadOnlySpan<byte> key, uint hash)
    {
        for (int at = _buckets[hash & (_buckets.Length - 1)]; at >= 0; at = _entries[at].NextInBucket)
        {
            ref Entry entry = ref _entries[at];
            if (entry.Hash == hash && new ReadOnlySpan<byte>(entry.Key, entry.Length).SequenceEqual(key))
            {
                return at;
            }
        }

        return -1;
    }

    private int Insert(ReadOnlySpan<byte> key, uint hash)
    {
        int at = _free;
        if (at >= 0)
        {
            _free = _entries[at].NextInBucket;
        }
        else
        {
            if (_used == _entries.Length)
            {
                Grow();
            }

            at = _used++;
        }

        byte* copy = _memory.Allocate(key.Length);
        key.CopyTo(new Span<byte>(copy, key.Length));
        ref int bucket = ref _buckets[hash & (_buckets.Length - 1)];
        _entries[at] = new Entry { Key = copy, Length = key.Length, Hash = hash, NextInBucket = bucket };
        bucket = at;
        Count++;
        return at;
    }

    private void Grow()
    {
        Array.Resize(ref _entries, _entries.Length * 2);
        _buckets = NewBuckets(_entries.Length);
        for (int at = 0; at < _used; at++)
        {
            ref int bucket = ref _buckets[_entries[at].Hash & (_buckets.Length - 1)];
            _entries[at].NextInBucket = bucket;
            bucket = at;
        }
    }

    private void Unlink(int at, List<LeaseRecord?> leases)
    {
        ref Entry entry = ref _entries[at];
        LeaseRecord lease = leases[entry.Lease.Index]!;
        if (entry.PreviousInLease >= 0)
        {
            _entries[entry.PreviousInLease].NextInLease = entry.NextInLease;
        }
        else
        {
            lease.FirstKey = entry.NextInLease;
        }

        if (entry.NextInLease >= 0)
        {
            _entries[entry.NextInLease].PreviousInLease = entry.PreviousInLease;
        }

        lease.KeyCount--;
    }

    private void RemoveEntry(int at)
    {
        ref Entry entry = ref _entries[at];
        ref int link = ref _buckets[entry.Hash & (_buckets.Length - 1)];
        while (link != at)
        {
            link = ref _entries[link].NextInBucket;
        }

        link = entry.NextInBucket;
        _memory.Free(entry.Key, entry.Length);
        entry.NextInBucket = _free;
        _free = at;
        Count--;
    }
}
