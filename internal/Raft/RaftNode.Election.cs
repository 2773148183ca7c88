// Elections: campaigns, votes given and votes counted (spec cluster §1.3, §1.4). A vote, own or given, is durable before
// anybody hears of it: requests and answers leave with the append that carries the new term.
using EtcdAot.Wire;
using EtcdAot.Wire.Raftpb;

namespace EtcdAot.Raft;

public sealed partial class RaftNode
{
    // Answers of the current campaign; an id is in at most one of them.
    private readonly List<ulong> _granted = [];
    private readonly List<ulong> _rejected = [];

    /// <summary>True when this node may campaign at all: a voter of the applied configuration, no snapshot pending.</summary>
    public bool IsPromotable => _self is { IsLearner: false } && _pendingSnapshot is null;

    /// <summary>Starts an election now (MsgHup); false when it may not: leader already, not promotable, or a committed conf
    /// change is not applied yet. A sole voter needs no call: it campaigns by itself.</summary>
    public bool Campaign() => Campaign(forced: false);

    private bool Campaign(bool forced)
    {
        if (_role == RaftRole.Leader || !IsPromotable || HasUnappliedConfChange())
        {
            return false;
        }

        _config.Events.OnElection(_term);
        if (_config.PreVote && !forced)
        {
            BecomePreCandidate();
        }
        else
        {
            BecomeCandidate(forced);
        }

        return true;
    }

    // No peer can have a say, so there is nothing to wait for.
    private void CampaignIfSoleVoter()
    {
        if (_role == RaftRole.Follower && _leader == 0 && _voterCount == 1)
        {
            Campaign(forced: false);
        }
    }

    private bool HasUnappliedConfChange()
    {
        for (ulong i = _log.Applied + 1; i <= _log.Committed; i++)
        {
            if (i >= _log.FirstIndex && _log.At(i).Kind != EntryKind.Normal)
            {
                return true;
            }
        }

        return false;
    }

    private void BecomeFollower(ulong term, ulong leader)
    {
        Reset(term);
        _role = RaftRole.Follower;
        _leader = leader;
        _config.Events.OnFollower(term);
    }

    // Neither term nor vote change; the leader is forgotten.
    private void BecomePreCandidate()
    {
        _role = RaftRole.PreCandidate;
        _leader = 0;
        ResetVotes();
        ForgetReads();
        _config.Events.OnPreCandidate(_term);
        if (!CountVote(_config.Id, granted: true))
        {
            RequestVotes(MessageType.MsgPreVote, _term + 1, context: null);
        }
    }

    private void BecomeCandidate(bool forced)
    {
        Reset(_term + 1);
        _role = RaftRole.Candidate;
        _vote = _config.Id;
        _config.Events.OnCandidate(_term);
        // The own vote is counted in OnAppended, when it is durable.
        _config.Events.OnVote(preVote: false, _config.Id, _term);
        RequestVotes(MessageType.MsgVote, _term, forced ? ForcedCampaign.ToArray() : null);
    }

    private void RequestVotes(MessageType type, ulong term, byte[]? context)
    {
        foreach (Progress progress in _progress)
        {
            if (progress.IsLearner || progress.Id == _config.Id)
            {
                continue;
            }

            var request = new RaftMessage
            {
                Type = type,
                To = progress.Id,
                Term = term,
                Index = _log.LastIndex,
                LogTerm = _log.LastTerm,
                Context = context,
            };
            _config.Events.OnHappening(RaftHappening.VoteRequested, this, in request);
            Send(request);
        }
    }

    private StepResult HandleVoteRequest(in RaftMessage m)
    {
        bool real = m.Type == MessageType.MsgVote;
        bool canVote = _vote == m.From || (_vote == 0 && _leader == 0) || (!real && m.Term > _term);
        bool granted = canVote && _log.IsUpToDate(m.LogTerm, m.Index);
        _config.Events.OnHappening(granted ? RaftHappening.VoteCast : RaftHappening.VoteRejected, this, in m);
        if (granted && real)
        {
            _electionElapsed = 0;
            _vote = m.From;
        }

        Send(new RaftMessage
        {
            Type = real ? MessageType.MsgVoteResp : MessageType.MsgPreVoteResp,
            To = m.From,
            Term = granted ? m.Term : _term,
            Reject = !granted,
        });
        return StepResult.Ok;
    }

    private StepResult HandleVoteResponse(in RaftMessage m)
    {
        RaftRole counting = m.Type == MessageType.MsgVoteResp ? RaftRole.Candidate : RaftRole.PreCandidate;
        if (_role != counting || (counting == RaftRole.PreCandidate && !m.Reject && m.Term != _term + 1))
        {
            return StepResult.Ignored;
        }

        CountVote(m.From, !m.Reject);
        return StepResult.Ok;
    }

    // True when the vote decided the campaign.
    private bool CountVote(ulong from, bool granted)
    {
        if (!_granted.Contains(from) && !_rejected.Contains(from))
        {
            (granted ? _granted : _rejected).Add(from);
            bool preVote = _role == RaftRole.PreCandidate;
            if (granted && (preVote || from != _config.Id))
            {
                _config.Events.OnVote(preVote, from, _term);
            }

            if (from != _config.Id)
            {
                _config.Events.OnVotesCounted(preVote, _granted.Count, _rejected.Count);
            }
        }

        switch (Quorum.Vote(_voterCount, CountVoters(_granted), CountVoters(_rejected)))
        {
            case VoteResult.Won when _role == RaftRole.PreCandidate:
                BecomeCandidate(forced: false);
                return true;
            case VoteResult.Won:
                BecomeLeader();
                return true;
            case VoteResult.Lost:
                BecomeFollower(_term, 0);
                return true;
            default:
                return false;
        }
    }

    private int CountVoters(List<ulong> ids)
    {
        int count = 0;
        foreach (ulong id in ids)
        {
            count += FindProgress(id) is { IsLearner: false } ? 1 : 0;
        }

        return count;
    }

    private void ResetVotes()
    {
        _granted.Clear();
        _rejected.Clear();
    }

    private StepResult HandleTimeoutNow(in RaftMessage m)
    {
        // Candidates are on their way already.
        if (_role != RaftRole.Follower)
        {
            return StepResult.Ignored;
        }

        _config.Events.OnHappening(RaftHappening.CalledToLead, this, in m);
        return Campaign(forced: true) ? StepResult.Ok : StepResult.Ignored;
    }
}
