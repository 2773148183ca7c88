// Checks and proposes changes of the membership (spec cluster §3.6, §3.7). The strict checks are those of the member that
// was asked, by what it knows and reaches; whether the change is valid is decided when it is applied, on every member
// alike. Owned by: core thread.
using EtcdAot.Members;
using EtcdAot.Raft;
using EtcdAot.Sys;
using EtcdAot.Wire;
using EtcdAot.Wire.Codecs;
using EtcdAot.Wire.Raftpb;

namespace EtcdAot.Server;

/// <summary>Begins changes of the membership.</summary>
internal sealed class Reconfiguration(CoreParts parts)
{
    private const string Caller = "etcdserver/server.go";

    /// <summary>How long a member must have been reachable to count as healthy.</summary>
    private const long HealthNanos = 5_000_000_000;
    private const long PromoteRetryNanos = 50_000_000;

    /// <summary>Proposes the change, forwards a promotion to the leader, or refuses.</summary>
    public void Begin(MemberRequest request, RaftLoop loop)
    {
        if (request.Action == MemberAction.Promote && loop.Raft.Role != RaftRole.Leader)
        {
            Forward(request, loop);
            return;
        }

        if (request.Action is MemberAction.Add or MemberAction.AddLearner)
        {
            request.MemberId = MemberIds.OfAdded(request.PeerUrls, parts.Clock.WallUnixNanos / 1_000_000_000);
        }

        if (Refusal(request, loop) is { } error)
        {
            loop.Refuse(request, error);
            return;
        }

        request.Id = parts.Ids.Next();
        request.Entry = Encode(request);
        loop.Offer(request);
    }

    private EtcdError? Refusal(MemberRequest request, RaftLoop loop)
    {
        IReadOnlyList<Member> members = parts.Membership.Current.Members;
        Member? known = members.FirstOrDefault(m => m.Id == request.MemberId);
        switch (request.Action)
        {
            case MemberAction.Add or MemberAction.AddLearner:
                return parts.Options.StrictReconfigCheck ? CheckAdd(request, members, loop) : null;
            case MemberAction.Remove:
                return known is null ? EtcdError.MemberNotFound
                    : parts.Options.StrictReconfigCheck && !known.IsLearner ? CheckRemove(known, members, loop) : null;
            case MemberAction.Promote:
                return CheckPromote(request, known, members, loop);
            default:
                return null;
        }
    }

    private EtcdError? CheckAdd(MemberRequest request, IReadOnlyList<Member> members, RaftLoop loop)
    {
        int voters = members.Count(static m => !m.IsLearner);
        int started = members.Count(static m => !m.IsLearner && m.IsStarted);
        bool founding = started == 1 && voters == 1;
        if (request.Action == MemberAction.Add && !founding && started < Quorum.Size(voters + 1))
        {
            parts.Log.Warn(Caller, "rejecting member add request; not enough healthy members")
                .With("local-member-id", parts.MemberId.ToString("x"))
                .With("requested-member-add", Describe(request))
                .WithError(EtcdError.NotEnoughStarted.Text).Write();
            return EtcdError.NotEnoughStarted;
        }

        // The new one counts as not there.
        if (voters == 1 || CountHealthy(members, loop) >= Quorum.Size(voters + 1))
        {
            return null;
        }

        parts.Log.Warn(Caller,
                "rejecting member add request; local member has not been connected to majority peers, " +
                "reconfigure breaks active quorum")
            .With("local-member-id", parts.MemberId.ToString("x"))
            .With("requested-member-add", Describe(request))
            .WithError(EtcdError.UnhealthyCluster.Text).Write();
        return EtcdError.UnhealthyCluster;
    }

    private EtcdError? CheckRemove(Member target, IReadOnlyList<Member> members, RaftLoop loop)
    {
        int voters = members.Count(static m => !m.IsLearner) - 1;
        int started = members.Count(m => !m.IsLearner && m.IsStarted && m.Id != target.Id);
        if (started < Quorum.Size(voters))
        {
            parts.Log.Warn(Caller, "rejecting member remove request; not enough healthy members")
                .With("local-member-id", parts.MemberId.ToString("x"))
                .With("requested-member-remove-id", target.HexId)
                .WithError(EtcdError.NotEnoughStarted.Text).Write();
            return EtcdError.NotEnoughStarted;
        }

        // One that is down is no loss.
        if (target.Id != parts.MemberId && loop.Peers.ActiveSince(target.Id) == 0)
        {
            return null;
        }

        if (CountHealthy(members, loop) - 1 >= 1 + (voters / 2))
        {
            return null;
        }

        parts.Log.Warn(Caller, "rejecting member remove request; local member has not been connected to all peers, " +
                "reconfigure breaks active quorum")
            .With("local-member-id", parts.MemberId.ToString("x"))
            .With("requested-member-remove", target.HexId)
            .With("active-peers", CountHealthy(members, loop))
            .WithError(EtcdError.UnhealthyCluster.Text).Write();
        return EtcdError.UnhealthyCluster;
    }

