// A peer port while there are no peers: the port is bound, so that conflicts show, and whoever comes is
// turned away.
using EtcdAot.Net;

namespace EtcdAot.Cmd.Etcd;

/// <summary>Closes what it accepts.</summary>
internal sealed class PeerPort : IConnectionAcceptor
{
    public void OnAccepted(SocketConnection connection) => connection.Close();
}
