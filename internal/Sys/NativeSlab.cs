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
