// The write-ahead log open for appending. Owned by the log actor; one caller at a time. Records are collected in a user
// buffer and leave in one positional write that carries zeros ahead; nothing is durable before Sync or Cut returns. After
// the first failure every call fails: a log that failed once is never written again (DESIGN 4.19).
using EtcdAot.Observe;
using EtcdAot.Sys;
using EtcdAot.Wire;
using EtcdAot.Wire.Codecs;

namespace EtcdAot.Wal;

/// <summary>What the log needs from outside.</summary>
/// <param name="Disk">Files.</param>
/// <param name="Clock">For slow syncs.</param>
/// <param name="Log">Lines in the original's words.</param>
public sealed record WalOptions(IDisk Disk, IClock Clock, Log Log)
{
    /// <summary>--unsafe-no-fsync: no fdatasync of segments; directories are still synced.</summary>
    public bool NoSync { get; init; }

    /// <summary>Bytes after which a segment is cut; another value only in tests.</summary>
    public long SegmentBytes { get; init; } = WalLimits.SegmentBytes;
}

/// <summary>The log, open for appending.</summary>
public sealed partial class WriteAheadLog : IDisposable
{
    private const long SlowSyncNanos = 1_000_000_000;
    private readonly WalOptions _options;
    private readonly string _directory;
    private readonly byte[] _metadata;
    private readonly List<Segment> _segments;
    private readonly SegmentPreparer _preparer;
    private byte[] _buffer = new byte[WalLimits.BufferBytes + WalLimits.ZeroAheadBytes];
    private int _buffered;
    private long _written;
    private long _zeroedEnd;
    private long _allocatedEnd;
    private uint _crc;
    private DurableState _state;
    private WalError _failure;

    private WriteAheadLog(WalOptions options, string directory, byte[] metadata, List<Segment> segments, uint crc)
    {
        _options = options;
        _directory = directory;
        _metadata = metadata;
        _segments = segments;
        _preparer = new SegmentPreparer(options, directory);
        _crc = crc;
    }

    /// <summary>Index of the last entry written, or of a snapshot above it.</summary>
    public ulong LastIndex { get; private set; }

    /// <summary>The last hard state written; empty when none was.</summary>
    public DurableState State => _state;

    /// <summary>True when the current segment is full: the next durable step must be <see cref="Cut"/>.</summary>
    public bool NeedsCut => _written + _buffered >= _options.SegmentBytes;

    /// <summary>Nanoseconds of the last fdatasync, for the metric.</summary>
    public long LastSyncNanos { get; private set; }

    /// <summary>Bytes of the current segment in use, with what is still buffered.</summary>
    public long Position => _written + _buffered;

    private Segment Current => _segments[^1];

    /// <summary>Buffers entries, then the state unless it is empty (= unchanged); §5.6. Nothing is allocated but for
    /// records above 1 MiB. Buffered bytes leave with the next Sync or Cut, or when 1 MiB is full.</summary>
    public WalError Append(in DurableState state, ReadOnlySpan<LogEntry> entries)
    {
        for (int i = 0; i < entries.Length && !_failure.Failed; i++)
        {
            AppendEntry(entries[i]);
        }

        if (!state.IsEmpty && !_failure.Failed)
        {
            AppendState(state);
        }

        return _failure;
    }

    /// <summary>Writes what is buffered and makes everything written so far durable. Call it when entries were appended or
    /// term or vote changed; a state with only a higher commit needs none (§5.6).</summary>
    public WalError Sync()
    {
        Flush();
        DataSync();
        return _failure;
    }

    /// <summary>Writes what is buffered, without making it durable.</summary>
    public WalError WriteOut()
    {
        Flush();
        return _failure;
    }

    /// <summary>Appends the state (commit ≥ the snapshot's index) and the snapshot record and syncs (DESIGN 4.5 c). The
    /// <c>.snap</c> file must be durable before, and only afterwards may anything be purged.</summary>
    public WalError SaveSnapshot(in WalSnapshot snapshot, in DurableState state)
    {
        Invariant.Check(snapshot.Index == 0 || snapshot.Members is not null,
            "a snapshot record above index 0 names its members");
        Invariant.Check(state.Commit >= snapshot.Index, "the state saved with a snapshot commits its index");
        AppendState(state);
        AppendSnapshot(snapshot);
        LastIndex = Math.Max(LastIndex, snapshot.Index);
        return Sync();
    }

    /// <summary>Reserves the next segment so that a cut need not wait for it; call when idle. A failure is logged and is not
    /// fatal: the cut tries once more.</summary>
    public WalError PrepareNext() => _failure.Failed ? _failure : _preparer.Prepare();

    /// <summary>Unlocks segments that lie wholly before an index which a durable snapshot covers, so that they can be
    /// purged (§5.11).</summary>
    public void ReleaseBefore(ulong index)
    {
        int keep = _segments.FindLastIndex(s => s.Name.Index < index);
        for (int i = 0; i < keep; i++)
        {
            _segments[i].Dispose();
        }

        if (keep > 0)
        {
            _segments.RemoveRange(0, keep);
        }
    }

