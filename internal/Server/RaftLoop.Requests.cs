// The core's requests: proposals, linearizable reads, their time limits and the errors that they end with (spec cluster
// §5.3–§5.5). Owned by: core thread.
using EtcdAot.Observe;
using EtcdAot.Raft;
using EtcdAot.Sys;
using EtcdAot.Wire;

namespace EtcdAot.Server;

public sealed partial class RaftLoop
{
    /// <summary>Committed entries that may wait to be applied before proposals are refused (spec cluster §5.4).</summary>
    private const ulong MaxApplyLag = 5000;

    private readonly Mailbox<Proposal> _proposals = new();
    private readonly Mailbox<ReadWaiter> _reads = new();
    private readonly ProposalCredit _credit;
    private readonly PendingRequests _pending = new();

    // Waiting for a leader, in order of arrival.
    private readonly List<Proposal> _held = [];
    private readonly ReadIndexes _readIndexes;
    private readonly LeadershipProof _proof;

    // When the current leader was first heard of; 0 while there is none.
    private long _leaderSeenAt;

    /// <summary>Proposals not yet applied, about; any thread.</summary>
    public int PendingProposals => _pending.Count;

    /// <summary>Hands a request in; any thread. Call <see cref="Kick"/> afterwards, once for many. One that finds the queue
    /// full comes back at once with <see cref="EtcdError.TooManyRequests"/>.</summary>
    public void Propose(Proposal proposal)
    {
        if (_credit.TryTake(proposal.Entry.Length))
        {
            proposal.HoldsRoom = true;
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

    /// <summary>Hands in a request that the core itself makes (publishing, expiry, alarms); it may be lost. Core thread.
    /// </summary>
    /// <returns>False when raft did not take it: whoever waits for its effect must ask again.</returns>
    internal bool ProposeOwn(SlabSlice entry, EntryKind kind = EntryKind.Normal)
    {
        if (_raft.Propose(entry, kind) is ProposeResult.Ok or ProposeResult.Forwarded or ProposeResult.ConfChangePending)
        {
            return true;
        }

        entry.Release();
        return false;
    }

    /// <summary>Takes a request on the core thread itself.</summary>
    internal void Offer(Proposal proposal)
    {
        if (_raft.Committed > _raft.Applied + MaxApplyLag)
        {
            Refuse(proposal, EtcdError.TooManyRequests);
            return;
        }

        // Without a leader nothing is served (spec cluster §1.11), and during a transfer there is soon another one.
        if (_raft.Leader == 0 || _raft.Transferee != 0)
        {
            Probe.Hit("a proposal is held while nobody leads");
            _held.Add(proposal);
            return;
        }

        switch (_raft.Propose(proposal.Entry, proposal.Kind))
        {
            case ProposeResult.Ok or ProposeResult.Forwarded or ProposeResult.ConfChangePending:
                GiveRoom(proposal);
                _pending.Add(proposal);
                break;
            case ProposeResult.NoLeader:
                _held.Add(proposal);
                break;
            case ProposeResult.TooManyUndurable:
                Refuse(proposal, EtcdError.TooManyRequests);
                break;
            default:
                Refuse(proposal, EtcdError.ProposalDropped);
                break;
        }
    }

    /// <summary>Ends a request that never reached the log.</summary>
    internal void Refuse(Proposal proposal, EtcdError error)
    {
        if (!ReferenceEquals(error, EtcdError.TooManyRequests))
        {
            _metrics.ProposalsFailed.Add();
        }

        GiveRoom(proposal);
        proposal.Entry.Release();
        proposal.Entry = default;
        Complete(proposal, error);
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

        AbandonMessages();
        _raft.Abandon();
    }

    private void GiveRoom(Proposal proposal)
    {
        if (proposal.HoldsRoom)
        {
            proposal.HoldsRoom = false;
            _credit.Give(proposal.Entry.Length);
        }
    }

    private void TakeProposals()
    {
        if (_held.Count > 0 && _raft.Leader != 0 && _raft.Transferee == 0)
        {
            Proposal[] held = [.. _held];
            _held.Clear();
            foreach (Proposal proposal in held)
            {
                Offer(proposal);
            }
        }

        Span<Proposal> taken = _proposals.TakeAll();
        foreach (Proposal proposal in taken)
        {
            Offer(proposal);
        }

        _proposals.Release(taken.Length);
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

    private void OnLeaderChanged(ulong leader)
    {
        _leaderSeenAt = leader == 0 ? 0 : _now;
        _metrics.LeaderChanges.Add(leader != 0 ? 1 : 0);
        if (leader != 0)
        {
            _readIndexes.OnLeaderChanged();
        }

        _applier.OnLeaderChanged();
    }

    private void ExpireRequests()
    {
        long limit = _now - _options.RequestTimeoutNanos;
        while (_pending.TakeStartedBefore(limit) is { } late)
        {
            _metrics.ProposalsFailed.Add();
            Probe.Hit("a request waits too long for its entry");

            // The entry may still be applied; its slab is the raft log's by now.
            Complete(late, TimeoutOf(late.StartNanos));
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

    // Why a request that began then had no answer (spec cluster §5.5).
    private EtcdError TimeoutOf(long started)
    {
        long lost = 2L * _options.ElectionMillis * 1_000_000;
        if (_leaderSeenAt != 0 && started > _leaderSeenAt - lost && started < _leaderSeenAt)
        {
            return EtcdError.TimeoutDueToLeaderFail;
        }

        if (_raft.Leader == _memberId)
        {
            int reachable = 0;
            foreach (ulong voter in _raft.Members.Voters)
            {
                reachable += _peers.WasReachableSince(voter, started) ? 1 : 0;
            }

            return reachable < Quorum.Size(_raft.Members.Voters.Length)
                ? EtcdError.TimeoutDueToConnectionLost : EtcdError.Timeout;
        }

        return _raft.Leader != 0 && !_peers.WasReachableSince(_raft.Leader, started)
            ? EtcdError.TimeoutDueToConnectionLost : EtcdError.Timeout;
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
        _transfers.Stop(_completions);
        _applier.Stop(this);
        ReleaseHeldMessages();
    }
}
