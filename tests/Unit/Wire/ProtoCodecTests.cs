using CsCheck;
using EtcdAot.Wire.Codecs;
using EtcdAot.Wire.Mvccpb;
using Google.Protobuf;

namespace EtcdAot.Tests.Unit.Wire;

/// <summary>Goal: the hand codec and the generated one agree on every message, and hostile bytes fail without a throw.</summary>
public class ProtoCodecTests
{
    private static readonly Gen<KeyValue> AnyKeyValue = Gen.Select(
        Gen.Byte.Array[0, 40], Gen.Byte.Array[0, 300], Gen.Long, Gen.Long, Gen.Long, Gen.Long,
        (k, v, c, m, n, l) => new KeyValue
        {
            Key = ByteString.CopyFrom(k),
            Value = ByteString.CopyFrom(v),
            CreateRevision = c,
            ModRevision = m,
            Version = n,
            Lease = l,
        });

    [Fact]
    public void KeyValueIsReadAndWrittenAsTheGeneratedCodecDoes()
    {
        AnyKeyValue.Sample(
            kv =>
            {
                byte[] expected = kv.ToByteArray();
                Assert.True(KeyValueView.TryParse(expected, out KeyValueView view));
                Assert.Equal(kv.Key.ToByteArray(), view.Key.ToArray());
                Assert.Equal(kv.Lease, view.Lease);
                byte[] written = new byte[view.Size];
                view.WriteTo(written);
                Assert.Equal(expected, written);
            },
            iter: 2000,
            seed: "0000KeyValue0");
    }

    [Fact]
    public void MutatedBytesAreReadAsTheGeneratedParserReadsThem()
    {
        Gen.Select(AnyKeyValue, Gen.Int[0, 10_000], Gen.Byte).Sample(
            (kv, at, b) =>
            {
                byte[] bytes = kv.ToByteArray();
                if (bytes.Length > 0)
                {
                    bytes[at % bytes.Length] = b;
                }

                bool ours = KeyValueView.TryParse(bytes, out KeyValueView view);
                KeyValue? theirs = Parse(bytes);
                if (theirs is not null && ours)
                {
                    Assert.Equal(theirs.Key.ToByteArray(), view.Key.ToArray());
                    Assert.Equal(theirs.ModRevision, view.ModRevision);
                }

                // C#'s generated parser is stricter than etcd's about groups and tags.
                Assert.False(ours && theirs is null && Reads(bytes, strict: true), "ours accepted what is no message");
            },
            iter: 5000,
            seed: "0000KeyValue1");
    }

    [Theory]
    [InlineData("0a")]
    [InlineData("0aff")]
    [InlineData("0affffffffffffffffff01")]
    [InlineData("00")]
    [InlineData("0f")]
    [InlineData("10ffffffffffffffffffff01")]
    [InlineData("1b")]
    [InlineData("0c")]
    public void MalformedBytesFail(string hex)
    {
        Assert.False(KeyValueView.TryParse(Convert.FromHexString(hex), out _));
    }

    [Fact]
    public void DeeplyNestedUnknownGroupsAreBounded()
    {
        byte[] bytes = new byte[100_000];
        bytes.AsSpan().Fill(0x7B);
        Assert.False(KeyValueView.TryParse(bytes, out _));
    }

    // Each tried on a real 3.5.30: Maintenance.Status for etcd's generated decoders, Health.Check for the other.
    [Theory]
    [InlineData("bb3e00010c", true, false)]
    [InlineData("bb3ec33e0c0c", true, false)]
    [InlineData("bb3ec43e", true, false)]
    [InlineData("bb3ebc3e", true, true)]
    [InlineData("bb3e0801", false, false)]
    [InlineData("bb3e0b0c", false, false)]
    [InlineData("bb3e0e", false, false)]
    [InlineData("b83effffffffffffffffff01", true, true)]
    [InlineData("b83effffffffffffffffff02", true, false)]
    [InlineData("b83effffffffffffffffff7f", true, false)]
    [InlineData("b8be80801000", true, false)]
    [InlineData("f8ffffff0f00", true, true)]
    [InlineData("f8ffffff7f00", false, false)]
    [InlineData("0001", false, false)]
    public void EachOfTheTwoDecodersHasItsOwnRules(string hex, bool generated, bool strict)
    {
        Assert.Equal(generated, Reads(Convert.FromHexString(hex), strict: false));
        Assert.Equal(strict, Reads(Convert.FromHexString(hex), strict: true));
    }

    private static bool Reads(byte[] bytes, bool strict)
    {
        var reader = new ProtoReader(bytes, strict);
        while (reader.Next())
        {
        }

        return !reader.Failed;
    }

    private static KeyValue? Parse(byte[] bytes)
    {
        try
        {
            return KeyValue.Parser.ParseFrom(bytes);
        }
        catch (InvalidProtocolBufferException)
        {
            return null;
        }
    }
}
