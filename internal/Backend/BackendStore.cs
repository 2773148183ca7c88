// The batched write transaction over the bolt file (spec storage §3, §7.5; DESIGN 3, 4.5 b, 4.9). Two halves: the core
// thread adds operations to the open batch and takes reports; the backend's own host thread commits closed batches.
// It must never know what a bucket means, and never make the core wait for the disk.
//
// Public API in short
//   BackendStore.Open(disk, path, options, …)      creates the ten buckets; errors are bbolt's
//   core thread:   Source = store                   what feeds bucket `key`
//                  Put / Delete(bucket, key, …)     small buckets, copied into the open batch
//                  SetConsistentIndex, SetConfState written with whatever batch closes next
//                  long ForceCommit()               ticket; IsCommitted(ticket) after a later Poll
//                  long Poll(now)                   takes reports, closes a batch when due; returns the next wake
//                  Snapshot                         newest durable state that the core has been told of
//                  SizeBytes, InUseBytes            for quota and status
//   backend host:  Step(now)                        commits; wakes the core by the onReport callback
//   maintenance:   RequestHash, RequestDefragment, RequestCopy  (core thread; answers arrive in Poll)
//   end:           Close()                          after both hosts have stopped: commits what is left, closes the file
using System.Buffers.Binary;
using EtcdAot.Bolt;
using EtcdAot.Observe;
using EtcdAot.Sys;

namespace EtcdAot.Backend;

/// <summary>Bounds and switches of a backend.</summary>
public sealed record BackendOptions
{
    /// <summary>Longest time that something waits for a commit (--backend-batch-interval), nanoseconds.</summary>
    public long BatchIntervalNanos { get; init; } = 100_000_000;

    /// <summary>Operations that close a batch at once (--backend-batch-limit).</summary>
    public long BatchOperations { get; init; } = 10_000;

    /// <summary>Bytes that close a batch at once (DESIGN 3).</summary>
    public long BatchBytes { get; init; } = 8 << 20;

    /// <summary>--unsafe-no-fsync.</summary>
    public bool NoSync { get; init; }

    /// <summary>No log stands beside the db yet: one whose creation a crash cut short is made anew.</summary>
    public bool FirstStart { get; init; }
}

/// <summary>The backend: buckets of one db file.</summary>
public sealed partial class BackendStore : Actor, IDisposable
{
    private readonly IDisk _disk;
    private readonly string _path;
    private readonly BackendOptions _options;
    private readonly Action<string> _onFatal;
    private readonly Mailbox<Order> _orders = new();
    private readonly Mailbox<Report> _reports = new();
    private readonly Stack<BatchBuffer> _spare = new();
    private Db _db;
    private readonly List<BatchBuffer> _buffers = [];
    private BatchBuffer _open;
    private Action? _onReport;
    private int _inFlight;
    private bool _forced;
    private bool _closed;
    private long _openSince = long.MaxValue;
    private long _ticket = 1;
    private long _committed;
    private BackendSnapshot? _unreadBefore;
    private bool _adopting;
    private ulong _consistentIndex;
    private ulong _term;
    private byte[]? _confState;

    private BackendStore(IDisk disk, string path, BackendOptions options, Db db, Action<string> onFatal)
    {
        _disk = disk;
        _path = path;
        _options = options;
        _onFatal = onFatal;
        _db = db;
        _open = NewBuffer();
        Snapshot = new BackendSnapshot(db);
        _consistentIndex = ReadNumber(BackendNames.ConsistentIndex);
        _term = ReadNumber(BackendNames.Term);
        DurableIndex = _consistentIndex;
    }

    private enum OrderKind
    {
        Commit,
        Hash,
        Defragment,
        Copy,
        EndCopy,
        CloseOld,
        Adopt,
    }

    private readonly record struct Order(OrderKind Kind, object? Subject, Action<object?>? Done);

    private readonly record struct Report(
        BatchBuffer? Batch, BackendSnapshot? Snapshot, Db? Replaced, Action<object?>? Done, object? Result,
        bool IsAdoption = false);

    public override string Name => "backend";

    /// <summary>Feeds bucket `key`; set once by the core before the first operation.</summary>
    public IBatchSource? Source { get; set; }

    /// <summary>Where durations go; set before the backend's thread runs.</summary>
    public BackendTimings? Timings { get; set; }

    /// <summary>Newest durable state the core has been told of. Core thread; readers take it from their view.</summary>
    public BackendSnapshot Snapshot { get; private set; }

    /// <summary>High-water mark × page size as of the last commit (spec storage §4.7).</summary>
    public long SizeBytes => Snapshot.SizeBytes;

