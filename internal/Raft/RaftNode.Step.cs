// Reception: the filter for what may come from a peer, the rules of terms, and the switch by type (spec cluster §1.2, §1.3).
using EtcdAot.Wire;
using EtcdAot.Wire.Raftpb;

namespace EtcdAot.Raft;

public sealed partial class RaftNode
{
    private static ReadOnlySpan<byte> ForcedCampaign => "CampaignTransfer"u8;

    /// <summary>Takes a message from a peer. The message stays the caller's: it releases it afterwards.</summary>
    public StepResult Step(in RaftMessage m)
    {
        if (m.From == _config.Id || (m.To != 0 && m.To != _config.Id) || !Travels(m.Type))
        {
            return StepResult.Ignored;
        }

        if (IsResponse(m.Type) && FindProgress(m.From) is null)
        {
            return StepResult.Ignored;
        }

        if (m.From == 0 || (m.Term == 0 && !MayLackTerm(m.Type)))
        {
            return StepResult.Malformed;
        }

        if (m.Term > _term)
        {
            if (IsVoteRequest(m.Type) && !IsForced(in m) && HoldsLease)
            {
                _config.Events.OnHappening(RaftHappening.VoteIgnored, this, in m);
                return StepResult.Ignored;
            }

            if (m.Type != MessageType.MsgPreVote && !(m.Type == MessageType.MsgPreVoteResp && !m.Reject))
            {
                _config.Events.OnHappening(RaftHappening.HigherTerm, this, in m);
                BecomeFollower(m.Term, IsFromLeader(m.Type) ? m.From : 0);
            }
        }
        else if (m.Term < _term && m.Term != 0)
        {
            return AnswerOldTerm(in m);
        }

        return Dispatch(in m);
    }

    // A leader is known and was heard of within the shortest election timeout; a leader holds its own.
    private bool HoldsLease => _config.CheckQuorum && _leader != 0 && _electionElapsed < _config.ElectionTicks;

    /// <summary>Ticks for which votes are still refused because a leader is alive.</summary>
    public int LeaseTicksLeft => Math.Max(0, _config.ElectionTicks - _electionElapsed);

    private StepResult Dispatch(in RaftMessage m)
    {
        switch (m.Type)
        {
            case MessageType.MsgVote:
            case MessageType.MsgPreVote:
                return HandleVoteRequest(in m);
            case MessageType.MsgVoteResp:
            case MessageType.MsgPreVoteResp:
                return HandleVoteResponse(in m);
            case MessageType.MsgApp:
            case MessageType.MsgHeartbeat:
            case MessageType.MsgSnap:
                return HandleFromLeader(in m);
            case MessageType.MsgAppResp:
                return _role == RaftRole.Leader ? HandleAppendResponse(in m) : StepResult.Ignored;
            case MessageType.MsgHeartbeatResp:
                return _role == RaftRole.Leader ? HandleHeartbeatResponse(in m) : StepResult.Ignored;
            case MessageType.MsgProp:
                return HandleForwardedProposals(in m);
            case MessageType.MsgReadIndex:
                return HandleReadIndex(in m);
            case MessageType.MsgReadIndexResp:
                return HandleReadIndexResponse(in m);
            case MessageType.MsgTransferLeader:
                return TransferLeader(m.From) ? StepResult.Ok : StepResult.Ignored;
            case MessageType.MsgTimeoutNow:
                return HandleTimeoutNow(in m);
            default:
                return StepResult.Ignored;
        }
    }

    private StepResult AnswerOldTerm(in RaftMessage m)
    {
        if (m.Type is MessageType.MsgApp or MessageType.MsgHeartbeat)
        {
            // Tells a leader that was cut off our higher term, which it would otherwise never hear of: votes are ignored in a
            // lease and pre-votes do not raise terms.
            Send(new RaftMessage { Type = MessageType.MsgAppResp, To = m.From, Term = _term });
        }
        else if (m.Type == MessageType.MsgPreVote)
        {
            Send(new RaftMessage { Type = MessageType.MsgPreVoteResp, To = m.From, Term = _term, Reject = true });
        }

        return StepResult.Ignored;
    }

    private static bool Travels(MessageType type) => type switch
    {
        MessageType.MsgHup or MessageType.MsgBeat or MessageType.MsgUnreachable or MessageType.MsgSnapStatus
            or MessageType.MsgCheckQuorum => false,
        _ => type is >= MessageType.MsgProp and <= MessageType.MsgPreVoteResp,
    };

    private static bool IsResponse(MessageType type) => type is MessageType.MsgAppResp or MessageType.MsgVoteResp
        or MessageType.MsgHeartbeatResp or MessageType.MsgReadIndexResp or MessageType.MsgPreVoteResp;

    private static bool IsVoteRequest(MessageType type) => type is MessageType.MsgVote or MessageType.MsgPreVote;

    private static bool IsFromLeader(MessageType type) => type is MessageType.MsgApp or MessageType.MsgHeartbeat
        or MessageType.MsgSnap;

    private static bool MayLackTerm(MessageType type) => type is MessageType.MsgProp or MessageType.MsgReadIndex
        or MessageType.MsgTransferLeader;

    private static bool IsForced(in RaftMessage m) => m.Context.AsSpan().SequenceEqual(ForcedCampaign);
}
