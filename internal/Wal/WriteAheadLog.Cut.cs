// Moving on to the next segment (spec storage §5.7): the full one is trimmed and durable before the new one gets its name,
// and the name is durable before anything is written behind its head. Owned by the log actor.
using EtcdAot.Sys;
using EtcdAot.Wire.Codecs;

namespace EtcdAot.Wal;

public sealed partial class WriteAheadLog
{
    /// <summary>Ends the current segment and goes on in a new one; everything appended before is durable afterwards.</summary>
    public WalError Cut()
    {
        Flush();
        TrimCurrent();
        DataSync();
        if (_failure.Failed)
        {
            return _failure;
        }

        WalError e = _preparer.Take(out Segment? prepared);
        if (e.Failed)
        {
            return _failure = e;
        }

        var name = new SegmentName(Current.Name.Sequence + 1, LastIndex + 1);
        _segments.Add(prepared!);
        StartSegment(0);
        AppendHead();
        Flush();
        DataSync();
        return _failure.Failed ? _failure : NameSegment(prepared!, name);
    }

    /// <summary>Buffers the head of a segment: the CRC so far, metadata, state; no snapshot record.</summary>
    private void AppendHead()
    {
        Frame(WalRecordType.Crc, -1, out _);
        AppendRecord(WalRecordType.Metadata, _metadata, default);
        if (!_state.IsEmpty)
        {
            AppendState(_state);
        }
    }

    /// <summary>Positions at an offset of the current segment, of which nothing behind is known to be written.</summary>
    private void StartSegment(long offset)
    {
        _written = offset;
        _zeroedEnd = offset;
        Errno e = Current.File.Length(out _allocatedEnd);
        if (e.Failed)
        {
            _failure = WalError.Disk("stat", Current.Path, e);
        }
    }

    private void TrimCurrent()
    {
        if (_failure.Failed || _written == _allocatedEnd)
        {
            return;
        }

        Errno e = Current.File.Truncate(_written);
        if (e.Failed)
        {
            _failure = WalError.Disk("truncate", Current.Path, e);
        }
    }

    private WalError NameSegment(Segment prepared, SegmentName name)
    {
        string path = Path.Combine(_directory, name.ToString());
        Errno e = _options.Disk.Rename(prepared.Path, path);
        if (e.Failed)
        {
            return _failure = WalError.Disk("rename", $"{prepared.Path} {path}", e);
        }

        _segments[^1] = prepared with { Name = name, Path = path };
        e = _options.Disk.SyncDirectory(_directory);
        return e.Failed ? _failure = WalError.Disk("sync", _directory, e) : WalError.None;
    }
}
