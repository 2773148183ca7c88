// The multi-version store of one member: index, log, revisions, publication (spec storage §4; DESIGN 4.8–4.10).
// owned by: core thread; readers use the View it publishes. It must never wait, and never publish twice for one state.
//
// Public API in short
//   new Store(backend, readers, options, leases)   then Restore(out error) once, leases recovered before
//   core thread, for each entry:
//     WriteTxn txn = store.BeginWrite()            Put, DeleteRange, Range (sees the txn's own writes), then txn.End()
//     store.Compact(revision)                      logical at once, physical in steps; CompactionDone(revision)
//   core thread, after a batch of entries:
//     store.Publish()                              makes a View, the only publication; then wake the I/O threads
//     store.Step(now)                              background work: compaction, reclaiming; returns the next wake
//   any reading thread, inside a wake (readers.Enter … readers.Exit):
//     store.Current                                View: Range, Count, Measure, TryGet, Revision, Backend
//     WatchHub.Advance(view)                       first thing in a wake, before reads are served (api-v3 §3.6)
//     HashKvJob                                    HashKV in steps; holds a RevisionGuard between wakes
using EtcdAot.Backend;
using EtcdAot.Observe;
using EtcdAot.Sys;

namespace EtcdAot.Mvcc;

/// <summary>What the store asks of the leases and tells them; the Applier joins the two rooms.</summary>
public interface ILeaseLedger
{
    /// <summary>True when the lease is known.</summary>
    bool Exists(long lease);

    /// <summary>The key now belongs to this lease, and to no other.</summary>
    void Attach(long lease, ReadOnlySpan<byte> key);

    /// <summary>The key belongs to no lease.</summary>
    void Detach(ReadOnlySpan<byte> key);
}

/// <summary>Bounds of the store.</summary>
public sealed record StoreOptions
{
    /// <summary>Bytes of history kept in the log for watchers beyond what bolt has not yet, soft. A tenth of a second of
    /// 256-byte puts at full speed: who is further behind is served from bolt, in scans of many watchers at once. More than
    /// that is resident memory for nothing (64 MiB were a third of it after a million puts).</summary>
    public long LogBytes { get; init; } = 8 << 20;

    /// <summary>Records deleted in one step of a compaction (--experimental-compaction-batch-limit).</summary>
    public int CompactionBatch { get; init; } = 1000;

    /// <summary>Number of the store in the life of the process: one more after a received snapshot.</summary>
    public int Generation { get; init; }

    /// <summary>Is told of compactions.</summary>
    public Log Log { get; init; } = Log.None;

    /// <summary>Pause between the steps (--experimental-compaction-sleep-interval), nanoseconds.</summary>
    public long CompactionPauseNanos { get; init; } = 10_000_000;
}

/// <summary>The store.</summary>
public sealed unsafe partial class Store : IBatchSource, IDisposable
{
    private const int ReclaimBudget = 4096;

    private readonly BackendStore _backend;
    private readonly ReaderRegistry _readers;
    private readonly StoreOptions _options;
    private readonly ILeaseLedger? _leases;
    private readonly Queue<OldState> _old = new();
    private NativeHeap _heap;
    private readonly WriteTxn _txn;
    private readonly Queue<PassedSnapshot> _passing = new();
    private TreeIndex _index;
    private RevisionLog _log;
    private BackendSnapshot _snapshot;
    private View _current;
    private long _revision = 1;
    private long _compacted = -1;
    private long _committed = 1;
    private long _handedRecord;
    private long _pendingBytes;
    private bool _changed;
    private int _generation;

    private readonly record struct OldState(NativeHeap Heap, TreeIndex Index, RevisionLog Log, long Epoch);

    private readonly record struct PassedSnapshot(BackendSnapshot Snapshot, long Epoch);

    public Store(BackendStore backend, ReaderRegistry readers, StoreOptions options, ILeaseLedger? leases)
    {
        _backend = backend;
        _readers = readers;
        _options = options;
        _generation = options.Generation;
        _leases = leases;
        _heap = new NativeHeap(readers);
        _index = new TreeIndex(_heap);
        _log = new RevisionLog(_heap, 2);
        _snapshot = backend.Snapshot;
        _txn = new WriteTxn(this);
        _current = NewView();
        backend.Source = this;
    }

