// HTTP/2, both sides, as a peer sees them: frames in any order and any pieces, a handler that echoes, stalls or resets.
using EtcdAot.Http;
using EtcdAot.Http.H2;
using EtcdAot.Sys;

namespace EtcdAot.Tests.Fuzz.Targets;

/// <summary>Input: {way of cutting 1, the client's bytes}.</summary>
internal sealed class H2ServerTarget : FuzzTarget
{
    private static readonly int Front = 1 + H2Protocol.Preface.Length;

    public override string Name => "h2-server";

    public override string About => "an HTTP/2 client's bytes, in pieces, to the serving side";

    public override IEnumerable<byte[]> Seeds()
    {
        for (byte way = 0; way < 4; way++)
        {
            yield return new H2Frames((byte)(way | (way << 4))).Preface()
                .Add(FrameType.Settings, FrameFlags.Ack, 0, [])
                .Headers(1, H2Frames.Request(("x", "1")), end: false, split: true)
                .Add(FrameType.Data, FrameFlags.None, 1, new byte[300])
                .Add(FrameType.Data, FrameFlags.EndStream | FrameFlags.Padded, 1, [2, 1, 1, 0, 0])
                .Headers(3, H2Frames.Request(("content-length", "4")), end: false)
                .Add(FrameType.Data, FrameFlags.EndStream, 3, [1, 2, 3, 4])
                .Add(FrameType.Ping, FrameFlags.None, 0, new byte[8])
                .UInt32(FrameType.WindowUpdate, 0, 70000)
                .UInt32(FrameType.WindowUpdate, 3, 70000).Bytes;
            yield return new H2Frames((byte)(0x10 | way)).Preface()
                .Headers(1, H2Frames.Request(), end: true)
                .Headers(3, H2Frames.Request(("big", new string('b', 5000))), end: false)
                .Add(FrameType.Priority, FrameFlags.None, 5, [0, 0, 0, 1, 7])
                .Headers(5, H2Frames.Request(), end: false)
                .Add(FrameType.Settings, FrameFlags.None, 0, [0, 1, 0, 0, 0, 0, 0, 4, 0, 0, 0, 0, 0, 5, 0, 0, 0x40, 0])
                .UInt32(FrameType.RstStream, 5, 8)
                .Add(FrameType.Data, FrameFlags.EndStream, 3, new byte[1000])
                .Add(FrameType.Settings, FrameFlags.None, 0, [0, 4, 0, 1, 0, 0])
                .Add(FrameType.GoAway, FrameFlags.None, 0, new byte[8]).Bytes;
        }
    }

    public override bool TryMutate(byte[] input, Rng random, out byte[] changed) =>
        H2Frames.TryMutate(input, Front, random, out changed);

    public override string Run(byte[] input)
    {
        var loop = new FuzzLoop();
        var wire = new FuzzConnection(loop);
        byte way = input.Length > 0 ? input[0] : (byte)0;
        var talk = new EchoAcceptor(way);
        var connection = H2Connection.Server(wire, talk, new H2Options { MaxConcurrentStreams = 20, HeaderListMax = 6000 }, talk);
        Pieces.Feed(wire, loop, input.AsSpan(Math.Min(1, input.Length)), way);
        int frames = wire.CountFrames(0);
        string verdict = connection.IsClosed ? $"-{frames > 2} {talk.Summary}" : $"+{Math.Min(frames, 20)} {talk.Summary}";
        if ((way & 0x20) != 0)
        {
            connection.Shutdown();
        }

        loop.Advance(10_000_000_000);
        connection.OnClosed(Errno.Ok);
        loop.Advance(8_000_000_000_000);
        BrokenPromiseException.Unless(connection.IsClosed && connection.ActiveStreams == 0, "an ended connection has no streams");
        BrokenPromiseException.Unless(talk.ClosedTold == 1, "the owner hears the end once");
        return verdict;
    }
}

/// <summary>Serves streams: echoes what comes, answers before the end, resets, or sits on the credit, by stream number.
/// Checks the promises of <see cref="H2Connection"/> about what a handler hears.</summary>
internal sealed class EchoAcceptor(byte way) : IStreamAcceptor, IH2Events
{
    private static readonly HeaderSet Ok = HpackTarget.Set((":status", "200"), ("content-type", "application/grpc"));
    private static readonly HeaderSet Trailers = HpackTarget.Set(("grpc-status", "0"), ("grpc-message", ""));
    private int _requests;
    private int _ended;
    private int _resets;

    public int ClosedTold { get; private set; }

    public string Summary => $"{Math.Min(_requests, 9)}/{Math.Min(_ended, 9)}/{Math.Min(_resets, 9)}";

    public void OnClosed(Errno reason) => ClosedTold++;

    public IStreamHandler OnRequest(HttpStream stream, HeaderBlock headers, bool endOfStream)
    {
        _requests++;
        var echo = new Echo(this, stream, ((int)(stream.Id >> 1) + way) % 5);
        if (endOfStream)
        {
            echo.Finish();
        }
        else if (echo.Manner == 1)
        {
            echo.Finish();
        }

        return echo;
    }

    private sealed class Echo(EchoAcceptor owner, HttpStream stream, int manner) : IStreamHandler
    {
        private bool _headersSent;
        private bool _over;

        public int Manner => manner;

        public void OnHeaders(HeaderBlock headers, bool endOfStream)
        {
            NotOver();
            Finish();
        }

