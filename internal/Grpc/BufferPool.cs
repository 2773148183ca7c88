// Byte arrays of one I/O thread, by powers of two. Owned by: that thread. Bounded: what is over the bound goes back to the
// collector.
using System.Numerics;

namespace EtcdAot.Grpc;

/// <summary>Rents arrays for messages that arrive or leave in pieces.</summary>
public sealed class BufferPool
{
    private const int SmallestBits = 10;
    private const int LargestBits = 22;

    // 1 MiB a size: enough for a burst of split messages, little beside the buffers of the sockets.
    private const int KeptBytesPerSize = 1 << 20;

    private readonly Stack<byte[]>[] _free = new Stack<byte[]>[LargestBits - SmallestBits + 1];

    public BufferPool()
    {
        for (int i = 0; i < _free.Length; i++)
        {
            _free[i] = new Stack<byte[]>();
        }
    }

    /// <summary>An array of at least <paramref name="length"/> bytes, not cleared.</summary>
    public byte[] Rent(int length)
    {
        int bits = Bits(length);
        if (bits > LargestBits)
        {
            return new byte[length];
        }

        return _free[bits - SmallestBits].TryPop(out byte[]? buffer) ? buffer : new byte[1 << bits];
    }

    /// <summary>Gives an array back; it must not be touched afterwards.</summary>
    public void Return(byte[] buffer)
    {
        int bits = Bits(buffer.Length);
        if (bits > LargestBits || buffer.Length != 1 << bits)
        {
            return;
        }

        Stack<byte[]> free = _free[bits - SmallestBits];
        if (free.Count < Math.Max(1, KeptBytesPerSize >> bits))
        {
            free.Push(buffer);
        }
    }

    private static int Bits(int length)
    {
        return Math.Max(SmallestBits, 32 - BitOperations.LeadingZeroCount((uint)Math.Max(0, length - 1)));
    }
}
