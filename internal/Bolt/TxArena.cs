// Native memory of one write transaction: copied keys and values, and the pages to be written. Everything is
// given back at once when the transaction ends. Owned by the writer. Never moves what it has handed out.
using System.Runtime.InteropServices;

namespace EtcdAot.Bolt;

/// <summary>A bump allocator that keeps some of its blocks for the next transaction.</summary>
internal sealed unsafe class TxArena : IDisposable
{
    private const int BlockBytes = 1 << 20;

    // A usual batch (10,000 puts, 8 MiB) needs about twice its data: once as keys and values, once as pages.
    private const int KeptBlocks = 16;

    private readonly List<nint> _blocks = [];
    private readonly List<nint> _large = [];
    private int _current = -1;
    private int _used = BlockBytes;

    /// <summary>Memory for <paramref name="length"/> bytes; contents undefined.</summary>
    public byte* Allocate(long length)
    {
        if (length > BlockBytes / 2)
        {
            byte* large = (byte*)NativeMemory.Alloc((nuint)length);
            _large.Add((nint)large);
            return large;
        }

        if (_used + length > BlockBytes)
        {
            _current++;
            if (_current == _blocks.Count)
            {
                _blocks.Add((nint)NativeMemory.Alloc(BlockBytes));
            }

            _used = 0;
        }

        byte* at = (byte*)_blocks[_current] + _used;
        _used += (int)length;
        return at;
    }

    /// <summary>Copies two spans, one after the other.</summary>
    public byte* Copy(ReadOnlySpan<byte> first, ReadOnlySpan<byte> second)
    {
        byte* at = Allocate((long)first.Length + second.Length);
        first.CopyTo(new Span<byte>(at, first.Length));
        second.CopyTo(new Span<byte>(at + first.Length, second.Length));
        return at;
    }

    /// <summary>Takes everything back.</summary>
    public void Reset()
    {
        Free(_large, 0);
        Free(_blocks, KeptBlocks);
        _current = -1;
        _used = BlockBytes;
    }

    public void Dispose()
    {
        Free(_large, 0);
        Free(_blocks, 0);
    }

    private static void Free(List<nint> blocks, int kept)
    {
        for (int i = blocks.Count - 1; i >= kept; i--)
        {
            NativeMemory.Free((void*)blocks[i]);
            blocks.RemoveAt(i);
        }
    }
}
