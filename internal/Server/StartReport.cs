// Log lines of a member's start, in the original's words, order and fields (facts log-golden). Start-up thread only.
using System.Globalization;
using EtcdAot.Backend;
using EtcdAot.Members;
using EtcdAot.Mvcc;
using EtcdAot.Observe;
using EtcdAot.Wal;

namespace EtcdAot.Server;

/// <summary>Says what was found and what is started.</summary>
internal sealed class StartReport(ServerOptions options, RecoveredLog found, Log log)
{
    private const string Caller = "etcdserver/server.go";
    private const int RequestRecommended = 10 << 20;
    private const long QuotaDefault = 2L << 30;
    private const long QuotaMaximum = 8L << 30;

    private readonly string _self = found.MemberId.ToString("x", CultureInfo.InvariantCulture);
    private readonly string _cluster = found.ClusterId.ToString("x", CultureInfo.InvariantCulture);

    /// <summary>A limit of requests that is not recommended; before anything is opened.</summary>
    public static void WriteRequestLimit(Log log, ServerOptions options)
    {
        if (options.MaxRequestBytes > RequestRecommended)
        {
            log.Warn(Caller, "exceeded recommended request limit").With("max-request-bytes", options.MaxRequestBytes)
                .With("max-request-size", HumanBytes.Text(options.MaxRequestBytes))
                .With("recommended-request-bytes", RequestRecommended)
                .With("recommended-request-size", HumanBytes.Text(RequestRecommended)).Write();
        }
    }

    /// <summary>Settings of the db that are not the usual ones; before it is opened.</summary>
    public static void WriteBatch(Log log, ServerOptions options)
    {
        if (options.BackendBatchLimit > 0)
        {
            log.Info("etcdserver/backend.go", "setting backend batch limit").With("batch limit", options.BackendBatchLimit)
                .Write();
        }

        if (options.BackendBatchMillis > 0)
        {
            log.Info("etcdserver/backend.go", "setting backend batch interval")
                .With("batch interval", GoDuration.Text(options.BackendBatchMillis * 1_000_000L)).Write();
        }
    }

    /// <summary>What the log on disk starts from; before it is opened.</summary>
    public static void WriteSnapshot(Log log, LoadedSnapshot? snapshot)
    {
        if (snapshot is null)
        {
            log.Info(Caller, "No snapshot found. Recovering WAL from scratch!").Write();
            return;
        }

        log.Info(Caller, "recovered v2 store from snapshot").With("snapshot-index", snapshot.Index)
            .With("snapshot-size", HumanBytes.Text(snapshot.Data.Length)).Write();
    }

    /// <summary>That the db covers the snapshot.</summary>
    public static void WriteBackend(Log log, BackendStore backend)
    {
        log.Info(Caller, "recovered v3 backend from snapshot")
            .With("backend-size-bytes", backend.SizeBytes).With("backend-size", HumanBytes.Text(backend.SizeBytes))
            .With("backend-size-in-use-bytes", backend.InUseBytes)
            .With("backend-size-in-use", HumanBytes.Text(backend.InUseBytes)).Write();
    }

    /// <summary>That the member starts, anew or again; before raft does.</summary>
    public void WriteStarting()
    {
        if (found.IsForced)
        {
            // Said when it was forced.
            return;
        }

        if (found.Restarted)
        {
            log.Info("etcdserver/raft.go", "restarting local member").With("cluster-id", _cluster)
                .With("local-member-id", _self).With("commit-index", found.State.Commit).Write();
            return;
        }

        log.Info("etcdserver/raft.go", "starting local member").With("local-member-id", _self)
            .With("cluster-id", _cluster).Write();
    }

