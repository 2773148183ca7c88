using System.Text;
using EtcdAot.Http;
using EtcdAot.Http.Hpack;
using EtcdAot.Tests.Unit.Fakes;

namespace EtcdAot.Tests.Unit.Http;

/// <summary>Goal: HPACK as RFC 7541 says it. Method: the RFC's own examples (Appendix C), round trips with fixed seeds,
/// and blocks that lie.</summary>
public class HpackTests
{
    private static string Text(HeaderBlock block)
    {
        var text = new StringBuilder();
        for (int i = 0; i < block.Count; i++)
        {
            text.Append(Encoding.Latin1.GetString(block.Name(i))).Append(": ")
                .Append(Encoding.Latin1.GetString(block.Value(i))).Append('\n');
        }

        return text.ToString();
    }

    private static byte[] Hex(string hex) => Convert.FromHexString(hex.Replace(" ", "", StringComparison.Ordinal));

    private static string Table(DynamicTable table)
    {
        var text = new StringBuilder();
        for (int i = 0; i < table.Count; i++)
        {
            text.Append(Encoding.ASCII.GetString(table.Name(i))).Append(": ")
                .Append(Encoding.ASCII.GetString(table.Value(i))).Append('\n');
        }

        return text.ToString();
    }

    [Theory]
    [InlineData(5, 10, "0a")]
    [InlineData(5, 1337, "1f9a0a")]
    [InlineData(8, 42, "2a")]
    public void IntegersOfAppendixC1(int prefix, int value, string hex)
    {
        var bytes = new byte[HpackInteger.BytesMax];
        int length = HpackInteger.Write(bytes, 0, 0, prefix, value);
        Assert.Equal(hex, Convert.ToHexStringLower(bytes.AsSpan(0, length)));
        int at = 0;
        Assert.True(HpackInteger.TryRead(bytes.AsSpan(0, length), ref at, prefix, out int read));
        Assert.Equal((value, length), (read, at));
    }

    [Theory]
    [InlineData("ff")]
    [InlineData("ff80808080")]
    [InlineData("ff808080808001")]
    [InlineData("ffffffffff0f")]
    public void IntegersThatAreCutOrTooLargeAreRefused(string hex)
    {
        int at = 0;
        Assert.False(HpackInteger.TryRead(Hex(hex), ref at, 8, out _));
    }

    [Fact]
    public void LiteralsOfAppendixC2()
    {
        var decoder = new HpackDecoder(4096, 10000);
        Assert.Equal(HpackResult.Ok, decoder.Decode(Hex("400a 6375 7374 6f6d 2d6b 6579 0d63 7573 746f 6d2d 6865 6164 6572")));
        Assert.Equal("custom-key: custom-header\n", Text(decoder.Headers));
        Assert.Equal(55, decoder.Table.Size);
        Assert.Equal(HpackResult.Ok, decoder.Decode(Hex("040c 2f73 616d 706c 652f 7061 7468")));
        Assert.Equal(":path: /sample/path\n", Text(decoder.Headers));
        Assert.Equal(HpackResult.Ok, decoder.Decode(Hex("1008 7061 7373 776f 7264 0673 6563 7265 74")));
        Assert.Equal("password: secret\n", Text(decoder.Headers));
        Assert.Equal(HpackResult.Ok, decoder.Decode(Hex("82")));
        Assert.Equal(":method: GET\n", Text(decoder.Headers));
        Assert.Equal(1, decoder.Table.Count);
    }

    private const string First = ":method: GET\n:scheme: http\n:path: /\n:authority: www.example.com\n";

