// The raft types that WAL, Raft and Peer share, as structs over slabs: no managed object for each log entry
// (DESIGN 4.8). The generated classes of raft.proto are their oracle in tests. Layouts: spec cluster §1.2, storage §5.4.
using EtcdAot.Sys;

namespace EtcdAot.Wire;

/// <summary>Kinds of log entry (raftpb.EntryType).</summary>
public enum EntryKind
{
    Normal = 0,
    ConfChange = 1,
    ConfChangeV2 = 2,
}

/// <summary>One entry of the replicated log.</summary>
public struct LogEntry
{
    public EntryKind Kind;
    public ulong Term;
    public ulong Index;

    /// <summary>Payload; whoever keeps the entry holds a count of the slice.</summary>
    public SlabSlice Data;
}

/// <summary>What a member must not forget: term, vote, commit.</summary>
/// <param name="Term">Current term.</param>
/// <param name="Vote">Member voted for in this term, 0 for none.</param>
/// <param name="Commit">Highest index known to be committed; may be stale on disk.</param>
public readonly record struct DurableState(ulong Term, ulong Vote, ulong Commit)
{
    /// <summary>True when nothing was ever saved.</summary>
    public bool IsEmpty => Term == 0 && Vote == 0 && Commit == 0;
}

/// <summary>Voters and learners (raftpb.ConfState). Immutable.</summary>
public sealed record ConfiguredMembers(ulong[] Voters, ulong[] Learners)
{
    public static readonly ConfiguredMembers Empty = new([], []);

    /// <summary>Members that left the voters in a joint change under way; etcd never has any.</summary>
    public ulong[] VotersOutgoing { get; init; } = [];

    /// <summary>Learners to be once the joint change ends; etcd never has any.</summary>
    public ulong[] LearnersNext { get; init; } = [];

    public bool AutoLeave { get; init; }
}
