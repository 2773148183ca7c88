// HPACK: header blocks of one connection, in order.
using System.Buffers.Binary;
using System.Text;
using EtcdAot.Http;
using EtcdAot.Http.Hpack;

namespace EtcdAot.Tests.Fuzz.Targets;

/// <summary>Input: {length 2, block}… for one decoder.</summary>
internal sealed class HpackTarget : FuzzTarget
{
    private const int ListMax = 8192;

    public override string Name => "hpack";

    public override string About => "header blocks into one HPACK decoder";

    public static HeaderSet Set(params (string Name, string Value)[] fields) =>
        new([.. fields.Select(static f => (Encoding.Latin1.GetBytes(f.Name), Encoding.Latin1.GetBytes(f.Value)))]);

    public override IEnumerable<byte[]> Seeds()
    {
        HeaderSet request = Set((":method", "POST"), (":scheme", "http"), (":path", "/etcdserverpb.KV/Put"),
            (":authority", "localhost:2379"), ("content-type", "application/grpc"), ("te", "trailers"),
            ("grpc-timeout", "5S"), ("user-agent", "grpc-go/1.41.0"));
        HeaderSet odd = Set((":status", "200"), ("x-long", new string('~', 300)), ("x-bin", "\0\x01\xff\n"), ("", ""));
        yield return Join(new HpackEncoder(), request, request, odd, request);
        var small = new HpackEncoder();
        small.SetPeerTableSize(60);
        yield return Join(small, odd, request, odd);
        yield return [0, 1, 0x82, 0, 4, 0x3f, 0xe1, 0x1f, 0x84, 0, 4, 0x00, 1, (byte)'a', 0];
    }

    public override string Run(byte[] input)
    {
        var decoder = new HpackDecoder(4096, ListMax);
        int ok = 0;
        for (int at = 0; input.Length - at >= 2;)
        {
            int length = Math.Min(BinaryPrimitives.ReadUInt16BigEndian(input.AsSpan(at)), input.Length - at - 2);
            HpackResult result = decoder.Decode(input.AsSpan(at + 2, length));
            at += 2 + length;
            long size = 0;
            for (int i = 0; i < decoder.Headers.Count; i++)
            {
                size += decoder.Headers.Name(i).Length + decoder.Headers.Value(i).Length + 32;
            }

            BrokenPromiseException.Unless(size <= ListMax, "fields beyond the list's limit are dropped");
            if (result == HpackResult.Malformed)
            {
                return "-malformed after " + Math.Min(ok, 8);
            }

            ok += result == HpackResult.Ok ? 1 : 0;
        }

        return $"+{Math.Min(ok, 8)} {Math.Min(decoder.Headers.Count, 12)}";
    }

    private static byte[] Join(HpackEncoder encoder, params HeaderSet[] sets)
    {
        var all = new List<byte>();
        foreach (HeaderSet set in sets)
        {
            byte[] block = new byte[set.EncodedSizeMax];
            int length = encoder.Encode(set, block);
            all.AddRange([(byte)(length >> 8), (byte)length, .. block.AsSpan(0, length)]);
        }

        return [.. all];
    }
}
