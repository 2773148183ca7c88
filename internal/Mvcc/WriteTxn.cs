// One write of the store (spec storage §4.2, api-v3 §2.3, §2.4): all its changes get main revision current + 1 and sub
// revisions in order; without a change no revision is consumed. owned by: core thread, one at a time.
// It must never fail half way: what can be refused is checked before the first change of an operation.
using EtcdAot.Observe;
using EtcdAot.Wire.Codecs;

namespace EtcdAot.Mvcc;

/// <summary>Told of each key that a range delete removes, in key order.</summary>
public interface IDeleteSink
{
    /// <summary>The deleted key's last KeyValue, encoded; empty unless asked for.</summary>
    void Deleted(ReadOnlySpan<byte> key, ReadOnlySpan<byte> previous);
}

/// <summary>A sink that wants nothing.</summary>
public readonly struct NoDeleteSink : IDeleteSink
{
    public void Deleted(ReadOnlySpan<byte> key, ReadOnlySpan<byte> previous)
    {
    }
}

/// <summary>The write under way.</summary>
public sealed unsafe class WriteTxn
{
    private readonly Store _store;
    private readonly List<nint> _found = [];
    private readonly RangeScratch _scratch = new();
    private long _before;
    private int _sub;
    private int _operations;

    internal WriteTxn(Store store)
    {
        _store = store;
    }

    /// <summary>True once something has changed.</summary>
    public bool Changed => _sub > 0;

    /// <summary>Revision for headers inside a txn: the new one once anything has changed, else the current one.</summary>
    public long Revision => _sub > 0 ? _before + 1 : _before;

    /// <summary>Changes so far.</summary>
    public int Changes => _sub;

    internal bool IsOpen { get; private set; }

    /// <summary>Puts a key. On anything but Ok nothing has changed.</summary>
    /// <param name="request">Key, value, lease, ignore flags.</param>
    /// <param name="previous">The KeyValue before, encoded, when prev_kv is set; empty when there was none. It lives
    /// until the next publication.</param>
    public MvccStatus Put(in PutRequestView request, out ReadOnlySpan<byte> previous)
    {
        previous = default;
        if (request.Lease != 0 && _store.Leases?.Exists(request.Lease) == false)
        {
            return MvccStatus.LeaseNotFound;
        }

        KeyRecord* record = _store.Index.Find(request.Key);
        KeyHistory* history = record == null ? null : KeyRecord.History(record);
        bool alive = history != null && !KeyHistory.Entries(history)[history->Count - 1].IsTombstone;
        if (!alive && (request.IgnoreValue || request.IgnoreLease))
        {
            return MvccStatus.KeyNotFound;
        }

        var kv = new KeyValueView { Key = request.Key, Value = request.Value, Lease = request.Lease };
        if (alive)
        {
            if (request.PrevKv || request.IgnoreValue || request.IgnoreLease)
            {
                ReadOnlySpan<byte> old = _store.Working.KeyValue(
                    KeyHistory.Entries(history)[history->Count - 1].Revision);
                _ = KeyValueView.TryParse(old, out KeyValueView before);
                kv.Value = request.IgnoreValue ? before.Value : kv.Value;
                kv.Lease = request.IgnoreLease ? before.Lease : kv.Lease;
                previous = request.PrevKv ? old : default;
            }

            KeyHistory.Describe(history, history->Count - 1, out kv.CreateRevision, out kv.Version);
            kv.Version++;
        }
        else
        {
            kv.CreateRevision = _before + 1;
            kv.Version = 1;
        }

        kv.ModRevision = _before + 1;
        var revision = new Revision(_before + 1, _sub++);
        int size = kv.Size;
        kv.WriteTo(_store.AppendRecord(revision, tombstone: false, size));
        record = _store.Index.Put(request.Key, revision, size, record);
        MoveLease(record, kv.Lease, alive);
        _operations++;
        _store.Counts.AddPut(request.Key.Length + kv.Value.Length);
        return MvccStatus.Ok;
    }

