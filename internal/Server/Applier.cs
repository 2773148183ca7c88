// Applies committed entries in order (spec storage §7.5): the only one that composes Mvcc, Lease, Members and V2. Effects
// on the db are skipped for entries at or below the consistent index; membership and the v2 tree live in memory and are
// rebuilt by every replay. Owned by: core thread. Every member must come to the same verdict.
using EtcdAot.Backend;
using EtcdAot.Mvcc;
using EtcdAot.Observe;
using EtcdAot.Raft;
using EtcdAot.Sys;
using EtcdAot.V2;
using EtcdAot.Wire;
using EtcdAot.Wire.Codecs;

namespace EtcdAot.Server;

/// <summary>The apply side of the core.</summary>
internal sealed partial class Applier
{
    private readonly Store _store;
    private readonly BackendStore _backend;
    private readonly LeaseKeeper _leases;
    private readonly MembershipKeeper _membership;
    private readonly Alarms _alarms;
    private readonly Publisher _publisher;
    private readonly VersionMonitor _versions;
    private readonly Snapshotter _snapshotter;
    private readonly Quota _quota;
    private readonly TxnApplier _txn;
    private readonly RequestIds _ids;
    private readonly Log _log;
    private readonly ulong _memberId;
    private readonly IClock _clock;
    private readonly ApplyTimes _times;
    private readonly List<(Proposal Proposal, EtcdError? Error)> _awaitingAlarm = [];
    private readonly List<(Proposal Proposal, long Revision, EtcdError? Error)> _awaitingCompaction = [];
    private readonly ulong _heldAtStart;
    private readonly long _requestTimeoutNanos;
    private bool _alarmProposed;
    private bool _reconciled;

    public Applier(CoreParts parts)
    {
        _store = parts.Store;
        _backend = parts.Backend;
        _leases = parts.Leases;
        _membership = parts.Membership;
        _alarms = parts.Alarms;
        _publisher = parts.Publisher;
        _versions = new VersionMonitor(parts);
        _snapshotter = parts.Snapshotter;
        _quota = Quota.FromFlag(parts.Options.QuotaBackendBytes);
        _requestTimeoutNanos = parts.Options.RequestTimeoutNanos;
        _txn = new TxnApplier(parts.Leases);
        _ids = parts.Ids;
        _log = parts.Log;
        _memberId = parts.MemberId;
        _clock = parts.Clock;
        _times = parts.Metrics.ApplyTimes;
        _heldAtStart = _backend.ConsistentIndex;
    }

    /// <summary>Applies one committed entry and answers its local proposer, if any.</summary>
    public void Apply(in LogEntry entry, PendingRequests pending, RaftLoop loop)
    {
        bool toBackend = entry.Index > _backend.ConsistentIndex
            || (Mutants.ApplyTwice && entry.Index == _heldAtStart);
        ReadOnlySpan<byte> data = entry.Data.Span;
        if (entry.Kind == EntryKind.ConfChange)
        {
            ApplyConfChange(data, toBackend, pending, loop);
        }
        else if (V2Request.IsV2(data))
        {
            long began = _clock.MonotonicNanos;
            _membership.ApplyV2(data, toBackend);
            _times.AppliedV2(_clock.MonotonicNanos - began);
        }
        else if (!data.IsEmpty)
        {
            // The first entry of a term is empty; what waits for it asks raft whether it is applied.
            ApplyRequest(data, toBackend, pending, loop);
        }

        if (toBackend)
        {
            _backend.SetConsistentIndex(entry.Index, entry.Term);
        }

        // A received snapshot has reconciled them already.
        if (!_reconciled && entry.Index >= _heldAtStart)
        {
            _reconciled = true;
            _membership.ReconcileBackend(loop.Raft.Members);
        }
    }

    /// <summary>Leadership changed: leases follow it.</summary>
    public void OnRole(bool leads) => _leases.OnRole(leads);

    /// <summary>Another leader, or none: what was on its way to the old one may be lost.</summary>
    public void OnLeaderChanged() => _publisher.OnLeaderChanged();

    /// <summary>The log has saved a snapshot of its own state.</summary>
    public void OnSnapshotSaved(LogSnapshot snapshot, RaftLoop loop)
    {
        _snapshotter.OnSaved(snapshot, loop.Raft, loop.HoldsLog);
    }

    /// <summary>Empty entries up to the index that the db held at start, when the log has lost its end: what gets an index
    /// that the db counts as done would not be applied. New leader only, before its first proposal.</summary>
    public void PassLostIndexes(RaftLoop loop)
    {
        ulong last = loop.Raft.Log.LastIndex;
        if (last >= _heldAtStart)
        {
            return;
        }

        Probe.Hit("empty entries take the indexes of a lost end of the log");
        _log.Warn("etcdserver/server.go", "the log has lost its end; empty entries take the indexes that the db holds already")
            .With("log-last-index", last).With("db-consistent-index", _heldAtStart).Write();
        for (; last < _heldAtStart; last++)
        {
            _ = loop.ProposeOwn(default);
        }
    }

    /// <summary>Revision of what is applied.</summary>
    public long Revision => _store.Revision;

    /// <summary>The member stops: whoever still waits here hears of it.</summary>
    public void Stop(RaftLoop loop)
    {
        _leases.Stop(loop);
        AnswerAwaitingAlarm(loop);
        foreach ((Proposal waiting, _, _) in _awaitingCompaction)
        {
            loop.OnRequestApplied(waiting, EtcdError.Stopped);
        }

        _awaitingCompaction.Clear();
    }

