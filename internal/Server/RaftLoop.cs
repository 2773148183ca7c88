// The core actor: takes proposals and reads, drives raft, hands the log to its writer, applies what is committed, publishes
// one view and hands the answers back (DESIGN 3). Everything replicated changes here and nowhere else. This part is the
// round; RaftLoop.Requests has the requests, RaftLoop.Peers the other members.
// Owned by: core thread. It must never wait for anything but, as a sole voter, its own log's disk.
using EtcdAot.Observe;
using EtcdAot.Raft;
using EtcdAot.Sys;
using EtcdAot.Wire;

namespace EtcdAot.Server;

/// <summary>Something to be done once on the core thread.</summary>
public interface ICoreWork
{
    void RunOnCore();
}

/// <summary>The loop around raft.</summary>
public sealed partial class RaftLoop : Actor
{
    /// <summary>Ticks made up for after a pause; more would start elections that a message on its way prevents.</summary>
    private const int MaxMissedTicks = 3;

    private readonly Mailbox<ICoreWork> _work = new();
    private readonly Completions _completions = new();
    private readonly Mvcc.Store _store;
    private readonly ServerOptions _options;
    private readonly RaftNode _raft;
    private readonly LogWriter _log;
    private readonly Applier _applier;
    private readonly FatalEnd _fatal;
    private readonly RaftLines _raftLines;
    private readonly ServerMetrics _metrics;
    private readonly Log _lines;
    private readonly long _tickNanos;
    private readonly ulong _memberId;
    private long _nextTick = long.MinValue;
    private long _now;
    private ulong _seenLeader;
    private bool _isSoleVoter;
    private bool _newLeader;
    private volatile bool _stopping;

    internal RaftLoop(CoreParts parts)
    {
        _options = parts.Options;
        _credit = new ProposalCredit(_options.ProposalQueueBytes, ProposalCredit.DefaultItems);
        _memberId = parts.MemberId;
        _raft = parts.Raft;
        _log = parts.LogWriter;
        _peers = parts.Peers;
        _ids = parts.Ids;
        _lines = parts.Log;
        _applier = new Applier(parts);
        _store = parts.Store;
        _fatal = parts.Fatal;
        _raftLines = parts.RaftLines;
        _metrics = parts.Metrics;
        _tickNanos = _options.TickMillis * 1_000_000L;
        _readIndexes = new ReadIndexes(_raft, parts.Ids, _options.RequestTimeoutNanos, _completions, _metrics, _lines);
        _proof = new LeadershipProof(_raft, parts.Ids);
        _transfers = new LeaderTransfers(parts);
        _reconfiguration = new Reconfiguration(parts);
        _snapshotSender = new SnapshotSender(parts);
        _snapshotLoader = new SnapshotLoader(parts);
        Status = new CoreStatus();
        _isSoleVoter = IsSoleVoter();
    }

    /// <inheritdoc/>
    public override string Name => "core";

    /// <summary>Loops that hear of publications.</summary>
    internal ViewListeners Listeners { get; } = new();

    /// <summary>What other threads may know of the core.</summary>
    public CoreStatus Status { get; }

    internal RaftNode Raft => _raft;

    /// <summary>Time of this step.</summary>
    internal long Now => _now;

    /// <summary>True while this member leads beyond doubt and has applied an entry of its own term.</summary>
    internal bool LeadsForSure => _raft.Role == RaftRole.Leader && !_proof.IsInDoubt
        && _raft.Log.Matches(_raft.Applied, _raft.Term);

    /// <summary>Runs something on the core; any thread.</summary>
    public void Post(ICoreWork work)
    {
        _work.Post(work);
        WakeUp();
    }

    /// <summary>Hands in something to be done on the core; any thread. Call <see cref="Kick"/> afterwards.</summary>
    public void Hand(ICoreWork work) => _work.Post(work);

    /// <summary>Makes the core look at what was handed in; any thread.</summary>
    public void Kick() => WakeUp();

    /// <summary>Ends the taking of requests: what is in flight is answered with "server stopped".</summary>
    public void BeginStop()
    {
        _stopping = true;
        WakeUp();
    }

    /// <inheritdoc/>
    public override long Step(long nowNanos)
    {
        _now = nowNanos;
        _raftLines.Release();
        TakeWork();
        TakeLogReports();
        TakePeerEvents();
        TickWhenDue();
        TakeProposals();
        TakeReads();
        RunRaft();
        ExpireRequests();
        long due = Math.Min(_nextTick, StepAside());
        due = Math.Min(due, IsLoadingSnapshot ? _applier.Wait(nowNanos) : _applier.Background(nowNanos, this));
        ulong applied = _raft.Applied;
        RunRaft();
        if (_stopping)
        {
            AnswerAllStopped();
        }

        _completions.Release();

        // What was applied since the background's turn may be what somebody in it waits for: a renewal for a revocation.
        bool more = _proposals.HasMessages || _reads.HasMessages || _work.HasMessages || _events.HasMessages
            || _log.HasReports || _raft.Applied != applied;
        if (!more)
        {
            _log.PrepareWhenIdle();
        }

        return more ? nowNanos : due;
    }

