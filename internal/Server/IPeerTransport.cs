// Seam: how the core reaches the other members. The peer protocol implements it over HTTP, the simulator and tests over a
// queue. What comes back is posted to EtcdServer (Receive, ReportUnreachable, ReportSnapshot) from any thread.
using EtcdAot.Wire;

namespace EtcdAot.Server;

/// <summary>Ways to other members. Called by the core thread, but where said; no call may wait or call back at once.</summary>
public interface IPeerTransport
{
    /// <summary>Sends a message or loses it, as a network may; takes over the message's counts. Messages to one member
    /// leave in order. A MsgSnap never comes this way.</summary>
    void Send(in RaftMessage message);

    /// <summary>Sends a MsgSnap whose data is the v2 tree, and the db behind it. Takes over the message's counts and the
    /// copy, which it disposes. Ends with <see cref="EtcdServer.ReportSnapshot"/>, once.</summary>
    void SendSnapshot(in RaftMessage message, DatabaseCopy database);

    /// <summary>A member of the cluster: streams are dialled, its connections are taken. One that is known gets these URLs.</summary>
    void AddPeer(ulong id, IReadOnlyList<string> peerUrls);

    /// <summary>Somebody to answer to before the log makes it a member (spec cluster §2.12).</summary>
    void AddRemote(ulong id, IReadOnlyList<string> peerUrls);

    /// <summary>Other URLs for a peer.</summary>
    void UpdatePeer(ulong id, IReadOnlyList<string> peerUrls);

    /// <summary>The peer was removed for ever: everything of it stops, and whoever comes in its name is told so.</summary>
    void RemovePeer(ulong id);

    /// <summary>All peers go; those of another configuration follow.</summary>
    void RemoveAllPeers();

    /// <summary>Monotonic time since which the peer is reachable without a break; 0 while it is not. Any thread.</summary>
    long ActiveSince(ulong id);
}

/// <summary>For a member on its own: nobody is there.</summary>
public sealed class NoPeers : IPeerTransport
{
    /// <summary>The one instance.</summary>
    public static readonly NoPeers Instance = new();

    /// <inheritdoc/>
    public void Send(in RaftMessage message) => message.Release();

    /// <inheritdoc/>
    public void SendSnapshot(in RaftMessage message, DatabaseCopy database)
    {
        message.Release();
        database.Dispose();
    }

    /// <inheritdoc/>
    public void AddPeer(ulong id, IReadOnlyList<string> peerUrls)
    {
    }

    /// <inheritdoc/>
    public void AddRemote(ulong id, IReadOnlyList<string> peerUrls)
    {
    }

    /// <inheritdoc/>
    public void UpdatePeer(ulong id, IReadOnlyList<string> peerUrls)
    {
    }

    /// <inheritdoc/>
    public void RemovePeer(ulong id)
    {
    }

    /// <inheritdoc/>
    public void RemoveAllPeers()
    {
    }

    /// <inheritdoc/>
    public long ActiveSince(ulong id) => 0;
}
