using System.Text;
using EtcdAot.Http;
using EtcdAot.Http.H2;

namespace EtcdAot.Tests.Unit.Http;

/// <summary>Goal: our client and our server agree under any windows and any cutting of bytes. Method: both in memory,
/// bytes carried between them in drawn pieces.</summary>
public class H2PairTests
{
    private sealed class Echo : IStreamAcceptor
    {
        public IStreamHandler OnRequest(HttpStream stream, HeaderBlock headers, bool endOfStream) => new Call(stream);

        private sealed class Call(HttpStream stream) : IStreamHandler
        {
            private bool _begun;

            public void OnHeaders(HeaderBlock headers, bool endOfStream) => Answer(default, endOfStream);

            public void OnData(ReadOnlySpan<byte> data, bool endOfStream) => Answer(data, endOfStream);

            public void OnReset(uint errorCode, bool connectionLost)
            {
            }

            public void OnWritable()
            {
            }

            private void Answer(ReadOnlySpan<byte> data, bool end)
            {
                if (!_begun)
                {
                    _begun = true;
                    stream.SendHeaders(H2Transcript.Ok, false);
                }

                stream.Consume(data.Length);
                data.CopyTo(stream.BeginData(data.Length));
                stream.EndData(false);
                if (end)
                {
                    stream.SendHeaders(H2Transcript.Trailers, true);
                }
            }
        }
    }

    private sealed class Caller(Pair pair, byte[] message) : IStreamHandler
    {
        private readonly List<byte> _got = [];

        public HttpStream? Stream { get; set; }

        public string End { get; private set; } = "";

        public bool IsRight => _got.SequenceEqual(message);

        public void OnHeaders(HeaderBlock headers, bool endOfStream)
        {
            End += RecordingHandler.Describe(headers) + (endOfStream ? " end" : ";");
        }

        public void OnData(ReadOnlySpan<byte> data, bool endOfStream)
        {
            _got.AddRange(data);
            pair.Unconsumed.Add((Stream!, data.Length));
        }

        public void OnReset(uint errorCode, bool connectionLost) => End += $"reset {errorCode}";

        public void OnWritable()
        {
        }
    }

    private sealed class Pair
    {
        private readonly FakeLoop _loop = new();
        private readonly Random _random;
        private readonly Queue<byte> _toServer = new();
        private readonly Queue<byte> _toClient = new();

        public Pair(Random random, H2Options client, H2Options server)
        {
            _random = random;
            ServerWire = new FakeConnection(_loop);
            ClientWire = new FakeConnection(_loop);
            Server = H2Connection.Server(ServerWire, new Echo(), server);
            Client = H2Connection.Client(ClientWire, client);
        }

        public FakeConnection ServerWire { get; }

        public FakeConnection ClientWire { get; }

        public H2Connection Server { get; }

        public H2Connection Client { get; }

        public List<(HttpStream Stream, int Bytes)> Unconsumed { get; } = [];

        /// <summary>Carries bytes both ways until nothing moves.</summary>
        public void Settle()
        {
            bool moved = true;
            while (moved)
            {
                moved = Carry(ClientWire, _toServer, ServerWire) | Carry(ServerWire, _toClient, ClientWire);
                foreach ((HttpStream stream, int bytes) in Unconsumed)
                {
                    stream.Consume(bytes);
                }

                Unconsumed.Clear();
            }
        }

        private bool Carry(FakeConnection from, Queue<byte> between, FakeConnection to)
        {
            from.Congested = _random.Next(4) == 0;
            if (!from.Congested)
            {
                from.Handler!.OnDrained();
            }

            foreach (byte b in from.TakeOutput())
            {
                between.Enqueue(b);
            }

            int n = Math.Min(between.Count, _random.Next(1, 20_000));
            var piece = new byte[n];
            for (int i = 0; i < n; i++)
            {
                piece[i] = between.Dequeue();
            }

            if (n > 0)
            {
                to.Feed(piece);
            }

            return n > 0 || from.Congested;
        }
    }

