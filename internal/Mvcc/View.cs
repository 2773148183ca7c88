// What readers see (DESIGN 4.9): one immutable object for each publication, made by the core only. Any thread may read
// it, between ReaderRegistry.Enter and Exit; what it points to is reclaimed afterwards. It must never be kept across a
// wake: keep a revision instead (RevisionGuard).
using EtcdAot.Backend;
using EtcdAot.Observe;
using EtcdAot.Wire.Codecs;

namespace EtcdAot.Mvcc;

/// <summary>Where a key's revisions and bytes are found: an index root, the log, bolt.</summary>
internal readonly unsafe struct ReadSource(IndexPage* root, LogWindow log, BackendSnapshot backend)
{
    public readonly IndexPage* Root = root;
    public readonly LogWindow Log = log;
    public readonly BackendSnapshot Backend = backend;

    /// <summary>Encoded KeyValue of a put that the index names; lies in the log or in the map.</summary>
    public ReadOnlySpan<byte> KeyValue(Revision revision)
    {
        if (revision.Main >= Log.FirstMain)
        {
            return LogRecord.KeyValue(Log.Record(revision));
        }

        Span<byte> key = stackalloc byte[Revision.TombstoneKeyBytes];
        int length = revision.Encode(key);
        bool found = Backend.TryGet(BackendBucket.Key, key[..length], out ReadOnlySpan<byte> value);
        Invariant.Check(found, "a revision that the index names can be read");
        return value;
    }
}

/// <summary>A published state of the store.</summary>
public sealed unsafe class View
{
    internal View(in ReadSource source, long revision, long compacted, long committed, int generation)
    {
        Source = source;
        Revision = revision;
        CompactedRevision = compacted;
        CommittedRevision = committed;
        Generation = generation;
    }

    /// <summary>Current revision; 1 for an empty store.</summary>
    public long Revision { get; }

    /// <summary>Reads below it fail; −1 before any compaction.</summary>
    public long CompactedRevision { get; }

    /// <summary>Highest revision that lies in bolt.</summary>
    public long CommittedRevision { get; }

    /// <summary>Grows when the whole store was replaced by a snapshot: watchers begin anew.</summary>
    public int Generation { get; }

    /// <summary>The durable db state under this view, for sizes and for reading other buckets.</summary>
    public BackendSnapshot Backend => Source.Backend;

    internal ReadSource Source { get; }

    /// <summary>Live keys in a range at this view's revision, O(log n).</summary>
    public long Count(in KeyRange range) => IndexCount.Live(Source.Root, range);

    /// <summary>Evaluates a range request in etcd's order (spec api-v3 §2.2) and hands the results to
    /// <paramref name="sink"/> as encoded KeyValues.</summary>
    public RangeResult Range<TSink>(in RangeRequestView request, RangeScratch scratch, ref TSink sink)
        where TSink : IRangeSink, allows ref struct
    {
        return RangeRead.Execute(Source, Revision, CompactedRevision, request, scratch, ref sink);
    }

    /// <summary>Sums what <see cref="Range"/> would return for a request without sort and filters, from the index
    /// alone (DESIGN 4.11).</summary>
    public RangeMeasure Measure(in RangeRequestView request)
    {
        return RangeRead.Measure(Source, Revision, CompactedRevision, request);
    }

    /// <summary>Encoded KeyValue of a key as of a revision; false when it did not exist then (or is compacted).</summary>
    public bool TryGet(scoped ReadOnlySpan<byte> key, long revision, out ReadOnlySpan<byte> keyValue)
    {
        keyValue = default;
        KeyRecord* record = TreeIndex.Find(Source.Root, key);
        if (record == null)
        {
            return false;
        }

        KeyHistory* history = KeyRecord.History(record);
        int at = KeyHistory.LastAt(history, Math.Min(revision, Revision));
        if (at < 0 || KeyHistory.Entries(history)[at].IsTombstone)
        {
            return false;
        }

        keyValue = Source.KeyValue(KeyHistory.Entries(history)[at].Revision);
        return true;
    }
}
