// Range semantics of etcd (spec api-v3 §2.2) over an index root: revision checks, limit before sort, filters, sort, cut.
// Pure reading; any thread inside a wake. Nothing is allocated but the scratch's growth.
using EtcdAot.Wire.Codecs;

namespace EtcdAot.Mvcc;

/// <summary>Outcomes of reads and writes that a client can cause.</summary>
public enum MvccStatus
{
    Ok,

    /// <summary>The revision is below the compacted one.</summary>
    Compacted,

    /// <summary>The revision is beyond the current one.</summary>
    FutureRevision,

    /// <summary>ignore_value or ignore_lease on a missing key.</summary>
    KeyNotFound,

    /// <summary>The lease of a put does not exist.</summary>
    LeaseNotFound,
}

/// <summary>Takes results in final order.</summary>
public interface IRangeSink
{
    /// <summary>One encoded mvccpb.KeyValue; copy it, it lives until the wake's end.</summary>
    void Add(ReadOnlySpan<byte> keyValue);
}

/// <summary>What a range found.</summary>
/// <param name="Status">Ok, Compacted or FutureRevision.</param>
/// <param name="Count">Keys in the range, ignoring limit and filters.</param>
/// <param name="More">More than limit were left.</param>
/// <param name="Revision">Current revision for the header.</param>
public readonly record struct RangeResult(MvccStatus Status, long Count, bool More, long Revision);

/// <summary>Sizes of a reply in key order.</summary>
/// <param name="Status">Ok, Compacted or FutureRevision.</param>
/// <param name="Count">Keys in the range.</param>
/// <param name="Returned">KeyValues that will be returned.</param>
/// <param name="FieldBytes">Bytes of the kvs fields of RangeResponse, tags and lengths included.</param>
public readonly record struct RangeMeasure(MvccStatus Status, long Count, long Returned, long FieldBytes);

/// <summary>Room for sorting, reused; one for each reading thread.</summary>
public sealed unsafe class RangeScratch
{
    internal RangeItem[] Items = new RangeItem[256];
    internal byte[] Bytes = new byte[4096];

    internal struct RangeItem
    {
        public byte* KeyValue;
        public int Length;
        public int Ordinal;
        public long Number;
    }

    internal int Count { get; set; }

    internal void Add(ReadOnlySpan<byte> keyValue, long number)
    {
        if (Count == Items.Length)
        {
            Array.Resize(ref Items, Count * 2);
        }

        // The bytes lie in the log or in the map: they do not move.
        fixed (byte* at = keyValue)
        {
            Items[Count] = new RangeItem { KeyValue = at, Length = keyValue.Length, Ordinal = Count, Number = number };
        }

        Count++;
    }

    /// <summary>Gives room of an unusually large sort back.</summary>
    internal void Trim()
    {
        Count = 0;
        if (Items.Length > 64 * 1024)
        {
            Items = new RangeItem[256];
        }
    }
}

/// <summary>Evaluates ranges.</summary>
internal static unsafe class RangeRead
{
    private const int OrderNone = 0;
    private const int OrderDescend = 2;
    private const int TargetKey = 0;
    private const int TargetVersion = 1;
    private const int TargetCreate = 2;
    private const int TargetMod = 3;
    private const int TargetValue = 4;

    public static MvccStatus CheckRevision(long requested, long current, long compacted, out long at)
    {
        at = requested <= 0 ? current : requested;
        return at > current ? MvccStatus.FutureRevision : at < compacted ? MvccStatus.Compacted : MvccStatus.Ok;
    }

    public static RangeResult Execute<TSink>(
        in ReadSource source,
        long current,
        long compacted,
        in RangeRequestView request,
        RangeScratch scratch,
        ref TSink sink)
        where TSink : IRangeSink, allows ref struct
    {
        MvccStatus status = CheckRevision(request.Revision, current, compacted, out long at);
        if (status != MvccStatus.Ok)
        {
            return new RangeResult(status, 0, false, current);
        }

        var range = new KeyRange(request.Key, request.RangeEnd);
        if (range.IsEmpty)
        {
            return new RangeResult(MvccStatus.Ok, 0, false, current);
        }

        if (range.IsSingle && !request.CountOnly && Plain(request))
        {
            return Single(source, current, at, request, scratch, ref sink);
        }

        bool latest = at == current;
        if (request.CountOnly)
        {
            long only = latest ? IndexCount.Live(source.Root, range) : CountAt(source.Root, range, at);
            return new RangeResult(MvccStatus.Ok, only, false, current);
        }

        return Plain(request)
            ? InKeyOrder(source, current, at, range, request, scratch, ref sink)
            : Sorted(source, current, at, range, request, scratch, ref sink);
    }

