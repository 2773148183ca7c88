// The Huffman code of HPACK (RFC 7541 Appendix B). The code is canonical, so the 257 lengths say all of it; codes and
// decode tables are computed from them once. Immutable after start; any thread.
namespace EtcdAot.Http.Hpack;

/// <summary>Encodes and decodes HPACK's string literals (RFC 7541 §5.2).</summary>
public static class Huffman
{
    private const int EndOfString = 256;
    private const int LengthMax = 30;

    /// <summary>Codes up to this length are found by one look; longer ones are rare in real headers.</summary>
    private const int FastBits = 10;

    /// <summary>Code length of each byte value, in bits; EOS (256) has 30.</summary>
    private static ReadOnlySpan<byte> Lengths =>
    [
        13, 23, 28, 28, 28, 28, 28, 28, 28, 24, 30, 28, 28, 30, 28, 28,
        28, 28, 28, 28, 28, 28, 30, 28, 28, 28, 28, 28, 28, 28, 28, 28,
        6, 10, 10, 12, 13, 6, 8, 11, 10, 10, 8, 11, 8, 6, 6, 6,
        5, 5, 5, 6, 6, 6, 6, 6, 6, 6, 7, 8, 15, 6, 12, 10,
        13, 6, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7,
        7, 7, 7, 7, 7, 7, 7, 7, 8, 7, 8, 13, 19, 13, 14, 6,
        15, 5, 6, 5, 6, 5, 6, 6, 6, 5, 7, 7, 6, 6, 6, 5,
        6, 7, 6, 5, 5, 6, 7, 7, 7, 7, 7, 15, 11, 14, 13, 28,
        20, 22, 20, 20, 22, 22, 22, 23, 22, 23, 23, 23, 23, 23, 24, 23,
        24, 24, 22, 23, 24, 23, 23, 23, 23, 21, 22, 23, 22, 23, 23, 24,
        22, 21, 20, 22, 22, 23, 23, 21, 23, 22, 22, 24, 21, 22, 23, 23,
        21, 21, 22, 21, 23, 22, 23, 23, 20, 22, 22, 22, 23, 22, 22, 23,
        26, 26, 20, 19, 22, 23, 22, 25, 26, 26, 26, 27, 27, 26, 24, 25,
        19, 21, 26, 27, 27, 26, 27, 24, 21, 21, 26, 26, 28, 27, 27, 27,
        20, 24, 20, 21, 22, 21, 21, 23, 22, 22, 25, 25, 24, 24, 26, 23,
        26, 27, 26, 26, 27, 27, 27, 27, 27, 28, 27, 27, 27, 27, 27, 26,
        30,
    ];

    private static readonly uint[] Codes = new uint[257];

    /// <summary>Next ten bits → symbol &lt;&lt; 8 | length; 0 when the code is longer.</summary>
    private static readonly ushort[] Fast = new ushort[1 << FastBits];

    private static readonly uint[] FirstCode = new uint[LengthMax + 2];
    private static readonly int[] FirstIndex = new int[LengthMax + 2];
    private static readonly ushort[] SymbolsByCode = new ushort[257];

#pragma warning disable CA1810 // The tables depend on each other, in this order.
    static Huffman()
#pragma warning restore CA1810
    {
        uint code = 0;
        int index = 0;
        for (int length = 1; length <= LengthMax; length++)
        {
            code <<= 1;
            FirstCode[length] = code;
            FirstIndex[length] = index;
            for (int symbol = 0; symbol <= EndOfString; symbol++)
            {
                if (Lengths[symbol] == length)
                {
                    Codes[symbol] = code++;
                    SymbolsByCode[index++] = (ushort)symbol;
                }
            }
        }

        FirstIndex[LengthMax + 1] = index;
        Observe.Invariant.Check(code == 1u << LengthMax, "the Huffman code is complete");
        FillFastTable();
    }

    /// <summary>Bytes that the encoded form takes.</summary>
    public static int EncodedLength(ReadOnlySpan<byte> text)
    {
        long bits = 0;
        foreach (byte b in text)
        {
            bits += Lengths[b];
        }

        return (int)((bits + 7) / 8);
    }

    /// <summary>Encodes; the destination holds at least <see cref="EncodedLength"/> bytes. Returns the length.</summary>
    public static int Encode(ReadOnlySpan<byte> text, Span<byte> destination)
    {
        ulong pending = 0;
        int bits = 0;
        int at = 0;
        foreach (byte b in text)
        {
            int length = Lengths[b];
            pending = (pending << length) | Codes[b];
            bits += length;
            while (bits >= 8)
            {
                bits -= 8;
                destination[at++] = (byte)(pending >> bits);
            }
        }

        if (bits > 0)
        {
            // Padding is the most significant bits of EOS: ones.
            destination[at++] = (byte)((pending << (8 - bits)) | (0xffu >> bits));
        }

        return at;
    }

    /// <summary>Most bytes that so many encoded bytes can become (the shortest code has five bits).</summary>
    public static int DecodedLengthMax(int encodedLength) => (int)Math.Min(int.MaxValue, encodedLength * 8L / 5);

    /// <summary>Decodes; the destination holds <see cref="DecodedLengthMax"/>. Returns the length, or -1 for a code
    /// that is cut, holds EOS, or is padded with anything but up to seven ones.</summary>
    public static int Decode(ReadOnlySpan<byte> encoded, Span<byte> destination)
    {
        ulong window = 0; // the next bits, left-aligned
        int bits = 0;
        int at = 0;
        int written = 0;
        while (true)
        {
            while (bits <= 56 && at < encoded.Length)
            {
                window |= (ulong)encoded[at++] << (56 - bits);
                bits += 8;
            }

            ushort fast = Fast[window >> (64 - FastBits)];
            int length = fast & 0xff;
            int symbol = fast >> 8;
            if (fast == 0)
            {
                length = LongCode((uint)(window >> 32), out symbol);
            }

            if (length > bits)
            {
                return IsPadding(window, bits) ? written : -1;
            }

            if (symbol == EndOfString)
            {
                return -1;
            }

            destination[written++] = (byte)symbol;
            window <<= length;
            bits -= length;
            if (bits == 0 && at == encoded.Length)
            {
                return written;
            }
        }
    }

    private static bool IsPadding(ulong window, int bits)
    {
        return bits < 8 && (bits == 0 || window >> (64 - bits) == (1u << bits) - 1u);
    }

    private static int LongCode(uint top32, out int symbol)
    {
        for (int length = FastBits + 1; length <= LengthMax; length++)
        {
            uint code = top32 >> (32 - length);
            uint offset = code - FirstCode[length];
            if (code >= FirstCode[length] && offset < FirstIndex[length + 1] - FirstIndex[length])
            {
                symbol = SymbolsByCode[FirstIndex[length] + (int)offset];
                return length;
            }
        }

        // A complete code has no gap; the last step always finds.
        symbol = EndOfString;
        return LengthMax;
    }

    private static void FillFastTable()
    {
        for (int symbol = 0; symbol < EndOfString; symbol++)
        {
            int length = Lengths[symbol];
            if (length > FastBits)
            {
                continue;
            }

            int first = (int)Codes[symbol] << (FastBits - length);
            for (int i = 0; i < 1 << (FastBits - length); i++)
            {
                Fast[first + i] = (ushort)((symbol << 8) | length);
            }
        }
    }
}
