using System.Text;
using EtcdAot.Http.H1;
using EtcdAot.Sys;

namespace EtcdAot.Tests.Unit.Http;

/// <summary>Goal: HTTP/1 as the original's server speaks it (api-v3 §1.8). Method: bytes in, exact bytes out.</summary>
public class Http1Tests
{
    private const string Date = "Date: Thu, 01 Jan 1970 00:00:00 GMT\r\n";

    private sealed class Zero : IClock
    {
        public long MonotonicNanos => 0;

        public long WallUnixNanos => 0;
    }

    private sealed class Exchange(Talk talk, Http1Response response, bool echo) : IHttp1Exchange
    {
        private readonly StringBuilder _body = new();

        public void OnData(ReadOnlySpan<byte> data) => _body.Append(Encoding.Latin1.GetString(data));

        public void OnEnd()
        {
            talk.Events.Add("end " + _body);
            if (echo)
            {
                response.Send(200, null, Encoding.Latin1.GetBytes(_body.ToString()));
            }
        }

        public void OnLost() => talk.Events.Add("lost");
    }

    private sealed class Talk : IHttp1Handler
    {
        public Talk()
        {
            Wire = new FakeConnection(Loop);
            Connection = new Http1Connection(Wire, this, new Zero(), headTimeoutNanos: 300_000_000_000);
        }

        public FakeLoop Loop { get; } = new();

        public FakeConnection Wire { get; }

        public Http1Connection Connection { get; }

        public List<string> Events { get; } = [];

        public List<Http1Response> Waiting { get; } = [];

        public Http1Request? Last { get; private set; }

        public IHttp1Exchange? OnRequest(Http1Request request, Http1Response response)
        {
            Last = request;
            Events.Add($"{request.Method} {request.Target}");
            switch (request.Path)
            {
                case "/echo":
                    return new Exchange(this, response, echo: true);
                case "/later":
                    Waiting.Add(response);
                    return new Exchange(this, response, echo: false);
                case "/big":
                    response.Send(200, "text/plain", new byte[5000]);
                    return null;
                case "/stream":
                    response.SetHeader("Content-Type", "application/json");
                    response.Write("one\n"u8);
                    response.Flush();
                    response.Write("two\n"u8);
                    response.End();
                    return null;
                case "/error":
                    response.SetHeader("Allow", "GET");
                    response.SendText(405, "Method Not Allowed");
                    return null;
                default:
                    response.Send(200, "application/json", "{}"u8);
                    return null;
            }
        }

        public string Say(string text)
        {
            Wire.Feed(Encoding.Latin1.GetBytes(text));
            return Encoding.Latin1.GetString(Wire.TakeOutput());
        }
    }

    private const string Json = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n" + Date + "Content-Length: 2\r\n\r\n{}";

    [Theory]
    [InlineData("GET / HTTP/1.1\r\nHost: a\r\n\r\n", Json)]
    [InlineData("GET / HTTP/1.1\nHost: a\n\n", Json)] // bare LF
    [InlineData("GET / HTTP/1.2\r\nHost: a\r\n\r\n", Json)]
    [InlineData("GET http://b/x?y=1 HTTP/1.1\r\nHost: a\r\n\r\n", Json)]
    [InlineData("GET /error HTTP/1.1\r\nHost: a\r\n\r\n", "HTTP/1.1 405 Method Not Allowed\r\nAllow: GET\r\n"
        + "Content-Type: text/plain; charset=utf-8\r\nX-Content-Type-Options: nosniff\r\n" + Date
        + "Content-Length: 19\r\n\r\nMethod Not Allowed\n")]
    [InlineData("GET /stream HTTP/1.1\r\nHost: a\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n" + Date
        + "Transfer-Encoding: chunked\r\n\r\n4\r\none\n\r\n4\r\ntwo\n\r\n0\r\n\r\n")]
    [InlineData("HEAD / HTTP/1.1\r\nHost: a\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n" + Date
        + "Content-Length: 2\r\n\r\n")]
    [InlineData("POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc", "HTTP/1.1 200 OK\r\n" + Date
        + "Content-Length: 3\r\nContent-Type: text/plain; charset=utf-8\r\n\r\nabc")]
    [InlineData("POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n2;x=y\r\nab\r\n1\nc\n0\r\nT: 1\r\n\r\n",
        "HTTP/1.1 200 OK\r\n" + Date + "Content-Length: 3\r\nContent-Type: text/plain; charset=utf-8\r\n\r\nabc")]
    [InlineData("POST /echo HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 1\r\n\r\n",
        "HTTP/1.1 100 Continue\r\n\r\n")]
    public void IsAnsweredAndKeptOpen(string request, string answer)
    {
        var talk = new Talk();
        Assert.Equal(answer, talk.Say(request));
        Assert.False(talk.Wire.Closed);

        // The same, a byte at a time.
        var slow = new Talk();
        string all = string.Concat(request.Select(c => slow.Say(c.ToString())));
        Assert.Equal(answer, all);
    }