    [Theory]
    [InlineData(
        "8286 8441 0f77 7777 2e65 7861 6d70 6c65 2e63 6f6d",
        "8286 84be 5808 6e6f 2d63 6163 6865",
        "8287 85bf 400a 6375 7374 6f6d 2d6b 6579 0c63 7573 746f 6d2d 7661 6c75 65")]
    [InlineData(
        "8286 8441 8cf1 e3c2 e5f2 3a6b a0ab 90f4 ff",
        "8286 84be 5886 a8eb 1064 9cbf",
        "8287 85bf 4088 25a8 49e9 5ba9 7d7f 8925 a849 e95b b8e8 b4bf")]
    public void RequestsOfAppendixC3AndC4(string first, string second, string third)
    {
        var decoder = new HpackDecoder(4096, 10000);
        Assert.Equal(HpackResult.Ok, decoder.Decode(Hex(first)));
        Assert.Equal(First, Text(decoder.Headers));
        Assert.Equal((57, ":authority: www.example.com\n"), (decoder.Table.Size, Table(decoder.Table)));
        Assert.Equal(HpackResult.Ok, decoder.Decode(Hex(second)));
        Assert.Equal(First + "cache-control: no-cache\n", Text(decoder.Headers));
        Assert.Equal(110, decoder.Table.Size);
        Assert.Equal(HpackResult.Ok, decoder.Decode(Hex(third)));
        Assert.Equal(":method: GET\n:scheme: https\n:path: /index.html\n:authority: www.example.com\n"
            + "custom-key: custom-value\n", Text(decoder.Headers));
        Assert.Equal((164, "custom-key: custom-value\ncache-control: no-cache\n:authority: www.example.com\n"),
            (decoder.Table.Size, Table(decoder.Table)));
    }

    private const string Tail = "cache-control: private\ndate: Mon, 21 Oct 2013 20:13:2{0} GMT\n"
        + "location: https://www.example.com\n";

    [Theory]
    [InlineData(
        "4803 3330 3258 0770 7269 7661 7465 611d 4d6f 6e2c 2032 3120 4f63 7420 3230 3133 2032 303a 3133 3a32 3120 474d"
        + "54 6e17 6874 7470 733a 2f2f 7777 772e 6578 616d 706c 652e 636f 6d",
        "4803 3330 37c1 c0bf",
        "88c1 611d 4d6f 6e2c 2032 3120 4f63 7420 3230 3133 2032 303a 3133 3a32 3220 474d 54c0 5a04 677a 6970 7738 666f"
        + "6f3d 4153 444a 4b48 514b 425a 584f 5157 454f 5049 5541 5851 5745 4f49 553b 206d 6178 2d61 6765 3d33 3630 303b"
        + "2076 6572 7369 6f6e 3d31")]
    [InlineData(
        "4882 6402 5885 aec3 771a 4b61 96d0 7abe 9410 54d4 44a8 2005 9504 0b81 66e0 82a6 2d1b ff6e 919d 29ad 1718 63c7"
        + "8f0b 97c8 e9ae 82ae 43d3",
        "4883 640e ffc1 c0bf",
        "88c1 6196 d07a be94 1054 d444 a820 0595 040b 8166 e084 a62d 1bff c05a 839b d9ab 77ad 94e7 821d d7f2 e6c7 b335"
        + "dfdf cd5b 3960 d5af 2708 7f36 72c1 ab27 0fb5 291f 9587 3160 65c0 03ed 4ee5 b106 3d50 07")]
    public void ResponsesOfAppendixC5AndC6(string first, string second, string third)
    {
        var decoder = new HpackDecoder(256, 10000);
        Assert.Equal(HpackResult.Ok, decoder.Decode(Hex(first)));
        Assert.Equal(":status: 302\n" + Tail.Replace("{0}", "1", StringComparison.Ordinal), Text(decoder.Headers));
        Assert.Equal(222, decoder.Table.Size);
        Assert.Equal(HpackResult.Ok, decoder.Decode(Hex(second)));
        Assert.Equal(":status: 307\n" + Tail.Replace("{0}", "1", StringComparison.Ordinal), Text(decoder.Headers));
        Assert.Equal(HpackResult.Ok, decoder.Decode(Hex(third)));
        Assert.Equal(":status: 200\n" + Tail.Replace("{0}", "2", StringComparison.Ordinal) + "content-encoding: gzip\n"
            + "set-cookie: foo=ASDJKHQKBZXOQWEOPIUAXQWEOIU; max-age=3600; version=1\n", Text(decoder.Headers));
        Assert.Equal(215, decoder.Table.Size);
        Assert.Equal(3, decoder.Table.Count);
    }

