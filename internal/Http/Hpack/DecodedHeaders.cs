// The fields of one decoded header block: bytes in an arena, positions beside it, both reused from block to block.
// Owned by: the decoder of one connection. Its slices die with the next block.
namespace EtcdAot.Http.Hpack;

/// <summary>Fields of a decoded block.</summary>
public sealed class DecodedHeaders : HeaderBlock
{
    private const int ArenaKept = 16 * 1024;
    private const int FieldsKept = 256;

    private byte[] _arena = new byte[1024];
    private Field[] _fields = new Field[32];
    private int _count;
    private int _used;

    public override int Count => _count;

    /// <summary>Sum of name + value + 32 over the fields.</summary>
    public long ListSize { get; private set; }

    public override ReadOnlySpan<byte> Name(int index)
    {
        Field field = _fields[CheckedIndex(index)];
        return _arena.AsSpan(field.Offset, field.NameLength);
    }

    public override ReadOnlySpan<byte> Value(int index)
    {
        Field field = _fields[CheckedIndex(index)];
        return _arena.AsSpan(field.Offset + field.NameLength, field.ValueLength);
    }

    internal void Clear()
    {
        _count = 0;
        _used = 0;
        ListSize = 0;
        Copied = 0;
        if (_arena.Length > ArenaKept)
        {
            _arena = new byte[1024];
        }

        if (_fields.Length > FieldsKept)
        {
            _fields = new Field[32];
        }
    }

    internal void SetGeneration(long generation) => Generation = generation;

    /// <summary>Room for so many more bytes at the arena's end.</summary>
    internal Span<byte> Room(int length)
    {
        if (_arena.Length - _used < length)
        {
            Array.Resize(ref _arena, (int)Math.Max(_arena.Length * 2L, (long)_used + length));
        }

        return _arena.AsSpan(_used, length);
    }

    internal void Advance(int length)
    {
        _used += length;
        Copied += length;
    }

    /// <summary>Bytes in the arena, the start of the next field.</summary>
    internal int Mark => _used;

    internal ReadOnlySpan<byte> Slice(int from, int length) => _arena.AsSpan(from, length);

    /// <summary>Makes a field of the bytes since the mark; adds its size in any case, and the field only when kept.</summary>
    internal void EndField(int mark, int nameLength, bool keep)
    {
        int valueLength = _used - mark - nameLength;
        ListSize += (long)nameLength + valueLength + DynamicTable.EntryOverhead;
        if (!keep)
        {
            _used = mark;
            return;
        }

        if (_count == _fields.Length)
        {
            Array.Resize(ref _fields, _count * 2);
        }

        _fields[_count++] = new Field(mark, nameLength, valueLength);
    }

    /// <summary>Adds a field's size without the field.</summary>
    internal void CountField(int bytes) => ListSize += (long)bytes + DynamicTable.EntryOverhead;

    /// <summary>Bytes copied into the arena by this block so far, fields that were not kept included; for tests.</summary>
    internal long Copied { get; private set; }

    private int CheckedIndex(int index)
    {
        Observe.Invariant.Check((uint)index < (uint)_count, "a field index lies below Count");
        return index;
    }

    private readonly record struct Field(int Offset, int NameLength, int ValueLength);
}
