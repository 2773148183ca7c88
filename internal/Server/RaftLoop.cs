// The core actor: takes proposals and reads, drives raft, writes the log, applies what is committed, publishes one view
// and hands the answers back (DESIGN 3). Everything replicated changes here and nowhere else.
// Owned by: core thread. It must never wait for anything but its own log's disk.
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
    /// <summary>Committed entries that may wait to be applied before proposals are refused (spec cluster §5.4).</summary>
    private const ulong MaxApplyLag = 5000;

    private readonly Mailbox<Proposal> _proposals = new();
    private readonly Mailbox<ReadWaiter> _reads = new();
    private readonly Mailbox<ICoreWork> _work = new();
    private readonly ProposalCredit _credit;
    private readonly PendingRequests _pending = new();
    private readonly Completions _completions = new();
    private readonly Mvcc.Store _store;
    private readonly List<Proposal> _held = [];
    private readonly ServerOptions _options;
    private readonly RaftNode _raft;
    private readonly LogWriter _log;
    private readonly Applier _applier;
    private readonly ReadIndexes _readIndexes;
    private readonly FatalEnd _fatal;
    private readonly RaftLines _raftLines;
    private readonly ServerMetrics _metrics;
    private readonly long _tickNanos;
    private long _nextTick = long.MinValue;
    private long _now;
    private ulong _seenLeader;
    private bool _newLeader;
    private volatile bool _stopping;

    internal RaftLoop(CoreParts parts)
    {
        _options = parts.Options;
        _credit = new ProposalCredit(_options.ProposalQueueBytes, ProposalCredit.DefaultItems);
        _raft = parts.Raft;
        _log = parts.LogWriter;
        _applier = new Applier(parts);
        _store = parts.Store;
        _fatal = parts.Fatal;
        _raftLines = parts.RaftLines;
        _metrics = parts.Metrics;
        _tickNanos = _options.TickMillis * 1_000_000L;
        _readIndexes = new ReadIndexes(_raft, parts.Ids, _options.RequestTimeoutNanos, _completions, _metrics);
        Status = new CoreStatus();
    }

    /// <inheritdoc/>
    public override string Name => "core";

    /// <summary>Loops that hear of publications.</summary>
    internal ViewListeners Listeners { get; } = new();

    /// <summary>What other threads may know of the core.</summary>
    public CoreStatus Status { get; }

    /// <summary>Proposals not yet applied, about; any thread.</summary>
    public int PendingProposals => _pending.Count;

    /// <summary>Hands a request in; any thread. Call <see cref="Kick"/> afterwards, once for many. One that finds the queue
    /// full comes back at once with <see cref="EtcdError.TooManyRequests"/>.</summary>
    public void Propose(Proposal proposal)
    {
        if (_credit.TryTake(proposal.Entry.Length))
        {
            _proposals.Post(proposal);
            return;
        }

        proposal.Entry.Release();
        proposal.Entry = default;
        proposal.Error = EtcdError.TooManyRequests;
        proposal.Loop!.Post(proposal);
    }

    /// <summary>Hands a linearizable read in; any thread. Call <see cref="Kick"/> afterwards.</summary>
    public void AwaitIndex(ReadWaiter waiter) => _reads.Post(waiter);

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
        TickWhenDue();
        TakeProposals();
        TakeReads();
        RunRaft();
        ExpireRequests();
        long due = Math.Min(_nextTick, _applier.Background(nowNanos, this));
        ulong applied = _raft.Applied;
        RunRaft();
        if (_stopping)
        {
            AnswerAllStopped();
        }

        _completions.Release();

        // What was applied since the background's turn may be what somebody in it waits for: a renewal for a revocation.
        bool more = _proposals.HasMessages || _reads.HasMessages || _work.HasMessages || _raft.Applied != applied;
        if (!more)
        {
            _log.PrepareWhenIdle();
        }

        return more ? nowNanos : due;
    }

    /// <summary>Hands in a request that the core itself makes (publishing, expiry, alarms). Core thread.</summary>
    /// <returns>False when raft did not take it: whoever waits for its effect must ask again.</returns>
    internal bool ProposeOwn(SlabSlice entry, EntryKind kind = EntryKind.Normal)
    {
        bool taken = _raft.Propose(entry, kind) is ProposeResult.Ok or ProposeResult.Forwarded
            or ProposeResult.ConfChangePending;
        if (!taken)
        {
            entry.Release();
        }

        return taken;
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
        }

        // After a long pause the missed ticks are not made up for: they would start an election at once.
        for (int i = 0; i < _options.ElectionTicks && _now >= _nextTick; i++)
        {
            _raft.Tick();
            _nextTick += _tickNanos;
        }

        if (_now >= _nextTick)
        {
            Probe.Hit("ticks missed in a long pause are not made up for");
            _nextTick = _now + _tickNanos;
        }
    }

    private void TakeProposals()
    {
        if (_held.Count > 0 && (_raft.Leader != 0 || _raft.Role != RaftRole.Follower))
        {
            foreach (Proposal proposal in _held)
            {
                Offer(proposal);
            }

            _held.Clear();
        }

        Span<Proposal> taken = _proposals.TakeAll();
        foreach (Proposal proposal in taken)
        {
            Offer(proposal);
        }

        _proposals.Release(taken.Length);
    }

    private void Offer(Proposal proposal)
    {
        if (_raft.Committed > _raft.Applied + MaxApplyLag)
        {
            Refuse(proposal, EtcdError.TooManyRequests);
            return;
        }

        switch (_raft.Propose(proposal.Entry))
        {
            case ProposeResult.Ok or ProposeResult.Forwarded:
                _credit.Give(proposal.Entry.Length);
                _pending.Add(proposal);
                break;
            case ProposeResult.NoLeader when _now - proposal.StartNanos < _options.RequestTimeoutNanos:
                Probe.Hit("a proposal is held while nobody leads");
                _held.Add(proposal);
                break;
            case ProposeResult.NoLeader:
                Refuse(proposal, EtcdError.DeadlineExceeded);
                break;
            case ProposeResult.TooManyUndurable:
                Refuse(proposal, EtcdError.TooManyRequests);
                break;
            default:
                Refuse(proposal, EtcdError.ProposalDropped);
                break;
        }
    }

    private void Refuse(Proposal proposal, EtcdError error)
    {
        if (!ReferenceEquals(error, EtcdError.TooManyRequests))
        {
            _metrics.ProposalsFailed.Add();
        }

        _credit.Give(proposal.Entry.Length);
        proposal.Entry.Release();
        proposal.Entry = default;
        Complete(proposal, error);
    }

    private void Complete(Proposal proposal, EtcdError? error)
    {
        proposal.Error = error;
        proposal.RaftTerm = _raft.Term;
        _completions.Add(proposal);
    }

    private void TakeReads()
    {
        Span<ReadWaiter> taken = _reads.TakeAll();
        foreach (ReadWaiter waiter in taken)
        {
            _readIndexes.Add(waiter);
        }

        _reads.Release(taken.Length);
        _readIndexes.Step(_now);
    }

    private void RunRaft()
    {
        while (_raft.HasReady)
        {
            Ready ready = _raft.TakeReady();
            if (ready.SoftStateChanged)
            {
                OnSoftState(ready.Leader, ready.Role);
            }

            Invariant.Check(ready.Messages.IsEmpty, "a sole voter has nobody to send to");
            bool wrote = ready.Append.Identity != 0;
            if (wrote)
            {
                _log.Write(ready.Append, ready.AppendEntries);
            }

            ApplyCommitted(ready.Committed);
            foreach (ReadState state in ready.ReadStates)
            {
                _readIndexes.OnReadState(state);
            }

            AppendAnswer answer = ready.Append.Answer;
            if (ready.Committed.Count > 0)
            {
                _raft.OnApplied(ready.Committed[ready.Committed.Count - 1].Index);
            }

            if (wrote)
            {
                _raft.OnAppended(answer);
            }

            if (_raft.Fault != RaftFault.None)
            {
                _fatal.Panic("raft/raft.go", "raft cannot go on", _raft.Fault.ToString());
            }

            PublishAndRelease();
            if (_newLeader)
            {
                _newLeader = false;
                _applier.PassLostIndexes(this);
            }
        }
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
            _metrics.LeaderChanges.Add(leader != 0 ? 1 : 0);
            _readIndexes.OnLeaderChanged();
        }

        _applier.OnRole(role == RaftRole.Leader);
        _newLeader |= role == RaftRole.Leader;
    }

    private void ExpireRequests()
    {
        long limit = _now - _options.RequestTimeoutNanos;
        while (_pending.TakeStartedBefore(limit) is { } late)
        {
            _metrics.ProposalsFailed.Add();

            Probe.Hit("a request waits too long for its entry");
            // The entry may still be applied; its slab is the raft log's by now.
            Complete(late, EtcdError.Timeout);
        }

        for (int i = _held.Count - 1; i >= 0; i--)
        {
            if (_held[i].StartNanos < limit)
            {
                Refuse(_held[i], EtcdError.DeadlineExceeded);
                _held.RemoveAt(i);
            }
        }
    }

    private void AnswerAllStopped()
    {
        while (_pending.TakeStartedBefore(long.MaxValue) is { } proposal)
        {
            Probe.Hit("a request in flight is answered by the stop");
            Complete(proposal, EtcdError.Stopped);
        }

        foreach (Proposal proposal in _held)
        {
            Refuse(proposal, EtcdError.Stopped);
        }

        _held.Clear();
        _readIndexes.Stop();
        _applier.Stop(this);
    }

    /// <summary>Gives back the entries of a member that has died.</summary>
    internal void Abandon()
    {
        foreach (Proposal proposal in _proposals.TakeAll())
        {
            proposal.Entry.Release();
        }

        foreach (Proposal proposal in _held)
        {
            proposal.Entry.Release();
        }

        _raft.Abandon();
    }

    /// <summary>Called by the applier when the entry of a local request has taken effect.</summary>
    internal void OnRequestApplied(Proposal proposal, EtcdError? error) => Complete(proposal, error);

    /// <summary>Called by the keeper of leases when it has answered.</summary>
    internal void OnAnswered(LeaseQuestion question)
    {
        question.Revision = _applier.Revision;
        question.RaftTerm = _raft.Term;
        _completions.Add(question);
    }

    internal RaftNode Raft => _raft;
}
