// What the core is put together from at start. Immutable.
using EtcdAot.Backend;
using EtcdAot.Mvcc;
using EtcdAot.Observe;
using EtcdAot.Raft;
using EtcdAot.Sys;
using EtcdAot.Wal;

namespace EtcdAot.Server;

/// <summary>Parts of one member's core.</summary>
internal sealed record CoreParts
{
    public required ServerOptions Options { get; init; }

    public required ulong MemberId { get; init; }

    public required ulong ClusterId { get; init; }

    public required SnapFiles Snaps { get; init; }

    public required RaftNode Raft { get; init; }

    public required RaftLines RaftLines { get; init; }

    public required LogWriter LogWriter { get; init; }

    public required PeerSet Peers { get; init; }

    public required Store Store { get; init; }

    public required BackendStore Backend { get; init; }

    public required LeaseKeeper Leases { get; init; }

    public required MembershipKeeper Membership { get; init; }

    public required Alarms Alarms { get; init; }

    public required Publisher Publisher { get; init; }

    public required Snapshotter Snapshotter { get; init; }

    public required RequestIds Ids { get; init; }

    public required ServerMetrics Metrics { get; init; }

    public required IClock Clock { get; init; }

    public required FatalEnd Fatal { get; init; }

    public required Log Log { get; init; }
}
