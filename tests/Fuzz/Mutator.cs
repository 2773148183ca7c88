// Changes inputs without knowing what they mean: bits, bytes, chunks, numbers that may be lengths, pieces of other inputs.
using System.Buffers.Binary;

namespace EtcdAot.Tests.Fuzz;

/// <summary>The common mutations.</summary>
internal static class Mutator
{
    private const int ChunkMax = 256;

    // Ends of ranges, sizes that overflow when something is added, and the bytes that protocols begin with.
    private static readonly long[] Interesting =
    [
        0, 1, 2, 7, 8, 15, 16, 31, 32, 63, 64, 127, 128, 255, 256, 511, 512, 1023, 1024, 4095, 4096, 16383, 16384, 32767,
        32768, 65535, 65536, 0xFFFFFF, 0x1000000, 0x7FFFFFF0, int.MaxValue, 0x80000000, 0xFFFFFFFF, 0x100000000,
        long.MaxValue - 8, long.MaxValue, long.MinValue, -1, -2, -8, -128, -32768,
    ];

    private static readonly string[] Words =
    [
        "\0", "\r\n", "\n", "\r\n\r\n", "\"", "\\", "{", "[", "}", "]", ":", ",", "-", "=", "--", "null", "true", "%", "..",
        "é", "\u2028", "9223372036854775808", "-9223372036854775809", "1e999", "0x", "ns", "h", "🦊", " ", "\t", "#", "&a",
        "*a", "<<: *a", "!!", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "HTTP/1.1", "Transfer-Encoding: chunked\r\n",
        "Content-Length: 1\r\n", "\xff",
    ];

    /// <summary>A changed copy of an input; pieces of others of the corpus may come in.</summary>
    public static byte[] Mutate(FuzzTarget target, byte[] input, IReadOnlyList<byte[]> corpus, Rng random)
    {
        int changes = 1 << random.Below(4);
        for (int i = 0; i < changes; i++)
        {
            if (!random.OneIn(2) || !target.TryMutate(input, random, out byte[] changed))
            {
                changed = Change(input, corpus, random);
            }

            input = changed.Length <= target.LengthMax ? changed : changed[..target.LengthMax];
        }

        return input;
    }

    private static byte[] Change(byte[] input, IReadOnlyList<byte[]> corpus, Rng random)
    {
        if (input.Length == 0)
        {
            return Bytes(random, 1 + random.Below(16));
        }

        int at = Position(input, random);
        return random.Below(12) switch
        {
            0 => With(input, at, (byte)(input[at] ^ (1 << random.Below(8)))),
            1 => With(input, at, (byte)random.Next()),
            2 => With(input, at, (byte)(input[at] + random.Below(35) - 17)),
            3 => Number(input, at, random),
            4 => Replaced(input, at, 0, Bytes(random, 1 + random.Below(8))),
            5 => Replaced(input, at, Chunk(input, at, random), []),
            6 => Replaced(input, at, 0, input.AsSpan(at, Chunk(input, at, random))),
            7 => input[..at],
            8 => Splice(input, at, random.Pick(corpus), random),
            9 => Replaced(input, at, random.Below(2), System.Text.Encoding.UTF8.GetBytes(random.Pick(Words))),
            10 => Varint(input, at, random),
            _ => Moved(input, at, random),
        };
    }

    // The front holds headers more often than the rest does.
    private static int Position(byte[] input, Rng random) =>
        random.OneIn(3) ? random.Below(Math.Min(input.Length, 64)) : random.Below(input.Length);

    private static int Chunk(byte[] input, int at, Rng random)
    {
        int longest = Math.Min(input.Length - at, ChunkMax);
        return 1 + random.Below(random.OneIn(4) ? longest : Math.Min(longest, 8));
    }

    private static byte[] With(byte[] input, int at, byte value)
    {
        byte[] copy = [.. input];
        copy[at] = value;
        return copy;
    }

    private static byte[] Bytes(Rng random, int count)
    {
        byte[] bytes = new byte[count];
        bool same = random.OneIn(3);
        byte fill = (byte)random.Next();
        for (int i = 0; i < count; i++)
        {
            bytes[i] = same ? fill : (byte)random.Next();
        }

        return bytes;
    }

    /// <summary>Overwrites 1, 2, 3, 4 or 8 bytes, in either order, by a number that is hard to handle, or one near what
    /// stands there.</summary>
    private static byte[] Number(byte[] input, int at, Rng random)
    {
        int size = random.Pick([1, 2, 3, 4, 8]);
        byte[] copy = [.. input];
        if (size > copy.Length - at)
        {
            return With(copy, at, (byte)random.Pick(Interesting));
        }

        Span<byte> eight = stackalloc byte[8];
        bool little = random.OneIn(2);
        long value = random.Pick(Interesting);
        if (random.OneIn(3))
        {
            copy.AsSpan(at, size).CopyTo(little ? eight : eight[(8 - size)..]);
            value = (little ? BinaryPrimitives.ReadInt64LittleEndian(eight) : BinaryPrimitives.ReadInt64BigEndian(eight))
                + random.Below(9) - 4;
        }

        BinaryPrimitives.WriteInt64LittleEndian(eight, value);
        if (!little)
        {
            eight[..size].Reverse();
        }

        eight[..size].CopyTo(copy.AsSpan(at));
        return copy;
    }

    private static byte[] Varint(byte[] input, int at, Rng random)
    {
        ulong value = (ulong)random.Pick(Interesting);
        var bytes = new List<byte>(10);
        for (; value >= 0x80; value >>= 7)
        {
            bytes.Add((byte)(value | 0x80));
        }

        bytes.Add((byte)value);
        return Replaced(input, at, random.OneIn(2) ? 1 : 0, bytes.ToArray());
    }

    private static byte[] Splice(byte[] input, int at, byte[] other, Rng random)
    {
        if (other.Length == 0)
        {
            return input;
        }

        int from = random.Below(other.Length);
        int length = random.OneIn(2) ? other.Length - from : Chunk(other, from, random);
        return random.OneIn(2)
            ? [.. input.AsSpan(0, at), .. other.AsSpan(from)]
            : Replaced(input, at, 0, other.AsSpan(from, length));
    }

    private static byte[] Moved(byte[] input, int at, Rng random)
    {
        int length = Chunk(input, at, random);
        byte[] chunk = input.AsSpan(at, length).ToArray();
        byte[] rest = Replaced(input, at, length, []);
        return Replaced(rest, random.Below(rest.Length + 1), 0, chunk);
    }

    private static byte[] Replaced(byte[] input, int at, int length, ReadOnlySpan<byte> by)
    {
        length = Math.Min(length, input.Length - at);
        return [.. input.AsSpan(0, at), .. by, .. input.AsSpan(at + length)];
    }
}
