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

                Assert.False(ours && theirs is null, "ours accepted what the generated parser refuses");
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