    public static RangeMeasure Measure(
        in ReadSource source, long current, long compacted, in RangeRequestView request)
    {
        MvccStatus status = CheckRevision(request.Revision, current, compacted, out long at);
        var range = new KeyRange(request.Key, request.RangeEnd);
        if (status != MvccStatus.Ok || range.IsEmpty)
        {
            return new RangeMeasure(status, 0, 0, 0);
        }

        long limit = request.Limit > 0 ? request.Limit : long.MaxValue;
        long count = 0;
        long returned = 0;
        long bytes = 0;
        var walk = new RangeWalk(source.Root, range, at, at == current);
        while (walk.Next(out RevisionEntry entry))
        {
            count++;
            if (returned < limit)
            {
                returned++;
                bytes += ProtoWriter.SizeOfBytes(2, entry.EncodedLength);
            }
            else if (at == current)
            {
                count = IndexCount.Live(source.Root, range);
                break;
            }
        }

        return new RangeMeasure(MvccStatus.Ok, count, returned, bytes);
    }

    private static bool Plain(in RangeRequestView r)
    {
        bool sorts = r.SortOrder switch
        {
            OrderDescend => true,
            0 or 1 => r.SortTarget is > TargetKey and <= TargetValue,
            _ => false,
        };
        return !sorts && !Filters(r);
    }

    private static bool Filters(in RangeRequestView r)
    {
        return (r.MaxModRevision | r.MinModRevision | r.MaxCreateRevision | r.MinCreateRevision) != 0;
    }

    private static RangeResult Single<TSink>(
        in ReadSource source,
        long current,
        long at,
        in RangeRequestView request,
        RangeScratch scratch,
        ref TSink sink)
        where TSink : IRangeSink, allows ref struct
    {
        KeyRecord* record = TreeIndex.Find(source.Root, request.Key);
        if (record != null)
        {
            KeyHistory* history = KeyRecord.History(record);
            int index = KeyHistory.LastAt(history, at);
            if (index >= 0 && !KeyHistory.Entries(history)[index].IsTombstone)
            {
                Emit(source.KeyValue(KeyHistory.Entries(history)[index].Revision), request.KeysOnly, scratch, ref sink);
                return new RangeResult(MvccStatus.Ok, 1, false, current);
            }
        }

        return new RangeResult(MvccStatus.Ok, 0, false, current);
    }

    private static RangeResult InKeyOrder<TSink>(
        in ReadSource source,
        long current,
        long at,
        in KeyRange range,
        in RangeRequestView request,
        RangeScratch scratch,
        ref TSink sink)
        where TSink : IRangeSink, allows ref struct
    {
        bool latest = at == current;
        long limit = request.Limit > 0 ? request.Limit : long.MaxValue;
        long count = 0;
        var walk = new RangeWalk(source.Root, range, at, latest);
        while (walk.Next(out RevisionEntry entry))
        {
            if (count >= limit && latest)
            {
                count = IndexCount.Live(source.Root, range);
                break;
            }

            if (count++ < limit)
            {
                Emit(source.KeyValue(entry.Revision), request.KeysOnly, scratch, ref sink);
            }
        }

        return new RangeResult(MvccStatus.Ok, count, count > limit, current);
    }

    private static RangeResult Sorted<TSink>(
        in ReadSource source,
        long current,
        long at,
        in KeyRange range,
        in RangeRequestView request,
        RangeScratch scratch,
        ref TSink sink)
        where TSink : IRangeSink, allows ref struct
    {
        long limit = request.Limit > 0 ? request.Limit : long.MaxValue;
        bool unordered = request.SortOrder is not 1 and not OrderDescend;
        long cut = unordered && !Filters(request) && limit < long.MaxValue ? limit + 1 : long.MaxValue;
        long count = 0;
        scratch.Count = 0;
        var walk = new RangeWalk(source.Root, range, at, at == current);
        while (walk.Next(out RevisionEntry entry))
        {
            if (count++ < cut)
            {
                Collect(source.KeyValue(entry.Revision), request, scratch);
            }
        }

        // An unknown order is no order at all, whatever the target (3.5); NONE with a target other than KEY ascends.
        if (request.SortOrder is >= 0 and <= OrderDescend)
        {
            Sort(scratch, request.SortTarget, request.SortOrder == OrderDescend, unordered);
        }

        int total = scratch.Count;
        int returned = (int)Math.Min(total, limit);
        for (int i = 0; i < returned; i++)
        {
            ref RangeScratch.RangeItem item = ref scratch.Items[i];
            Emit(new ReadOnlySpan<byte>(item.KeyValue, item.Length), request.KeysOnly, scratch, ref sink);
        }

        scratch.Trim();
        return new RangeResult(MvccStatus.Ok, count, total > returned, current);
    }

