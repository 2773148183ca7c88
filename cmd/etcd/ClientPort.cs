// A client port in clear text: the first bytes of a connection decide between gRPC and HTTP/1 (api-v3 §1.8).
// Keeps the HTTP/2 ones, so that a stop can tell them to go. Accepting calls come on the I/O threads,
// Shutdown on the main thread.
using System.Collections.Concurrent;
using EtcdAot.Api;
using EtcdAot.Http;
using EtcdAot.Http.H1;
using EtcdAot.Http.H2;
using EtcdAot.Net;
using EtcdAot.Sys;

namespace EtcdAot.Cmd.Etcd;

/// <summary>Gives new connections their protocol.</summary>
internal sealed class ClientPort(ClientServices services, H2Options options, IClock clock)
    : IConnectionAcceptor, IProtocolChoice
{
    /// <summary>Longest time for a request head.</summary>
    private const long HeadTimeoutNanos = 300_000_000_000;

    private readonly ConcurrentDictionary<Live, bool> _live = new();

    /// <summary>HTTP/2 connections that are open.</summary>
    public int Open => _live.Count;

    public void OnAccepted(SocketConnection connection) => _ = new ProtocolDetector(connection, this);

    public IConnectionHandler? StartHttp2(Connection transport)
    {
        var live = new Live(this);
        _live[live] = true;
        live.Connection = H2Connection.Server(transport, services.Grpc, options, live);
        return live.Connection;
    }

    public IConnectionHandler? StartHttp1(Connection transport)
    {
        return new Http1Connection(transport, services.Http, clock, HeadTimeoutNanos);
    }

    /// <summary>Sends every HTTP/2 connection its GOAWAY; those without calls end soon after.</summary>
    public void Shutdown()
    {
        foreach (Live live in _live.Keys)
        {
            live.Connection?.Transport.Loop.Post(live);
        }
    }

    private sealed class Live(ClientPort port) : IH2Events, ILoopWork
    {
        public H2Connection? Connection { get; set; }

        public void OnClosed(Errno reason) => port._live.TryRemove(this, out _);

        public void Run() => Connection?.Shutdown();
    }
}
