// The other members as the core knows them: who was told to the transport, and who is reachable. Owned by: core thread;
// the questions about reachability by any.
using EtcdAot.Members;
using EtcdAot.Wire;
using EtcdAot.Wire.Raftpb;

namespace EtcdAot.Server;

/// <summary>Keeps the transport in step with the membership.</summary>
internal sealed class PeerSet(ulong self)
{
    private readonly SortedSet<ulong> _peers = [];
    private volatile IPeerTransport _transport = NoPeers.Instance;

    /// <summary>Before the core runs: the members that the start knows of.</summary>
    /// <param name="transport">The way to them.</param>
    /// <param name="peers">Founders, or members of the snapshot.</param>
    /// <param name="remotes">Members that a joiner was told of.</param>
    public void Connect(IPeerTransport transport, IEnumerable<Member> peers, IEnumerable<Member> remotes)
    {
        _transport = transport;
        foreach (Member remote in remotes)
        {
            if (remote.Id != self)
            {
                transport.AddRemote(remote.Id, remote.PeerUrls);
            }
        }

        foreach (Member peer in peers)
        {
            Add(peer);
        }
    }

    /// <summary>A change of the membership was applied.</summary>
    public void OnChange(MemberChange change)
    {
        if (change.NodeId == self)
        {
            return;
        }

        if (change.Member is null)
        {
            _peers.Remove(change.NodeId);
            _transport.RemovePeer(change.NodeId);
        }
        else if (change.Type == ConfChangeType.ConfChangeUpdateNode)
        {
            _transport.UpdatePeer(change.NodeId, change.Member.PeerUrls);
        }
        else
        {
            Add(change.Member);
        }
    }

    /// <summary>A snapshot brought another membership.</summary>
    public void Replace(IEnumerable<Member> members)
    {
        _peers.Clear();
        _transport.RemoveAllPeers();
        foreach (Member member in members)
        {
            Add(member);
        }
    }

    /// <summary>Sends, or loses.</summary>
    public void Send(in RaftMessage message) => _transport.Send(message);

    /// <summary>Sends a snapshot and its db.</summary>
    public void SendSnapshot(in RaftMessage message, DatabaseCopy copy) => _transport.SendSnapshot(message, copy);

    /// <summary>Monotonic time since which it is reachable, 0 while it is not; never for the own id.</summary>
    public long ActiveSince(ulong id) => _transport.ActiveSince(id);

    /// <summary>True when the member could be talked to all the time since then; the own id always can.</summary>
    public bool WasReachableSince(ulong id, long nanos)
    {
        long since = id == self ? 1 : _transport.ActiveSince(id);
        return since != 0 && since <= nanos;
    }

    /// <summary>Peers reachable now.</summary>
    public int CountActive()
    {
        int active = 0;
        foreach (ulong peer in _peers)
        {
            active += _transport.ActiveSince(peer) != 0 ? 1 : 0;
        }

        return active;
    }

    /// <summary>Peers in all.</summary>
    public int Count => _peers.Count;

    private void Add(Member member)
    {
        if (member.Id != self && _peers.Add(member.Id))
        {
            _transport.AddPeer(member.Id, member.PeerUrls);
        }
    }
}
