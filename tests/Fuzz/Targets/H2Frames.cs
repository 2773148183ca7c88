// Good HTTP/2 talks as bytes, the frames of an input found again, and mutations that keep them frames.
using System.Buffers.Binary;
using EtcdAot.Http;
using EtcdAot.Http.H2;
using EtcdAot.Http.Hpack;

namespace EtcdAot.Tests.Fuzz.Targets;

/// <summary>Builds one side's bytes of an HTTP/2 connection.</summary>
internal sealed class H2Frames(byte way)
{
    private readonly HpackEncoder _encoder = new();
    private readonly List<byte> _bytes = [way];

    public byte[] Bytes => [.. _bytes];

    public static HeaderSet Request(params (string Name, string Value)[] more) => HpackTarget.Set(
        [(":method", "POST"), (":scheme", "http"), (":path", "/p.S/Unary"), (":authority", "a"),
            ("content-type", "application/grpc"), ("te", "trailers"), .. more]);

    public H2Frames Preface()
    {
        _bytes.AddRange(H2Protocol.Preface);
        return Add(FrameType.Settings, FrameFlags.None, 0, [0, 4, 0, 1, 0, 0]);
    }

    public H2Frames Add(FrameType type, FrameFlags flags, uint stream, ReadOnlySpan<byte> payload)
    {
        byte[] frame = new byte[9 + payload.Length];
        FrameWriter.Header(frame, payload.Length, type, flags, stream);
        payload.CopyTo(frame.AsSpan(9));
        _bytes.AddRange(frame);
        return this;
    }

    public H2Frames Headers(uint stream, HeaderSet set, bool end, bool split = false)
    {
        byte[] block = new byte[set.EncodedSizeMax];
        block = block[.._encoder.Encode(set, block)];
        FrameFlags last = end ? FrameFlags.EndStream : FrameFlags.None;
        return split
            ? Add(FrameType.Headers, last, stream, block.AsSpan(0, 3))
                .Add(FrameType.Continuation, FrameFlags.EndHeaders, stream, block.AsSpan(3))
            : Add(FrameType.Headers, last | FrameFlags.EndHeaders, stream, block);
    }

    /// <summary>A gRPC message in a DATA frame.</summary>
    public H2Frames Message(uint stream, ReadOnlySpan<byte> message, bool end, bool compressed = false)
    {
        byte[] framed = new byte[5 + message.Length];
        framed[0] = compressed ? (byte)1 : (byte)0;
        BinaryPrimitives.WriteInt32BigEndian(framed.AsSpan(1), message.Length);
        message.CopyTo(framed.AsSpan(5));
        return Add(FrameType.Data, end ? FrameFlags.EndStream : FrameFlags.None, stream, framed);
    }

    public H2Frames UInt32(FrameType type, uint stream, uint value)
    {
        Span<byte> payload = stackalloc byte[4];
        BinaryPrimitives.WriteUInt32BigEndian(payload, value);
        return Add(type, FrameFlags.None, stream, payload);
    }

    /// <summary>Changes a frame's type, flags, stream or payload and mends its length; or drops, doubles, swaps
    /// frames.</summary>
    public static bool TryMutate(byte[] input, int start, Rng random, out byte[] changed)
    {
        var frames = new List<byte[]>();
        int at = Math.Min(start, input.Length);
        byte[] front = input[..at];
        while (input.Length - at >= 9)
        {
            int length = (input[at] << 16) | (input[at + 1] << 8) | input[at + 2];
            int whole = Math.Min(9 + length, input.Length - at);
            frames.Add(input.AsSpan(at, whole).ToArray());
            at += whole;
        }

        changed = input;
        if (frames.Count == 0)
        {
            return false;
        }

        int chosen = random.Below(frames.Count);
        byte[] frame = frames[chosen];
        switch (random.Below(9))
        {
            case 0:
                frame[3] = (byte)random.Below(11);
                break;
            case 1:
                frame[4] ^= (byte)(1 << random.Below(8));
                break;
            case 2:
                frame[8] = (byte)random.Below(9);
                break;
            case 3:
                frames.RemoveAt(chosen);
                break;
            case 4:
                frames.Insert(random.Below(frames.Count + 1), [.. frame]);
                break;
            case 5:
                frames.RemoveAt(chosen);
                frames.Insert(random.Below(frames.Count + 1), frame);
                break;
            case 6:
                frames[chosen] = Resized(frame, random.Below(Math.Min(frame.Length, 40)));
                break;
            case 7:
                frames[chosen] = Resized(frame, frame.Length - 9 + random.Below(20));
                break;
            default:
                frame[Math.Min(9 + random.Below(24), frame.Length - 1)] = (byte)random.Next();
                break;
        }

        changed = [.. front, .. frames.SelectMany(static f => f)];
        return true;
    }

    private static byte[] Resized(byte[] frame, int payload)
    {
        byte[] copy = new byte[9 + payload];
        frame.AsSpan(0, Math.Min(frame.Length, copy.Length)).CopyTo(copy);
        (copy[0], copy[1], copy[2]) = ((byte)(payload >> 16), (byte)(payload >> 8), (byte)payload);
        return copy;
    }
}
