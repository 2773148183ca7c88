// Reads that wait for a quorum to confirm the leader (spec cluster §1.8, the way of etcd up to 3.6: a heartbeat carries the
// context of the newest read, and a quorum of echoes of it confirms all up to it). Owned by: core thread.
namespace EtcdAot.Raft;

/// <summary>One read to confirm.</summary>
internal sealed class PendingRead
{
    /// <summary>As its owner sent it.</summary>
    public required byte[] Context { get; init; }

    /// <summary>Asking member.</summary>
    public required ulong From { get; init; }

    /// <summary>Commit index when it was asked.</summary>
    public required ulong Index { get; init; }

    /// <summary>Members that echoed this context.</summary>
    public List<ulong> Echoes { get; } = [];
}

/// <summary>Reads in the order in which they were asked.</summary>
internal sealed class ReadQueue
{
    private readonly List<PendingRead> _reads = [];

    /// <summary>Reads waiting.</summary>
    public int Count => _reads.Count;

    /// <summary>Context of the newest, null when none waits.</summary>
    public byte[]? LastContext => _reads.Count == 0 ? null : _reads[^1].Context;

    /// <summary>The oldest.</summary>
    public PendingRead First => _reads[0];

    /// <summary>Queues; false when the context is queued already or the queue is full.</summary>
    public bool Add(PendingRead read)
    {
        if (_reads.Count >= RaftLimits.PendingReads || Find(read.Context) >= 0)
        {
            return false;
        }

        _reads.Add(read);
        return true;
    }

    /// <summary>Position of a context, -1 when it is not queued.</summary>
    public int Find(ReadOnlySpan<byte> context)
    {
        // Newest first: echoes are of the newest context.
        for (int i = _reads.Count - 1; i >= 0; i--)
        {
            if (context.SequenceEqual(_reads[i].Context))
            {
                return i;
            }
        }

        return -1;
    }

    public PendingRead At(int position) => _reads[position];

    /// <summary>Removes the oldest <paramref name="count"/>.</summary>
    public void RemoveFirst(int count) => _reads.RemoveRange(0, count);

    public void Clear() => _reads.Clear();
}
