// HPACK's decoder (RFC 7541 §3, §6): one complete header block in, fields out. Owned by: one connection. Never throws for
// what a peer sends, never allocates in steady state.
namespace EtcdAot.Http.Hpack;

/// <summary>How a block ended.</summary>
public enum HpackResult
{
    /// <summary>All fields are there.</summary>
    Ok,

    /// <summary>The list is larger than the limit; the table was kept in step, the fields beyond are missing.</summary>
    ListTooLarge,

    /// <summary>The block is malformed: COMPRESSION_ERROR for the whole connection.</summary>
    Malformed,
}

/// <summary>Decodes the header blocks of one connection, in order.</summary>
public sealed class HpackDecoder(int tableCapacity, int listSizeMax)
{
    private const int CachedBlockMax = 64;

    private readonly DynamicTable _table = new(tableCapacity, searched: false);
    private readonly byte[] _cachedBlock = new byte[CachedBlockMax];
    private int _cachedLength = -1;
    private long _cachedVersion;
    private long _generation;

    /// <summary>Fields of the last block.</summary>
    public DecodedHeaders Headers { get; } = new();

    internal DynamicTable Table => _table;

    /// <summary>Decodes one block into <see cref="Headers"/>.</summary>
    public HpackResult Decode(ReadOnlySpan<byte> block)
    {
        // A client repeats its calls: the same bytes over the same table are the same fields, which still stand there.
        if (block.Length == _cachedLength && _cachedVersion == _table.Version
            && block.SequenceEqual(_cachedBlock.AsSpan(0, block.Length)))
        {
            return HpackResult.Ok;
        }

        long before = _table.Version;
        _cachedLength = -1;
        Headers.Clear();
        Headers.SetGeneration(++_generation);
        HpackResult result = DecodeFields(block);
        if (result == HpackResult.Ok && before == _table.Version && block.Length <= CachedBlockMax)
        {
            block.CopyTo(_cachedBlock);
            _cachedLength = block.Length;
            _cachedVersion = before;
        }

        return result;
    }

    private HpackResult DecodeFields(ReadOnlySpan<byte> block)
    {
        int at = 0;
        while (at < block.Length && (block[at] & 0xe0) == 0x20)
        {
            if (!HpackInteger.TryRead(block, ref at, 5, out int capacity) || capacity > _table.CapacityMax)
            {
                return HpackResult.Malformed;
            }

            _table.Resize(capacity);
        }

        while (at < block.Length)
        {
            byte first = block[at];
            bool ok = (first & 0x80) != 0
                ? ReadIndexed(block, ref at)
                : (first & 0xe0) != 0x20 && ReadLiteral(block, ref at, first);
            if (!ok)
            {
                return HpackResult.Malformed;
            }
        }

        return Headers.ListSize > listSizeMax ? HpackResult.ListTooLarge : HpackResult.Ok;
    }

    private bool ReadIndexed(ReadOnlySpan<byte> block, ref int at)
    {
        if (!HpackInteger.TryRead(block, ref at, 7, out int index))
        {
            return false;
        }

        if (IsTooLarge)
        {
            return CountReference(index);
        }

        int mark = Headers.Mark;
        if (!AppendName(index, out int nameLength))
        {
            return false;
        }

        Append(index <= StaticTable.Count
            ? StaticTable.Entry(index).Value
            : _table.Value(index - StaticTable.Count - 1));
        EndField(mark, nameLength);
        return true;
    }

    private bool ReadLiteral(ReadOnlySpan<byte> block, ref int at, byte first)
    {
        bool indexing = (first & 0x40) != 0;
        if (!HpackInteger.TryRead(block, ref at, indexing ? 6 : 4, out int index))
        {
            return false;
        }

        int mark = Headers.Mark;
        int nameLength;
        if (index == 0)
        {
            if (!AppendString(block, ref at))
            {
                return false;
            }

            nameLength = Headers.Mark - mark;
        }
        else if (IsTooLarge && !indexing)
        {
            // Its name is counted without a copy; the value's bytes are the block's own.
            nameLength = 0;
            if (!CountReference(index))
            {
                return false;
            }
        }
        else if (!AppendName(index, out nameLength))
        {
            return false;
        }

        if (!AppendString(block, ref at))
        {
            return false;
        }

        if (indexing)
        {
            ReadOnlySpan<byte> field = Headers.Slice(mark, Headers.Mark - mark);
            _table.Insert(field[..nameLength], field[nameLength..]);
        }

        EndField(mark, nameLength);
        return true;
    }

    private bool IsTooLarge => Headers.ListSize > listSizeMax;

    /// <summary>Beyond the limit a field that leaves the table alone is only counted: a byte of the block would cost a
    /// whole table entry's copy otherwise.</summary>
    private bool CountReference(int index)
    {
        if (index == 0 || index > StaticTable.Count + _table.Count)
        {
            return false;
        }

        Headers.CountField(index <= StaticTable.Count
            ? StaticTable.Entry(index).Name.Length + StaticTable.Entry(index).Value.Length
            : _table.Name(index - StaticTable.Count - 1).Length + _table.Value(index - StaticTable.Count - 1).Length);
        return true;
    }

    private void EndField(int mark, int nameLength)
    {
        long size = (long)(Headers.Mark - mark) + DynamicTable.EntryOverhead;
        Headers.EndField(mark, nameLength, keep: Headers.ListSize + size <= listSizeMax);
    }

    private bool AppendName(int index, out int nameLength)
    {
        nameLength = 0;
        if (index == 0 || index > StaticTable.Count + _table.Count)
        {
            return false;
        }

        ReadOnlySpan<byte> name = index <= StaticTable.Count
            ? StaticTable.Entry(index).Name
            : _table.Name(index - StaticTable.Count - 1);
        nameLength = name.Length;
        Append(name);
        return true;
    }

    private void Append(ReadOnlySpan<byte> bytes)
    {
        bytes.CopyTo(Headers.Room(bytes.Length));
        Headers.Advance(bytes.Length);
    }

    private bool AppendString(ReadOnlySpan<byte> block, ref int at)
    {
        if (at >= block.Length)
        {
            return false;
        }

        bool huffman = (block[at] & 0x80) != 0;
        if (!HpackInteger.TryRead(block, ref at, 7, out int length) || length > block.Length - at)
        {
            return false;
        }

        ReadOnlySpan<byte> text = block.Slice(at, length);
        at += length;
        if (!huffman)
        {
            Append(text);
            return true;
        }

        if (length == 0)
        {
            return true;
        }

        int decoded = Huffman.Decode(text, Headers.Room(Huffman.DecodedLengthMax(length)));
        Headers.Advance(Math.Max(decoded, 0));
        return decoded >= 0;
    }
}
