// Counted, reference-free memory outside the collector's heap: a raft entry is encoded once into one of these and WAL,
// MsgApp and apply use the same bytes (DESIGN 3). Any thread may hold a count; the last Release frees it.
using System.Runtime.InteropServices;

namespace EtcdAot.Sys;

/// <summary>A block of native memory with a reference count.</summary>
public sealed unsafe class NativeSlab
{
    private byte* _memory;
    private int _count = 1;

    private NativeSlab(byte* memory, int length)
    {
        _memory = memory;
        Length = length;
    }

    /// <summary>Usable bytes.</summary>
    public int Length { get; }

    /// <summary>The bytes; only while a count is held.</summary>
    public Span<byte> Span => new(_memory, Length);

    /// <summary>Allocates with a count of one. Contents are not cleared.</summary>
    public static NativeSlab Allocate(int length)
    {
        return new NativeSlab((byte*)NativeMemory.Alloc((nuint)Math.Max(1, length)), length);
    }

    /// <summary>Holders, for tests that look for leaks.</summary>
    internal int ReferenceCount => Volatile.Read(ref _count);

    /// <summary>Adds a holder.</summary>
    public void AddReference() => Interlocked.Increment(ref _count);

    /// <summary>Gives up one count; the last one frees the memory.</summary>
    public void Release()
    {
        if (Interlocked.Decrement(ref _count) == 0)
        {
            NativeMemory.Free(_memory);
            _memory = null;
        }
    }
}

/// <summary>A part of a slab. Copying it does not count; whoever keeps it calls <see cref="AddReference"/>.</summary>
/// <param name="Slab">Null for empty.</param>
/// <param name="Offset">First byte.</param>
/// <param name="Length">Bytes.</param>
public readonly record struct SlabSlice(NativeSlab? Slab, int Offset, int Length)
{
    /// <summary>The bytes; only while a count is held.</summary>
    public ReadOnlySpan<byte> Span => Slab is null ? default : Slab.Span.Slice(Offset, Length);

    public void AddReference() => Slab?.AddReference();

    public void Release() => Slab?.Release();
}

/// <summary>Cuts slices from a current slab, so that many small entries share one allocation. One owner.</summary>
public sealed class SlabArena(int slabBytes = 256 * 1024) : IDisposable
{
    private NativeSlab? _current;
    private int _used;

    /// <summary>A slice to fill, with one count held for the caller. Contents are not cleared.</summary>
    public SlabSlice Rent(int length, out Span<byte> bytes)
    {
        if (length > slabBytes / 4)
        {
            NativeSlab own = NativeSlab.Allocate(length);
            bytes = own.Span;
            return new SlabSlice(own, 0, length);
        }

        if (_current is null || _used + length > _current.Length)
        {
            _current?.Release();
            _current = NativeSlab.Allocate(slabBytes);
            _used = 0;
        }

        var slice = new SlabSlice(_current, _used, length);
        _current.AddReference();
        bytes = _current.Span.Slice(_used, length);
        _used += length;
        return slice;
    }

    /// <summary>A slice holding a copy, with one count for the caller.</summary>
    public SlabSlice Copy(ReadOnlySpan<byte> source)
    {
        if (source.IsEmpty)
        {
            return default;
        }

        SlabSlice slice = Rent(source.Length, out Span<byte> bytes);
        source.CopyTo(bytes);
        return slice;
    }

    public void Dispose()
    {
        _current?.Release();
        _current = null;
    }
}