    /// <summary>Members and version of the snapshot; after raft's lines.</summary>
    public void WriteMembers(Membership membership)
    {
        if (membership.Version.Length > 0)
        {
            log.Info("api/capability.go", "enabled capabilities for version")
                .With("cluster-version", EtcdVersion.MajorMinor(membership.Version)).Write();
        }

        foreach (Member member in membership.Members)
        {
            log.Info("membership/cluster.go", "recovered/added member from store").With("cluster-id", _cluster)
                .With("local-member-id", _self).With("recovered-remote-peer-id", member.Id.ToString("x"))
                .With("recovered-remote-peer-urls", member.PeerUrls).Write();
        }

        if (membership.Version.Length > 0)
        {
            log.Info("membership/cluster.go", "set cluster version from store")
                .With("cluster-version", EtcdVersion.MajorMinor(membership.Version)).Write();
        }
    }

    /// <summary>What is restored, and that the server starts; whether it knows its membership before the log is replayed.
    /// </summary>
    public void WriteRestored(Store store, ulong consistentIndex, string clusterVersion, bool knowsItself)
    {
        log.Warn("auth/store.go", "simple token is not cryptographically signed").Write();
        if (store.RestoredCompaction >= 0)
        {
            log.Info("mvcc/kvstore.go", "restored last compact revision").With("meta-bucket-name", "meta")
                .With("meta-bucket-name-key", "finishedCompactRev")
                .With("restored-compact-revision", store.RestoredCompaction).Write();
        }

        log.Info("mvcc/kvstore.go", "kvstore restored").With("current-rev", store.Revision).Write();
        log.Info(Caller, "restore consistentIndex").With("index", consistentIndex).Write();
        WriteQuota();
        LogLine line = log.Info(Caller, "starting etcd server").With("local-member-id", _self)
            .With("local-server-version", EtcdVersion.Server);
        line = clusterVersion.Length == 0 ? line.With("cluster-version", "to_be_decided")
            : line.With("cluster-id", _cluster).With("cluster-version", EtcdVersion.MajorMinor(clusterVersion));
        line.Write();
        WriteElectionTicks(knowsItself);
        WritePurger(options.SnapDir, "snap.db", options.MaxSnapshots);
        WritePurger(options.SnapDir, "snap", options.MaxSnapshots);
        WritePurger(options.EffectiveWalDir, "wal", options.MaxWals);
    }

    // The original looks at the members while the log is being replayed: it may find none yet.
    private void WriteElectionTicks(bool knowsItself)
    {
        if (!knowsItself)
        {
            log.Info(Caller, "starting initial election tick advance").With("election-ticks", options.ElectionTicks).Write();
            return;
        }

        log.Info(Caller, "started as single-node; fast-forwarding election ticks").With("local-member-id", _self)
            .With("forward-ticks", options.ElectionTicks - 1)
            .With("forward-duration", GoDuration.Text((options.ElectionTicks - 1) * options.TickMillis * 1_000_000L))
            .With("election-ticks", options.ElectionTicks)
            .With("election-timeout", GoDuration.Text(options.ElectionMillis * 1_000_000L)).Write();
    }

    private void WriteQuota()
    {
        long quota = options.QuotaBackendBytes;
        if (quota < 0)
        {
            log.Info("etcdserver/quota.go", "disabled backend quota").With("quota-name", "v3-applier")
                .With("quota-size-bytes", quota).Write();
            return;
        }

        if (quota > QuotaMaximum)
        {
            log.Warn("etcdserver/quota.go", "quota exceeds the maximum value").With("quota-name", "v3-applier")
                .With("quota-size-bytes", quota).With("quota-size", HumanBytes.Text(quota))
                .With("quota-maximum-size-bytes", QuotaMaximum)
                .With("quota-maximum-size", HumanBytes.Text(QuotaMaximum)).Write();
        }

        long size = quota == 0 ? QuotaDefault : quota;
        log.Info("etcdserver/quota.go", quota == 0 ? "enabled backend quota with default value" : "enabled backend quota")
            .With("quota-name", "v3-applier").With("quota-size-bytes", size).With("quota-size", HumanBytes.Text(size)).Write();
    }

    private void WritePurger(string directory, string suffix, int max)
    {
        if (max > 0)
        {
            log.Info("fileutil/purge.go", "started to purge file").With("dir", directory).With("suffix", suffix)
                .With("max", max).With("interval", "30s").Write();
        }
    }
}
