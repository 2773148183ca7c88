// Pinned byte arrays in a few sizes, kept for reuse by one thread: output of connections goes to the kernel from them
// without being pinned each time. Owned by: one I/O thread.
namespace EtcdAot.Sys;

/// <summary>Lends pinned arrays. An array may be longer than asked for.</summary>
public sealed class SegmentPool
{
    /// <summary>Sizes that are kept. A typical reply fits the first; a full HTTP/2 frame the second.</summary>
    private static readonly int[] Sizes = [4 * 1024, 32 * 1024, 256 * 1024];

    /// <summary>Bytes kept of each size; beyond it the collector takes the array.</summary>
    private const int KeptBytesPerSize = 1024 * 1024;

    private readonly Stack<byte[]>[] _free = [new(), new(), new()];

    /// <summary>The smallest size.</summary>
    public static int SmallSize => Sizes[0];

    /// <summary>The middle size, for output that goes on.</summary>
    public static int MiddleSize => Sizes[1];

    /// <summary>An array of at least so many bytes, contents arbitrary.</summary>
    public byte[] Rent(int atLeast)
    {
        for (int i = 0; i < Sizes.Length; i++)
        {
            if (atLeast <= Sizes[i])
            {
                return _free[i].TryPop(out byte[]? kept) ? kept : New(Sizes[i]);
            }
        }

        return New(atLeast);
    }

    /// <summary>Gives an array back; the caller forgets it.</summary>
    public void Return(byte[] array)
    {
        int i = Array.IndexOf(Sizes, array.Length);
        if (i >= 0 && (_free[i].Count + 1) * Sizes[i] <= KeptBytesPerSize)
        {
            _free[i].Push(array);
        }
    }

    private static byte[] New(int length) => GC.AllocateUninitializedArray<byte>(length, pinned: true);
}
