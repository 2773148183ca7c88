// HPACK's encoder (RFC 7541 §6), in the manner of the original: whole fields indexed where known, everything else literal
// with incremental indexing, Huffman only when shorter. Owned by: one connection. A repeated HeaderSet costs a copy.
namespace EtcdAot.Http.Hpack;

/// <summary>Encodes the header blocks of one connection, in order.</summary>
public sealed class HpackEncoder
{
    /// <summary>The table is never larger, whatever the peer offers (api-v3 §1.3).</summary>
    public const int TableCapacityMax = 4096;

    private const int CacheSlots = 8;
    private const int CachedBlockMax = 32;

    private readonly DynamicTable _table = new(TableCapacityMax);
    private readonly Cached[] _cache = new Cached[CacheSlots];
    private int _nextSlot;
    private int _pendingLowest = -1; // size update owed to the peer; -1 for none

    internal DynamicTable Table => _table;

    /// <summary>The peer's SETTINGS_HEADER_TABLE_SIZE.</summary>
    public void SetPeerTableSize(uint size)
    {
        int capacity = (int)Math.Min(size, TableCapacityMax);
        if (capacity == _table.Capacity)
        {
            return;
        }

        _pendingLowest = _pendingLowest < 0 ? capacity : Math.Min(_pendingLowest, capacity);
        _table.Resize(capacity);
    }

    /// <summary>Encodes into the destination, which holds at least <see cref="HeaderSet.EncodedSizeMax"/> bytes.
    /// Returns the length.</summary>
    public int Encode(HeaderSet set, Span<byte> destination)
    {
        foreach (ref Cached cached in _cache.AsSpan())
        {
            if (ReferenceEquals(cached.Set, set) && cached.Version == _table.Version && _pendingLowest < 0)
            {
                cached.Block.AsSpan(0, cached.Length).CopyTo(destination);
                return cached.Length;
            }
        }

        int updates = WriteSizeUpdates(destination);
        int at = updates;
        long before = _table.Version;
        foreach ((byte[] name, byte[] value) in set.Fields)
        {
            at = EncodeField(name, value, destination, at);
        }

        if (before == _table.Version && updates == 0 && at <= CachedBlockMax)
        {
            Remember(set, destination[..at]);
        }

        return at;
    }

    private void Remember(HeaderSet set, ReadOnlySpan<byte> block)
    {
        int slot = _nextSlot;
        for (int i = 0; i < CacheSlots; i++)
        {
            if (ReferenceEquals(_cache[i].Set, set))
            {
                slot = i;
            }
        }

        _nextSlot = slot == _nextSlot ? (_nextSlot + 1) % CacheSlots : _nextSlot;
        byte[] kept = _cache[slot].Block ?? new byte[CachedBlockMax];
        block.CopyTo(kept);
        _cache[slot] = new Cached(set, _table.Version, kept, block.Length);
    }

    private int WriteSizeUpdates(Span<byte> destination)
    {
        int at = 0;
        if (_pendingLowest >= 0)
        {
            // Both the lowest size of the time between two blocks and the last one are told (RFC 7541 §4.2).
            if (_pendingLowest < _table.Capacity)
            {
                at = HpackInteger.Write(destination, at, 0x20, 5, _pendingLowest);
            }

            at = HpackInteger.Write(destination, at, 0x20, 5, _table.Capacity);
            _pendingLowest = -1;
        }

        return at;
    }

    private int EncodeField(byte[] name, byte[] value, Span<byte> destination, int at)
    {
        int staticIndex = StaticTable.Find(name, value, out bool whole);
        if (whole)
        {
            return HpackInteger.Write(destination, at, 0x80, 7, staticIndex);
        }

        int dynamicIndex = _table.Find(name, value, out whole);
        if (whole)
        {
            return HpackInteger.Write(destination, at, 0x80, 7, StaticTable.Count + 1 + dynamicIndex);
        }

        int nameIndex = staticIndex != 0 ? staticIndex : dynamicIndex >= 0 ? StaticTable.Count + 1 + dynamicIndex : 0;
        bool indexing = name.Length + value.Length + DynamicTable.EntryOverhead <= _table.Capacity;
        at = indexing
            ? HpackInteger.Write(destination, at, 0x40, 6, nameIndex)
            : HpackInteger.Write(destination, at, 0x00, 4, nameIndex);
        if (nameIndex == 0)
        {
            at = WriteString(name, destination, at);
        }

        at = WriteString(value, destination, at);
        if (indexing)
        {
            _table.Insert(name, value);
        }

        return at;
    }

    private static int WriteString(ReadOnlySpan<byte> text, Span<byte> destination, int at)
    {
        int encoded = Huffman.EncodedLength(text);
        if (encoded < text.Length)
        {
            at = HpackInteger.Write(destination, at, 0x80, 7, encoded);
            return at + Huffman.Encode(text, destination[at..]);
        }

        at = HpackInteger.Write(destination, at, 0x00, 7, text.Length);
        text.CopyTo(destination[at..]);
        return at + text.Length;
    }

    private record struct Cached(HeaderSet? Set, long Version, byte[] Block, int Length);
}