    /// <summary>Size without free pages as of the last commit.</summary>
    public long InUseBytes => Snapshot.InUseBytes;

    /// <summary>Highest index whose effects are in the open batch or below it.</summary>
    public ulong ConsistentIndex => _consistentIndex;

    /// <summary>Consistent index of the last durable commit (what a raft snapshot may rest on).</summary>
    public ulong DurableIndex { get; private set; }

    /// <summary>Operations waiting for a commit.</summary>
    public long PendingOperations => _open.Operations + (Source?.PendingRecords ?? 0);

    /// <summary>Commits so far, for metrics.</summary>
    public long Commits => _committed;

    /// <summary>Opens or creates the file and its buckets.</summary>
    /// <param name="disk">Where.</param>
    /// <param name="path">The db file.</param>
    /// <param name="options">Bounds.</param>
    /// <param name="onFatal">Called once with the error's text when a commit fails: log `failed to commit tx` at level
    /// fatal and end the process (spec storage §10a.1). Called on the backend's thread.</param>
    /// <param name="backend">The open store, null when it failed.</param>
    /// <returns><see cref="BoltError.Locked"/> when another process holds the lock: try again.</returns>
    public static BoltError Open(
        IDisk disk, string path, BackendOptions options, Action<string> onFatal, out BackendStore? backend)
    {
        backend = null;
        BoltError error = Db.Open(disk, path, BoltOptions(options), out Db? db);
        if (error.Failed)
        {
            return error;
        }

        error = CreateBuckets(db!);
        if (error.Failed)
        {
            db!.Dispose();
            return error;
        }

        backend = new BackendStore(disk, path, options, db!, onFatal);
        return BoltError.Ok;
    }

    /// <summary>Called on the backend's thread whenever a report waits for <see cref="Poll"/>.</summary>
    public void OnReport(Action wakeCore) => _onReport = wakeCore;

    /// <summary>Core thread: adds a put to the open batch.</summary>
    public void Put(BackendBucket bucket, ReadOnlySpan<byte> key, ReadOnlySpan<byte> value)
    {
        _open.Put(bucket, key, value);
    }

    /// <summary>Core thread: adds a delete. etcd commits at once after deletes (spec storage §2.14).</summary>
    public void Delete(BackendBucket bucket, ReadOnlySpan<byte> key)
    {
        _open.Delete(bucket, key);
        _forced = true;
    }

    /// <summary>Core thread: the entry now being applied; written with the batch, only upwards.</summary>
    public void SetConsistentIndex(ulong index, ulong term)
    {
        if (index > _consistentIndex)
        {
            _consistentIndex = index;
            _term = Math.Max(_term, term);
        }
    }

    /// <summary>Core thread: the configuration as JSON (spec storage §3.2), written once with the next batch.</summary>
    public void SetConfState(byte[] json) => _confState = json;

    /// <summary>Core thread: asks for a commit of everything so far.</summary>
    /// <returns>Ticket for <see cref="IsCommitted"/>.</returns>
    public long ForceCommit()
    {
        _forced = true;
        return _ticket;
    }

    /// <summary>True when everything before that <see cref="ForceCommit"/> is durable and visible in Snapshot.</summary>
    public bool IsCommitted(long ticket) => _committed >= ticket;

    /// <summary>Core thread: no reader follows snapshots older than this one any more. What only those reach may be
    /// reused, and files that were replaced before its own are closed.</summary>
    public void ReadersPassed(BackendSnapshot oldest)
    {
        Volatile.Write(ref _unreadBefore, oldest);
        while (_replaced.TryPeek(out Db? db) && db != oldest.Db)
        {
            _ = _replaced.Dequeue();
            Send(new Order(OrderKind.CloseOld, db, null));
        }
    }

    /// <summary>Core thread: takes what the backend reports, closes the open batch when it is due. Between entries
    /// only: a batch holds whole entries.</summary>
    /// <returns>When to be called again at the latest, <see cref="long.MaxValue"/> for no need.</returns>
    public long Poll(long nowNanos)
    {
        TakeReports();
        bool pending = PendingOperations > 0 || _forced;
        if (!pending)
        {
            _openSince = long.MaxValue;
            return long.MaxValue;
        }

        _openSince = Math.Min(_openSince, nowNanos);
        if (_inFlight > 0)
        {
            Probe.Hit("a batch waits for the commit before it");
            return long.MaxValue;
        }

        long due = _openSince + _options.BatchIntervalNanos;
        bool full = PendingOperations >= _options.BatchOperations
            || _open.Bytes + (Source?.PendingBytes ?? 0) >= _options.BatchBytes;
        if (!_forced && !full && nowNanos < due)
        {
            return due;
        }

        if (full)
        {
            Probe.Hit("a batch is closed because it is full");
        }

        CloseBatch();
        return long.MaxValue;
    }