    /// <summary>Orderly end: everything buffered becomes durable, the prepared segment goes, locks are given up.</summary>
    public WalError Close()
    {
        WalError e = Sync();
        _preparer.Discard();
        Dispose();
        return e;
    }

    /// <summary>Closes the files without writing anything.</summary>
    public void Dispose()
    {
        Segment.CloseAll(_segments);
        _preparer.Dispose();
        if (!_failure.Failed)
        {
            _failure = new WalError(WalErrorKind.Disk, "wal: closed");
        }
    }

    private void AppendEntry(in LogEntry entry)
    {
        // The payload is not copied twice: its CRC continues that of the fields before it.
        Span<byte> prefix = stackalloc byte[64];
        int length = entry.Data.Length;
        var writer = new ProtoWriter(prefix);
        writer.Field(1, (ulong)entry.Kind);
        writer.Field(2, entry.Term);
        writer.Field(3, entry.Index);
        if (length > 0)
        {
            writer.BytesHeader(4, length);
        }

        AppendRecord(WalRecordType.Entry, prefix[..writer.Position], entry.Data.Span);
        LastIndex = entry.Index;
    }

    private void AppendState(in DurableState state)
    {
        Span<byte> bytes = stackalloc byte[64];
        var writer = new ProtoWriter(bytes);
        DurableStateCodec.Write(ref writer, state);
        AppendRecord(WalRecordType.State, bytes[..writer.Position], default);
        _state = state;
    }

    /// <summary>Buffers a snapshot record alone; for the head of the first segment, and offline rewriting.</summary>
    internal void AppendSnapshot(in WalSnapshot snapshot)
    {
        var bytes = new byte[snapshot.Size];
        var writer = new ProtoWriter(bytes);
        snapshot.WriteTo(ref writer);
        AppendRecord(WalRecordType.Snapshot, bytes, default);
    }

    private void AppendRecord(WalRecordType type, ReadOnlySpan<byte> head, ReadOnlySpan<byte> tail)
    {
        _crc = Crc32C.Append(Crc32C.Append(_crc, head), tail);
        Frame(type, head.Length + tail.Length, out Span<byte> data);
        head.CopyTo(data);
        tail.CopyTo(data[head.Length..]);
    }

    /// <summary>Takes room for a record with the running CRC; a negative length means a record without data.</summary>
    private void Frame(WalRecordType type, int dataLength, out Span<byte> data)
    {
        int size = RecordFrame.SizeOf(type, _crc, dataLength);
        if (_buffered > 0 && _buffered + size > WalLimits.BufferBytes)
        {
            Flush();
        }

        if (_buffered + size + WalLimits.ZeroAheadBytes > _buffer.Length)
        {
            Array.Resize(ref _buffer, _buffered + size + WalLimits.ZeroAheadBytes);
        }

        Span<byte> frame = _buffer.AsSpan(_buffered, size);
        int head = RecordFrame.WriteHead(frame, type, _crc, dataLength);
        data = frame.Slice(head, Math.Max(0, dataLength));
        _buffered += size;
    }

    private void Flush()
    {
        if (_failure.Failed || _buffered == 0)
        {
            return;
        }

        long end = _written + _buffered;
        int length = _buffered;
        if (end > _zeroedEnd)
        {
            // Zeros ahead, but never past what is allocated: behind that the file would grow for nothing (DESIGN 4.7).
            long boundary = (end + WalLimits.ZeroAheadBytes - 1) / WalLimits.ZeroAheadBytes * WalLimits.ZeroAheadBytes;
            _zeroedEnd = Math.Max(end, Math.Min(boundary, _allocatedEnd));
            int ahead = (int)(_zeroedEnd - end);
            _buffer.AsSpan(_buffered, ahead).Clear();
            length += ahead;
        }

        Errno e = Current.File.WriteAt(_buffer.AsSpan(0, length), _written);
        if (e.Failed)
        {
            Probe.Hit("a write of the log fails");
            _failure = WalError.Disk("write", Current.Path, e);
            return;
        }

        _written = end;
        _buffered = 0;
    }

    private void DataSync()
    {
        if (_failure.Failed || _options.NoSync)
        {
            return;
        }

        long start = _options.Clock.MonotonicNanos;
        Errno e = Current.File.DataSync();
        LastSyncNanos = _options.Clock.MonotonicNanos - start;
        if (LastSyncNanos > SlowSyncNanos)
        {
            Probe.Hit("a sync of the log takes longer than a second");
            _options.Log.Warn("wal/wal.go:805", "slow fdatasync")
                .With("took", GoDuration.Text(LastSyncNanos)).With("expected-duration", "1s").Write();
        }

        if (e.Failed)
        {
            Probe.Hit("a sync of the log fails");
            _failure = WalError.Bare(Current.Path, e);
        }
    }
}