    [Theory]
    [InlineData(65535, 65535, 1)]
    [InlineData(1, 65535, 2)]
    [InlineData(7, 65535, 3)]
    [InlineData(1000, 70_000, 4)]
    [InlineData(1_000_000, 4_000_000, 5)]
    public void EveryMessageComesBackWhole(int streamWindow, int connectionWindow, int seed)
    {
        var random = new Random(seed);
        var options = new H2Options { StreamWindow = streamWindow, ConnectionWindow = connectionWindow };
        var pair = new Pair(random, options with { KeepAliveIntervalNanos = 0 }, options);
        var callers = new List<Caller>();
        for (int i = 0; i < 40; i++)
        {
            var message = new byte[random.Next(0, streamWindow < 100 ? 300 : 100_000)];
            random.NextBytes(message);
            var caller = new Caller(pair, message);
            HttpStream stream = pair.Client.Open(H2Transcript.Request(("n", i.ToString())), false, caller)!;
            caller.Stream = stream;
            message.CopyTo(stream.BeginData(message.Length));
            stream.EndData(endOfStream: true);
            callers.Add(caller);
            if (random.Next(3) == 0)
            {
                pair.Settle();
            }
        }

        pair.Settle();
        Assert.All(callers, c => Assert.Equal(
            ":status=200, content-type=application/grpc;grpc-status=0, grpc-message= end", c.End));
        Assert.All(callers, c => Assert.True(c.IsRight));
        Assert.Equal((0, 0), (pair.Client.ActiveStreams, pair.Server.ActiveStreams));
        Assert.False(pair.Client.IsClosed || pair.Server.IsClosed);
    }

    [Fact]
    public void TheClientRespectsTheServersStreamLimitAndIsToldOfRoom()
    {
        var events = new Events();
        var loop = new FakeLoop();
        var wire = new FakeConnection(loop);
        H2Connection client = H2Connection.Client(wire, H2Options.ClientDefaults, events);
        byte[] first = wire.TakeOutput();
        Assert.StartsWith("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", Encoding.Latin1.GetString(first), StringComparison.Ordinal);
        wire.Feed(H2Transcript.MakeFrame(FrameType.Settings, FrameFlags.None, 0, [0, 3, 0, 0, 0, 1]));
        var log = new List<string>();
        HttpStream? one = client.Open(H2Transcript.Request(), true, new RecordingHandler("1", log));
        Assert.NotNull(one);
        Assert.Null(client.Open(H2Transcript.Request(), true, new RecordingHandler("x", log)));
        one.Reset(H2Error.Cancel);
        Assert.Equal(["ready", "capacity"], events.Heard);
        Assert.NotNull(client.Open(H2Transcript.Request(), true, new RecordingHandler("3", log)));
        Assert.Empty(log);
    }

    [Fact]
    public void GoAwayRefusesWhatTheServerWillNotServe()
    {
        var events = new Events();
        var loop = new FakeLoop();
        var wire = new FakeConnection(loop);
        H2Connection client = H2Connection.Client(wire, H2Options.ClientDefaults, events);
        wire.Feed(H2Transcript.MakeFrame(FrameType.Settings, FrameFlags.None, 0, []));
        var log = new List<string>();
        client.Open(H2Transcript.Request(), true, new RecordingHandler("1", log));
        client.Open(H2Transcript.Request(), true, new RecordingHandler("3", log));
        wire.Feed(H2Transcript.MakeFrame(FrameType.GoAway, FrameFlags.None, 0, [0, 0, 0, 1, 0, 0, 0, 0, .. "bye"u8]));
        Assert.Equal(["3 reset 7"], log);
        Assert.Equal(["ready", "goaway 0 bye"], events.Heard);
        Assert.False(client.CanOpen);
        wire.Feed(H2Transcript.MakeFrame(FrameType.Headers, FrameFlags.EndHeaders | FrameFlags.EndStream, 1, [0x88]));
        Assert.Equal("1 headers :status=200 end", log[^1]);
        loop.Advance(TimeSpan.FromMilliseconds(1));
        Assert.True(wire.Closed);
        Assert.Equal("closed", events.Heard[^1]);
    }

