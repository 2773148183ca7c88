using System.Text;
using EtcdAot.Http;
using EtcdAot.Http.H2;
using EtcdAot.Net;
using EtcdAot.Sys;

namespace EtcdAot.Tests.Unit.Http;

/// <summary>Goal: first bytes decide as api-v3 §1.8 says. Method: whole and byte by byte.</summary>
public class ProtocolDetectorTests
{
    private sealed class Choice : IProtocolChoice, IConnectionHandler
    {
        public string Chosen { get; private set; } = "";

        public List<byte> Bytes { get; } = [];

        public IConnectionHandler? StartHttp2(Connection transport)
        {
            Chosen = "h2";
            return this;
        }

        public IConnectionHandler? StartHttp1(Connection transport)
        {
            Chosen = "h1";
            return this;
        }

        public void OnBytes(ReadOnlySpan<byte> bytes) => Bytes.AddRange(bytes);

        public void OnDrained()
        {
        }

        public void OnClosed(Errno reason)
        {
        }
    }

    [Theory]
    [InlineData("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\nmore", "h2")]
    [InlineData("PRI * HTTP/2.0\r\n\r\nSX", "closed")]
    [InlineData("PRI", "")]
    [InlineData("GET / HTTP/1.1", "")]
    [InlineData("GET / HTTP/1.1\r\n", "h1")]
    [InlineData("GET / HTTP/1.0\n", "h1")]
    [InlineData("GET / HTTP/1.2\r\nmore", "h1")]
    [InlineData("GET / HTTP/2.0\r\n", "closed")]
    [InlineData("GET / HTTP/3.0\r\n", "closed")]
    [InlineData("GET /\r\n", "closed")]
    [InlineData("GET  / HTTP/1.1\r\n", "closed")]
    [InlineData("\u0016\u0003\u0001\n", "closed")]
    [InlineData("\n", "closed")]
    public void DecidesBy(string text, string verdict)
    {
        byte[] bytes = Encoding.Latin1.GetBytes(text);
        foreach (bool slowly in new[] { false, true })
        {
            var wire = new FakeConnection(new FakeLoop());
            var choice = new Choice();
            _ = new ProtocolDetector(wire, choice);
            for (int at = 0; at < bytes.Length; at += slowly ? 1 : bytes.Length)
            {
                wire.Feed(slowly ? bytes.AsSpan(at, 1) : bytes);
            }

            Assert.Equal(verdict, wire.Closed ? "closed" : choice.Chosen);
            Assert.Equal(verdict is "h1" or "h2" ? text : "", Encoding.Latin1.GetString([.. choice.Bytes]));
        }
    }

    [Fact]
    public void AnEndlessLineIsClosed()
    {
        var wire = new FakeConnection(new FakeLoop());
        _ = new ProtocolDetector(wire, new Choice());
        wire.Feed(Encoding.ASCII.GetBytes("GET /" + new string('a', 5000)));
        Assert.True(wire.Closed);
    }

    [Fact]
    public void AnHttp2ConnectionTakesOverFromTheDetector()
    {
        var wire = new FakeConnection(new FakeLoop());
        _ = new ProtocolDetector(wire, new Starter());
        wire.Feed(H2Protocol.Preface);
        Assert.IsType<H2Connection>(wire.Handler);
        Assert.NotEmpty(wire.TakeOutput());
    }

    private sealed class Starter : IProtocolChoice
    {
        public IConnectionHandler? StartHttp2(Connection transport)
        {
            return H2Connection.Server(transport, new H2Transcript(), new H2Options());
        }

        public IConnectionHandler? StartHttp1(Connection transport) => null;
    }
}
