// A request on its way through the log, and its own completion slot: whoever sends one brings the place for the answer,
// so that nothing between actors ever waits for room (DESIGN 3). Owned in turn: I/O thread → core → I/O thread.
using EtcdAot.Net;
using EtcdAot.Sys;
using EtcdAot.Wire;

namespace EtcdAot.Server;

/// <summary>One proposed request. <see cref="ILoopWork.Run"/> is called once on the loop with the outcome.</summary>
public abstract class Proposal : ILoopWork
{
    /// <summary>Loop that gets the completion.</summary>
    public IoLoop? Loop { get; set; }

    /// <summary>Request id inside <see cref="Entry"/>.</summary>
    public ulong Id { get; set; }

    /// <summary>Kind of the entry.</summary>
    public virtual EntryKind Kind => EntryKind.Normal;

    /// <summary>The encoded InternalRaftRequest or ConfChange; a count is handed over with the proposal.</summary>
    public SlabSlice Entry { get; set; }

    /// <summary>Monotonic time of arrival.</summary>
    public long StartNanos { get; set; }

    /// <summary>Answer only when the data are gone from the disk too (Compact with physical).</summary>
    public bool WaitForPhysicalCompaction { get; set; }

    /// <summary>Null: success.</summary>
    public EtcdError? Error { get; set; }

    /// <summary>header.revision of the answer.</summary>
    public long Revision { get; set; }

    /// <summary>header.raft_term of the answer.</summary>
    public ulong RaftTerm { get; set; }

    /// <summary>The answer's fields behind its header, encoded; written by the applier.</summary>
    public AnswerBuffer Body { get; } = new();

    /// <summary>True while it takes room of the queue to the core.</summary>
    internal bool HoldsRoom { get; set; }

    /// <summary>Neighbours in the core's list of requests in flight, oldest first.</summary>
    internal Proposal? Previous { get; set; }

    internal Proposal? Following { get; set; }

    /// <summary>Encodes and sends the answer; on the loop's thread.</summary>
    public abstract void Run();

    /// <summary>Makes the object as new.</summary>
    public virtual void Reset()
    {
        Body.Reset();
        Error = null;
        Entry = default;
        Revision = 0;
        WaitForPhysicalCompaction = false;
    }
}

/// <summary>A linearizable read that waits for its index to be applied; completed like a proposal.</summary>
public abstract class ReadWaiter : ILoopWork
{
    public IoLoop? Loop { get; set; }

    /// <summary>Monotonic time of arrival.</summary>
    public long StartNanos { get; set; }

    /// <summary>Null: read now.</summary>
    public EtcdError? Error { get; set; }

    public abstract void Run();
}