    private const string Text = "\r\nContent-Type: text/plain; charset=utf-8\r\nConnection: close\r\n\r\n";

    [Theory]
    [InlineData("GET / HTTP/1.0\r\n\r\n", "HTTP/1.0 200 OK\r\nContent-Type: application/json\r\n" + Date
        + "Content-Length: 2\r\n\r\n{}")]
    [InlineData("GET /stream HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", "HTTP/1.0 200 OK\r\n"
        + "Content-Type: application/json\r\n" + Date + "\r\none\ntwo\n")]
    [InlineData("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", "HTTP/1.1 200 OK\r\n"
        + "Content-Type: application/json\r\n" + Date + "Content-Length: 2\r\nConnection: close\r\n\r\n{}")]
    [InlineData("GET / HTTP/1.1\r\n\r\n", "HTTP/1.1 400 Bad Request: missing required Host header" + Text
        + "400 Bad Request: missing required Host header")]
    [InlineData("GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", "HTTP/1.1 400 Bad Request: too many Host headers" + Text
        + "400 Bad Request: too many Host headers")]
    [InlineData("GET / HTTP/1.1\r\nHost: a\r\nnocolon\r\n\r\n", "HTTP/1.1 400 Bad Request" + Text + "400 Bad Request")]
    [InlineData("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: x\r\n\r\n", "HTTP/1.1 400 Bad Request" + Text
        + "400 Bad Request")]
    [InlineData("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
        "HTTP/1.1 400 Bad Request" + Text + "400 Bad Request")]
    [InlineData("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip\r\n\r\n",
        "HTTP/1.1 501 Not Implemented" + Text + "Unsupported transfer encoding")]
    [InlineData("POST / HTTP/1.1\r\nHost: a\r\nExpect: x\r\nContent-Length: 1\r\n\r\n",
        "HTTP/1.1 417 Expectation Failed\r\nConnection: close\r\n" + Date + "Content-Length: 0\r\n\r\n")]
    [InlineData("GET /  HTTP/1.1\r\nHost: a\r\n\r\n", "HTTP/1.1 400 Bad Request" + Text + "400 Bad Request")]
    [InlineData("POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        "HTTP/1.1 400 Bad Request" + Text + "400 Bad Request")]
    [InlineData("POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 1\r\n\r\n", "HTTP/1.1 200 OK\r\n"
        + "Content-Type: application/json\r\n" + Date + "Content-Length: 2\r\nConnection: close\r\n\r\n{}")]
    public void IsAnsweredAndClosed(string request, string answer)
    {
        var talk = new Talk();
        Assert.Equal(answer, talk.Say(request));
        Assert.True(talk.Wire.Closed);
        talk.Say("ignored");
    }

    [Fact]
    public void HeadsOverAMegabyteAreRefused()
    {
        var talk = new Talk();
        talk.Say("GET / HTTP/1.1\r\nHost: a\r\nX: " + new string('a', 1 << 20) + "\r\n\r\n");
        Assert.False(talk.Wire.Closed);
        Assert.Equal("HTTP/1.1 431 Request Header Fields Too Large" + Text + "431 Request Header Fields Too Large",
            talk.Say("GET / HTTP/1.1\r\nHost: a\r\nX: " + new string('a', (1 << 20) + 5000)));
        Assert.True(talk.Wire.Closed);
    }

    [Fact]
    public void PipelinedRequestsAreAnsweredInOrderAlsoWhenLate()
    {
        var talk = new Talk();
        Assert.Equal("", talk.Say("GET /later HTTP/1.1\r\nHost: a\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\nGET /later"));
        Assert.Equal(["GET /later", "end "], talk.Events);
        talk.Waiting[0].Send(204, null, default);
        Assert.Equal("HTTP/1.1 204 No Content\r\n" + Date + "\r\n" + Json,
            Encoding.Latin1.GetString(talk.Wire.TakeOutput()));
        talk.Say("?x HTTP/1.1\r\nHost: a\r\n\r\n");
        Assert.Equal("/later", talk.Last!.Path);
        Assert.Equal("x", talk.Last.Query);
        talk.Wire.PeerCloses();
        Assert.Equal("lost", talk.Events[^1]);
        talk.Waiting[1].Send(200, null, "too late"u8);
    }

    [Fact]
    public void RequestsOfAPeerThatDoesNotReadWait()
    {
        var talk = new Talk();
        talk.Wire.Congested = true;
        Assert.Equal("", talk.Say("GET / HTTP/1.1\r\nHost: a\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n"));
        Assert.Empty(talk.Events);
        talk.Wire.Congested = false;
        talk.Connection.OnDrained();
        Assert.Equal(Json + Json, Encoding.Latin1.GetString(talk.Wire.TakeOutput()));
    }

    [Fact]
    public void ABodyNobodyWantsIsSkippedUpToALimit()
    {
        var talk = new Talk();
        string body = new('b', 200_000);
        Assert.Equal(Json + Json,
            talk.Say($"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: {body.Length}\r\n\r\n{body}GET / HTTP/1.1\r\nHost: a\r\n\r\n"));
        Assert.EndsWith("Connection: close\r\n\r\n{}",
            talk.Say("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 300000\r\n\r\n"), StringComparison.Ordinal);
        Assert.True(talk.Wire.Closed);
    }

    [Fact]
    public void LargeAnswersAreChunked()
    {
        string answer = new Talk().Say("GET /big HTTP/1.1\r\nHost: a\r\n\r\n");
        Assert.Contains("Transfer-Encoding: chunked\r\n\r\n1388\r\n", answer, StringComparison.Ordinal);
        Assert.EndsWith("\r\n0\r\n\r\n", answer, StringComparison.Ordinal);
    }

    [Fact]
    public void AHeadThatDoesNotComeIsClosed()
    {
        var talk = new Talk();
        talk.Say("GET / HT");
        talk.Loop.Advance(TimeSpan.FromMinutes(6));
        Assert.True(talk.Wire.Closed);
        var served = new Talk();
        served.Say("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
        served.Loop.Advance(TimeSpan.FromMinutes(60));
        Assert.False(served.Wire.Closed);
    }

    [Fact]
    public void FieldsAreFoundWhateverTheirCase()
    {
        var talk = new Talk();
        talk.Say("GET / HTTP/1.1\r\nHOST: a:1\r\nx-Y:  v \r\n w\r\nConnection: foo, Upgrade\r\n\r\n");
        Assert.Equal(("a:1", "v    w", true, null as string),
            (talk.Last!.Host, talk.Last.Header("X-y"), talk.Last.HasToken("connection", "upgrade"), talk.Last.Header("z")));
    }

    [Fact]
    public void MutatedRequestsNeverThrow()
    {
        byte[] good = Encoding.Latin1.GetBytes("POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
            + "3\r\nabc\r\n0\r\n\r\nGET /stream HTTP/1.0\r\nConnection: keep-alive\r\nContent-Length: 2\r\n\r\nxx");
        var random = new Random(5);
        for (int round = 0; round < 20_000; round++)
        {
            byte[] bytes = [.. good];
            for (int n = random.Next(1, 4); n > 0; n--)
            {
                bytes[random.Next(bytes.Length)] = random.Next(3) == 0 ? (byte)'\n' : (byte)random.Next(256);
            }

            var talk = new Talk();
            int cut = random.Next(bytes.Length);
            talk.Wire.Feed(bytes.AsSpan(0, cut));
            talk.Wire.Feed(bytes.AsSpan(cut));
        }
    }
}
