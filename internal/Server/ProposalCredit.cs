// Room of queue 1: how many proposals, and bytes of them, may wait for the core (DESIGN 3, "Who may wait"). While the disk
// hangs, the core takes nothing, and clients would fill the memory. Owned by: any (interlocked).
namespace EtcdAot.Server;

/// <summary>Counts what waits.</summary>
/// <param name="maxBytes">Bytes of entries that may wait.</param>
/// <param name="maxItems">Entries that may wait.</param>
internal sealed class ProposalCredit(long maxBytes, int maxItems)
{
    /// <summary>As much as raft takes before it is durable (DESIGN 4.4).</summary>
    public const long DefaultBytes = 64 << 20;

    /// <summary>More than as many clients as one member serves can have on their way with one request each.</summary>
    public const int DefaultItems = 1 << 16;

    private long _bytes;
    private int _items;

    /// <summary>Takes room for one proposal; false when there is none. One that finds all free is never refused.</summary>
    public bool TryTake(int bytes)
    {
        int items = Interlocked.Increment(ref _items);
        long taken = Interlocked.Add(ref _bytes, bytes);
        if (items <= maxItems && (taken <= maxBytes || taken == bytes))
        {
            return true;
        }

        Give(bytes);
        return false;
    }

    /// <summary>The proposal left the queue.</summary>
    public void Give(int bytes)
    {
        Interlocked.Decrement(ref _items);
        Interlocked.Add(ref _bytes, -bytes);
    }
}
