using EtcdAot.Api;
using EtcdAot.Sys;
using EtcdAot.Tests.Unit.Fakes;
using EtcdAot.Wire.Codecs;
using EtcdAot.Wire.Etcdserverpb;
using Google.Protobuf;

namespace EtcdAot.Tests.Unit.Api;

/// <summary>Goal: keys that a transaction changes twice are found as a comparison of each with each finds them, in a time
/// that a hostile message of the largest size cannot stretch.</summary>
public class TxnOverlapTests
{
    [Fact]
    public void DeletedKeysAreThoseThatANaiveListCovers()
    {
        var random = new Random(4);
        for (int round = 0; round < 200; round++)
        {
            var sorted = new DeletedKeys();
            var naive = new List<(byte[] Start, byte[] End)>();
            for (int i = 0; i < 40; i++)
            {
                byte[] start = Key(random);
                byte[] end = random.Next(3) == 0 ? [] : random.Next(8) == 0 ? [0] : Key(random);
                var part = new DeletedKeys();
                part.Add(start, end);
                sorted.AddAll(part);
                naive.Add((start, end));
                byte[] asked = Key(random);
                Assert.Equal(naive.Any(r => Covers(r.Start, r.End, asked)), sorted.Contain(asked));
            }
        }
    }

    [Fact]
    public void AMessageOfTheLargestSizeIsCheckedInBoundedTime()
    {
        // 46,656 puts and as many ranges in 1.3 MB: each held against each took most of a minute of an I/O thread.
        byte[] message = Nested(3, 36, []).ToByteArray();
        Assert.InRange(message.Length, 1_000_000, 2_000_000);
        Assert.True(TxnRequestView.IsWellFormed(message, 130, out _));
        Assert.InRange(ThreadCpu.SecondsOf(() => Assert.Null(TxnOverlap.Check(new TxnRequestView(message).Success))), 0, 3);
    }

    [Fact]
    public void KeysOfOneChecksumAreNoSlowerThanOthers()
    {
        // Two keys of each pair have the same CRC-32C, and so has every combination of pairs: keys hashed by it fell into
        // one chain.
        TxnRequest txn = new();
        byte[] a = [0, 0, 0, 0, 0];
        byte[] b = SameChecksum();
        for (int i = 0; i < 1 << 14; i++)
        {
            IEnumerable<byte> key = Enumerable.Range(0, 14).SelectMany(bit => (i >> bit & 1) == 0 ? a : b);
            txn.Success.Add(new RequestOp { RequestPut = new PutRequest { Key = ByteString.CopyFrom([.. key]) } });
        }

        byte[] message = txn.ToByteArray();
        Assert.InRange(ThreadCpu.SecondsOf(() => Assert.Null(TxnOverlap.Check(new TxnRequestView(message).Success))), 0, 0.5);
    }

    // A checksum does not see a difference that is its own polynomial, here as a stream of 33 bits.
    private static byte[] SameChecksum()
    {
        const ulong polynomial = 0x11EDC6F41;
        byte[] difference = new byte[5];
        for (int bit = 0; bit < 33; bit++)
        {
            difference[bit / 8] |= (byte)((polynomial >> (32 - bit) & 1) << (bit % 8));
        }

        Assert.Equal(Crc32C.Append(0, new byte[5]), Crc32C.Append(0, difference));
        return difference;
    }

    private static TxnRequest Nested(int levels, int width, byte[] prefix)
    {
        var txn = new TxnRequest();
        for (int i = 0; i < width; i++)
        {
            byte[] key = [.. prefix, (byte)i];
            if (levels > 1)
            {
                txn.Success.Add(new RequestOp { RequestTxn = Nested(levels - 1, width, key) });
                continue;
            }

            txn.Success.Add(new RequestOp { RequestPut = new PutRequest { Key = ByteString.CopyFrom([1, .. key]) } });
            txn.Failure.Add(new RequestOp
            {
                RequestDeleteRange = new DeleteRangeRequest
                {
                    Key = ByteString.CopyFrom([2, .. key]),
                    RangeEnd = ByteString.CopyFrom([2, .. key, 0]),
                },
            });
        }

        return txn;
    }

    private static byte[] Key(Random random)
    {
        byte[] key = new byte[random.Next(1, 3)];
        for (int i = 0; i < key.Length; i++)
        {
            key[i] = (byte)random.Next(6);
        }

        return key;
    }

    private static bool Covers(byte[] start, byte[] end, byte[] key) => end.Length == 0
        ? key.AsSpan().SequenceEqual(start)
        : key.AsSpan().SequenceCompareTo(start) >= 0 && key.AsSpan().SequenceCompareTo(end) < 0;
}
