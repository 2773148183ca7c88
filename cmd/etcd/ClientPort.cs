// A client port in clear text: the first bytes of a connection decide between gRPC and HTTP/1 (api-v3 §1.8).
// Owned by: the I/O thread of each connection; holds no state of its own.
using EtcdAot.Api;
using EtcdAot.Http;
using EtcdAot.Http.H1;
using EtcdAot.Http.H2;
using EtcdAot.Net;
using EtcdAot.Sys;

namespace EtcdAot.Cmd.Etcd;

/// <summary>Gives new connections their protocol.</summary>
internal sealed class ClientPort(ClientServices services, IClock clock) : IConnectionAcceptor, IProtocolChoice
{
    /// <summary>Longest time for a request head.</summary>
    private const long HeadTimeoutNanos = 300_000_000_000;

    private readonly H2Options _options = new();

    public void OnAccepted(SocketConnection connection) => _ = new ProtocolDetector(connection, this);

    public IConnectionHandler? StartHttp2(Connection transport)
    {
        return H2Connection.Server(transport, services.Grpc, _options);
    }

    public IConnectionHandler? StartHttp1(Connection transport)
    {
        return new Http1Connection(transport, services.Http, clock, HeadTimeoutNanos);
    }
}
