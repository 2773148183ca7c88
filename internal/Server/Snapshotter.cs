// Raft snapshots on disk (spec cluster §5.2, storage §6.4) and the purging of what they make needless. The order is that
// of DESIGN 4.5 c: the db durable up to the index, then the .snap file, then the WAL's record, only then purging.
// Owned by: core thread; the files are written by whoever holds the log.
using EtcdAot.Backend;
using EtcdAot.Observe;
using EtcdAot.Raft;

namespace EtcdAot.Server;

/// <summary>Decides when to take snapshots and to purge files.</summary>
internal sealed class Snapshotter
{
    private const long PurgeIntervalNanos = 30_000_000_000;

    private readonly ServerOptions _options;
    private readonly BackendStore _backend;
    private readonly MembershipKeeper _membership;
    private readonly LogWriter _writer;
    private readonly Log _log;
    private readonly ulong _memberId;
    private ulong _lastIndex;
    private Pending? _pending;
    private long _purgeAt = long.MinValue;

    private sealed record Pending(long Ticket, LogSnapshot Snapshot);

    public Snapshotter(
        ServerOptions options, ulong memberId, BackendStore backend, MembershipKeeper membership, LogWriter writer,
        ulong lastIndex, Log log)
    {
        _options = options;
        _memberId = memberId;
        _backend = backend;
        _membership = membership;
        _writer = writer;
        _lastIndex = lastIndex;
        _log = log;
    }

    /// <summary>Index of the last snapshot on disk.</summary>
    public ulong LastIndex => _lastIndex;

    /// <summary>Looks whether a snapshot is due or ready, and purges now and then; between entries.</summary>
    /// <returns>When to be called again at the latest.</returns>
    public long Step(long now, RaftNode raft)
    {
        if (_writer.IsYielding)
        {
            // The log's thread wakes the core when it has done.
            return long.MaxValue;
        }

        if (_pending is { } pending && _backend.IsCommitted(pending.Ticket))
        {
            _pending = null;
            Invariant.Check(_backend.DurableIndex >= pending.Snapshot.Index, "the db is durable up to the snapshot's index");
            _writer.Save(pending.Snapshot);
        }

        if (_pending is null && raft.Applied > _lastIndex && raft.Applied - _lastIndex > _options.SnapshotCount)
        {
            Begin(raft);
        }

        TrimLog(raft);
        if (now >= _purgeAt)
        {
            _purgeAt = now + PurgeIntervalNanos;
            _writer.Purge();
        }

        return _purgeAt;
    }

    /// <summary>A sole voter has nobody to bring up to date: of the entries in memory it keeps as few as after a snapshot,
    /// not the hundred thousand up to the next one (35 MB of 256-byte puts, and a ring that the collector walks). Never
    /// beyond what the db has durably, so that a snapshot of it closes the gap for a member that joins.</summary>
    private void TrimLog(RaftNode raft)
    {
        ulong keep = _options.SnapshotCatchupEntries;
        bool alone = raft.Members is { Voters.Length: 1, Learners.Length: 0 };
        if (alone && raft.Applied > raft.Log.FirstIndex + (2 * keep))
        {
            raft.Compact(Math.Min(_backend.DurableIndex, raft.Applied - keep));
        }
    }

    /// <summary>The log has saved a snapshot.</summary>
    public void OnSaved(LogSnapshot snapshot, RaftNode raft, bool holdsLog)
    {
        _log.Info("etcdserver/server.go", "saved snapshot").With("snapshot-index", snapshot.Index).Write();
        if (holdsLog)
        {
            _log.Info("etcdserver/server.go", "skip compaction since there is an inflight snapshot").Write();
        }
        else if (snapshot.Index > _options.SnapshotCatchupEntries)
        {
            Probe.Hit("the raft log is compacted behind a snapshot");
            ulong compact = Math.Max(1, snapshot.Index - _options.SnapshotCatchupEntries);
            raft.Compact(compact);
            _log.Info("etcdserver/server.go", "compacted Raft logs").With("compact-index", compact).Write();
        }
    }

    /// <summary>A received snapshot has taken the place of everything: the next own one is counted from it.</summary>
    public void OnReceived(ulong index)
    {
        _pending = null;
        _lastIndex = index;
    }

    private void Begin(RaftNode raft)
    {
        ulong index = raft.Applied;
        bool known = raft.Log.TryTerm(index, out ulong term);
        Invariant.Check(known, "the term of what is applied is known");
        _log.Info("etcdserver/server.go", "triggering snapshot")
            .With("local-member-id", _memberId.ToString("x"))
            .With("local-member-applied-index", index)
            .With("local-member-snapshot-index", _lastIndex)
            .With("local-member-snapshot-count", _options.SnapshotCount).Write();
        _lastIndex = index;
        var snapshot = new LogSnapshot(index, term, raft.Members, _membership.Tree.Save());
        _pending = new Pending(_backend.ForceCommit(), snapshot);
    }
}
