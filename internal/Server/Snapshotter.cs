// Raft snapshots on disk (spec cluster §5.2, storage §6.4) and the purging of what they make needless. The order is that
// of DESIGN 4.5 c: the db durable up to the index, then the .snap file, then the WAL's record, only then purging.
// Owned by: core thread.
using EtcdAot.Backend;
using EtcdAot.Observe;
using EtcdAot.Raft;
using EtcdAot.Wal;
using EtcdAot.Wire;
using EtcdAot.Wire.Codecs;

namespace EtcdAot.Server;

/// <summary>Takes snapshots and purges files.</summary>
internal sealed class Snapshotter
{
    private const long PurgeIntervalNanos = 30_000_000_000;

    private readonly ServerOptions _options;
    private readonly BackendStore _backend;
    private readonly MembershipKeeper _membership;
    private readonly WriteAheadLog _wal;
    private readonly SnapFiles _snaps;
    private readonly FilePurger[] _purgers;
    private readonly FatalEnd _fatal;
    private readonly Log _log;
    private readonly ulong _memberId;
    private ulong _lastIndex;
    private Pending? _pending;
    private long _purgeAt = long.MinValue;

    private sealed record Pending(long Ticket, ulong Index, ulong Term, ConfiguredMembers Members, byte[] Tree);

    public Snapshotter(
        ServerOptions options, ulong memberId, BackendStore backend, MembershipKeeper membership, WriteAheadLog wal,
        SnapFiles snaps, FilePurger[] purgers, ulong lastIndex, FatalEnd fatal, Log log)
    {
        _options = options;
        _memberId = memberId;
        _backend = backend;
        _membership = membership;
        _wal = wal;
        _snaps = snaps;
        _purgers = purgers;
        _lastIndex = lastIndex;
        _fatal = fatal;
        _log = log;
    }

    /// <summary>Looks whether a snapshot is due or ready, and purges now and then; between entries.</summary>
    /// <returns>When to be called again at the latest.</returns>
    public long Step(long now, RaftNode raft)
    {
        if (_pending is { } pending && _backend.IsCommitted(pending.Ticket))
        {
            _pending = null;
            Save(pending, raft);
        }

        if (_pending is null && raft.Applied - _lastIndex > _options.SnapshotCount)
        {
            Begin(raft);
        }

        TrimLog(raft);
        if (now >= _purgeAt)
        {
            _purgeAt = now + PurgeIntervalNanos;
            Purge();
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
        _pending = new Pending(_backend.ForceCommit(), index, term, raft.Members, _membership.Tree.Save());
    }

    private void Save(Pending snapshot, RaftNode raft)
    {
        Invariant.Check(_backend.DurableIndex >= snapshot.Index, "the db is durable up to the snapshot's index");
        WalError e = _snaps.Save(snapshot.Term, snapshot.Index, snapshot.Members, snapshot.Tree);
        if (e.Failed)
        {
            _fatal.Panic("etcdserver/server.go", "failed to save snapshot", e.Text);
        }

        var state = new DurableState(raft.Term, raft.Vote, raft.Committed);
        e = _wal.SaveSnapshot(new WalSnapshot(snapshot.Index, snapshot.Term, snapshot.Members), state);
        if (e.Failed)
        {
            _fatal.Panic("etcdserver/server.go", "failed to save snapshot", e.Text);
        }

        Probe.Hit("a raft snapshot is saved");
        _wal.ReleaseBefore(snapshot.Index);
        e = _snaps.RemoveReceivedBefore(snapshot.Index);
        if (e.Failed)
        {
            _log.Error("etcdserver/server.go", "failed to remove received databases").WithError(e.Text).Write();
        }

        _log.Info("etcdserver/server.go", "saved snapshot").With("snapshot-index", snapshot.Index).Write();
        if (snapshot.Index > _options.SnapshotCatchupEntries)
        {
            Probe.Hit("the raft log is compacted behind a snapshot");
            ulong compact = Math.Max(1, snapshot.Index - _options.SnapshotCatchupEntries);
            raft.Compact(compact);
            _log.Info("etcdserver/server.go", "compacted Raft logs").With("compact-index", compact).Write();
        }
    }

    private void Purge()
    {
        foreach (FilePurger purger in _purgers)
        {
            bool more = true;
            while (more)
            {
                WalError e = purger.Step(out more);
                if (e.Failed)
                {
                    _fatal.End("etcdserver/server.go", $"failed to purge {purger.Kind} file", e.Text);
                }
            }
        }
    }
}
