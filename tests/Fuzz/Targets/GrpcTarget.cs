// HTTP/2 with gRPC on it: heads, deadlines, metadata, message framing and compression, into the kernel.
using EtcdAot.Grpc;
using EtcdAot.Http;
using EtcdAot.Http.H2;
using EtcdAot.Sys;
using EtcdAot.Wire;

namespace EtcdAot.Tests.Fuzz.Targets;

/// <summary>Input: {way of cutting 1, the client's bytes}.</summary>
internal sealed class GrpcTarget : FuzzTarget
{
    public override string Name => "grpc";

    public override string About => "gRPC calls as HTTP/2 bytes, to methods that echo";

    public override IEnumerable<byte[]> Seeds()
    {
        for (byte way = 0; way < 4; way++)
        {
            yield return new H2Frames(way).Preface()
                .Headers(1, H2Frames.Request(("grpc-timeout", "5S"), ("x-bin", "AQI="), ("token", "t")), end: false)
                .Message(1, "hello"u8, end: true)
                .Headers(3, Duplex(("grpc-encoding", "gzip"), ("grpc-accept-encoding", "identity,gzip")), end: false)
                .Message(3, Gzip.Deflate(new byte[400]), end: false, compressed: true)
                .Message(3, "two"u8, end: false)
                .Add(FrameType.Data, FrameFlags.EndStream, 3, []).Bytes;
            yield return new H2Frames((byte)(way | 0x10)).Preface()
                .Headers(1, Duplex(), end: false, split: true)
                .Add(FrameType.Data, FrameFlags.None, 1, [0, 0, 0])
                .Add(FrameType.Data, FrameFlags.None, 1, [0, 3, 1, 2, 3, 0])
                .UInt32(FrameType.RstStream, 1, 8)
                .Headers(3, H2Frames.Request(("grpc-timeout", "1n")), end: false)
                .Headers(5, H2Frames.Request(), end: false)
                .Message(5, "x"u8, end: true).Bytes;
        }
    }

    public override bool TryMutate(byte[] input, Rng random, out byte[] changed) =>
        H2Frames.TryMutate(input, 1 + H2Protocol.Preface.Length, random, out changed);

    public override string Run(byte[] input)
    {
        var loop = new FuzzLoop();
        var wire = new FuzzConnection(loop);
        var echo = new Echo();
        var grpc = new GrpcServer(new GrpcServerOptions { MaxReceiveBytes = 50_000 });
        grpc.Bind("p.S", "Unary", MethodShape.Unary, echo);
        grpc.Bind("p.S", "Duplex", MethodShape.Duplex, echo);
        var end = new End();
        byte way = input.Length > 0 ? input[0] : (byte)0;
        var connection = H2Connection.Server(wire, grpc, new H2Options { MaxConcurrentStreams = 20, HeaderListMax = 6000 }, end);
        Pieces.Feed(wire, loop, input.AsSpan(Math.Min(1, input.Length)), way);
        loop.Drain();
        string verdict = $"{Math.Min(echo.Messages, 9)}/{Math.Min(echo.Started, 9)}/{Math.Min(echo.Cancelled, 5)} {Math.Min(wire.CountFrames(0), 20)} {connection.IsClosed}";
        loop.Advance(20_000_000_000);
        connection.OnClosed(Errno.Ok);
        loop.Advance(20_000_000_000);
        return (echo.Messages > 0 ? "+" : "-") + verdict;
    }

    private static HeaderSet Duplex(params (string Name, string Value)[] more) => HpackTarget.Set(
        [(":method", "POST"), (":scheme", "http"), (":path", "/p.S/Duplex"), (":authority", "a"),
            ("content-type", "application/grpc+proto"), ("te", "trailers"), .. more]);

    private sealed class End : IH2Events
    {
        public void OnClosed(Errno reason)
        {
        }
    }

    private sealed class Echo : IHotMethod
    {
        public int Messages { get; private set; }

        public int Started { get; private set; }

        public int Cancelled { get; private set; }

        public void OnStart(Call call) => Started++;

        public void OnMessage(ReadOnlySpan<byte> message, Call call)
        {
            Messages++;
            call.Reply(message);
            if (call.Method.TakesOneMessage)
            {
                call.Finish(default);
            }
        }

        public void OnHalfClose(Call call) => call.Finish(new Status(RpcCode.Ok, null));

        public void OnCancel(Call call)
        {
            Cancelled++;
            call.Finish(default);
        }
    }
}