    private static void Collect(ReadOnlySpan<byte> bytes, in RangeRequestView r, RangeScratch scratch)
    {
        _ = KeyValueView.TryParse(bytes, out KeyValueView kv);
        bool drop = (r.MaxModRevision != 0 && kv.ModRevision > r.MaxModRevision)
            || (r.MinModRevision != 0 && kv.ModRevision < r.MinModRevision)
            || (r.MaxCreateRevision != 0 && kv.CreateRevision > r.MaxCreateRevision)
            || (r.MinCreateRevision != 0 && kv.CreateRevision < r.MinCreateRevision);
        if (drop)
        {
            return;
        }

        long number = r.SortTarget switch
        {
            TargetVersion => kv.Version,
            TargetCreate => kv.CreateRevision,
            TargetMod => kv.ModRevision,
            _ => 0,
        };
        scratch.Add(bytes, number);
    }

    private static void Sort(RangeScratch scratch, int target, bool descend, bool unordered)
    {
        Span<RangeScratch.RangeItem> items = scratch.Items.AsSpan(0, scratch.Count);
        if (target == TargetValue)
        {
            int sign = descend ? -1 : 1;
            items.Sort((a, b) =>
            {
                int order = sign * ValueOf(a).SequenceCompareTo(ValueOf(b));
                return order != 0 ? order : a.Ordinal.CompareTo(b.Ordinal);
            });
        }
        else if (target is TargetVersion or TargetCreate or TargetMod)
        {
            int sign = descend ? -1 : 1;
            items.Sort((a, b) =>
            {
                int order = sign * a.Number.CompareTo(b.Number);
                return order != 0 ? order : a.Ordinal.CompareTo(b.Ordinal);
            });
        }
        else if (descend && !unordered)
        {
            items.Reverse();
        }
    }

    private static ReadOnlySpan<byte> ValueOf(in RangeScratch.RangeItem item)
    {
        _ = KeyValueView.TryParse(new ReadOnlySpan<byte>(item.KeyValue, item.Length), out KeyValueView kv);
        return kv.Value;
    }

    private static void Emit<TSink>(
        ReadOnlySpan<byte> keyValue, bool keysOnly, RangeScratch scratch, ref TSink sink)
        where TSink : IRangeSink, allows ref struct
    {
        if (!keysOnly)
        {
            sink.Add(keyValue);
            return;
        }

        _ = KeyValueView.TryParse(keyValue, out KeyValueView kv);
        kv.Value = default;
        int size = kv.Size;
        if (scratch.Bytes.Length < size)
        {
            scratch.Bytes = new byte[size * 2];
        }

        kv.WriteTo(scratch.Bytes.AsSpan(0, size));
        sink.Add(scratch.Bytes.AsSpan(0, size));
    }

    private static long CountAt(IndexPage* root, in KeyRange range, long at)
    {
        long count = 0;
        var walk = new RangeWalk(root, range, at, latest: false);
        while (walk.Next(out _))
        {
            count++;
        }

        return count;
    }
}

/// <summary>Walks what is visible in a range at a revision, in key order.</summary>
internal unsafe ref struct RangeWalk
{
    private readonly KeyRange _range;
    private readonly long _at;
    private readonly bool _latest;
    private IndexCursor _cursor;

    public RangeWalk(IndexPage* root, in KeyRange range, long at, bool latest)
    {
        _range = range;
        _at = at;
        _latest = latest;
        _cursor = IndexCursor.Seek(root, range.Start);
    }

    public KeyRecord* Record { get; private set; }

    /// <summary>The next visible revision; false at the end of the range.</summary>
    public bool Next(out RevisionEntry entry)
    {
        entry = default;
        while (true)
        {
            KeyRecord* record = _cursor.Current(out bool alive);
            if (record == null || _range.EndsBefore(KeyRecord.Key(record)))
            {
                return false;
            }

            _cursor.Next();
            if (_latest && !alive)
            {
                continue;
            }

            KeyHistory* history = KeyRecord.History(record);
            int index = KeyHistory.LastAt(history, _at);
            if (index >= 0 && !KeyHistory.Entries(history)[index].IsTombstone)
            {
                entry = KeyHistory.Entries(history)[index];
                Record = record;
                return true;
            }
        }
    }
}
