// What is applied but not yet in bolt, and the recent past for watchers: one append-only log of encoded records in native
// memory (DESIGN 4.9). Main revisions are without gaps, so a record is found by arithmetic, not by search.
// owned by: core thread (appends, trims). Readers use a LogWindow taken from a view. It must never move a record.
using System.Buffers.Binary;
using EtcdAot.Observe;
using EtcdAot.Sys;

namespace EtcdAot.Mvcc;

/// <summary>A record: 24 bytes, then the encoded KeyValue.</summary>
internal unsafe struct LogRecord
{
    /// <summary>Bytes before the KeyValue.</summary>
    public const int HeaderBytes = 24;

    private int _keyValueLength;
    private byte _boltKeyLength;
    private fixed byte _boltKey[Revision.TombstoneKeyBytes];

    public static ReadOnlySpan<byte> BoltKey(LogRecord* record) => new(record->_boltKey, record->_boltKeyLength);

    public static ReadOnlySpan<byte> KeyValue(LogRecord* record)
    {
        return new ReadOnlySpan<byte>((byte*)record + HeaderBytes, record->_keyValueLength);
    }

    public static bool IsTombstone(LogRecord* record) => record->_boltKeyLength == Revision.TombstoneKeyBytes;

    public static Revision RevisionOf(LogRecord* record)
    {
        var key = new ReadOnlySpan<byte>(record->_boltKey, Revision.KeyBytes);
        return new Revision(
            BinaryPrimitives.ReadInt64BigEndian(key), (int)BinaryPrimitives.ReadInt64BigEndian(key[9..]));
    }

    public static Span<byte> Fill(LogRecord* record, Revision revision, bool tombstone, int keyValueLength)
    {
        record->_keyValueLength = keyValueLength;
        var key = new Span<byte>(record->_boltKey, Revision.TombstoneKeyBytes);
        record->_boltKeyLength = (byte)revision.Encode(key, tombstone);
        return new Span<byte>((byte*)record + HeaderBytes, keyValueLength);
    }
}

/// <summary>Directory of the log as of some moment; immutable, shared by views.</summary>
internal sealed unsafe class LogWindow(long firstMain, long firstChunkMain, long firstChunkRecord, nint[] mains, nint[] records)
{
    /// <summary>Entries of one piece of a directory.</summary>
    public const int ChunkEntries = 4096;

    /// <summary>Smallest main revision that is in the log.</summary>
    public long FirstMain { get; } = firstMain;

    /// <summary>Number of the first record of a main revision; for the one after the last, the end.</summary>
    public long FirstRecordOf(long main)
    {
        long at = main - firstChunkMain;
        return ((long*)mains[at / ChunkEntries])[at % ChunkEntries];
    }

    /// <summary>Record by number.</summary>
    public LogRecord* Record(long number)
    {
        long at = number - firstChunkRecord;
        return (LogRecord*)((nint*)records[at / ChunkEntries])[at % ChunkEntries];
    }

    /// <summary>Record of a revision that lies in the log.</summary>
    public LogRecord* Record(Revision revision) => Record(FirstRecordOf(revision.Main) + revision.Sub);
}

/// <summary>The log itself.</summary>
internal sealed unsafe class RevisionLog : IDisposable
{
    private const int SegmentBytes = 1 << 20;

    private readonly NativeHeap _heap;
    private readonly Queue<Segment> _segments = new();
    private readonly List<nint> _mains = [];
    private readonly List<nint> _records = [];
    private LogWindow? _window;
    private long _firstMain;
    private long _firstChunkMain;
    private long _firstChunkRecord;
    private long _nextRecord;
    private long _lastStarted;
    private byte* _memory;
    private int _used;
    private int _size;

    private readonly record struct Segment(nint Memory, int Bytes, long LastMain);

    /// <param name="heap">Where segments and directories live.</param>
    /// <param name="nextMain">First main revision that will be appended.</param>
    public RevisionLog(NativeHeap heap, long nextMain)
    {
        _heap = heap;
        _firstMain = nextMain;
        _firstChunkMain = nextMain;
        _lastStarted = nextMain - 1;
        SetMain(nextMain, 0);
    }

    /// <summary>Bytes of all segments held.</summary>
    public long Bytes { get; private set; }

    /// <summary>Number the next record gets; records of finished revisions lie below.</summary>
    public long NextRecord => _nextRecord;

    /// <summary>Smallest main revision in the log.</summary>
    public long FirstMain => _firstMain;