    [Fact]
    public void AnEndWithoutBytesLeavesAlthoughTheWindowStandsBelowZero()
    {
        // RFC 9113 §6.9.2: a smaller INITIAL_WINDOW_SIZE takes back what was already sent.
        var wire = new FakeConnection(new FakeLoop());
        H2Connection client = H2Connection.Client(wire, H2Options.ClientDefaults);
        wire.Feed(H2Transcript.MakeFrame(FrameType.Settings, FrameFlags.None, 0, []));
        HttpStream stream = client.Open(H2Transcript.Request(), false, new RecordingHandler("1", []))!;
        stream.BeginData(1000);
        stream.EndData(false);
        wire.Feed(H2Transcript.MakeFrame(FrameType.Settings, FrameFlags.None, 0, [0, 4, 0, 0, 0, 100]));
        wire.TakeOutput();
        stream.BeginData(0);
        stream.EndData(true);
        byte[] output = wire.TakeOutput();
        Assert.Equal(H2Transcript.MakeFrame(FrameType.Data, FrameFlags.EndStream, 1, []), output);
    }

    private sealed class Events : IH2Events
    {
        public List<string> Heard { get; } = [];

        public void OnReady() => Heard.Add("ready");

        public void OnGoAway(uint errorCode, ReadOnlySpan<byte> debugData)
        {
            Heard.Add($"goaway {errorCode} {Encoding.ASCII.GetString(debugData)}");
        }

        public void OnCapacity() => Heard.Add("capacity");

        public void OnClosed(EtcdAot.Sys.Errno reason) => Heard.Add("closed");
    }

    [Fact]
    public void MutatedTranscriptsNeverThrow()
    {
        for (int seed = 0; seed < 3000; seed++)
        {
            var random = new Random(seed);
            var h2 = new H2Transcript();
            h2.OnRequestDo = (stream, handler, end) =>
            {
                handler.OnDataDo = (s, data, e) =>
                {
                    s.Consume(data.Length);
                    if (e)
                    {
                        H2Transcript.Reply(s, new string('r', random.Next(0, 40_000)));
                    }
                };
                if (end)
                {
                    H2Transcript.Reply(stream, "x");
                }
            };
            var all = new List<byte>();
            for (uint id = 1; id < 20; id += 2)
            {
                FrameFlags end = random.Next(3) == 0 ? FrameFlags.EndStream : FrameFlags.None;
                all.AddRange(H2Transcript.MakeFrame(FrameType.Headers, FrameFlags.EndHeaders | end, id,
                    h2.Block(H2Transcript.Request(("x", new string('y', random.Next(100)))))));
                all.AddRange(H2Transcript.MakeFrame(FrameType.Data, FrameFlags.None, id, new byte[random.Next(2000)]));
                all.AddRange(H2Transcript.MakeFrame(FrameType.Data, FrameFlags.EndStream, id, "end"u8));
                all.AddRange(H2Transcript.MakeFrame(FrameType.WindowUpdate, FrameFlags.None, id, [0, 0, 1, 0]));
                all.AddRange(H2Transcript.MakeFrame(FrameType.RstStream, FrameFlags.None, id, [0, 0, 0, 8]));
                all.AddRange(H2Transcript.MakeFrame(FrameType.Settings, FrameFlags.None, 0,
                    [0, (byte)random.Next(1, 7), 0, 0, 0x40, (byte)random.Next(256)]));
            }

            byte[] bytes = [.. all];
            for (int n = random.Next(0, 6); n > 0; n--)
            {
                bytes[random.Next(bytes.Length)] = (byte)random.Next(256);
            }

            for (int at = 0; at < bytes.Length;)
            {
                int n = Math.Min(bytes.Length - at, random.Next(1, 3000));
                h2.Send(bytes.AsSpan(at, n));
                at += n;
            }

            h2.Wire.PeerCloses();
            Assert.Equal(0, h2.Connection.ActiveStreams);
        }
    }

