// One watcher: a range, a cursor into the history and what it wants of an event (spec api-v3 §3).
// owned by: the I/O thread of its stream, through that thread's WatchHub.
namespace EtcdAot.Mvcc.Watch;

/// <summary>What a watcher asks for.</summary>
public readonly struct WatchOptions
{
    /// <summary>First revision wanted; 0 for the next one.</summary>
    public long StartRevision { get; init; }

    /// <summary>Puts are dropped.</summary>
    public bool NoPut { get; init; }

    /// <summary>Deletes are dropped.</summary>
    public bool NoDelete { get; init; }

    /// <summary>Events carry the value before.</summary>
    public bool PrevKv { get; init; }

    /// <summary>For the stream's own use: large responses may be cut.</summary>
    public bool Fragment { get; init; }

    /// <summary>For the stream's own use: wants to hear of progress.</summary>
    public bool ProgressNotify { get; init; }
}

/// <summary>Takes what a watcher gets; one for each stream. Called on the hub's thread.</summary>
public interface IWatchSink
{
    /// <summary>False while the stream has as much queued as it may: its watchers are left where they are.</summary>
    bool HasRoom { get; }

    /// <summary>Queues events; false when the stream has no room (nothing was taken): the watcher keeps its cursor and
    /// goes on after <see cref="WatchHub.Resume"/>.</summary>
    bool TryDeliver(Watcher watcher, in WatchBatch batch);

    /// <summary>The watcher has fallen behind a compaction: answer canceled with compact_revision. It stays registered,
    /// without events, until it is removed.</summary>
    void Compacted(Watcher watcher, long compactRevision);
}

/// <summary>Events for one response, encoded once for all who get the same. Spans live during the call.</summary>
public readonly ref struct WatchBatch
{
    /// <summary>header.revision: of a synced watcher the events' revision, of a catch-up the current one.</summary>
    public long HeaderRevision { get; init; }

    /// <summary>Events as repeated field 11 of WatchResponse, one behind the other, tags and lengths included.</summary>
    public ReadOnlySpan<byte> Events { get; init; }

    /// <summary>End of each event in <see cref="Events"/>: where a fragment may be cut.</summary>
    public ReadOnlySpan<int> Ends { get; init; }

    /// <summary>Revision of the last event.</summary>
    public long LastRevision { get; init; }
}

/// <summary>A registered watcher.</summary>
public sealed class Watcher
{
    internal Watcher(byte[] start, byte[]? end, bool single, in WatchOptions options, IWatchSink sink, long cursor)
    {
        Start = start;
        End = end;
        IsSingle = single;
        Options = options;
        Sink = sink;
        Cursor = cursor;
        StartRevision = options.StartRevision;
    }

    internal enum State
    {
        Synced,
        Unsynced,
        Compacted,
        Removed,
    }

    /// <summary>For the stream's own use: its watch id.</summary>
    public long Id { get; set; }

    /// <summary>For the stream's own use: no event since its last progress tick.</summary>
    public bool IsQuiet { get; set; }

    /// <summary>What was asked for.</summary>
    public WatchOptions Options { get; }

    /// <summary>First revision wanted, as in the request: 0 for the next one.</summary>
    public long StartRevision { get; }

    /// <summary>True when it has got everything up to the hub's revision; false for one cancelled by compaction.</summary>
    public bool IsSynced => Standing == State.Synced;

    /// <summary>True when a progress response with this revision would be right (spec api-v3 §3.4).</summary>
    public bool CanReport(long revision) => IsSynced && revision >= StartRevision;

    /// <summary>Next revision to deliver.</summary>
    public long Cursor { get; internal set; }

    internal byte[] Start { get; }

    /// <summary>Null for an open end.</summary>
    internal byte[]? End { get; }

    internal bool IsSingle { get; }

    internal IWatchSink Sink { get; }

    internal State Standing { get; set; }

    /// <summary>Place in the list of its key, for single keys.</summary>
    internal int Slot { get; set; }

    /// <summary>Scan that it takes part in.</summary>
    internal long ScanMark { get; private set; }

    /// <summary>First revision that the scan under way has not offered: its response is full before.</summary>
    internal long ScanEnd { get; set; }

    /// <summary>Distinct revisions in <see cref="Part"/> and <see cref="Matched"/>.</summary>
    internal int MatchedRevisions { get; set; }

    /// <summary>Revision of the last of <see cref="Matched"/>.</summary>
    internal long MatchedMain { get; set; }

    /// <summary>Events of the scan under way, as numbers of the scratch.</summary>
    internal List<int> Matched { get; } = [];

    /// <summary>What earlier scans found for the response under way, or null; its bytes count for the hub.</summary>
    internal PartialResponse? Part { get; set; }

    internal bool Wants(bool isDelete, long revision)
    {
        return revision >= Cursor && !(isDelete ? Options.NoDelete : Options.NoPut);
    }

    internal void BeginScan(long scan)
    {
        ScanMark = scan;
        ScanEnd = long.MaxValue;
        MatchedRevisions = Part?.Revisions ?? 0;
        MatchedMain = Part?.LastRevision ?? 0;
    }

    /// <summary>Forgets what was matched; the room of an unusually large batch is given back.</summary>
    internal void ForgetMatched()
    {
        Matched.Clear();
        if (Matched.Capacity > 64)
        {
            Matched.Capacity = 0;
        }
    }
}
