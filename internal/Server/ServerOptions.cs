// What a member is told at start. Immutable. Defaults are etcd's (spec server-config §14); the flag table fills it.
namespace EtcdAot.Server;

/// <summary>Settings of one member.</summary>
public sealed record ServerOptions
{
    public string Name { get; init; } = "default";

    public string DataDir { get; init; } = "default.etcd";

    /// <summary>Empty: DataDir/member/wal.</summary>
    public string WalDir { get; init; } = "";

    public IReadOnlyList<string> AdvertisePeerUrls { get; init; } = ["http://localhost:2380"];

    public IReadOnlyList<string> AdvertiseClientUrls { get; init; } = ["http://localhost:2379"];

    /// <summary>Member name → peer URLs, for a first start.</summary>
    public IReadOnlyDictionary<string, IReadOnlyList<string>> InitialCluster { get; init; } =
        new Dictionary<string, IReadOnlyList<string>>(StringComparer.Ordinal)
        {
            ["default"] = ["http://localhost:2380"],
        };

    public string InitialClusterToken { get; init; } = "etcd-cluster";

    /// <summary>False for --initial-cluster-state=existing.</summary>
    public bool NewCluster { get; init; } = true;

    /// <summary>Milliseconds of one raft tick.</summary>
    public int TickMillis { get; init; } = 100;

    public int ElectionMillis { get; init; } = 1000;

    public bool PreVote { get; init; } = true;

    /// <summary>--initial-election-tick-advance.</summary>
    public bool InitialElectionTickAdvance { get; init; } = true;

    /// <summary>Refuse member changes that would lose the quorum.</summary>
    public bool StrictReconfigCheck { get; init; } = true;

    /// <summary>Make this member a cluster of its own, from its log.</summary>
    public bool ForceNewCluster { get; init; }

    /// <summary>Applied entries between snapshots on disk.</summary>
    public ulong SnapshotCount { get; init; } = 100_000;

    /// <summary>Entries kept in memory behind a snapshot.</summary>
    public ulong SnapshotCatchupEntries { get; init; } = 5000;

    /// <summary>WAL segments kept; 0 = all.</summary>
    public int MaxWals { get; init; } = 5;

    /// <summary>Bytes after which a WAL segment is cut; another value only in tests.</summary>
    public long WalSegmentBytes { get; init; } = Wal.WalLimits.SegmentBytes;

    /// <summary>Snapshot files kept; 0 = all.</summary>
    public int MaxSnapshots { get; init; } = 5;

    /// <summary>Bytes; 0 = 2 GiB, negative = no limit.</summary>
    public long QuotaBackendBytes { get; init; }

    public int MaxRequestBytes { get; init; } = 1572864;

    public int MaxTxnOps { get; init; } = 128;

    /// <summary>Bytes of proposals that may wait for the core; another value only in tests.</summary>
    public long ProposalQueueBytes { get; init; } = ProposalCredit.DefaultBytes;

    /// <summary>Longest answer of a unary call; another value only in tests.</summary>
    public int MaxAnswerBytes { get; init; } = AnswerBuffer.MaxBytes;

    /// <summary>Longest gap between backend commits.</summary>
    /// <remarks>0 = 100.</remarks>
    public int BackendBatchMillis { get; init; }

    /// <summary>Operations between backend commits; 0 = 10,000.</summary>
    public int BackendBatchLimit { get; init; }

    public bool UnsafeNoFsync { get; init; }

    /// <summary>False in a program that has no peer protocol: more than one member then ends the start with a sentence, and
    /// none can be added.</summary>
    public bool ReachesPeers { get; init; } = true;

    /// <summary>Revisions removed per compaction batch.</summary>
    public int CompactionBatchLimit { get; init; } = 1000;

    public int CompactionSleepMillis { get; init; } = 10;

    public long WatchProgressNotifyMillis { get; init; } = 600_000;

    /// <summary>How long a request may be on its way: 5 s + 2 × election timeout (spec cluster §5.4).</summary>
    public long RequestTimeoutNanos => (5000L + (2L * ElectionMillis)) * 1_000_000;

    public int ElectionTicks => ElectionMillis / TickMillis;

    public string MemberDir => Path.Combine(DataDir, "member");

    public string SnapDir => Path.Combine(DataDir, "member", "snap");

    public string BackendPath => Path.Combine(DataDir, "member", "snap", "db");

    public string EffectiveWalDir => WalDir.Length > 0 ? WalDir : Path.Combine(DataDir, "member", "wal");
}