    [Fact]
    public void RandomFramesNeverThrow()
    {
        for (int seed = 0; seed < 3000; seed++)
        {
            var random = new Random(seed);
            var h2 = new H2Transcript();
            for (int n = 0; n < 50; n++)
            {
                var payload = new byte[random.Next(0, 30)];
                random.NextBytes(payload);
                h2.SendFrame((FrameType)random.Next(0, 11), (FrameFlags)random.Next(256), (uint)random.Next(0, 8), payload);
            }

            h2.Wire.PeerCloses();
            Assert.Equal(0, h2.Connection.ActiveStreams);
        }
    }

    /// <summary>Not a check but a measurement, run by hand: 100 small unary calls a wake, in one thread.</summary>
    [Fact(Explicit = true)]
    public void CostOfASmallUnaryCall()
    {
        var h2 = new H2Transcript();
        byte[] answer = new byte[40];
        var handler = new Inline(answer);
        var wire = new FakeConnection(new FakeLoop());
        H2Connection.Server(wire, handler, new H2Options());
        wire.Feed([.. H2Protocol.Preface, .. H2Transcript.MakeFrame(FrameType.Settings, FrameFlags.None, 0, [])]);
        wire.Feed(H2Transcript.MakeFrame(FrameType.WindowUpdate, FrameFlags.None, 0, [0x7f, 0, 0, 0]));
        byte[][] wakes = new byte[2000][];
        uint id = 1;
        for (int w = 0; w < wakes.Length; w++)
        {
            var bytes = new List<byte>();
            for (int i = 0; i < 100; i++, id += 2)
            {
                FrameFlags flags = FrameFlags.EndHeaders;
                bytes.AddRange(H2Transcript.MakeFrame(FrameType.Headers, flags, id, h2.Block(H2Transcript.Request())));
                bytes.AddRange(H2Transcript.MakeFrame(FrameType.Data, FrameFlags.EndStream, id, new byte[40]));
            }

            wakes[w] = [.. bytes];
        }

        for (int part = 0; part < 4; part++)
        {
            long allocated = GC.GetAllocatedBytesForCurrentThread();
            long start = System.Diagnostics.Stopwatch.GetTimestamp();
            for (int w = part * 500; w < (part + 1) * 500; w++)
            {
                wire.Feed(wakes[w]);
                wire.DropOutput();
            }

            double ns = System.Diagnostics.Stopwatch.GetElapsedTime(start).TotalNanoseconds / 50_000;
            allocated = GC.GetAllocatedBytesForCurrentThread() - allocated;
            TestContext.Current.TestOutputHelper!.WriteLine($"{ns:F0} ns and {allocated / 50_000.0:F1} bytes a call");
        }
    }

    private sealed class Inline(byte[] answer) : IStreamAcceptor, IStreamHandler
    {
        private HttpStream? _stream;

        public IStreamHandler OnRequest(HttpStream stream, HeaderBlock headers, bool endOfStream)
        {
            _stream = stream;
            return this;
        }

        public void OnHeaders(HeaderBlock headers, bool endOfStream)
        {
        }

        public void OnData(ReadOnlySpan<byte> data, bool endOfStream)
        {
            HttpStream stream = _stream!;
            stream.Consume(data.Length);
            stream.SendHeaders(H2Transcript.Ok, false);
            answer.CopyTo(stream.BeginData(answer.Length));
            stream.EndData(false);
            stream.SendHeaders(H2Transcript.Trailers, true);
        }

        public void OnReset(uint errorCode, bool connectionLost)
        {
        }

        public void OnWritable()
        {
        }
    }
}