    /// <summary>Deletes what is alive in a range, in key order.</summary>
    /// <param name="range">Keys.</param>
    /// <param name="wantPrevious">Read the KeyValues before.</param>
    /// <param name="sink">Told of each key.</param>
    /// <returns>Keys deleted.</returns>
    public long DeleteRange<TSink>(in KeyRange range, bool wantPrevious, ref TSink sink)
        where TSink : IDeleteSink, allows ref struct
    {
        _operations++;
        _store.Counts.AddDelete();
        if (range.IsEmpty)
        {
            return 0;
        }

        _found.Clear();
        var walk = new RangeWalk(_store.Index.Root, range, long.MaxValue, latest: true);
        while (walk.Next(out _))
        {
            _found.Add((nint)walk.Record);
        }

        foreach (nint item in _found)
        {
            var record = (KeyRecord*)item;
            ReadOnlySpan<byte> key = KeyRecord.Key(record);
            KeyHistory* history = KeyRecord.History(record);
            Revision last = KeyHistory.Entries(history)[history->Count - 1].Revision;
            sink.Deleted(key, wantPrevious ? _store.Working.KeyValue(last) : default);
            var kv = new KeyValueView { Key = key };
            int size = kv.Size;
            var revision = new Revision(_before + 1, _sub++);
            kv.WriteTo(_store.AppendRecord(revision, tombstone: true, size));
            _store.Index.Tombstone(record, revision, size);
            _store.Leases?.Detach(key);
        }

        long deleted = _found.Count;
        if (_found.Capacity > 64 * 1024)
        {
            _found.Clear();
            _found.TrimExcess();
        }

        return deleted;
    }

    /// <summary>Reads inside the write: revision 0 sees its own changes.</summary>
    public RangeResult Range<TSink>(in RangeRequestView request, ref TSink sink)
        where TSink : IRangeSink, allows ref struct
    {
        _operations++;
        _store.Counts.AddRange();
        return RangeRead.Execute(_store.Working, Revision, _store.CompactedRevision, request, _scratch, ref sink);
    }

    /// <summary>Checks a range's revision as a txn does before it runs (spec api-v3 §2.5): a negative one is compacted
    /// once anything was compacted.</summary>
    public MvccStatus CheckRange(long revision)
    {
        return revision == 0 ? MvccStatus.Ok
            : revision > _before ? MvccStatus.FutureRevision
            : revision < _store.CompactedRevision ? MvccStatus.Compacted : MvccStatus.Ok;
    }

    /// <summary>The KeyValue of a live key as the write sees it; for compares and checks.</summary>
    public bool TryGet(ReadOnlySpan<byte> key, out ReadOnlySpan<byte> keyValue)
    {
        keyValue = default;
        KeyRecord* record = _store.Index.Find(key);
        if (record == null)
        {
            return false;
        }

        KeyHistory* history = KeyRecord.History(record);
        RevisionEntry last = KeyHistory.Entries(history)[history->Count - 1];
        if (last.IsTombstone)
        {
            return false;
        }

        keyValue = _store.Working.KeyValue(last.Revision);
        return true;
    }

    /// <summary>True when the key is alive; touches no value.</summary>
    public bool Exists(ReadOnlySpan<byte> key)
    {
        KeyRecord* record = _store.Index.Find(key);
        if (record == null)
        {
            return false;
        }

        KeyHistory* history = KeyRecord.History(record);
        return !KeyHistory.Entries(history)[history->Count - 1].IsTombstone;
    }

    /// <summary>Ends the write.</summary>
    /// <returns>The store's revision afterwards.</returns>
    public long End()
    {
        Invariant.Check(IsOpen, "a write is ended once");
        IsOpen = false;
        if (_operations > 1)
        {
            _store.Counts.AddTxn();
        }

        if (_sub > 0)
        {
            _store.Advance(_before + 1);
        }

        return _store.Revision;
    }

    internal void Begin()
    {
        Invariant.Check(!IsOpen, "one write at a time");
        IsOpen = true;
        _before = _store.Revision;
        _sub = 0;
        _operations = 0;
    }

    private void MoveLease(KeyRecord* record, long lease, bool wasAlive)
    {
        if (lease != 0)
        {
            _store.Leases?.Attach(lease, KeyRecord.Key(record));
        }
        else if (wasAlive)
        {
            _store.Leases?.Detach(KeyRecord.Key(record));
        }
    }
}
