// Takes a leader's snapshot for the own state (spec storage §7.6, cluster §5.1): the db that came with it replaces the own
// one, then everything in memory is rebuilt from it in the original's order. Until it is done nothing is applied; messages
// and ticks go on. Raft has made snapshot and log durable before (DESIGN 4.5 c). Owned by: core thread.
using EtcdAot.Members;
using EtcdAot.Observe;
using EtcdAot.V2;
using EtcdAot.Wire;

namespace EtcdAot.Server;

/// <summary>Loads received snapshots.</summary>
internal sealed class SnapshotLoader(CoreParts parts)
{
    private const string Caller = "etcdserver/server.go";

    private readonly Log _log = parts.Log;

    /// <summary>Begins; the loop hears of the end. Takes over the snapshot's count.</summary>
    public void Begin(RaftSnapshot snapshot, RaftLoop loop)
    {
        ulong applied = loop.Raft.Applied;
        if (snapshot.Index <= applied)
        {
            parts.Fatal.Panic(Caller, "unexpected leader snapshot from outdated index",
                $"current-applied-index {applied}, incoming-leader-snapshot-index {snapshot.Index}");
        }

        _log.Info("etcdserver/raft.go", "applied incoming Raft snapshot").With("snapshot-index", snapshot.Index).Write();
        Report("applying snapshot", parts.Snapshotter.LastIndex, applied, snapshot);
        string received = parts.Snaps.ReceivedDatabasePath(snapshot.Index);
        parts.Backend.Adopt(received, error => Finish(snapshot, error, loop));
    }

    private void Finish(RaftSnapshot snapshot, string? error, RaftLoop loop)
    {
        if (error is not null)
        {
            parts.Fatal.Panic(Caller, "failed to open snapshot backend", error);
        }

        Say("applySnapshot: opened snapshot backend");
        Say("restoring v2 store");
        if (!V2Tree.TryLoad(snapshot.Data.Span, out V2Tree? tree, out string problem))
        {
            parts.Fatal.Panic(Caller, "failed to restore v2 store", problem);
        }

        Say("restored v2 store");
        Say("checking and cleaning up zombie members during snapshot restore");
        RestoreStores();
        RestoreMembers(tree!, snapshot);
        snapshot.Data.Release();
        parts.Snapshotter.OnReceived(snapshot.Index);
        Report("applied snapshot", snapshot.Index, snapshot.Index, snapshot);
        loop.OnSnapshotLoaded(snapshot.Index);
    }

    private void RestoreStores()
    {
        Say("restoring lease store");
        Check(parts.Leases.TryReplace(out string problem), "failed to restore", problem);
        Say("restored lease store");
        Say("restoring mvcc store");
        Check(parts.Store.Replace(out problem), "failed to restore mvcc store", problem);
        _log.Info(Caller, "restored mvcc store").With("consistent-index", parts.Backend.ConsistentIndex).Write();
        Say("restoring alarm store");
        Check(parts.Alarms.TryRestore(parts.Backend.Snapshot, out problem), "failed to restore alarm store", problem);
        Say("restored alarm store");
        Say("restoring auth store");
        Say("restored auth store");
    }

    private void RestoreMembers(V2Tree tree, RaftSnapshot snapshot)
    {
        Say("restoring cluster configuration");
        string? problem = parts.Membership.Replace(tree);
        Check(problem is null, "failed to recover from snapshot", problem ?? "");
        foreach (Member member in parts.Membership.Current.Members)
        {
            _log.Info("membership/cluster.go", "recovered/added member from store")
                .With("cluster-id", parts.ClusterId.ToString("x")).With("local-member-id", parts.MemberId.ToString("x"))
                .With("recovered-remote-peer-id", member.HexId)
                .With("recovered-remote-peer-urls", member.PeerUrls).Write();
        }

        if (parts.Membership.Current.Version is { Length: > 0 } version)
        {
            _log.Info("membership/cluster.go", "set cluster version from store")
                .With("cluster-version", EtcdVersion.MajorMinor(version)).Write();
        }

        parts.Membership.ReconcileBackend(snapshot.Members);
        Say("restored cluster configuration");
        Say("removing old peers from network");
        Say("adding peers from new cluster configuration");
        parts.Peers.Replace(parts.Membership.Current.Members);
        Say("added peers from new cluster configuration");
    }

    private void Check(bool good, string message, string problem)
    {
        if (!good)
        {
            parts.Fatal.Panic(Caller, message, problem);
        }
    }

    private void Say(string message) => _log.Info(Caller, message).Write();

    private void Report(string message, ulong snapshotIndex, ulong applied, RaftSnapshot snapshot)
    {
        _log.Info(Caller, message)
            .With("current-snapshot-index", snapshotIndex)
            .With("current-applied-index", applied)
            .With("incoming-leader-snapshot-index", snapshot.Index)
            .With("incoming-leader-snapshot-term", snapshot.Term).Write();
    }
}
