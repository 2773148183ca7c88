// A raft message as a struct: what Raft makes and takes, what Peer sends and receives. Owned by whoever holds it: one count
// of every payload slice goes with it. Must never be kept by Raft: what Step keeps, it counts for itself.
using EtcdAot.Sys;
using EtcdAot.Wire.Raftpb;

namespace EtcdAot.Wire;

/// <summary>A message between members (raftpb.Message, spec cluster §1.2). Absent and zero are the same.</summary>
public struct RaftMessage
{
    public MessageType Type;
    public ulong To;
    public ulong From;
    public ulong Term;

    /// <summary>Term of the entry at <see cref="Index"/>; in a reject the term of the hint.</summary>
    public ulong LogTerm;
    public ulong Index;
    public ulong Commit;

    /// <summary>Entries in ascending order, the first <see cref="EntryCount"/> elements; null when there are none.</summary>
    public LogEntry[]? Entries;
    public int EntryCount;
    public bool Reject;
    public ulong RejectHint;

    /// <summary>Read or campaign context: echoed verbatim, never interpreted. Never changed once set.</summary>
    public byte[]? Context;

    /// <summary>Null or index 0: no snapshot.</summary>
    public RaftSnapshot? Snapshot;

    /// <summary>The entries; only while the message is held.</summary>
    public readonly ReadOnlySpan<LogEntry> EntrySpan => Entries is null ? default : Entries.AsSpan(0, EntryCount);

    /// <summary>Gives up the message's counts (entries and snapshot data), once.</summary>
    public readonly void Release()
    {
        foreach (ref readonly LogEntry entry in EntrySpan)
        {
            entry.Data.Release();
        }

        Snapshot?.Data.Release();
    }
}

/// <summary>A snapshot of the state machine (raftpb.Snapshot). Immutable.</summary>
/// <param name="Index">Last index it includes; 0 is no snapshot.</param>
/// <param name="Term">Term of that index.</param>
/// <param name="Members">Configuration as applied at that index.</param>
/// <param name="Data">The v2-store JSON; the holder of the message or append owns one count.</param>
public sealed record RaftSnapshot(ulong Index, ulong Term, ConfiguredMembers Members, SlabSlice Data);
