// The small readers of the request path: deadlines, metadata, base64, gzip, percent coding, paths, revisions, and what the
// fault finder says of bytes that no decoder takes.
using System.Text;
using EtcdAot.Api;
using EtcdAot.Api.Http;
using EtcdAot.Grpc;
using EtcdAot.Mvcc;
using EtcdAot.Sys;
using EtcdAot.Wire.Codecs;
using EtcdAot.Wire.Etcdserverpb;

namespace EtcdAot.Tests.Fuzz.Targets;

/// <summary>Input: {reader 1, bytes}.</summary>
internal sealed class RulesTarget : FuzzTarget
{
    private const int InflatedMax = 100_000;

    private static readonly Func<byte[], bool>[] Readers =
    [
        Timeout, Base64, Inflate, Percent, PathAndQuery, Address, Revisions, Fault, Overlap,
    ];

    public override string Name => "rules";

    public override string About => "deadlines, base64, gzip, percent coding, paths, addresses, revisions, txn rules, decode faults";

    public override int LengthMax => 256 * 1024;

    public override IEnumerable<byte[]> Seeds()
    {
        yield return [0, .. "5S"u8];
        yield return [1, .. "AQIDBA=="u8];
        yield return [2, .. Gzip.Deflate(new byte[5000])];
        yield return [3, .. "a%20b%e2%82%ac%"u8];
        yield return [4, .. "/a//b/../%2F?x=1&y=%41&x=+2"u8];
        yield return [5, .. "[fe80::1]:2379"u8];
        yield return [5, .. "10.0.0.1:80"u8];
        yield return [6, 0, 0, 0, 0, 0, 0, 0, 9, (byte)'_', 0, 0, 0, 0, 0, 0, 0, 1, (byte)'t'];
        yield return [7, 10, 2, 1];
        yield return [8, .. TxnBytes()];
        yield return [8, .. Quadratic()];
    }

    public override bool TryMutate(byte[] input, Rng random, out byte[] changed)
    {
        changed = input;
        if (input.Length == 0 || input[0] % Readers.Length < 7)
        {
            return false;
        }

        bool good = ProtoMutator.TryMutate(input.AsSpan(1), random, out byte[] message);
        changed = good ? [input[0], .. message] : input;
        return good;
    }

    public override string Run(byte[] input)
    {
        int reader = input.Length == 0 ? 0 : input[0] % Readers.Length;
        return (Readers[reader](input[Math.Min(1, input.Length)..]) ? "+" : "-") + reader + " " + Math.Min(input.Length, 64) / 8;
    }

    private static byte[] TxnBytes() => Google.Protobuf.MessageExtensions.ToByteArray(Messages.Txn(4));

    // Many deletes and many puts that each has to be held against: comparing each with each takes minutes.
    private static byte[] Quadratic()
    {
        var txn = new TxnRequest();
        for (int nested = 0; nested < 60; nested++)
        {
            var inner = new TxnRequest();
            for (int i = 0; i < 60; i++)
            {
                var key = Google.Protobuf.ByteString.CopyFrom(1, (byte)nested, (byte)i);
                inner.Success.Add(new RequestOp { RequestPut = new PutRequest { Key = key } });
                var end = Google.Protobuf.ByteString.CopyFrom(2, (byte)nested, (byte)i, 0);
                var start = Google.Protobuf.ByteString.CopyFrom(2, (byte)nested, (byte)i);
                inner.Failure.Add(new RequestOp { RequestDeleteRange = new DeleteRangeRequest { Key = start, RangeEnd = end } });
            }

            txn.Success.Add(new RequestOp { RequestTxn = inner });
        }

        return Google.Protobuf.MessageExtensions.ToByteArray(txn);
    }

    private static bool Timeout(byte[] bytes) => GrpcTimeout.TryParse(bytes, out long nanos, out _) && nanos >= 0;

    private static bool Base64(byte[] bytes)
    {
        byte[] room = new byte[bytes.Length];
        return Base64Text.TryDecode(bytes, room, out int length, out _) && length <= room.Length;
    }

    private static bool Inflate(byte[] bytes)
    {
        byte[]? inflated = Gzip.Inflate(bytes, InflatedMax, out _);
        BrokenPromiseException.Unless(inflated is null || inflated.Length <= InflatedMax, "no more is inflated than may be");
        return inflated is not null;
    }

    private static bool Percent(byte[] bytes)
    {
        string text = PercentEncoding.Decode(bytes);
        _ = PercentEncoding.Encode(text);
        return Observe.GoQuote.Bytes(bytes).Length >= 2 && text.Length > 0;
    }

    private static bool PathAndQuery(byte[] bytes)
    {
        string text = Encoding.Latin1.GetString(bytes);
        string clean = RequestPath.Clean(text);
        BrokenPromiseException.Unless(RequestPath.Clean(clean) == clean, "a clean path is clean");
        _ = RequestPath.Escape(text);
        _ = RequestPath.Query(text, "x");
        return RequestPath.Unescape(text, plusIsBlank: true) is not null;
    }

    private static bool Address(byte[] bytes)
    {
        string text = Encoding.UTF8.GetString(bytes);
        bool split = NetworkAddress.TrySplitHostPort(text, out string host, out int port);
        return NetworkAddress.TryParseIp(split ? host : text, port, out _);
    }

    private static bool Revisions(byte[] bytes) => Revision.TryDecode(bytes, out _, out _, out _);

    private static bool Fault(byte[] bytes)
    {
        _ = DecodeFault.Of(bytes, TxnRequest.Descriptor);
        _ = DecodeFault.OnStream(bytes, WatchRequest.Descriptor);
        return DecodeFault.Of(bytes, LeaseGrantRequest.Descriptor).Text is { Length: > 0 };
    }

    private static bool Overlap(byte[] bytes)
    {
        if (!TxnRequestView.IsWellFormed(bytes, 130, out _))
        {
            return false;
        }

        var txn = new TxnRequestView(bytes);
        return TxnOverlap.Check(txn.Success) is null && TxnOverlap.Check(txn.Failure) is null;
    }
}