    private void TakeWork()
    {
        Span<ICoreWork> work = _work.TakeAll();
        foreach (ICoreWork item in work)
        {
            item.RunOnCore();
        }

        _work.Release(work.Length);
    }

    private void TickWhenDue()
    {
        if (_nextTick == long.MinValue)
        {
            _nextTick = _now + _tickNanos;
            _advanceUntil = _now + AdvanceWaitNanos;
        }

        for (int i = 0; i < MaxMissedTicks && _now >= _nextTick; i++)
        {
            _raft.Tick();
            _nextTick += _tickNanos;
        }

        if (_now >= _nextTick)
        {
            Probe.Hit("ticks missed in a long pause are not made up for");

            // The member did not run for a while: another may lead by now.
            _proof.Doubt();
            _nextTick = _now + _tickNanos;
        }

        _proof.Step(_now);
        AdvanceTicks();
    }

    private void RunRaft()
    {
        // While the log changes hands, or another db is opened, nothing is handed out; messages and ticks go on.
        while (_raft.HasReady && !_log.IsYielding && !IsLoadingSnapshot)
        {
            Ready ready = _raft.TakeReady();
            if (ready.SoftStateChanged)
            {
                OnSoftState(ready.Leader, ready.Role);
            }

            SendAll(ready.Messages);
            bool wrote = WriteLog(ready);
            if (ready.Snapshot is { } snapshot)
            {
                Invariant.Check(ready.Committed.Count == 0, "entries behind a snapshot are handed out once it is loaded");
                IsLoadingSnapshot = true;
                _snapshotLoader.Begin(snapshot, this);
            }

            ApplyCommitted(ready.Committed);
            foreach (ReadState state in ready.ReadStates)
            {
                _proof.OnReadState(state);
                _readIndexes.OnReadState(state);
            }

            AppendAnswer answer = ready.Append.Answer;
            RaftMessage[]? released = ready.Append.Answers;
            if (ready.Committed.Count > 0)
            {
                _raft.OnApplied(ready.Committed[ready.Committed.Count - 1].Index);
            }

            if (wrote)
            {
                _raft.OnAppended(answer);
                SendAll(released);
            }

            if (_isSoleVoter && !_log.IsInline)
            {
                _log.Own(alone: true);
            }

            PublishAndRelease();
            if (_newLeader)
            {
                _newLeader = false;
                _applier.PassLostIndexes(this);
            }
        }

        if (_raft.Fault != RaftFault.None)
        {
            _fatal.Panic("raft/raft.go", "raft cannot go on", _raft.Fault.ToString());
        }
    }

    // True when all of it is durable on return.
    private bool WriteLog(in Ready ready)
    {
        if (ready.Append.Identity == 0)
        {
            return false;
        }

        if (!_isSoleVoter)
        {
            _log.Own(alone: false);
        }

        _log.Write(ready.Append, ready.AppendEntries);
        return _log.IsInline;
    }

    private void TakeLogReports()
    {
        Span<LogReport> reports = _log.TakeReports();
        foreach (ref readonly LogReport report in reports)
        {
            if (report.Answer.Identity != 0)
            {
                _raft.OnAppended(report.Answer);
                SendAll(report.Released);
            }

            if (report.Saved is { } snapshot)
            {
                _applier.OnSnapshotSaved(snapshot, this);
            }
        }

        _log.Release(reports.Length);
    }

    private void ApplyCommitted(EntrySpans committed)
    {
        for (int i = 0; i < committed.Count; i++)
        {
            ref readonly LogEntry entry = ref committed[i];
            _applier.Apply(in entry, _pending, this);
        }
    }

    private void PublishAndRelease()
    {
        _applier.Publish();
        Listeners.Announce(_store.Current.Revision, _completions);
        _readIndexes.OnApplied(_raft.Applied);
        Status.Publish(_raft);
        _completions.Release();
    }

    private void OnSoftState(ulong leader, RaftRole role)
    {
        _raftLines.WriteLeader(_seenLeader, leader, _raft.Term);
        // What is published may be ahead: a sole voter elects itself between two hand-outs.
        if (_seenLeader != leader)
        {
            _seenLeader = leader;
            OnLeaderChanged(leader);
        }

        if (role != RaftRole.Leader)
        {
            _proof.Forget();
        }

        _applier.OnRole(role == RaftRole.Leader);
        _newLeader |= role == RaftRole.Leader;
    }

    private bool IsSoleVoter()
    {
        ConfiguredMembers members = _raft.Members;
        return members.Voters.Length == 1 && members.Learners.Length == 0 && members.Voters[0] == _memberId;
    }
}