    /// <summary>The directory now; valid for every record appended so far and for later ones in the same pieces.</summary>
    public LogWindow Window => _window ??= new LogWindow(
        _firstMain, _firstChunkMain, _firstChunkRecord, [.. _mains], [.. _records]);

    /// <summary>Appends a record of the revision under way; the caller fills the KeyValue.</summary>
    public LogRecord* Append(Revision revision, bool tombstone, int keyValueLength, out Span<byte> keyValue)
    {
        Invariant.Check(
            revision.Main == _lastStarted + 1 && revision.Sub == _nextRecord - FirstOf(revision.Main),
            "revisions are appended without gaps");
        int bytes = (LogRecord.HeaderBytes + keyValueLength + 7) & ~7;
        if (bytes > _size - _used)
        {
            OpenSegment(bytes, revision.Main);
        }

        var record = (LogRecord*)(_memory + _used);
        _used += bytes;
        keyValue = LogRecord.Fill(record, revision, tombstone, keyValueLength);
        long at = _nextRecord - _firstChunkRecord;
        if (at / LogWindow.ChunkEntries == _records.Count)
        {
            _records.Add((nint)_heap.Allocate(LogWindow.ChunkEntries * sizeof(nint)));
            _window = null;
        }

        ((nint*)_records[(int)(at / LogWindow.ChunkEntries)])[at % LogWindow.ChunkEntries] = (nint)record;
        _nextRecord++;
        return record;
    }

    /// <summary>Ends a main revision: the next one begins at the next record.</summary>
    public void EndRevision(long main)
    {
        Invariant.Check(main == _lastStarted + 1, "main revisions end one after the other");
        _lastStarted = main;
        SetMain(main + 1, _nextRecord);
    }

    /// <summary>Drops segments whose records are all in bolt, oldest first, until at most
    /// <paramref name="keepBytes"/> are held. The memory goes when readers have passed the next publication.</summary>
    public void Trim(long committedMain, long keepBytes)
    {
        long first = _firstMain;
        while (Bytes > keepBytes && _segments.TryPeek(out Segment oldest) && oldest.LastMain <= committedMain)
        {
            _ = _segments.Dequeue();
            first = Math.Max(first, oldest.LastMain + 1);
            Bytes -= oldest.Bytes;
            _heap.Retire((byte*)oldest.Memory, oldest.Bytes);
        }

        if (first == _firstMain)
        {
            return;
        }

        _firstMain = first;
        DropChunks(_mains, first, ref _firstChunkMain);
        DropChunks(_records, FirstOf(first), ref _firstChunkRecord);
        _window = null;
    }

    public void Dispose()
    {
        foreach (Segment segment in _segments)
        {
            _heap.FreeIfLarge((byte*)segment.Memory, segment.Bytes);
        }

        _heap.FreeIfLarge(_memory, _size);
        foreach (nint chunk in _mains)
        {
            _heap.FreeIfLarge((byte*)chunk, LogWindow.ChunkEntries * sizeof(long));
        }

        foreach (nint chunk in _records)
        {
            _heap.FreeIfLarge((byte*)chunk, LogWindow.ChunkEntries * sizeof(nint));
        }

        _memory = null;
    }

    private long FirstOf(long main)
    {
        long at = main - _firstChunkMain;
        return ((long*)_mains[(int)(at / LogWindow.ChunkEntries)])[at % LogWindow.ChunkEntries];
    }

    private void SetMain(long main, long firstRecord)
    {
        long at = main - _firstChunkMain;
        if (at / LogWindow.ChunkEntries == _mains.Count)
        {
            _mains.Add((nint)_heap.Allocate(LogWindow.ChunkEntries * sizeof(long)));
            _window = null;
        }

        ((long*)_mains[(int)(at / LogWindow.ChunkEntries)])[at % LogWindow.ChunkEntries] = firstRecord;
    }

    private void OpenSegment(int bytes, long main)
    {
        if (_memory != null)
        {
            // The revision under way may have begun in the old segment: it goes only with the revision.
            _segments.Enqueue(new Segment((nint)_memory, _size, main));
        }

        _size = Math.Max(SegmentBytes, bytes);
        _memory = _heap.Allocate(_size);
        _used = 0;
        Bytes += _size;
    }

    private void DropChunks(List<nint> chunks, long first, ref long firstOfChunks)
    {
        int drop = (int)((first - firstOfChunks) / LogWindow.ChunkEntries);
        for (int i = 0; i < drop; i++)
        {
            _heap.Retire((byte*)chunks[i], LogWindow.ChunkEntries * sizeof(long));
        }

        chunks.RemoveRange(0, drop);
        firstOfChunks += (long)drop * LogWindow.ChunkEntries;
    }
}