        public void OnData(ReadOnlySpan<byte> data, bool endOfStream)
        {
            NotOver();
            if (manner == 2)
            {
                _over = true;
                stream.Reset(H2Error.Cancel);
                return;
            }

            if (manner != 3)
            {
                stream.Consume(data.Length);
            }
            else
            {
                stream.ExpectMessage(100_000);
            }

            if (!_headersSent)
            {
                _headersSent = true;
                stream.SendHeaders(Ok, endOfStream: false);
            }

            data.CopyTo(stream.BeginData(data.Length));
            stream.EndData(endOfStream: false);
            if (endOfStream)
            {
                Finish();
            }
        }

        public void OnReset(uint errorCode, bool connectionLost)
        {
            NotOver();
            _over = true;
            owner._resets++;
        }

        public void OnWritable() => NotOver();

        public void Finish()
        {
            owner._ended++;
            _over = true;
            if (manner == 4)
            {
                stream.SendHeaders(Ok, endOfStream: false);
                stream.BeginData(40_000).Clear();
                stream.EndData(endOfStream: false);
                _headersSent = true;
            }

            stream.SendHeaders(_headersSent ? Trailers : Ok, endOfStream: true);
        }

        private void NotOver() => BrokenPromiseException.Unless(!_over, "nothing is heard after one's own end or a reset");
    }
}

/// <summary>Input: {way of cutting 1, the server's bytes}; three requests have left before.</summary>
internal sealed class H2ClientTarget : FuzzTarget
{
    private static readonly HeaderSet Ok = HpackTarget.Set((":status", "200"), ("content-type", "application/grpc"));
    private static readonly HeaderSet Trailers = HpackTarget.Set(("grpc-status", "0"));

    public override string Name => "h2-client";

    public override string About => "an HTTP/2 server's bytes, in pieces, to the calling side";

    public override IEnumerable<byte[]> Seeds()
    {
        for (byte way = 0; way < 4; way++)
        {
            yield return new H2Frames(way)
                .Add(FrameType.Settings, FrameFlags.None, 0, [0, 3, 0, 0, 0, 9])
                .Add(FrameType.Settings, FrameFlags.Ack, 0, [])
                .Headers(1, HpackTarget.Set((":status", "100")), end: false)
                .Headers(1, Ok, end: false, split: true)
                .Message(1, new byte[500], end: false)
                .Headers(1, Trailers, end: true)
                .Headers(3, Ok, end: false)
                .Add(FrameType.Data, FrameFlags.EndStream | FrameFlags.Padded, 3, [3, 1, 2, 0, 0, 0])
                .UInt32(FrameType.WindowUpdate, 0, 10).Bytes;
            yield return new H2Frames((byte)(0x10 | way))
                .Add(FrameType.Settings, FrameFlags.None, 0, [0, 4, 0, 0, 0, 0, 0, 6, 0, 0, 0, 200])
                .UInt32(FrameType.RstStream, 1, 7)
                .Headers(3, HpackTarget.Set((":status", "503"), ("content-type", "text/plain")), end: true)
                .Add(FrameType.GoAway, FrameFlags.None, 0, [0, 0, 0, 3, 0, 0, 0, 0, (byte)'x']).Bytes;
        }
    }

    public override bool TryMutate(byte[] input, Rng random, out byte[] changed) =>
        H2Frames.TryMutate(input, 1, random, out changed);

    public override string Run(byte[] input)
    {
        var loop = new FuzzLoop();
        var wire = new FuzzConnection(loop);
        var events = new Hearing();
        var connection = H2Connection.Client(wire, H2Options.ClientDefaults with { HeaderListMax = 6000 }, events);
        for (int i = 0; i < 3; i++)
        {
            HttpStream? stream = connection.Open(H2Frames.Request(), endOfStream: i == 1, events);
            stream?.BeginData(100_000).Clear();
            stream?.EndData(endOfStream: i == 0);
        }

        byte way = input.Length > 0 ? input[0] : (byte)0;
        Pieces.Feed(wire, loop, input.AsSpan(Math.Min(1, input.Length)), way);
        _ = connection.Open(H2Frames.Request(), endOfStream: true, events);
        _ = wire.CountFrames(H2Protocol.Preface.Length);
        string verdict = (connection.IsClosed ? "-" : "+") + events.Summary;
        loop.Advance(30_000_000_000);
        connection.OnClosed(Errno.Ok);
        BrokenPromiseException.Unless(connection.IsClosed && connection.ActiveStreams == 0, "an ended connection has no streams");
        BrokenPromiseException.Unless(events.ClosedTold == 1, "the owner hears the end once");
        return verdict;
    }

    private sealed class Hearing : IStreamHandler, IH2Events
    {
        private int _headers;
        private int _data;
        private int _resets;
        private int _other;

        public int ClosedTold { get; private set; }

        public string Summary => $"{Math.Min(_headers, 7)}/{Math.Min(_data, 7)}/{_resets}/{Math.Min(_other, 7)}";

        public void OnHeaders(HeaderBlock headers, bool endOfStream) => _headers++;

        public void OnData(ReadOnlySpan<byte> data, bool endOfStream) => _data++;

        public void OnReset(uint errorCode, bool connectionLost) => _resets++;

        public void OnWritable() => _other++;

        public void OnReady() => _other++;

        public void OnGoAway(uint errorCode, ReadOnlySpan<byte> debugData) => _other++;

        public void OnCapacity() => _other++;

        public void OnClosed(Errno reason) => ClosedTold++;
    }
}
