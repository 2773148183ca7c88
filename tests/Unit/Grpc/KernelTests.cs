using System.Text;
using EtcdAot.Grpc;
using EtcdAot.Http;

namespace EtcdAot.Tests.Unit.Grpc;

/// <summary>Goal: the server answers heads and bodies as the original's own stack does, row by row of api-v3 §1.1 and
/// §1.4, and hands complete messages to its methods and nothing else.</summary>
public class KernelTests
{
    private const string Head = "H(:status=200 content-type=application/grpc) ";
    private const string Good = "T(grpc-status=0 grpc-message=)";
    private const string Only = "T(:status=200 content-type=application/grpc grpc-status=";
    private readonly FakeLoop _loop = new();
    private readonly Echo _echo = new();
    private readonly GrpcServer _server = new(new GrpcServerOptions { MaxReceiveBytes = 2097152 });

    public KernelTests()
    {
        _server.Bind("a.B", "Unary", MethodShape.Unary, _echo);
        _server.Bind("a.B", "Duplex", MethodShape.Duplex, _echo);
    }

    [Theory]
    [InlineData("000000000161", Head + "D(000000000161) " + Good)]
    [InlineData("0000000000", Head + "D(0000000000) " + Good)]
    [InlineData("00000000016100000000016262", Head + "D(000000000161) " + Good)]
    [InlineData("000000000161ffffffff", Head + "D(000000000161) " + Good)]
    [InlineData("", Only + "2 grpc-message=EOF)")]
    [InlineData("00000000", Only + "2 grpc-message=EOF)")]
    [InlineData("000000000261", Only + "2 grpc-message=unexpected EOF)")]
    [InlineData("020000000161", Only + "13 grpc-message=grpc: received unexpected payload format 2)")]
    [InlineData("ff0000000161", Only + "13 grpc-message=grpc: received unexpected payload format 255)")]
    [InlineData("010000000161", Only + "13 grpc-message=grpc: compressed flag set with identity or empty encoding)")]
    [InlineData("00ffffffff",
        Only + "8 grpc-message=grpc: received message larger than max (4294967295 vs. 2097152))")]
    [InlineData("0000200001",
        Only + "8 grpc-message=grpc: received message larger than max (2097153 vs. 2097152))")]
    public void UnaryBodies(string body, string answer)
    {
        // Whole, and cut into single bytes: framing never depends on DATA frames.
        foreach (bool split in new[] { false, true })
        {
            (FakeStream stream, IStreamHandler handler) = Begin("/a.B/Unary");
            byte[] bytes = Convert.FromHexString(body);
            for (int i = 0; split && i < bytes.Length && !stream.Ended; i++)
            {
                handler.OnData(bytes.AsSpan(i, 1), false);
            }

            if (!stream.Ended)
            {
                handler.OnData(split ? default : bytes, true);
            }

            Assert.Equal(answer, stream.Line);
        }
    }

