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

    /// <summary>The node leads.</summary>
    void OnLeader(ulong term)
    {
    }
}

/// <summary>Nobody listens.</summary>
public sealed class NoRaftEvents : IRaftEvents
{
    /// <summary>The one instance.</summary>
    public static readonly NoRaftEvents Instance = new();
}