    private EtcdError? CheckPromote(
        MemberRequest request, Member? known, IReadOnlyList<Member> members, RaftLoop loop)
    {
        if (known is null)
        {
            return EtcdError.MemberNotFound;
        }

        if (!known.IsLearner)
        {
            return EtcdError.MemberNotLearner;
        }

        RaftNode raft = loop.Raft;
        Progress? learner = raft.FindProgress(request.MemberId);
        Progress? self = raft.FindProgress(parts.MemberId);
        if (learner is null || self is null)
        {
            return EtcdError.MemberNotFound;
        }

        if (learner.Match * 10.0 < self.Match * 9.0)
        {
            return EtcdError.LearnerNotReady;
        }

        int voters = members.Count(static m => !m.IsLearner) + 1;
        int started = members.Count(static m => !m.IsLearner && m.IsStarted) + 1;
        return parts.Options.StrictReconfigCheck && started < Quorum.Size(voters) ? EtcdError.NotEnoughStarted : null;
    }

    private int CountHealthy(IReadOnlyList<Member> members, RaftLoop loop)
    {
        long since = loop.Now - HealthNanos;
        return members.Count(m => !m.IsLearner && loop.Peers.WasReachableSince(m.Id, since));
    }

    private SlabSlice Encode(MemberRequest request)
    {
        var member = new Member(request.MemberId, request.PeerUrls)
        {
            IsLearner = request.Action == MemberAction.AddLearner,
        };
        var change = new ConfChangeView
        {
            Id = request.Id,
            NodeId = request.MemberId,
            Type = request.Action switch
            {
                MemberAction.AddLearner => ConfChangeType.ConfChangeAddLearnerNode,
                MemberAction.Remove => ConfChangeType.ConfChangeRemoveNode,
                MemberAction.Update => ConfChangeType.ConfChangeUpdateNode,
                _ => ConfChangeType.ConfChangeAddNode,
            },
            Context = request.Action switch
            {
                MemberAction.Remove => default(ReadOnlySpan<byte>),
                MemberAction.Promote => MemberJson.PromoteContext(request.MemberId),
                _ => MemberJson.AddContext(member),
            },
        };
        NativeSlab slab = NativeSlab.Allocate(change.Size);
        change.WriteTo(slab.Span);
        return new SlabSlice(slab, 0, slab.Length);
    }

    // Only the leader knows how far a learner is.
    private void Forward(MemberRequest request, RaftLoop loop)
    {
        Member? leader = parts.Membership.Current.Members.FirstOrDefault(m => m.Id == loop.Raft.Leader);
        if (loop.Now - request.StartNanos >= parts.Options.RequestTimeoutNanos)
        {
            loop.Refuse(request, leader is null ? EtcdError.NoLeader : EtcdError.Timeout);
        }
        else if (leader is null)
        {
            loop.Later(loop.Now + PromoteRetryNanos, request);
        }
        else
        {
            loop.Calls.Promote(leader.PeerUrls, request.MemberId,
                outcome => loop.Post(new ForwardedPromotion(this, request, outcome, loop)));
        }
    }

    private void OnForwarded(MemberRequest request, PeerCallOutcome outcome, RaftLoop loop)
    {
        switch (outcome)
        {
            case PeerCallOutcome.Ok:
                request.Result = parts.Membership.Current;
                loop.OnRequestApplied(request, null);
                break;
            case PeerCallOutcome.Failed:
                loop.Later(loop.Now + PromoteRetryNanos, request);
                break;
            default:
                loop.Refuse(request, outcome switch
                {
                    PeerCallOutcome.NotLearner => EtcdError.MemberNotLearner,
                    PeerCallOutcome.LearnerNotReady => EtcdError.LearnerNotReady,
                    _ => EtcdError.MemberNotFound,
                });
                break;
        }
    }

    // As Go prints the member.
    private static string Describe(MemberRequest request) =>
        $"{{ID:{request.MemberId:x} RaftAttributes:{{PeerURLs:[{string.Join(' ', request.PeerUrls)}] " +
        $"IsLearner:{(request.Action == MemberAction.AddLearner ? "true" : "false")}}} Attributes:{{Name: ClientURLs:[]}}}}";

    private sealed class ForwardedPromotion(
        Reconfiguration owner, MemberRequest request, PeerCallOutcome outcome, RaftLoop loop) : ICoreWork
    {
        public void RunOnCore() => owner.OnForwarded(request, outcome, loop);
    }
}
