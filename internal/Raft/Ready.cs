// What a round of raft hands to its surroundings, and what comes back (DESIGN 4.4). Ready is looked at and done with before
// the next call on the node; an Append may be kept until it is answered.
using EtcdAot.Wire;

namespace EtcdAot.Raft;

/// <summary>Role of a node.</summary>
public enum RaftRole
{
    Follower,
    PreCandidate,
    Candidate,
    Leader,
}

/// <summary>What became of a proposal or of a read.</summary>
public enum ProposeResult
{
    /// <summary>Appended or recorded here; a count of the payload was taken over.</summary>
    Ok,

    /// <summary>On its way to the leader; it may still be lost silently. A count of the payload was taken over.</summary>
    Forwarded,

    /// <summary>No leader is known: keep it and try again when there is one.</summary>
    NoLeader,

    /// <summary>etcd's "raft proposal dropped": candidate, leader in transfer, or leader that was removed.</summary>
    Dropped,

    /// <summary>Too many bytes wait for the disk: etcd's "too many requests".</summary>
    TooManyUndurable,

    /// <summary>A conf change while another is not applied: an empty entry took its place, as in etcd. The payload was
    /// released; the proposer gets no result.</summary>
    ConfChangePending,
}

/// <summary>What became of a received message.</summary>
public enum StepResult
{
    Ok,

    /// <summary>Out of date, from a stranger, or of a kind that does not travel. Normal.</summary>
    Ignored,

    /// <summary>Breaks the protocol; nothing was changed. Worth a log line.</summary>
    Malformed,

    /// <summary>The member cannot go on: see <see cref="RaftNode.Fault"/>.</summary>
    Fault,
}

/// <summary>Why a node cannot go on; in etcd each of these is a panic.</summary>
public enum RaftFault
{
    None,

    /// <summary>A leader says committed what this member does not have: its log was lost or cut.</summary>
    CommitOutOfRange,

    /// <summary>An entry of a kind that etcd never writes (ConfChangeV2) was committed.</summary>
    UnknownEntryKind,

    /// <summary>A conf change removes the last voter.</summary>
    RemovedAllVoters,
}

/// <summary>A read may be answered once <paramref name="Index"/> is applied.</summary>
public readonly record struct ReadState(ulong Index, ulong Context);

/// <summary>One write of the log actor. Appends are written, made durable and answered in the order of their identities.</summary>
public readonly record struct LogAppend
{
    /// <summary>Number of the append, from 1; 0 when there is none.</summary>
    public ulong Identity { get; init; }

    /// <summary>State to write; null when unchanged.</summary>
    public DurableState? State { get; init; }

    /// <summary>First entry to write; read them with <see cref="Ready.AppendEntries"/>. An index that was written before
    /// is overwritten, and what stood behind it is void.</summary>
    public ulong FirstIndex { get; init; }

    public int EntryCount { get; init; }

    /// <summary>Snapshot to save before anything of this append; the append owns a count of its data.</summary>
    public RaftSnapshot? Snapshot { get; init; }

    /// <summary>Messages to send when this append and all before it are durable; null for none.</summary>
    public RaftMessage[]? Answers { get; init; }

    /// <summary>True when it must be synced before it is answered; else (commit moved, or answers only) written is enough.</summary>
    public bool MustSync { get; init; }

    /// <summary>What to give to <see cref="RaftNode.OnAppended"/>.</summary>
    public AppendAnswer Answer { get; init; }
}

/// <summary>Says that an append, and all before it, is durable.</summary>
/// <param name="Identity">The append.</param>
/// <param name="Term">The node's term when it was handed out.</param>
/// <param name="LastTerm">Term of <paramref name="LastIndex"/>.</param>
/// <param name="LastIndex">End of the whole log at that moment.</param>
/// <param name="SnapshotIndex">Snapshot in it, 0 for none.</param>
public readonly record struct AppendAnswer(
    ulong Identity, ulong Term, ulong LastTerm, ulong LastIndex, ulong SnapshotIndex);

/// <summary>One round. Order of work: messages may leave at once; the append goes to the log actor; then the snapshot and the
/// committed entries are applied.</summary>
public readonly ref struct Ready
{
    /// <summary>Leader or role changed since the last Ready.</summary>
    public bool SoftStateChanged { get; init; }

    /// <summary>Known leader, 0 for none.</summary>
    public ulong Leader { get; init; }

    public RaftRole Role { get; init; }

    /// <summary>To send now; whoever sends releases each. The span is valid until the next TakeReady.</summary>
    public ReadOnlySpan<RaftMessage> Messages { get; init; }

    /// <summary>For the log actor; <see cref="LogAppend.Identity"/> 0 when there is none.</summary>
    public LogAppend Append { get; init; }

    /// <summary>Entries of <see cref="Append"/>; the log keeps its counts, a second thread takes its own.</summary>
    public EntrySpans AppendEntries { get; init; }

    /// <summary>A durable snapshot to load before the entries; null for none.</summary>
    public RaftSnapshot? Snapshot { get; init; }

    /// <summary>Committed and locally durable entries to apply, in order; then call <see cref="RaftNode.OnApplied"/>.</summary>
    public EntrySpans Committed { get; init; }

    /// <summary>Reads whose index is known. The span is valid until the next TakeReady.</summary>
    public ReadOnlySpan<ReadState> ReadStates { get; init; }
}
