// How etcd configures raft (spec cluster §1.1), and the limits of this room. Immutable.
namespace EtcdAot.Raft;

/// <summary>Settings of one raft node; the defaults are etcd's.</summary>
public sealed record RaftConfig
{
    /// <summary>Own member id, not 0.</summary>
    public required ulong Id { get; init; }

    /// <summary>Hears what happens.</summary>
    public IRaftEvents Events { get; init; } = NoRaftEvents.Instance;

    /// <summary>Ticks without a leader before an election: E. The real timeout is drawn from [E, 2E-1].</summary>
    public int ElectionTicks { get; init; } = 10;

    /// <summary>Ticks between heartbeats.</summary>
    public int HeartbeatTicks { get; init; } = 1;

    /// <summary>Ask before raising the term.</summary>
    public bool PreVote { get; init; } = true;

    /// <summary>Leader steps down without a quorum, voters keep their leader's lease. Always on in etcd.</summary>
    public bool CheckQuorum { get; init; } = true;

    /// <summary>Bytes of entries in one MsgApp; always at least one entry.</summary>
    public long MessageBytesMax { get; init; } = 1 << 20;

    /// <summary>MsgApp with entries that may be unacknowledged for each peer (stream buffer 4096 / 8).</summary>
    public int InflightMax { get; init; } = 512;

    /// <summary>Bytes of committed entries handed out by one Ready; always at least one entry.</summary>
    public long CommittedBytesMax { get; init; } = 1 << 20;

    /// <summary>Bytes appended but not durable at which new proposals are refused (DESIGN 4.4); a follower then drops
    /// MsgApp as the network might.</summary>
    public long UndurableBytesMax { get; init; } = 64 << 20;
}

/// <summary>Bounds on what peers can make this node keep.</summary>
public static class RaftLimits
{
    /// <summary>Reads waiting for a quorum or for the first commit of a term. etcd has one outstanding per member; more
    /// than this are dropped and retried by their owner.</summary>
    public const int PendingReads = 4096;

    /// <summary>Bytes of a read's context; etcd's are 8. A longer one is dropped.</summary>
    public const int ReadContextBytes = 256;
}