    [Fact]
    public void AUnaryCallRunsBeforeTheHalfCloseAndALargestMessageIsAwaited()
    {
        (FakeStream stream, IStreamHandler handler) = Begin("/a.B/Unary");
        handler.OnData(Convert.FromHexString("0000200000"), false);
        Assert.Equal("", stream.Line);
        Assert.Equal(2097152, stream.Expected);
        handler.OnData(new byte[2097152], false);
        Assert.EndsWith(Good, stream.Line, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("content-type", "application/grpc-web",
        "T(:status=415 content-type=application/grpc grpc-status=3 grpc-message=invalid gRPC request content-type \"application/grpc-web\")")]
    [InlineData("content-type", "application/grpcx",
        "T(:status=415 content-type=application/grpc grpc-status=3 grpc-message=invalid gRPC request content-type \"application/grpcx\")")]
    [InlineData("content-type", "application/grpc;x=1", "application/grpc+x=1")]
    [InlineData("content-type", "application/grpc+proto", "application/grpc+proto")]
    [InlineData(":method", "GET",
        "T(:status=405 content-type=application/grpc grpc-status=13 grpc-message=Received a HEADERS frame with :method \"GET\" which should be POST)")]
    [InlineData(":path", "/a.B/X", Only + "12 grpc-message=unknown method X for service a.B)")]
    [InlineData(":path", "/a.B/Unary?x=1", Only + "12 grpc-message=unknown method Unary?x=1 for service a.B)")]
    [InlineData(":path", "//a.B/C", Only + "12 grpc-message=unknown service /a.B)")]
    [InlineData(":path", "/x.Y/C", Only + "12 grpc-message=unknown service x.Y)")]
    [InlineData(":path", "x", Only + "12 grpc-message=malformed method name: \"x\")")]
    [InlineData(":path", "", Only + "12 grpc-message=malformed method name: \"\")")]
    [InlineData(":path", "a.B/Unary", Only + "12 grpc-message=malformed method name: \"a.B/Unary\")")]
    [InlineData("grpc-timeout", "0S", Only + "4 grpc-message=context deadline exceeded)")]
    [InlineData("grpc-timeout", "1n", Only + "4 grpc-message=context deadline exceeded)")]
    [InlineData("grpc-timeout", "99999999H", "grpc-status=0")]
    [InlineData("grpc-timeout", "5",
        "T(:status=400 content-type=application/grpc grpc-status=13 grpc-message=malformed grpc-timeout: transport: timeout string is too short: \"5\")")]
    [InlineData("grpc-encoding", "identity", "grpc-status=0")]
    [InlineData("grpc-encoding", "", "grpc-status=0")]
    [InlineData("grpc-encoding", "GZIP",
        Only + "12 grpc-message=grpc: Decompressor is not installed for grpc-encoding \"GZIP\")")]
    [InlineData("x-bin", "!!!",
        "T(:status=400 content-type=application/grpc grpc-status=13 grpc-message=malformed binary metadata \"!!!\" in header \"x-bin\": illegal base64 data at input byte 0)")]
    [InlineData("x-bin", "YQ", "grpc-status=0")]
    [InlineData("x-bin", "YQ==", "grpc-status=0")]
    public void Heads(string name, string value, string answer)
    {
        (string, string)[] fields =
        [
            (":method", "POST"), (":scheme", "http"), (":path", "/a.B/Unary"), (":authority", "x"),
            ("content-type", "application/grpc"), ("grpc-encoding", ""), ("grpc-timeout", "1H"),
        ];
        int at = Array.FindIndex(fields, f => f.Item1 == name);
        (string, string)[] all = at < 0 ? [.. fields, (name, value)] : [.. fields];
        if (at >= 0)
        {
            all[at] = (name, value);
        }

        var stream = new FakeStream(_loop);
        IStreamHandler handler = _server.OnRequest(stream, new FakeHeaders(all), false);
        if (!stream.Ended)
        {
            handler.OnData(Convert.FromHexString("0000000000"), true);
        }

        Assert.Contains(answer, stream.Line, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("S", "transport: timeout string is too short: \"S\"")]
    [InlineData("", "transport: timeout string is too short: \"\"")]
    [InlineData("-1S", "strconv.ParseUint: parsing \"-1\": invalid syntax")]
    [InlineData("+1S", "strconv.ParseUint: parsing \"+1\": invalid syntax")]
    [InlineData("1 S", "strconv.ParseUint: parsing \"1 \": invalid syntax")]
    [InlineData("1.5S", "strconv.ParseUint: parsing \"1.5\": invalid syntax")]
    [InlineData("1x", "transport: timeout unit is not recognized: \"1x\"")]
    [InlineData("1s", "transport: timeout unit is not recognized: \"1s\"")]
    [InlineData("123456789S", "transport: timeout string is too long: \"123456789S\"")]
    public void BadTimeouts(string text, string expected)
    {
        Assert.False(GrpcTimeout.TryParse(Encoding.UTF8.GetBytes(text), out _, out string error));
        Assert.Equal(expected, error);
    }

    [Theory]
    [InlineData("1n", 1)]
    [InlineData("7u", 7_000)]
    [InlineData("8m", 8_000_000)]
    [InlineData("3S", 3_000_000_000)]
    [InlineData("2M", 120_000_000_000)]
    [InlineData("99999999S", 99_999_999_000_000_000)]
    [InlineData("99999999H", long.MaxValue)]
    public void GoodTimeoutsAndTheirFormat(string text, long nanos)
    {
        Assert.True(GrpcTimeout.TryParse(Encoding.UTF8.GetBytes(text), out long parsed, out _));
        Assert.Equal(nanos, parsed);
        // Formatting never shortens a timeout, and by less than one unit of eight digits it lengthens it.
        Assert.True(GrpcTimeout.TryParse(GrpcTimeout.Format(nanos), out long again, out _));
        Assert.True(again >= nanos && again - nanos <= Math.Max(1, nanos / 1_000_000));
    }

    [Fact]
    public void DeadlinesOfManyCallsKeepOneTimer()
    {
        // Short calls beside long ones: the timer of the earlier deadline takes the place of the later one's.
        _echo.Hold = true;
        for (int i = 0; i < 20; i++)
        {
            Begin("/a.B/Unary", ("grpc-timeout", "5S"));
            Begin("/a.B/Unary", ("grpc-timeout", "1S"));
            _loop.Advance(1_100_000_000);
            Assert.True(_loop.Armed <= 1, $"{_loop.Armed} timers after {i + 1} rounds");
        }
    }

    [Fact]
    public void DeadlineEndsACallAndALateReplyGoesNowhere()
    {
        _echo.Hold = true;
        (FakeStream stream, IStreamHandler handler) = Begin("/a.B/Unary", ("grpc-timeout", "5S"));
        handler.OnData(Convert.FromHexString("000000000161"), true);
        _loop.Advance(4_999_999_999);
        Assert.Equal("", stream.Line);
        _loop.Advance(1);
        Assert.Equal(Only + "4 grpc-message=context deadline exceeded)", stream.Line);
        Assert.Equal(1, _echo.Cancelled);
        _loop.Post(_echo.Held!);
        _loop.Drain();
        Assert.Single(stream.Sent);
    }

    /// <summary>A client with SETTINGS_MAX_HEADER_LIST_SIZE 1 makes HTTP reset the stream inside the reply: the method
    /// finishes its call as ever, and one that goes on hears of the end afterwards, once.</summary>
    [Theory]
    [InlineData("/a.B/Unary", 0)]
    [InlineData("/a.B/Duplex", 1)]
    public void AResetInsideAReplyIsToldAfterIt(string path, int cancelled)
    {
        (FakeStream stream, IStreamHandler handler) = Begin(path);
        stream.Refusing = handler;
        handler.OnData(Convert.FromHexString("000000000161"), false);
        Assert.Equal("", stream.Line);
        Assert.Equal(0, _echo.Cancelled);
        _loop.Drain();
        Assert.Equal(cancelled, _echo.Cancelled);
        if (cancelled > 0)
        {
            ((Call)handler).Finish(Status.Ok);
        }

        (_, IStreamHandler next) = Begin(path);
        Assert.Same(handler, next);
    }

    [Fact]
    public void AHeldCallIsNotReusedBeforeItComesBack()
    {
        _echo.Hold = true;
        (_, IStreamHandler first) = Begin("/a.B/Unary");
        first.OnData(Convert.FromHexString("000000000161"), true);
        Call held = _echo.Held!;
        first.OnReset(8, false);
        Assert.Equal(1, _echo.Cancelled);

        _echo.Hold = false;
        (FakeStream other, IStreamHandler second) = Begin("/a.B/Unary");
        Assert.NotSame(first, second);
        second.OnData(Convert.FromHexString("000000000162"), true);
        Assert.Contains("D(000000000162)", other.Line, StringComparison.Ordinal);

        _loop.Post(held);
        _loop.Drain();
        (FakeStream third, IStreamHandler reused) = Begin("/a.B/Unary", ("k", "v"));
        Assert.Same(held, reused);
        Assert.Equal("v", Encoding.UTF8.GetString(held.Metadata.First("k"u8)));
        reused.OnData(Convert.FromHexString("000000000163"), true);
        Assert.Equal(Head + "D(000000000163) " + Good, third.Line);
    }

    [Fact]
    public void AParkedMessageKeepsItsCreditAndOrder()
    {
        _echo.ParkNext = 2;
        (FakeStream stream, IStreamHandler handler) = Begin("/a.B/Duplex");
        handler.OnData(Convert.FromHexString("000000000161" + "000000000162" + "0000"), false);
        handler.OnData(Convert.FromHexString("00000163"), true);
        Assert.Equal(0, stream.Consumed);
        Assert.Equal("", stream.Line);
        ((Call)handler).Resume();
        Assert.True(((Call)handler).IsParked);
        ((Call)handler).Resume();
        Assert.Equal(Head + "D(000000000161) D(000000000162) D(000000000163) " + Good, stream.Line);
        Assert.Equal(18, stream.Consumed);
    }

    [Fact]
    public void GzipGoesBothWaysExactlyWhenTheRequestSaysSo()
    {
        byte[] packed = Gzip.Deflate("hello"u8);
        byte[] body = [1, 0, 0, 0, (byte)packed.Length, .. packed];
        (FakeStream stream, IStreamHandler handler) = Begin("/a.B/Unary", ("grpc-encoding", "gzip"));
        handler.OnData(body, true);
        Assert.Contains("grpc-encoding=gzip", stream.Sent[0], StringComparison.Ordinal);
        Assert.Equal(1, stream.Messages[0][0]);
        Assert.Equal("hello"u8.ToArray(), Gzip.Inflate(stream.Messages[0].AsSpan(5), 100, out _));

        (stream, handler) = Begin("/a.B/Unary", ("grpc-encoding", "gzip"));
        handler.OnData([1, 0, 0, 0, 10, .. packed.AsSpan(0, 10)], true);
        Assert.Equal(Only + "13 grpc-message=grpc: failed to decompress the message: unexpected EOF)", stream.Line);

        byte[] bomb = Gzip.Deflate(new byte[2097153]);
        (stream, handler) = Begin("/a.B/Unary", ("grpc-encoding", "gzip"));
        handler.OnData([1, 0, (byte)(bomb.Length >> 16), (byte)(bomb.Length >> 8), (byte)bomb.Length, .. bomb], true);
        Assert.Equal(
            Only + "8 grpc-message=grpc: received message after decompression larger than max 2097152)", stream.Line);
    }

    [Fact]
    public void TheFirstMetadataValueCounts()
    {
        _echo.Hold = true;
        (_, IStreamHandler handler) = Begin("/a.B/Unary", ("token", "a"), ("token", "b"), ("hasleader", "true"));
        IncomingMetadata metadata = ((Call)handler).Metadata;
        Assert.Equal("a", Encoding.UTF8.GetString(metadata.Token));
        Assert.True(metadata.RequiresLeader);
        Assert.True(metadata.Authorization.IsEmpty);
    }

    [Fact]
    public void MessagesOfErrorsArePercentEncoded()
    {
        Assert.Equal("100%25 %C2%A0x", Encoding.ASCII.GetString(PercentEncoding.Encode("100% \u00a0x")));
        Assert.Equal("100% \u00a0x", PercentEncoding.Decode("100%25 %C2%A0x"u8));
        Assert.Equal("%zz%", PercentEncoding.Decode("%zz%"u8));
    }

    [Fact]
    public void SteadyUnaryCallsAllocateNothing()
    {
        var server = new GrpcServer(new GrpcServerOptions());
        server.Bind("a.B", "Quiet", MethodShape.Unary, new Quiet());
        FakeHeaders head = FakeHeaders.Request("/a.B/Quiet", ("grpc-timeout", "5S"), ("token", "abc"));
        var stream = new SinkStream(_loop);
        byte[] body = Convert.FromHexString("000000000161");
        for (int i = 0; i < 100; i++)
        {
            server.OnRequest(stream, head, false).OnData(body, true);
        }

        Assert.Equal(0, Fakes.Garbage.OfSteadyState(() =>
        {
            for (int i = 0; i < 1000; i++)
            {
                server.OnRequest(stream, head, false).OnData(body, true);
            }
        }));
    }

    private (FakeStream, IStreamHandler) Begin(string path, params (string, string)[] more)
    {
        var stream = new FakeStream(_loop);
        return (stream, _server.OnRequest(stream, FakeHeaders.Request(path, more), false));
    }

    /// <summary>Answers each message with itself; holds or parks when told so.</summary>
    private sealed class Echo : IHotMethod
    {
        public bool Hold { get; set; }

        public int ParkNext { get; set; }

        public Call? Held { get; private set; }

        public int Cancelled { get; private set; }

        public void OnMessage(ReadOnlySpan<byte> message, Call call)
        {
            if (ParkNext > 0)
            {
                ParkNext--;
                call.Park();
            }
            else if (Hold)
            {
                Held = call;
                call.Hold();
            }
            else
            {
                call.Reply(message);
                if (call.Method.Shape == MethodShape.Unary)
                {
                    call.Finish(Status.Ok);
                }
            }
        }

        public void OnHalfClose(Call call) => call.Finish(Status.Ok);

        public void OnCancel(Call call) => Cancelled++;

        public void OnCompletion(Call call)
        {
            call.Reply("late"u8);
            call.Finish(Status.Ok);
        }
    }

    private sealed class Quiet : IHotMethod
    {
        public void OnMessage(ReadOnlySpan<byte> message, Call call)
        {
            message.CopyTo(call.BeginReply(message.Length));
            call.EndReply();
            call.Finish(Status.Ok);
        }
    }

    /// <summary>Takes everything and keeps nothing.</summary>
    private sealed class SinkStream(FakeLoop loop) : HttpStream
    {
        private readonly FakeConnection _transport = new(loop);
        private readonly byte[] _buffer = new byte[64];

        public override uint Id => 1;

        public override EtcdAot.Net.Connection Transport => _transport;

        public override long QueuedBytes => 0;

        public override void SendHeaders(HeaderSet fields, bool endOfStream)
        {
        }

        public override Span<byte> BeginData(int length) => _buffer.AsSpan(0, length);

        public override void EndData(bool endOfStream)
        {
        }

        public override void Consume(int bytes)
        {
        }

        public override void ExpectMessage(int bytes)
        {
        }

        public override void Reset(uint errorCode)
        {
        }
    }
}