    /// <summary>Work that is not an entry, in bounded steps: compaction, expiry, publishing, snapshots, commits.</summary>
    /// <returns>When to be called again at the latest.</returns>
    public long Background(long now, RaftLoop loop)
    {
        RaftNode raft = loop.Raft;
        bool sure = loop.LeadsForSure;
        long due = _publisher.Step(loop, now);
        due = Math.Min(due, _versions.Step(loop, sure, now));
        due = Math.Min(due, _leases.Step(sure, loop, this));
        due = Math.Min(due, _snapshotter.Step(now, raft));
        due = Math.Min(due, _store.Step(now));
        due = Math.Min(due, _backend.Poll(now));
        AnswerFinishedCompactions(loop);
        GoOnWithAlarm(now, loop);
        Publish();
        return due;
    }

    /// <summary>While another db takes the place of the old one: only hears of it.</summary>
    public long Wait(long now) => _backend.Poll(now);

    /// <summary>Makes everything applied so far visible.</summary>
    public void Publish() => _store.Publish();

    private void ApplyRequest(ReadOnlySpan<byte> data, bool toBackend, PendingRequests pending, RaftLoop loop)
    {
        bool read = InternalRequestView.TryParse(data, out InternalRequestView request);
        Invariant.Check(read, "a committed entry is a request that can be read");
        Proposal? proposal = pending.Take(request.Id);
        if (!toBackend && !IsMembership(request.Op))
        {
            Invariant.Check(proposal is null, "the db never holds an entry that is proposed in this life");
            Probe.Hit("an entry that the db holds already is replayed");
            return;
        }

        long began = _clock.MonotonicNanos;
        EtcdError? error = _alarms.Refusal(request.Op, request.Body) ?? Run(request, toBackend, proposal, loop);
        _times.Applied(request.Op, error, _clock.MonotonicNanos - began);
        if (proposal is null)
        {
            Probe.Hit("an entry is applied that nobody waits for");
            return;
        }

        proposal.Revision = _store.Revision;
        if (ReferenceEquals(error, EtcdError.NoSpace) && !_alarms.HasNoSpace)
        {
            Probe.Hit("an applied write waits for the alarm of a full db");
            // The proposer hears of the full db only when the alarm stands in the log (spec api-v3 §2.8).
            _awaitingAlarm.Add((proposal, error));
            ProposeNoSpace(loop);
        }
        else if (proposal.WaitForPhysicalCompaction && (error is null || ReferenceEquals(error, EtcdError.Compacted)))
        {
            // One that comes too late waits for those before it (spec api-v3 §2.6).
            _awaitingCompaction.Add((proposal, _store.CompactedRevision, error));
        }
        else
        {
            loop.OnRequestApplied(proposal, error);
        }
    }

    private void ApplyConfChange(ReadOnlySpan<byte> data, bool toBackend, PendingRequests pending, RaftLoop loop)
    {
        ConfChangeOutcome outcome = _membership.ApplyConfChange(data, toBackend, loop.Raft);
        if (outcome.Change is { } change)
        {
            loop.OnMemberChanged(change);
            _versions.OnMembersChanged();
        }

        if (pending.Take(outcome.RequestId) is not { } proposal)
        {
            return;
        }

        if (outcome.Change is { } applied)
        {
            _log.Info("etcdserver/server.go", "applied a configuration change through raft")
                .With("local-member-id", _memberId.ToString("x"))
                .With("raft-conf-change", applied.Type.ToString())
                .With("raft-conf-change-node-id", applied.NodeId.ToString("x")).Write();
        }

        proposal.Revision = _store.Revision;
        if (proposal is MemberRequest request)
        {
            request.Result = _membership.Current;
        }

        loop.OnRequestApplied(proposal, MembershipKeeper.ErrorOf(outcome.Error));
    }

    private void AnswerFinishedCompactions(RaftLoop loop)
    {
        for (int i = _awaitingCompaction.Count - 1; i >= 0; i--)
        {
            if (_store.CompactionDone(_awaitingCompaction[i].Revision))
            {
                loop.OnRequestApplied(_awaitingCompaction[i].Proposal, _awaitingCompaction[i].Error);
                _awaitingCompaction.RemoveAt(i);
            }
        }
    }

    private static bool IsMembership(RaftOp op)
    {
        return op is RaftOp.ClusterVersionSet or RaftOp.ClusterMemberAttrSet;
    }

    private EtcdError? Run(
        in InternalRequestView request, bool toBackend, Proposal? proposal, RaftLoop loop)
    {
        switch (request.Op)
        {
            case RaftOp.Put:
                return ApplyPut(request, proposal);
            case RaftOp.DeleteRange:
                return ApplyDelete(request.Body, proposal);
            case RaftOp.Txn:
                return ApplyTxn(request, proposal);
            case RaftOp.Compaction:
                return ApplyCompaction(request.Body);
            case RaftOp.LeaseGrant:
                return _leases.ApplyGrant(request.Body, proposal) ?? SpentQuota(request);
            case RaftOp.LeaseRevoke:
                return _leases.ApplyRevoke(request.Body, _store);
            case RaftOp.LeaseCheckpoint:
                return _leases.ApplyCheckpoint(request.Body);
            case RaftOp.Alarm:
                return ApplyAlarm(request.Body, proposal, loop);
            case RaftOp.ClusterVersionSet or RaftOp.ClusterMemberAttrSet:
                _membership.ApplyRequest(request, toBackend);
                return null;
            case RaftOp.Range or RaftOp.None or RaftOp.DowngradeVersionTest:
                return null;
            default:
                Invariant.Fail($"an entry of kind {request.Op} was committed, which this build does not apply");
                return null;
        }
    }
}
