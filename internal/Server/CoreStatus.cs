// What other threads may know of the core without asking it. Written by the core thread, read by any.
using EtcdAot.Raft;

namespace EtcdAot.Server;

/// <summary>A few words of the core, each read on its own.</summary>
public sealed class CoreStatus
{
    private ulong _term;
    private ulong _leader;
    private ulong _committed;
    private ulong _applied;
    private int _solelyLeading;

    public ulong Term => Volatile.Read(ref _term);

    /// <summary>Known leader, 0 for none.</summary>
    public ulong Leader => Volatile.Read(ref _leader);

    public ulong Committed => Volatile.Read(ref _committed);

    public ulong Applied => Volatile.Read(ref _applied);

    /// <summary>True while this member is its cluster's only voter, leads it and has applied an entry of its own term
    /// (and so all that earlier lives acknowledged): whatever was acknowledged is in the published view, so a
    /// linearizable read needs no round. It turns false when a conf change is applied, before another voter could have
    /// acknowledged anything.</summary>
    public bool SolelyLeading => Volatile.Read(ref _solelyLeading) != 0;

    internal void Publish(RaftNode raft)
    {
        bool alone = raft.Role == RaftRole.Leader && raft.Members.Voters.Length == 1
            && raft.Members.VotersOutgoing.Length == 0
            && raft.Log.Matches(raft.Applied, raft.Term);
        Volatile.Write(ref _term, raft.Term);
        Volatile.Write(ref _leader, raft.Leader);
        Volatile.Write(ref _committed, raft.Committed);
        Volatile.Write(ref _applied, raft.Applied);
        Volatile.Write(ref _solelyLeading, alone ? 1 : 0);
    }
}
