// Building the index from bolt at start and after a received snapshot (spec storage §4.4), and the seams that a write
// uses. Records are hostile: an error names the key's revision. It must never guess at a record it cannot read.
using EtcdAot.Backend;
using EtcdAot.Observe;
using EtcdAot.Sys;
using EtcdAot.Wire.Codecs;

namespace EtcdAot.Mvcc;

public sealed unsafe partial class Store
{
    internal ILeaseLedger? Leases => _leases;

    /// <summary>The last compaction that was finished when the store was restored, -1 for none.</summary>
    public long RestoredCompaction { get; private set; } = -1;

    internal TreeIndex Index => _index;

    /// <summary>Core thread, once at start (the leases are recovered before). Afterwards a view is published.</summary>
    /// <param name="error">What is wrong with which record.</param>
    public bool Restore(out string error)
    {
        error = "";
        _snapshot = _backend.Snapshot;
        long finished = ReadMark(BackendNames.FinishedCompactRevision);
        long scheduled = ReadMark(BackendNames.ScheduledCompactRevision);
        BackendCursor cursor = _snapshot.Cursor(BackendBucket.Key);
        Span<byte> from = stackalloc byte[Mvcc.Revision.TombstoneKeyBytes];
        int length = new Revision(1, 0).Encode(from);
        long last = 0;
        for (bool more = cursor.Seek(from[..length]); more; more = cursor.Next())
        {
            if (!RestoreRecord(cursor.Key, cursor.Value, ref last, out error))
            {
                return false;
            }
        }

        RestoredCompaction = finished;
        (_compacted, _compactionDone) = (finished, finished);
        _revision = Math.Max(Math.Max(Math.Max(last, finished), scheduled), 1);
        _committed = _revision;
        _log.Dispose();
        _log = new RevisionLog(_heap, _revision + 1);
        _handedRecord = 0;
        _pendingBytes = 0;
        if (scheduled > finished)
        {
            ResumeCompaction(scheduled);
        }

        _changed = true;
        _ = Publish();
        return true;
    }

    /// <summary>Core thread: the backend has adopted another db (the leases are recovered before). Everything is built anew
    /// from it and published; readers of the old state follow it until they have passed.</summary>
    /// <param name="error">What is wrong with which record.</param>
    public bool Replace(out string error)
    {
        // Closed by the publication that ends the restore: until then readers may still take the old view.
        (NativeHeap heap, TreeIndex index, RevisionLog log) = (_heap, _index, _log);
        _heap = new NativeHeap(_readers);
        _index = new TreeIndex(_heap);
        _log = new RevisionLog(_heap, 2);
        _generation++;
        _compactions.Clear();
        _passing.Clear();
        if (!Restore(out error))
        {
            return false;
        }

        _compactionDone = _compactions.Count == 0 ? _compacted : _compactionDone;
        _old.Enqueue(new OldState(heap, index, log, _readers.Advance()));
        return true;
    }

    private void FreeOld(long oldestActive)
    {
        while (_old.TryPeek(out OldState old) && old.Epoch < oldestActive)
        {
            _ = _old.Dequeue();
            old.Index.Dispose();
            old.Log.Dispose();
            old.Heap.Dispose();
        }
    }

    /// <summary>Room in the log for a record of the write under way.</summary>
    internal Span<byte> AppendRecord(Revision revision, bool tombstone, int size)
    {
        _ = _log.Append(revision, tombstone, size, out Span<byte> keyValue);
        _pendingBytes += size + Mvcc.Revision.TombstoneKeyBytes;
        return keyValue;
    }

    /// <summary>Ends a write that changed something.</summary>
    internal void Advance(long revision)
    {
        Invariant.Check(revision == _revision + 1, "revisions grow by one");
        _log.EndRevision(revision);
        _revision = revision;
        _changed = true;
    }

    private bool RestoreRecord(ReadOnlySpan<byte> boltKey, ReadOnlySpan<byte> value, ref long last, out string error)
    {
        if (!Mvcc.Revision.TryDecode(boltKey, out Revision revision, out bool tombstone, out error))
        {
            return false;
        }

        if (!KeyValueView.TryParse(value, out KeyValueView kv))
        {
            error = $"failed to unmarshal mvccpb.KeyValue at revision {revision.Main}/{revision.Sub}";
            return false;
        }

        last = revision.Main;
        KeyRecord* record = _index.Find(kv.Key);
        if (record == null)
        {
            long created = tombstone ? 0 : kv.CreateRevision;
            long version = tombstone ? 1 : kv.Version;
            _ = _index.Restore(kv.Key, revision, value.Length, tombstone, created, version);
        }
        else if (!tombstone)
        {
            _ = _index.Put(kv.Key, revision, value.Length, record);
        }
        else if (!KeyHistory.Entries(KeyRecord.History(record))[KeyRecord.History(record)->Count - 1].IsTombstone)
        {
            _index.Tombstone(record, revision, value.Length);
        }

        if (_leases is not null)
        {
            if (!tombstone && kv.Lease != 0)
            {
                _leases.Attach(kv.Lease, kv.Key);
            }
            else
            {
                _leases.Detach(kv.Key);
            }
        }

        return true;
    }

    private long ReadMark(ReadOnlySpan<byte> name)
    {
        return _snapshot.TryGet(BackendBucket.Meta, name, out ReadOnlySpan<byte> bytes)
            && Mvcc.Revision.TryDecode(bytes, out Revision revision, out _, out _) ? revision.Main : -1;
    }
}