    /// <summary>True while a batch is handed out and not yet reported.</summary>
    public bool CommitUnderWay => _inFlight > 0;

    /// <summary>Ends: takes reports, commits what is left on the calling thread, closes the file. Both hosts have
    /// stopped.</summary>
    public void Close() => Dispose();

    /// <summary>Same as <see cref="Close"/>.</summary>
    public void Dispose()
    {
        if (_closed)
        {
            return;
        }

        _closed = true;
        StepAll();
        TakeReports();
        CloseBatch();
        StepAll();
        TakeReports();
        Free();
    }

    /// <summary>Frees what <see cref="Close"/> frees, and writes nothing.</summary>
    internal void Abandon()
    {
        if (_closed)
        {
            return;
        }

        _closed = true;
        foreach (ref readonly Order order in _orders.TakeAll())
        {
            (order.Subject as Db)?.Dispose();
        }

        foreach (ref readonly Report report in _reports.TakeAll())
        {
            report.Replaced?.Dispose();
        }

        while (_replaced.TryDequeue(out Db? db))
        {
            db.Dispose();
        }

        Free();
    }

    private void Free()
    {
        foreach (BatchBuffer buffer in _buffers)
        {
            buffer.Dispose();
        }

        foreach (Db replaced in _replaced)
        {
            replaced.Dispose();
        }

        _db.Dispose();
    }

    private void CloseBatch()
    {
        if (_adopting)
        {
            // Nothing was added since, and what is known of indexes belongs to the old db.
            return;
        }

        BatchBuffer closed = _open;
        _open = _spare.TryPop(out BatchBuffer? spare) ? spare : NewBuffer();
        closed.ConsistentIndex = _consistentIndex;
        closed.Term = _term;
        closed.ConfState = _confState;
        closed.Ticket = _ticket++;
        closed.Extent = Source?.CloseBatch() ?? default;
        _confState = null;
        _forced = false;
        _openSince = long.MaxValue;
        _inFlight++;
        Send(new Order(OrderKind.Commit, closed, null));
    }

    private BatchBuffer NewBuffer()
    {
        var buffer = new BatchBuffer();
        _buffers.Add(buffer);
        return buffer;
    }

    private void TakeReports()
    {
        Span<Report> reports = _reports.TakeAll();
        foreach (ref readonly Report report in reports)
        {
            if (report.IsAdoption)
            {
                TakeAdopted(report);
            }
            else if (report.Snapshot is not null)
            {
                Snapshot = report.Snapshot;
                BatchExtent extent = default;
                if (report.Batch is not null)
                {
                    extent = report.Batch.Extent;
                    DurableIndex = report.Batch.ConsistentIndex;
                    _committed = report.Batch.Ticket;
                    _inFlight--;
                    report.Batch.Clear();
                    _spare.Push(report.Batch);
                }

                Source?.Committed(extent, Snapshot);
            }

            if (report.Replaced is not null)
            {
                _replaced.Enqueue(report.Replaced);
            }

            report.Done?.Invoke(report.Result);
        }

        _reports.Release(reports.Length);
    }

    private ulong ReadNumber(ReadOnlySpan<byte> name)
    {
        return Snapshot.TryGet(BackendBucket.Meta, name, out ReadOnlySpan<byte> bytes) && bytes.Length == 8
            ? BinaryPrimitives.ReadUInt64BigEndian(bytes) : 0;
    }

    private void Send(Order order)
    {
        if (_orders.Post(order))
        {
            WakeUp();
        }
    }

    private static DbOptions BoltOptions(BackendOptions options)
    {
        return new DbOptions
        {
            NoSync = options.NoSync,
            ReadersByEpoch = true,
            FinishesCreation = options.FirstStart,
        };
    }

    private static BoltError CreateBuckets(Db db)
    {
        bool missing = false;
        for (int i = 0; i < BackendNames.Count; i++)
        {
            missing |= !db.Current.TryBucket(BackendNames.Of((BackendBucket)i), out _);
        }

        if (!missing)
        {
            return BoltError.Ok;
        }

        BoltError error = db.Begin(out WriteTx? tx);
        for (int i = 0; i < BackendNames.Count && !error.Failed; i++)
        {
            error = tx!.CreateBucketIfNotExists(BackendNames.Of((BackendBucket)i), out _);
        }

        return error.Failed ? error : tx!.Commit();
    }
}
