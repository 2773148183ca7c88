// Log lines of a member's start, in the original's words, order and fields (facts log-golden). Start-up thread only.
using System.Globalization;
using EtcdAot.Backend;
using EtcdAot.Members;
using EtcdAot.Observe;

namespace EtcdAot.Server;

/// <summary>Says what was found and what is started.</summary>
internal sealed class StartReport(ServerOptions options, RecoveredLog found, Log log)
{
    private const string Caller = "etcdserver/server.go";
    private const long QuotaDefault = 2L << 30;
    private const long QuotaMaximum = 8L << 30;

    private readonly string _self = found.MemberId.ToString("x", CultureInfo.InvariantCulture);
    private readonly string _cluster = found.ClusterId.ToString("x", CultureInfo.InvariantCulture);

    /// <summary>Where the state comes from; before raft starts.</summary>
    public void WriteSource(BackendStore backend)
    {
        if (!found.Restarted)
        {
            log.Info("etcdserver/raft.go", "starting local member").With("local-member-id", _self)
                .With("cluster-id", _cluster).Write();
            return;
        }

        if (found.Snapshot is not { } snapshot)
        {
            log.Info(Caller, "No snapshot found. Recovering WAL from scratch!").Write();
        }
        else
        {
            log.Info(Caller, "recovered v2 store from snapshot").With("snapshot-index", snapshot.Index)
                .With("snapshot-size", ByteSize.Text(snapshot.Data.Length)).Write();
            log.Info(Caller, "recovered v3 backend from snapshot")
                .With("backend-size-bytes", backend.SizeBytes).With("backend-size", ByteSize.Text(backend.SizeBytes))
                .With("backend-size-in-use-bytes", backend.InUseBytes)
                .With("backend-size-in-use", ByteSize.Text(backend.InUseBytes)).Write();
        }

        if (found.IsForced)
        {
            // Said when it was forced.
            return;
        }

        log.Info("etcdserver/raft.go", "restarting local member").With("cluster-id", _cluster)
            .With("local-member-id", _self).With("commit-index", found.State.Commit).Write();
    }

    /// <summary>Members and version of the snapshot; after raft's lines.</summary>
    public void WriteMembers(Membership membership)
    {
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

    /// <summary>What is restored, and that the server starts.</summary>
    public void WriteRestored(long revision, ulong consistentIndex, string clusterVersion, int members)
    {
        log.Warn("auth/store.go", "simple token is not cryptographically signed").Write();
        log.Info("mvcc/kvstore.go", "kvstore restored").With("current-rev", revision).Write();
        log.Info(Caller, "restore consistentIndex").With("index", consistentIndex).Write();
        WriteQuota();
        LogLine line = log.Info(Caller, "starting etcd server").With("local-member-id", _self)
            .With("local-server-version", EtcdVersion.Server);
        line = clusterVersion.Length == 0 ? line.With("cluster-version", "to_be_decided")
            : line.With("cluster-id", _cluster).With("cluster-version", EtcdVersion.MajorMinor(clusterVersion));
        line.Write();
        WriteAdvance(members);
        WritePurger(options.SnapDir, "snap.db", options.MaxSnapshots);
        WritePurger(options.SnapDir, "snap", options.MaxSnapshots);
        WritePurger(options.EffectiveWalDir, "wal", options.MaxWals);
    }

    // Before the replay a member that restarts without a snapshot does not know whether it is alone.
    private void WriteAdvance(int members)
    {
        if (members != 1)
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
                .With("quota-size-bytes", quota).With("quota-size", ByteSize.Text(quota))
                .With("quota-maximum-size-bytes", QuotaMaximum)
                .With("quota-maximum-size", ByteSize.Text(QuotaMaximum)).Write();
        }

        long size = quota == 0 ? QuotaDefault : quota;
        log.Info("etcdserver/quota.go", quota == 0 ? "enabled backend quota with default value" : "enabled backend quota")
            .With("quota-name", "v3-applier").With("quota-size-bytes", size).With("quota-size", ByteSize.Text(size)).Write();
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
