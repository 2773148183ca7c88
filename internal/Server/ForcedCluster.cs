// --force-new-cluster (spec storage §7.7, cluster §3.4): a member makes itself a cluster of its own from its log. What was
// not committed goes, and entries that remove everybody else are taken as committed. Start-up thread only.
using EtcdAot.Observe;
using EtcdAot.Sys;
using EtcdAot.Wal;
using EtcdAot.Wire;
using EtcdAot.Wire.Codecs;
using EtcdAot.Wire.Raftpb;
using Member = EtcdAot.Members.Member;

namespace EtcdAot.Server;

/// <summary>Rewrites the end of a log.</summary>
internal static class ForcedCluster
{
    private const string DefaultPeerUrl = "http://localhost:2380";

    /// <summary>The log to start from; the new entries are durable.</summary>
    /// <param name="found">What was recovered.</param>
    /// <param name="consistentIndex">Index that the db has; it may be ahead of the log's commit.</param>
    /// <param name="log">Lines.</param>
    /// <param name="forced">The log as it is now, when the result is no failure.</param>
    public static WalError Force(RecoveredLog found, ulong consistentIndex, Log log, out RecoveredLog forced)
    {
        ulong first = (found.Snapshot?.Index ?? 0) + 1;
        ulong last = first + (ulong)found.Entries.Length - 1;
        ulong commit = Math.Min(last, Math.Max(found.State.Commit, consistentIndex));
        commit = Math.Max(commit, first - 1);
        int kept = (int)(commit + 1 - first);
        if (kept < found.Entries.Length)
        {
            log.Info("etcdserver/raft.go", "discarding uncommitted WAL entries")
                .With("entry-index", found.Entries[kept].Index)
                .With("commit-index-from-wal", found.State.Commit)
                .With("number-of-discarded-entries", found.Entries.Length - kept).Write();
        }

        foreach (LogEntry dropped in found.Entries.AsSpan(kept))
        {
            dropped.Data.Release();
        }

        LogEntry[] changes = Changes(found, kept, commit);
        WalError e = found.Wal.Append(default, changes);
        e = e.Failed ? e : found.Wal.Sync();
        forced = found.With(
            [.. found.Entries.AsSpan(0, kept), .. changes],
            found.State with { Commit = commit + (ulong)changes.Length });
        log.Info("etcdserver/raft.go", "forcing restart member").With("cluster-id", found.ClusterId.ToString("x"))
            .With("local-member-id", found.MemberId.ToString("x"))
            .With("wal-commit-index", found.State.Commit).With("commit-index", forced.State.Commit).Write();
        return e;
    }

    private static LogEntry[] Changes(RecoveredLog found, int kept, ulong commit)
    {
        SortedSet<ulong> ids = IdsOf(found, kept);
        using var arena = new SlabArena();
        var entries = new List<LogEntry>();
        if (!ids.Remove(found.MemberId))
        {
            Add(ConfChangeType.ConfChangeAddNode, found.MemberId,
                Members.MemberJson.AddContext(new Member(found.MemberId, [DefaultPeerUrl])));
        }

        foreach (ulong id in ids)
        {
            Add(ConfChangeType.ConfChangeRemoveNode, id, default);
        }

        return [.. entries];

        void Add(ConfChangeType type, ulong id, byte[]? context)
        {
            var change = new ConfChangeView { Type = type, NodeId = id, Context = context };
            SlabSlice data = arena.Rent(change.Size, out Span<byte> bytes);
            change.WriteTo(bytes);
            entries.Add(new LogEntry
            {
                Kind = EntryKind.ConfChange,
                Term = found.State.Term,
                Index = commit + 1 + (ulong)entries.Count,
                Data = data,
            });
        }
    }

    private static SortedSet<ulong> IdsOf(RecoveredLog found, int kept)
    {
        var ids = new SortedSet<ulong>(found.Snapshot?.Members.Voters ?? []);
        ids.UnionWith(found.Snapshot?.Members.Learners ?? []);
        foreach (LogEntry entry in found.Entries.AsSpan(0, kept))
        {
            if (entry.Kind != EntryKind.ConfChange || !ConfChangeView.TryParse(entry.Data.Span, out ConfChangeView change))
            {
                continue;
            }

            if (change.Type == ConfChangeType.ConfChangeRemoveNode)
            {
                ids.Remove(change.NodeId);
            }
            else if (change.Type != ConfChangeType.ConfChangeUpdateNode)
            {
                ids.Add(change.NodeId);
            }
        }

        return ids;
    }
}