    [Fact]
    public void HuffmanCodesAreTheRfcs()
    {
        // One of each length that shows its place in the canonical order: a slip in the table would move them.
        (int Symbol, string Bits)[] samples =
        [
            ('0', "00000"), ('t', "01001"), (' ', "010100"), ('u', "101101"), (':', "1011100"), ('z', "1111011"),
            ('&', "11111000"), ('Z', "11111101"), ('!', "1111111000"), ('?', "1111111100"), ('\'', "11111111010"),
            ('|', "11111111100"), ('#', "111111111010"), ('>', "111111111011"), (0, "1111111111000"),
            ('~', "1111111111101"), ('^', "11111111111100"), ('}', "11111111111101"), ('<', "111111111111100"),
            ('{', "111111111111110"), ('\\', "1111111111111110000"), (208, "1111111111111110010"),
            (128, "11111111111111100110"), (226, "11111111111111101101"), (153, "111111111111111011100"),
            (129, "1111111111111111010010"), (1, "11111111111111111011000"), (9, "111111111111111111101010"),
            (199, "1111111111111111111101100"), (192, "11111111111111111111100000"),
            (202, "11111111111111111111100100"), (203, "111111111111111111111011110"),
            (2, "1111111111111111111111100010"), (249, "1111111111111111111111111110"),
            (10, "111111111111111111111111111100"), (22, "111111111111111111111111111110"),
        ];
        foreach ((int symbol, string bits) in samples)
        {
            byte[] text = [(byte)symbol];
            var encoded = new byte[Huffman.EncodedLength(text)];
            Huffman.Encode(text, encoded);
            string got = string.Concat(encoded.Select(b => Convert.ToString(b, 2).PadLeft(8, '0')));
            Assert.Equal(bits.PadRight(got.Length, '1'), got);
        }
    }

    [Fact]
    public void HuffmanRoundTripsEveryByteInEveryCompany()
    {
        var random = new Random(1);
        for (int round = 0; round < 2000; round++)
        {
            var text = new byte[random.Next(0, 40)];
            random.NextBytes(text);
            var encoded = new byte[Huffman.EncodedLength(text)];
            Assert.Equal(encoded.Length, Huffman.Encode(text, encoded));
            var decoded = new byte[Huffman.DecodedLengthMax(encoded.Length)];
            int length = encoded.Length == 0 ? 0 : Huffman.Decode(encoded, decoded);
            Assert.Equal(text, decoded.AsSpan(0, length).ToArray());
        }
    }

    [Theory]
    [InlineData("00")] // '0' and three zero bits of padding
    [InlineData("ff")] // eight ones are more than padding
    [InlineData("ffffffff")] // EOS
    [InlineData("07ff")] // '0' and eleven ones
    public void HuffmanPaddingAndEosAreChecked(string hex)
    {
        Assert.Equal(-1, Huffman.Decode(Hex(hex), new byte[64]));
    }

    [Theory]
    [InlineData("80")] // index 0
    [InlineData("be")] // empty dynamic table
    [InlineData("ff808001")] // index far out
    [InlineData("3fe21f")] // size update to 4097
    [InlineData("8220")] // size update behind a field
    [InlineData("400a61")] // name cut
    [InlineData("4001610562")] // value cut
    [InlineData("40")] // no string at all
    [InlineData("4001617fffffffff0f")] // length beyond an int
    [InlineData("400161820000")] // Huffman of zeros, bad padding
    public void LyingBlocksAreMalformed(string hex)
    {
        Assert.Equal(HpackResult.Malformed, new HpackDecoder(4096, 10000).Decode(Hex(hex)));
    }

