// HTTP/1 and the choice of the protocol: what a client may send first.
using System.Text;
using EtcdAot.Http;
using EtcdAot.Http.H1;
using EtcdAot.Http.H2;
using EtcdAot.Net;
using EtcdAot.Sys;

namespace EtcdAot.Tests.Fuzz.Targets;

/// <summary>Input: {way of cutting 1, the client's bytes}.</summary>
internal sealed class HttpTarget(bool detect) : FuzzTarget
{
    private static readonly string[] Requests =
    [
        "GET /version HTTP/1.1\r\nHost: a\r\n\r\nGET /x?y=1 HTTP/1.1\r\nHost: a:2379\r\nAccept: *\r\n\r\n",
        "POST /v3/kv/put HTTP/1.1\r\nHost: a\r\nContent-Length: 11\r\n\r\n{\"key\":\"a\"}GET / HTTP/1.1\r\nHost: b\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5;x=y\r\nhello\r\n3\r\nabc\r\n0\r\nT: 1\r\n\r\n",
        "PUT http://h:1/p?q HTTP/1.0\r\nConnection: keep-alive\r\nContent-Length: 2\r\n\r\nhiGET / HTTP/1.0\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\nabc",
        "GET / HTTP/1.1\r\nHost: a\r\nX: one\r\n two\r\n\tthree\r\nConnection: close\r\n\r\n",
    ];

    public override string Name => detect ? "detect" : "http1";

    public override string About => detect
        ? "first bytes of a connection on a shared port" : "an HTTP/1 client's bytes, in pieces";

    public override IEnumerable<byte[]> Seeds()
    {
        for (byte way = 0; way < 4; way++)
        {
            foreach (string request in Requests)
            {
                yield return [way, .. Encoding.Latin1.GetBytes(request)];
            }

            if (detect)
            {
                yield return new H2Frames(way).Preface().Headers(1, H2Frames.Request(), end: true).Bytes;
            }
        }
    }

    public override string Run(byte[] input)
    {
        var loop = new FuzzLoop();
        var wire = new FuzzConnection(loop);
        byte way = input.Length > 0 ? input[0] : (byte)0;
        var server = new EchoServer(way);
        if (detect)
        {
            _ = new ProtocolDetector(wire, server);
        }
        else
        {
            _ = server.StartHttp1(wire);
        }

        Pieces.Feed(wire, loop, input.AsSpan(Math.Min(1, input.Length)), way);
        string start = Encoding.Latin1.GetString(wire.Output[..Math.Min(12, wire.Output.Length)]);
        string verdict = $"{server.Requests} {server.Bodies} {start} {wire.Closed}";
        loop.Advance(400_000_000_000);
        wire.Handler!.OnClosed(Errno.Ok);
        return (server.Requests > 0 ? "+" : "-") + verdict;
    }

    /// <summary>Answers with what came, in several ways.</summary>
    private sealed class EchoServer(byte way) : IHttp1Handler, IProtocolChoice, IClock
    {
        private readonly EchoAcceptor _http2 = new(way);

        public int Requests { get; private set; }

        public int Bodies { get; private set; }

        public long MonotonicNanos => 1;

        public long WallUnixNanos => 1_700_000_000_000_000_000;

        public IConnectionHandler StartHttp2(Connection transport)
        {
            Requests++;
            return H2Connection.Server(transport, _http2, new H2Options(), _http2);
        }

        public IConnectionHandler StartHttp1(Connection transport) => new Http1Connection(transport, this, this, 300_000_000_000);

        public IHttp1Exchange? OnRequest(Http1Request request, Http1Response response)
        {
            Requests++;
            _ = request.Header("accept");
            response.SetHeader("X-Echo", request.Path.Length.ToString(System.Globalization.CultureInfo.InvariantCulture));
            if (way % 5 == 4)
            {
                response.Send(200, "text/plain", Encoding.UTF8.GetBytes(request.Target + request.Query + request.Host));
                return null;
            }

            return new Exchange(this, response);
        }

        private sealed class Exchange(EchoServer server, Http1Response response) : IHttp1Exchange
        {
            private bool _over;

            public void OnData(ReadOnlySpan<byte> data)
            {
                BrokenPromiseException.Unless(!_over, "no body follows its end");
                response.Write(data);
            }

            public void OnEnd()
            {
                BrokenPromiseException.Unless(!_over, "a body ends once");
                _over = true;
                server.Bodies++;
                response.End();
            }

            public void OnLost() => _over = true;
        }
    }
}
