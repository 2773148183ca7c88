// Operations on buckets, copied one behind the other into native memory: what one commit writes beside the big bucket.
// owned by: core thread while it is filled, backend thread while it is committed; never both.
using System.Runtime.InteropServices;

namespace EtcdAot.Backend;

/// <summary>A growing list of puts and deletes.</summary>
internal sealed unsafe class BatchBuffer : IDisposable
{
    private const int HeaderBytes = 12;
    private const int KeepBytes = 4 << 20;
    private byte* _memory;
    private long _size;
    private long _used;

    /// <summary>Index, term, configuration at the moment the batch closed.</summary>
    public ulong ConsistentIndex;

    public ulong Term;

    /// <summary>JSON, null when unchanged since start.</summary>
    public byte[]? ConfState;

    public BatchExtent Extent;

    /// <summary>Pages freed before this transaction are followed by no reader any more; of the file with that number.</summary>
    public ulong ReleaseBefore;

    public int File;

    /// <summary>Number of the commit.</summary>
    public long Ticket;

    public long Operations { get; private set; }

    public long Bytes => _used;

    public void Put(BackendBucket bucket, ReadOnlySpan<byte> key, ReadOnlySpan<byte> value)
    {
        Add((byte)bucket, isDelete: false, key, value);
    }

    public void Delete(BackendBucket bucket, ReadOnlySpan<byte> key)
    {
        Add((byte)bucket, isDelete: true, key, default);
    }

    /// <summary>The operation at <paramref name="at"/>; false at the end.</summary>
    public bool Next(
        ref long at,
        out BackendBucket bucket,
        out bool isDelete,
        out ReadOnlySpan<byte> key,
        out ReadOnlySpan<byte> value)
    {
        bucket = default;
        isDelete = false;
        key = default;
        value = default;
        if (at >= _used)
        {
            return false;
        }

        byte* header = _memory + at;
        bucket = (BackendBucket)header[0];
        isDelete = header[1] != 0;
        int keyLength = *(int*)(header + 4);
        int valueLength = *(int*)(header + 8);
        key = new ReadOnlySpan<byte>(header + HeaderBytes, keyLength);
        value = new ReadOnlySpan<byte>(header + HeaderBytes + keyLength, valueLength);
        at += (HeaderBytes + (long)keyLength + valueLength + 3) & ~3L;
        return true;
    }

    public void Clear()
    {
        _used = 0;
        Operations = 0;
        Extent = default;
        if (_size > KeepBytes)
        {
            Dispose();
        }
    }

    public void Dispose()
    {
        NativeMemory.Free(_memory);
        _memory = null;
        _size = 0;
        _used = 0;
    }

    private void Add(byte bucket, bool isDelete, ReadOnlySpan<byte> key, ReadOnlySpan<byte> value)
    {
        long bytes = (HeaderBytes + (long)key.Length + value.Length + 3) & ~3L;
        if (_used + bytes > _size)
        {
            _size = Math.Max(_used + bytes, Math.Max(64 * 1024, _size * 2));
            _memory = (byte*)NativeMemory.Realloc(_memory, (nuint)_size);
        }

        byte* header = _memory + _used;
        header[0] = bucket;
        header[1] = isDelete ? (byte)1 : (byte)0;
        *(int*)(header + 4) = key.Length;
        *(int*)(header + 8) = value.Length;
        key.CopyTo(new Span<byte>(header + HeaderBytes, key.Length));
        value.CopyTo(new Span<byte>(header + HeaderBytes + key.Length, value.Length));
        _used += bytes;
        Operations++;
    }
}