    [Fact]
    public void AListAboveTheLimitKeepsTheTableInStep()
    {
        var encoder = new HpackEncoder();
        var decoder = new HpackDecoder(4096, 200);
        byte[] Encode(HeaderSet set)
        {
            var block = new byte[set.EncodedSizeMax];
            return block[..encoder.Encode(set, block)];
        }

        var large = new HeaderSet(("a"u8.ToArray(), new byte[150]), ("b"u8.ToArray(), "x"u8.ToArray()));
        Assert.Equal(HpackResult.ListTooLarge, decoder.Decode(Encode(large)));
        var small = new HeaderSet(("b"u8.ToArray(), "x"u8.ToArray()));
        Assert.Equal(HpackResult.Ok, decoder.Decode(Encode(small)));
        Assert.Equal("b: x\n", Text(decoder.Headers));
        Assert.Equal(Table(encoder.Table), Table(decoder.Table));
    }

    [Fact]
    public void ABombOfReferencesIsBounded()
    {
        var decoder = new HpackDecoder(4096, 100_000);
        var block = new byte[3 + 3 + 3000 + 50_000];
        block[0] = 0x40;
        block[1] = 1;
        block[2] = (byte)'n';
        int at = HpackInteger.Write(block, 3, 0, 7, 3000);
        at += 3000;
        block.AsSpan(at).Fill(0xbe);
        Assert.Equal(HpackResult.ListTooLarge, decoder.Decode(block));
        Assert.True(decoder.Headers.ListSize > 100_000);
        Assert.True(decoder.Headers.Count < 40);
        Assert.True(decoder.Headers.Copied < 110_000, $"{decoder.Headers.Copied} bytes were copied");

        // The same with literals that only borrow the long name: two bytes of the block each.
        var literals = new byte[3 * 16_000];
        for (int i = 0; i < literals.Length; i += 3)
        {
            (literals[i], literals[i + 1]) = (0x0f, 62 - 15);
        }

        Assert.Equal(HpackResult.Ok, decoder.Decode(Named()));
        Assert.Equal(HpackResult.ListTooLarge, decoder.Decode(literals));
        Assert.True(decoder.Headers.Copied < 110_000, $"{decoder.Headers.Copied} bytes were copied");
    }

    // One field whose name fills most of the table.
    private static byte[] Named()
    {
        var block = new byte[3100];
        block[0] = 0x40;
        int at = HpackInteger.Write(block, 1, 0, 7, 3000);
        block.AsSpan(at, 3000).Fill((byte)'n');
        at += 3000;
        block[at++] = 0;
        return block[..at];
    }

    [Fact]
    public void ABombOfInsertsIsBounded()
    {
        // Every two bytes insert a field of 4 KB: to hash each, which only an encoder needs, took seconds a block.
        var decoder = new HpackDecoder(4096, 100_000);
        var block = new byte[(1 << 20) + 4006];
        (block[0], block[1], block[2]) = (0x40, 0x7f, 0xa1);
        HpackInteger.Write(block, 1, 0, 7, 4000);
        int at = 1 + 3 + 4000 + 1;
        for (; at + 1 < block.Length; at += 2)
        {
            block[at] = 0x7e;
        }

        double seconds = ThreadCpu.SecondsOf(() => Assert.Equal(HpackResult.ListTooLarge, decoder.Decode(block.AsSpan(0, at))));
        Assert.InRange(seconds, 0, 1);
        Assert.True(decoder.Headers.ListSize > 2_000_000_000);
    }

