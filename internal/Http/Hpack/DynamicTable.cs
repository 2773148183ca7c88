// HPACK's dynamic table (RFC 7541 §2.3.2, §4): newest entry first, evicted from the old end. Bytes lie in one arena of
// twice what is alive, so that an entry is contiguous and moving house costs each byte once. Both arrays grow by need up to
// the capacity: a client of etcd repeats a handful of fields, and four full tables were most of what a connection held
// (20 of 36 KB). Owned by: one connection's encoder or decoder.
using EtcdAot.Observe;

namespace EtcdAot.Http.Hpack;

/// <summary>Fields that both ends of a connection remember.</summary>
public sealed class DynamicTable
{
    /// <summary>Overhead of each entry, in the sizes of RFC 7541 §4.1.</summary>
    public const int EntryOverhead = 32;

    private const int FirstArenaBytes = 512;
    private const int FirstEntries = 8;

    private byte[] _arena;
    private Entry[] _entries;
    private readonly bool _searched;
    private int _first; // ring position of the oldest entry
    private int _arenaStart;
    private int _arenaEnd;

    /// <summary>A table that can never be larger than so many bytes. Only one that is <paramref name="searched"/> (an
    /// encoder's) pays for hashes: a decoder's peer may insert 4 KB by three bytes.</summary>
    public DynamicTable(int capacityMax, bool searched = true)
    {
        Invariant.Check(capacityMax is >= 0 and <= 1 << 20, "a dynamic table is small");
        _searched = searched;
        CapacityMax = capacityMax;
        Capacity = capacityMax;
        _arena = new byte[Math.Min(ArenaMax, FirstArenaBytes)];
        _entries = new Entry[Math.Min(EntriesMax, FirstEntries)];
    }

    /// <summary>The bound that <see cref="Resize"/> keeps.</summary>
    public int CapacityMax { get; }

    /// <summary>Largest sum of entry sizes now.</summary>
    public int Capacity { get; private set; }

    /// <summary>Sum of entry sizes (name + value + 32).</summary>
    public int Size { get; private set; }

    /// <summary>Number of entries.</summary>
    public int Count { get; private set; }

    /// <summary>Changes whenever an index may mean another field.</summary>
    public long Version { get; private set; }

    private int ArenaMax => 2 * CapacityMax;

    private int EntriesMax => (CapacityMax / EntryOverhead) + 1;

    /// <summary>Name of an entry, 0 is the newest. Valid until the next insert.</summary>
    public ReadOnlySpan<byte> Name(int index)
    {
        ref Entry entry = ref At(index);
        return _arena.AsSpan(entry.Offset, entry.NameLength);
    }

    /// <summary>Value of an entry, 0 is the newest. Valid until the next insert.</summary>
    public ReadOnlySpan<byte> Value(int index)
    {
        ref Entry entry = ref At(index);
        return _arena.AsSpan(entry.Offset + entry.NameLength, entry.ValueLength);
    }

    /// <summary>Sets the capacity, 0 to <see cref="CapacityMax"/>, and evicts what no longer fits.</summary>
    public void Resize(int capacity)
    {
        Invariant.Check(capacity >= 0 && capacity <= CapacityMax, "a resize stays within the agreed maximum");
        Capacity = capacity;
        Version++;
        EvictTo(capacity);
    }

    /// <summary>Inserts; a field larger than the table empties it. The spans must not lie in this table.</summary>
    public void Insert(ReadOnlySpan<byte> name, ReadOnlySpan<byte> value)
    {
        Version++;
        long size = (long)name.Length + value.Length + EntryOverhead;
        if (size > Capacity)
        {
            EvictTo(0);
            return;
        }

        EvictTo(Capacity - (int)size);
        int bytes = name.Length + value.Length;
        if (_arenaEnd + bytes > _arena.Length)
        {
            MakeRoom(bytes);
        }

        if (Count == _entries.Length)
        {
            GrowEntries();
        }

        name.CopyTo(_arena.AsSpan(_arenaEnd));
        value.CopyTo(_arena.AsSpan(_arenaEnd + name.Length));
        _entries[Wrap(_first + Count)] = new Entry(_arenaEnd, name.Length, value.Length,
            _searched ? Hash(name, value) : 0);
        _arenaEnd += bytes;
        Count++;
        Size += (int)size;
    }

    /// <summary>Position of the field (0 is the newest) or of the newest field of that name; -1 for none.</summary>
    public int Find(ReadOnlySpan<byte> name, ReadOnlySpan<byte> value, out bool wholeField)
    {
        Invariant.Check(_searched, "only a table with hashes is searched");
        uint hash = Hash(name, value);
        int nameIndex = -1;
        for (int i = 0; i < Count; i++)
        {
            if (At(i).Hash == hash && Name(i).SequenceEqual(name) && Value(i).SequenceEqual(value))
            {
                wholeField = true;
                return i;
            }

            if (nameIndex < 0 && Name(i).SequenceEqual(name))
            {
                nameIndex = i;
            }
        }

        wholeField = false;
        return nameIndex;
    }

    private static uint Hash(ReadOnlySpan<byte> name, ReadOnlySpan<byte> value)
    {
        uint hash = 2166136261;
        foreach (byte b in name)
        {
            hash = (hash ^ b) * 16777619;
        }

        foreach (byte b in value)
        {
            hash = (hash ^ b) * 16777619;
        }

        return hash;
    }

    private ref Entry At(int index)
    {
        Invariant.Check((uint)index < (uint)Count, "an index of the dynamic table is checked before use");
        return ref _entries[Wrap(_first + Count - 1 - index)];
    }

    private int Wrap(int position) => position < _entries.Length ? position : position - _entries.Length;

    private void EvictTo(int size)
    {
        while (Size > size)
        {
            ref Entry oldest = ref _entries[_first];
            int bytes = oldest.NameLength + oldest.ValueLength;
            _arenaStart = oldest.Offset + bytes;
            Size -= bytes + EntryOverhead;
            _first = Wrap(_first + 1);
            Count--;
        }

        if (Count == 0)
        {
            _arenaStart = 0;
            _arenaEnd = 0;
        }
    }

    /// <summary>Moves what is alive to the front, of a larger arena when it would fill more than half of this one.</summary>
    private void MakeRoom(int bytes)
    {
        int alive = _arenaEnd - _arenaStart;
        int length = _arena.Length;
        while (length < 2 * (alive + bytes) && length < ArenaMax)
        {
            length = Math.Min(2 * length, ArenaMax);
        }

        byte[] target = length > _arena.Length ? new byte[length] : _arena;
        _arena.AsSpan(_arenaStart, alive).CopyTo(target);
        _arena = target;
        for (int i = 0; i < Count; i++)
        {
            _entries[Wrap(_first + i)].Offset -= _arenaStart;
        }

        _arenaStart = 0;
        _arenaEnd = alive;
    }

    private void GrowEntries()
    {
        var larger = new Entry[Math.Min(2 * _entries.Length, EntriesMax)];
        for (int i = 0; i < Count; i++)
        {
            larger[i] = _entries[Wrap(_first + i)];
        }

        _entries = larger;
        _first = 0;
    }

    private record struct Entry(int Offset, int NameLength, int ValueLength, uint Hash);
}
