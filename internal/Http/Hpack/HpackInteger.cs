// HPACK's prefix integers (RFC 7541 §5.1). Pure functions; any thread.
namespace EtcdAot.Http.Hpack;

/// <summary>Reads and writes integers with an N-bit prefix.</summary>
public static class HpackInteger
{
    /// <summary>Bytes that an int takes at most, prefix byte included.</summary>
    public const int BytesMax = 6;

    /// <summary>Reads at <paramref name="at"/> and moves it on; false when cut or larger than an int.</summary>
    public static bool TryRead(ReadOnlySpan<byte> block, ref int at, int prefixBits, out int value)
    {
        int mask = (1 << prefixBits) - 1;
        value = block[at++] & mask;
        if (value < mask)
        {
            return true;
        }

        long sum = value;
        for (int shift = 0; shift <= 28; shift += 7)
        {
            if (at >= block.Length)
            {
                return false;
            }

            byte next = block[at++];
            sum += (long)(next & 0x7f) << shift;
            if ((next & 0x80) == 0)
            {
                value = (int)sum;
                return sum <= int.MaxValue;
            }
        }

        return false;
    }

    /// <summary>Writes the value with the flag bits above the prefix; returns the position behind it.</summary>
    public static int Write(Span<byte> destination, int at, byte flags, int prefixBits, int value)
    {
        int mask = (1 << prefixBits) - 1;
        if (value < mask)
        {
            destination[at++] = (byte)(flags | value);
            return at;
        }

        destination[at++] = (byte)(flags | mask);
        uint rest = (uint)(value - mask);
        while (rest >= 0x80)
        {
            destination[at++] = (byte)(rest | 0x80);
            rest >>= 7;
        }

        destination[at++] = (byte)rest;
        return at;
    }
}