    [Fact]
    public void ARepeatedSuccessCostsTwoBytesEach()
    {
        var encoder = new HpackEncoder();
        var headers = new HeaderSet((":status"u8.ToArray(), "200"u8.ToArray()),
            ("content-type"u8.ToArray(), "application/grpc"u8.ToArray()));
        var trailers = new HeaderSet(("grpc-status"u8.ToArray(), "0"u8.ToArray()), ("grpc-message"u8.ToArray(), []));
        var block = new byte[200];
        int first = encoder.Encode(headers, block);
        // Indexed :status, then content-type's name by index and its value Huffman coded, to be remembered.
        Assert.Equal("885f8b1d75d0620d263d4c4d6564", Convert.ToHexStringLower(block.AsSpan(0, first)));
        encoder.Encode(trailers, block);
        for (int i = 0; i < 3; i++)
        {
            Assert.Equal(2, encoder.Encode(headers, block));
            Assert.Equal("88c0", Convert.ToHexStringLower(block.AsSpan(0, 2)));
            Assert.Equal(2, encoder.Encode(trailers, block));
            Assert.Equal("bfbe", Convert.ToHexStringLower(block.AsSpan(0, 2)));
        }
    }

    [Fact]
    public void AClientWithoutATableGetsAnUpdateAndLiteralsWithoutIndexing()
    {
        var encoder = new HpackEncoder();
        encoder.SetPeerTableSize(0);
        encoder.SetPeerTableSize(100_000);
        encoder.SetPeerTableSize(0);
        var set = new HeaderSet(("a"u8.ToArray(), "0"u8.ToArray()));
        var block = new byte[100];
        int length = encoder.Encode(set, block);
        Assert.Equal("20" + "0001610130", Convert.ToHexStringLower(block.AsSpan(0, length)));
        length = encoder.Encode(set, block);
        Assert.Equal("0001610130", Convert.ToHexStringLower(block.AsSpan(0, length)));
    }

    [Fact]
    public void EncoderAndDecoderStayInStepUnderRandomUse()
    {
        var random = new Random(7);
        var encoder = new HpackEncoder();
        var decoder = new HpackDecoder(4096, 1 << 20);
        var pool = new List<HeaderSet>();
        for (int round = 0; round < 3000; round++)
        {
            if (random.Next(50) == 0)
            {
                encoder.SetPeerTableSize((uint)random.Next(0, 5000));
            }

            HeaderSet set = pool.Count > 0 && random.Next(3) > 0 ? pool[random.Next(pool.Count)] : RandomSet(random);
            if (pool.Count < 20)
            {
                pool.Add(set);
            }

            var block = new byte[set.EncodedSizeMax];
            int length = encoder.Encode(set, block);
            Assert.Equal(HpackResult.Ok, decoder.Decode(block.AsSpan(0, length)));
            Assert.Equal(set.Fields.Length, decoder.Headers.Count);
            for (int i = 0; i < set.Fields.Length; i++)
            {
                Assert.Equal(set.Fields[i].Name, decoder.Headers.Name(i).ToArray());
                Assert.Equal(set.Fields[i].Value, decoder.Headers.Value(i).ToArray());
            }

            Assert.Equal(Table(encoder.Table), Table(decoder.Table));
        }
    }

    private static HeaderSet RandomSet(Random random)
    {
        var fields = new (byte[] Name, byte[] Value)[random.Next(1, 6)];
        for (int i = 0; i < fields.Length; i++)
        {
            var value = new byte[random.Next(20) == 0 ? random.Next(3000, 6000) : random.Next(0, 60)];
            random.NextBytes(value);
            fields[i] = (Encoding.ASCII.GetBytes("name-" + random.Next(12)), value);
        }

        return new HeaderSet(fields);
    }

    [Fact]
    public void RandomBlocksNeverThrow()
    {
        var random = new Random(11);
        var decoder = new HpackDecoder(4096, 2000);
        for (int round = 0; round < 20_000; round++)
        {
            var block = new byte[random.Next(0, 60)];
            random.NextBytes(block);
            decoder.Decode(block);
        }

        Assert.True(decoder.Table.Size <= 4096);
    }
}
