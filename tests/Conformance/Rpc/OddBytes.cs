// Requests that no client library would send: the bytes of a drawn request bent in one named way. What would crash a
// real server (an unknown sort target, an unknown alarm action) is never among them.
using EtcdAot.Wire.Etcdserverpb;
using Google.Protobuf;

namespace EtcdAot.Tests.Conformance.Rpc;

/// <summary>Bends requests.</summary>
internal sealed class OddBytes(Lockstep pair, Dice dice)
{
    private static readonly (string Form, Func<byte[], Dice, byte[]> Bend)[] Forms =
    [
        ("empty message", (_, _) => []),
        ("unknown varint field", (b, _) => [.. b, 0xb8, 0x3e, 0x96, 0x01]),
        ("unknown bytes field", (b, _) => [0xba, 0x3e, 2, 1, 2, .. b]),
        ("unknown fixed32 field", (b, _) => [.. b, 0xbd, 0x3e, 1, 2, 3, 4]),
        ("unknown fixed64 field", (b, _) => [.. b, 0xb9, 0x3e, 1, 2, 3, 4, 5, 6, 7, 8]),
        ("unknown group", (b, _) => [.. b, 0xbb, 0x3e, 0x08, 0x01, 0xbc, 0x3e]),
        ("group without an end", (b, _) => [.. b, 0xbb, 0x3e, 0x08, 0x01]),
        ("end of no group", (b, _) => [.. b, 0xbc, 0x3e]),
        ("wire type 6", (b, _) => [.. b, 0xbe, 0x3e]),
        ("wire type 7", (b, _) => [.. b, 0xbf, 0x3e, 1]),
        ("field number 0", (b, _) => [.. b, 0x00, 0x01]),
        ("field 1 as varint", (b, _) => [.. b, 0x08, 0x05]),
        ("field 1 as bytes", (b, _) => [.. b, 0x0a, 0x01, 0x61]),
        ("field 1 as fixed64", (b, _) => [.. b, 0x09, 1, 2, 3, 4, 5, 6, 7, 8]),
        ("field 2 as varint", (b, _) => [.. b, 0x10, 0x01]),
        ("field 3 as bytes", (b, _) => [.. b, 0x1a, 0x00]),
        ("field 3 as fixed32", (b, _) => [.. b, 0x1d, 0, 0, 0, 0]),
        ("bool of 2", (b, _) => [.. b, 0x20, 0x02]),
        ("varint longer than needed", (b, _) => [.. b, 0x20, 0x81, 0x80, 0x80, 0x00]),
        ("tag longer than needed", (b, _) => [.. b, 0xa0, 0x80, 0x00, 0x01]),
        ("varint of 11 bytes", (b, _) => [.. b, 0x20, .. Enumerable.Repeat((byte)0xff, 10), 0x01]),
        ("varint beyond 64 bits", (b, _) => [.. b, 0x20, .. Enumerable.Repeat((byte)0xff, 9), 0x7f]),
        ("varint cut", (b, _) => [.. b, 0x20, 0xff]),
        ("length beyond the end", (b, _) => [.. b, 0xba, 0x3e, 0x7f, 1]),
        ("length of 2^31", (b, _) => [.. b, 0x0a, 0x80, 0x80, 0x80, 0x80, 0x08]),
        ("length of 2^63", (b, _) => [.. b, 0xba, 0x3e, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x01]),
        ("tag cut", (b, _) => [.. b, 0x80]),
        ("cut anywhere", (b, d) => b[..(b.Length == 0 ? 0 : d.Below(b.Length))]),
        ("the message twice", (b, _) => [.. b, .. b]),
        ("garbage", (_, d) => d.Bytes(1 + d.Below(24))),
    ];

    /// <summary>Every form on requests of a method.</summary>
    public void Send(RawMethod method, Func<IMessage> draw)
    {
        foreach ((string form, Func<byte[], Dice, byte[]> bend) in Forms)
        {
            byte[] bytes = bend(draw().ToByteArray(), dice);
            if (!MightCrash(method, bytes))
            {
                pair.Odd(method, bytes, form);
            }
        }
    }

    // 0x30 is the tag of sort_target, 0x08 that of the alarm's action: garbage with either is not sent.
    private static bool MightCrash(RawMethod method, byte[] bytes)
    {
        IMessage? message = method.Decode(bytes);
        return message switch
        {
            RangeRequest range => (int)range.SortTarget is < 0 or > 4,
            TxnRequest txn => Ranges(txn).Any(static r => (int)r.SortTarget is < 0 or > 4),
            AlarmRequest alarm => (int)alarm.Action is < 0 or > 2,
            null when method == RawMethods.Range || method == RawMethods.Txn => bytes.Length < 40 && bytes.Contains((byte)0x30),
            null when method == RawMethods.Alarm => bytes.Length > 0 && bytes[0] == 0x08,
            _ => false,
        };
    }

    private static IEnumerable<RangeRequest> Ranges(TxnRequest txn)
    {
        foreach (RequestOp op in txn.Success.Concat(txn.Failure))
        {
            if (op.RequestRange is { } range)
            {
                yield return range;
            }

            foreach (RangeRequest inner in op.RequestTxn is { } nested ? Ranges(nested) : [])
            {
                yield return inner;
            }
        }
    }
}
