// Encoded events of one scan, each at most twice: without and with the value before. Whoever gets the same bytes shares
// them (DESIGN 4.12). owned by: one WatchHub.
using EtcdAot.Wire.Codecs;

namespace EtcdAot.Mvcc.Watch;

/// <summary>Events being delivered.</summary>
internal sealed class EventScratch
{
    private const int KeepBytes = 8 << 20;

    /// <summary>Values before are left out beyond this: one deletion of a whole store must fit into an array.</summary>
    private const int PreviousBytesMax = 1 << 30;

    private readonly List<Item> _items = [];
    private byte[] _bytes = new byte[64 * 1024];
    private byte[] _joined = new byte[64 * 1024];
    private int[] _ends = new int[64];
    private int _used;

    private struct Item
    {
        public long Main;
        public int PlainAt;
        public int PlainLength;
        public int PreviousAt;
        public int PreviousLength;
    }

    /// <summary>Bytes encoded so far.</summary>
    public int Bytes => _used;

    public void Clear()
    {
        _items.Clear();
        _used = 0;
        if (_bytes.Length > KeepBytes)
        {
            _bytes = new byte[64 * 1024];
        }

        if (_joined.Length > KeepBytes)
        {
            _joined = new byte[64 * 1024];
        }
    }

    /// <summary>Starts an event; returns its number.</summary>
    public int Add(long main)
    {
        _items.Add(new Item { Main = main, PlainAt = -1, PreviousAt = -1 });
        return _items.Count - 1;
    }

    /// <summary>Encodes the event for watchers of one kind, unless that was done.</summary>
    public void Encode(int number, View view, in HistoryReader record, in KeyValueView kv, bool withPrevious)
    {
        Item item = _items[number];
        if ((withPrevious ? item.PreviousAt : item.PlainAt) >= 0)
        {
            return;
        }

        ReadOnlySpan<byte> previous = default;
        if (withPrevious)
        {
            previous = Previous(view, record.Revision.Main, record.IsTombstone, kv);
            previous = (long)_used + previous.Length > PreviousBytesMax ? default : previous;
        }

        int at = _used;
        Write(record, kv, previous);
        if (withPrevious)
        {
            (item.PreviousAt, item.PreviousLength) = (at, _used - at);
        }
        else
        {
            (item.PlainAt, item.PlainLength) = (at, _used - at);
        }

        _items[number] = item;
    }

    /// <summary>Puts a watcher's events together.</summary>
    public WatchBatch Batch(List<int> numbers, bool withPrevious, long headerRevision)
    {
        if (_ends.Length < numbers.Count)
        {
            _ends = new int[numbers.Count * 2];
        }

        int total = 0;
        foreach (int number in numbers)
        {
            total += withPrevious ? _items[number].PreviousLength : _items[number].PlainLength;
        }

        bool copies = numbers.Count > 1;
        if (copies && _joined.Length < total)
        {
            _joined = new byte[total + (total / 2)];
        }

        ReadOnlySpan<byte> events = default;
        int used = 0;
        for (int i = 0; i < numbers.Count; i++)
        {
            Item item = _items[numbers[i]];
            events = withPrevious
                ? _bytes.AsSpan(item.PreviousAt, item.PreviousLength) : _bytes.AsSpan(item.PlainAt, item.PlainLength);
            if (copies)
            {
                events.CopyTo(_joined.AsSpan(used));
            }

            used += events.Length;
            _ends[i] = used;
        }

        return new WatchBatch
        {
            HeaderRevision = headerRevision,
            Events = copies ? _joined.AsSpan(0, used) : events,
            Ends = _ends.AsSpan(0, numbers.Count),
            LastRevision = numbers.Count == 0 ? 0 : _items[numbers[^1]].Main,
        };
    }

    /// <summary>The value at mod_revision − 1, if the key existed then and that is not compacted.</summary>
    private static ReadOnlySpan<byte> Previous(View view, long main, bool isDelete, scoped in KeyValueView kv)
    {
        long before = main - 1;
        bool isCreation = !isDelete && kv.CreateRevision == kv.ModRevision;
        if (isCreation || before < view.CompactedRevision)
        {
            return default;
        }

        return view.TryGet(kv.Key, before, out ReadOnlySpan<byte> previous) ? previous : default;
    }

    private void Write(in HistoryReader record, in KeyValueView kv, ReadOnlySpan<byte> previous)
    {
        var deleted = new KeyValueView { Key = kv.Key, ModRevision = record.Revision.Main };
        int current = record.IsTombstone ? deleted.Size : record.KeyValue.Length;
        int size = (record.IsTombstone ? ProtoWriter.SizeOf(1, 1) : 0) + ProtoWriter.SizeOfBytes(2, current)
            + (previous.IsEmpty ? 0 : ProtoWriter.SizeOfBytes(3, previous.Length));
        int whole = ProtoWriter.SizeOfBytes(11, size);
        if (_bytes.Length - _used < whole)
        {
            Array.Resize(ref _bytes, Math.Max(_bytes.Length * 2, _used + whole));
        }

        var writer = new ProtoWriter(_bytes.AsSpan(_used, whole));
        writer.BytesHeader(11, size);
        if (record.IsTombstone)
        {
            writer.Field(1, 1);
            writer.BytesHeader(2, current);
            deleted.WriteTo(ref writer);
        }
        else
        {
            writer.Bytes(2, record.KeyValue);
        }

        if (!previous.IsEmpty)
        {
            writer.Bytes(3, previous);
        }

        _used += whole;
    }
}