    /// <summary>Newest published view; any thread, inside a wake.</summary>
    public View Current => Volatile.Read(ref _current);

    /// <summary>Guards that delay physical compaction; any thread.</summary>
    public RevisionGuards Guards { get; } = new();

    /// <summary>Current revision as the core sees it, published or not.</summary>
    public long Revision => _revision;

    /// <summary>Compacted revision as the core sees it.</summary>
    public long CompactedRevision => _compacted;

    /// <summary>Keys in the index, dead ones included; for metrics.</summary>
    public long KeyCount => _index.KeyCount;

    /// <summary>Live keys; for metrics (etcd_debugging_mvcc_keys_total).</summary>
    public long LiveKeyCount => _index.LiveCount;

    /// <summary>Native memory of index and log, bytes; for metrics.</summary>
    public long MemoryBytes => _heap.BytesInUse;

    /// <summary>Totals of what was asked; for metrics.</summary>
    public StoreCounts Counts { get; } = new();

    /// <summary>Bytes of the log; for metrics and tests.</summary>
    public long LogBytes => _log.Bytes;

    /// <inheritdoc/>
    public long PendingRecords => _log.NextRecord - _handedRecord;

    /// <inheritdoc/>
    public long PendingBytes => _pendingBytes;

    /// <summary>Core thread: begins the write of one entry. End it before anything else happens.</summary>
    public WriteTxn BeginWrite()
    {
        _txn.Begin();
        return _txn;
    }

    /// <summary>Core thread: makes everything so far visible. Watchers of each I/O thread are advanced by that thread
    /// before it serves a read from the view, so no read is ahead of its watchers (spec api-v3 §3.6).</summary>
    /// <returns>False when there was nothing new.</returns>
    public bool Publish()
    {
        if (!_changed)
        {
            Settle();
            return false;
        }

        Invariant.Check(!_txn.IsOpen, "nothing is published inside a write");
        BackendSnapshot old = _current.Backend;
        Volatile.Write(ref _current, NewView());
        long closed = _readers.Advance();
        _heap.Tag(closed);
        TagCompactions(closed);
        if (old != _snapshot)
        {
            _passing.Enqueue(new PassedSnapshot(_snapshot, closed));
        }

        _changed = false;
        Settle();
        return true;
    }

    /// <inheritdoc/>
    public BatchExtent CloseBatch()
    {
        var extent = new BatchExtent(_handedRecord, _log.NextRecord, _revision, _log.Window);
        _handedRecord = _log.NextRecord;
        _pendingBytes = 0;
        return extent;
    }

    /// <inheritdoc/>
    public void Read(in BatchExtent extent, long number, out ReadOnlySpan<byte> key, out ReadOnlySpan<byte> value)
    {
        LogRecord* record = ((LogWindow)extent.State!).Record(number);
        key = LogRecord.BoltKey(record);
        value = LogRecord.KeyValue(record);
    }

    /// <inheritdoc/>
    public void Committed(in BatchExtent extent, BackendSnapshot snapshot)
    {
        _snapshot = snapshot;
        _committed = Math.Max(_committed, extent.Mark);
        _log.Trim(_committed, _options.LogBytes);
        _changed = true;
    }

    /// <summary>Frees all native memory; nobody reads any more.</summary>
    public void Dispose()
    {
        FreeOld(long.MaxValue);
        _index.Dispose();
        _log.Dispose();
        _heap.Dispose();
    }

    internal ReadSource Working => new(_index.Root, _log.Window, _snapshot);

    /// <summary>Frees what readers have passed and tells the backend which snapshots nobody follows.</summary>
    private void Settle()
    {
        _heap.Reclaim(ReclaimBudget);
        if (_passing.Count + _old.Count == 0)
        {
            return;
        }

        long oldest = _readers.OldestActive();
        FreeOld(oldest);
        while (_passing.TryPeek(out PassedSnapshot passed) && passed.Epoch < oldest)
        {
            _ = _passing.Dequeue();
            _backend.ReadersPassed(passed.Snapshot);
        }
    }

    private View NewView()
    {
        var source = new ReadSource(_index.Freeze(), _log.Window, _snapshot);
        return new View(source, _revision, _compacted, _committed, _generation);
    }
}
