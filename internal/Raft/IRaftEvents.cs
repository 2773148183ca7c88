// What an observer hears of a raft node, as it happens (DESIGN 4.4: raft itself writes no log). Called on the core thread
// from inside the node: an observer must not call back.
using EtcdAot.Wire;

namespace EtcdAot.Raft;

/// <summary>Observer of one node. Every method may be left out.</summary>
public interface IRaftEvents
{
    /// <summary>A configuration is in force.</summary>
    void OnMembers(ConfiguredMembers members)
    {
    }

    /// <summary>The node follows, at start too.</summary>
    void OnFollower(ulong term)
    {
    }

    /// <summary>The node is set up from its disk.</summary>
    void OnStarted(RaftNode node)
    {
    }

    /// <summary>A campaign begins in this term.</summary>
    void OnElection(ulong term)
    {
    }

    /// <summary>The node asks whether it would be elected.</summary>
    void OnPreCandidate(ulong term)
    {
    }

    /// <summary>The node stands for election.</summary>
    void OnCandidate(ulong term)
    {
    }

    /// <summary>A vote or pre-vote was granted.</summary>
    void OnVote(bool preVote, ulong from, ulong term)
    {
    }

    /// <summary>An answer of another member to the campaign was counted.</summary>
    void OnVotesCounted(bool preVote, int granted, int rejected)
    {
    }

    /// <summary>Something worth a line; the node is as it was before.</summary>
    /// <param name="what">What.</param>
    /// <param name="node">The node, for its term, vote and log.</param>
    /// <param name="message">The message that it is about; default when there is none.</param>
    void OnHappening(RaftHappening what, RaftNode node, in RaftMessage message)
    {
    }

    /// <summary>The node leads.</summary>
    void OnLeader(ulong term)
    {
    }
}

/// <summary>What happens to a node beside changes of its role.</summary>
public enum RaftHappening
{
    /// <summary>A message of a higher term makes it a follower.</summary>
    HigherTerm,

    /// <summary>It grants a vote or pre-vote.</summary>
    VoteCast,

    VoteRejected,

    /// <summary>Asked for a vote while a leader is alive.</summary>
    VoteIgnored,

    /// <summary>It asks for a vote or pre-vote.</summary>
    VoteRequested,

    /// <summary>Leading, it has not heard of a quorum for an election timeout.</summary>
    QuorumLost,

    /// <summary>A read was asked for and there is no leader.</summary>
    ReadWithoutLeader,

    /// <summary>It hands the leadership to <see cref="RaftMessage.To"/>.</summary>
    TransferStarts,

    /// <summary>The successor is up to date and told to campaign.</summary>
    SuccessorCalled,

    /// <summary>It is the successor.</summary>
    CalledToLead,

    /// <summary>A snapshot takes the place of the log.</summary>
    SnapshotStarts,

    /// <summary>It has.</summary>
    SnapshotRestored,
}

/// <summary>Nobody listens.</summary>
public sealed class NoRaftEvents : IRaftEvents
{
    /// <summary>The one instance.</summary>
    public static readonly NoRaftEvents Instance = new();
}
