// The metrics of one member that its core and backend feed (spec api-v3 §10): instruments that they write to, and readings
// that are taken at a scrape from what is published anyway. Names and texts are the original's. Any thread.
using EtcdAot.Mvcc;
using EtcdAot.Observe;

namespace EtcdAot.Server;

/// <summary>Instruments and registry of a member.</summary>
public sealed class ServerMetrics
{
    private static readonly double[] Millisecond = Histogram.Doubling(0.001, 14);

    internal ServerMetrics()
    {
        LeaderChanges = Registry.Counter(
            "etcd_server_leader_changes_seen_total", "The number of leader changes seen.");
        ProposalsFailed = Registry.Counter(
            "etcd_server_proposals_failed_total", "The total number of failed proposals seen.");
        ReadIndexesFailed = Registry.Counter(
            "etcd_server_read_indexes_failed_total", "The total number of failed read indexes seen.");
        SlowReadIndexes = Registry.Counter(
            "etcd_server_slow_read_indexes_total",
            "The total number of pending read indexes not in sync with leader's or timed out read index requests.");
        Counter slowApplies = Registry.Counter(
            "etcd_server_slow_apply_total",
            "The total number of slow apply requests (likely overloaded from slow disk).");
        ApplyTimes = new ApplyTimes(Registry, slowApplies);
        WalFsync = Registry.Histogram(
            "etcd_disk_wal_fsync_duration_seconds",
            "The latency distributions of fsync called by WAL.", Millisecond);
        BackendCommit = Registry.Histogram(
            "etcd_disk_backend_commit_duration_seconds",
            "The latency distributions of commit called by backend.", Millisecond);
        Defragment = Registry.Histogram(
            "etcd_disk_backend_defrag_duration_seconds",
            "The latency distribution of backend defragmentation.", Histogram.Doubling(0.1, 13));
        Snapshot = Registry.Histogram(
            "etcd_disk_backend_snapshot_duration_seconds",
            "The latency distribution of backend snapshots.", Histogram.Doubling(0.01, 17));
        Hash = Registry.Histogram(
            "etcd_mvcc_hash_duration_seconds",
            "The latency distribution of storage hash operation.", Histogram.Doubling(0.01, 15));
        HashRevision = Registry.Histogram(
            "etcd_mvcc_hash_rev_duration_seconds",
            "The latency distribution of storage hash by revision operation.", Histogram.Doubling(0.01, 15));
    }

    /// <summary>Everything; rooms above add their own before the first scrape.</summary>
    public MetricsRegistry Registry { get; } = new();

    /// <summary>Ranges answered from views; those inside writes are the store's.</summary>
    public Counter Ranges { get; } = new();

    /// <summary>Seconds that a snapshot took to be sent.</summary>
    public Histogram Snapshot { get; }

    public Histogram Hash { get; }

    public Histogram HashRevision { get; }

    internal ApplyTimes ApplyTimes { get; }

    internal Counter LeaderChanges { get; }

    internal Counter ProposalsFailed { get; }

    internal Counter ReadIndexesFailed { get; }

    internal Counter SlowReadIndexes { get; }

    internal Histogram WalFsync { get; }

    internal Histogram BackendCommit { get; }

    internal Histogram Defragment { get; }

    /// <summary>Adds what is read from the running member.</summary>
    internal void Attach(EtcdServer server, RaftLoop core)
    {
        AttachConsensus(server, core);
        AttachStore(server);
        AttachVersions(server);
    }

    private static double Of(bool value) => value ? 1 : 0;

    private void AttachConsensus(EtcdServer server, RaftLoop core)
    {
        CoreStatus status = core.Status;
        Registry.Gauge("etcd_server_has_leader",
            "Whether or not a leader exists. 1 is existence, 0 is not.", () => Of(status.Leader != 0));
        Registry.Gauge("etcd_server_is_leader",
            "Whether or not this member is a leader. 1 if is, 0 otherwise.",
            () => Of(status.Leader == server.MemberId));
        Registry.Gauge("etcd_server_is_learner",
            "Whether or not this member is a learner. 1 if is, 0 otherwise.",
            () => Of(MemberAnswers.IsLearner(server.Members, server.MemberId)));
        Registry.Gauge("etcd_server_proposals_applied_total",
            "The total number of consensus proposals applied.", () => status.Applied);
        Registry.Gauge("etcd_server_proposals_committed_total",
            "The total number of consensus proposals committed.", () => status.Committed);
        Registry.Gauge("etcd_server_proposals_pending",
            "The current number of pending proposals to commit.", () => core.PendingProposals);
    }

    private void AttachStore(EtcdServer server)
    {
        Store store = server.Store;
        Maintenance db = server.Maintenance;
        Registry.Gauge("etcd_server_quota_backend_bytes",
            "Current backend storage quota size in bytes.",
            () => Math.Max(0, Quota.FromFlag(server.Options.QuotaBackendBytes).Bytes));
        Registry.Gauge("etcd_mvcc_db_total_size_in_bytes",
            "Total size of the underlying database physically allocated in bytes.", () => db.DatabaseSize);
        Registry.Gauge("etcd_mvcc_db_total_size_in_use_in_bytes",
            "Total size of the underlying database logically in use in bytes.", () => db.DatabaseSizeInUse);
        Registry.Gauge("etcd_disk_defrag_inflight",
            "Whether or not defrag is active on the member. 1 means active, 0 means not.",
            () => Of(db.DefragmentationsUnderWay > 0));
        Registry.CounterOf("etcd_mvcc_put_total",
            "Total number of puts seen by this member.", () => store.Counts.Puts);
        Registry.CounterOf("etcd_mvcc_delete_total",
            "Total number of deletes seen by this member.", () => store.Counts.Deletes);
        Registry.CounterOf("etcd_mvcc_txn_total",
            "Total number of txns seen by this member.", () => store.Counts.Txns);
        Registry.CounterOf("etcd_mvcc_range_total",
            "Total number of ranges seen by this member.", () => store.Counts.Ranges + Ranges.Value);
        Registry.CounterOf("etcd_debugging_mvcc_range_total",
            "Total number of ranges seen by this member.", () => store.Counts.Ranges + Ranges.Value);
        Registry.Gauge("etcd_debugging_mvcc_total_put_size_in_bytes",
            "The total size of put kv pairs seen by this member.", () => store.Counts.PutBytes);
        Registry.Gauge("etcd_debugging_mvcc_compact_revision",
            "The revision of the last compaction in store.", () => store.Current.CompactedRevision);
        Registry.Gauge("etcd_debugging_mvcc_current_revision",
            "The current revision of store.", () => store.Current.Revision);
    }

    private void AttachVersions(EtcdServer server)
    {
        Registry.Labeled("etcd_cluster_version", "gauge",
            "Which version is running. 1 for 'cluster_version' label with current cluster version",
            text =>
            {
                string version = server.Members.Version;
                if (version.Length > 0)
                {
                    text.Sample($"cluster_version=\"{EtcdVersion.MajorMinor(version)}\"", 1);
                }
            });
        Registry.Labeled("etcd_server_version", "gauge",
            "Which version is running. 1 for 'server_version' label with current version.",
            text => text.Sample($"server_version=\"{EtcdVersion.Server}\"", 1));
        Registry.Labeled("etcd_server_id", "gauge",
            "Server or member ID in hexadecimal format. 1 for 'server_id' label with current ID.",
            text => text.Sample($"server_id=\"{server.MemberId:x}\"", 1));
    }
}
