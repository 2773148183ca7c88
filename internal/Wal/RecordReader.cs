// Reads the records of consecutive segments as one stream and keeps the CRC chain (spec storage §5.2, §5.3, §5.8, §5.10).
// Owned by the thread that opens the log. Trusts no length: each is held against the file before memory is taken for it.
using System.Buffers.Binary;
using EtcdAot.Sys;
using EtcdAot.Wire.Codecs;

namespace EtcdAot.Wal;

/// <summary>A cursor over the records of a log.</summary>
internal sealed class RecordReader(IReadOnlyList<Segment> segments)
{
    private byte[] _window = new byte[WalLimits.ReadBytes];
    private long _windowStart;
    private int _windowLength;
    private long _fileLength = -1;
    private int _dataStart;
    private int _dataLength;

    /// <summary>Position of the current segment in the list; the list's length at the end.</summary>
    public int SegmentAt { get; private set; }

    /// <summary>Offset behind the last good record of the current segment.</summary>
    public long GoodEnd { get; private set; }

    /// <summary>GoodEnd of the last segment once the stream has ended.</summary>
    public long LastGoodEnd { get; private set; }

    /// <summary>Running CRC, to continue the chain with.</summary>
    public uint Crc { get; private set; }

    /// <summary>Type of the current record.</summary>
    public WalRecordType Type { get; private set; }

    /// <summary>Data of the current record, until the next call.</summary>
    public ReadOnlySpan<byte> Data => _window.AsSpan(_dataStart, _dataLength);

    /// <summary>Moves to the next record that is not a CRC record. <paramref name="end"/> says that there is none.</summary>
    public WalError Next(out bool end)
    {
        while (true)
        {
            end = SegmentAt >= segments.Count;
            if (end)
            {
                return WalError.None;
            }

            WalError e = ReadFrame(out bool segmentEnd);
            if (e.Failed)
            {
                return e;
            }

            if (segmentEnd)
            {
                LastGoodEnd = GoodEnd;
                SegmentAt++;
                GoodEnd = 0;
                _windowLength = 0;
                _fileLength = -1;
            }
            else if (Type != WalRecordType.Crc)
            {
                return WalError.None;
            }
        }
    }

    /// <summary>An error about the current record.</summary>
    public WalError Bad(WalErrorKind kind, string text)
    {
        return WalError.At(kind, text, segments[Math.Min(SegmentAt, segments.Count - 1)].Path, GoodEnd);
    }

    private WalError ReadFrame(out bool segmentEnd)
    {
        segmentEnd = false;
        Segment segment = segments[SegmentAt];
        if (_fileLength < 0)
        {
            Errno sized = segment.File.Length(out _fileLength);
            if (sized.Failed)
            {
                return WalError.Disk("stat", segment.Path, sized);
            }
        }

        WalError e = Ensure(GoodEnd, RecordFrame.HeaderBytes, out ReadOnlySpan<byte> header);
        if (e.Failed)
        {
            return e;
        }

        ulong field = header.Length == RecordFrame.HeaderBytes ? BinaryPrimitives.ReadUInt64LittleEndian(header) : 0;
        if (header.Length is > 0 and < RecordFrame.HeaderBytes)
        {
            return Bad(WalErrorKind.TornTail, "unexpected EOF");
        }

        if (field == 0)
        {
            segmentEnd = true;
            return WalError.None;
        }

        (long length, int pad) = RecordFrame.Decode(field);
        long limit = _fileLength - GoodEnd - pad;
        if (length >= limit || length > WalLimits.MaxRecordBytes)
        {
            return Bad(WalErrorKind.TornTail, "unexpected EOF: [wal] max entry size limit exceeded when decoding "
                + $"\"{Path.GetFileName(segment.Path)}\", recBytes: {length}, fileSize({_fileLength}) - offset({GoodEnd}) - "
                + $"padBytes({pad}) = entryLimit({limit})");
        }

        e = Ensure(GoodEnd + RecordFrame.HeaderBytes, length + pad, out ReadOnlySpan<byte> body);
        if (e.Failed)
        {
            return e;
        }

        return body.Length < length + pad
            ? Bad(WalErrorKind.TornTail, "unexpected EOF")
            : Decode(body, (int)length);
    }

    private WalError Decode(ReadOnlySpan<byte> body, int length)
    {
        if (!WalRecordView.TryParse(body[..length], out WalRecordView record))
        {
            return IsTorn(body)
                ? Bad(WalErrorKind.TornTail, "unexpected EOF")
                : Bad(WalErrorKind.Corrupt, "proto: cannot parse invalid wire-format data");
        }

        Type = (WalRecordType)record.Type;
        if (record.Type == (long)WalRecordType.Crc)
        {
            if (Crc != 0 && record.Crc != Crc)
            {
                return Bad(WalErrorKind.Corrupt, "wal: crc mismatch");
            }

            Crc = record.Crc;
        }
        else
        {
            uint crc = Crc32C.Append(Crc, record.Data);
            if (crc != record.Crc)
            {
                return IsTorn(body)
                    ? Bad(WalErrorKind.TornTail, "unexpected EOF")
                    : Bad(WalErrorKind.Corrupt, "walpb: crc mismatch");
            }

            Crc = crc;
        }

        bool any = body.Overlaps(record.Data, out int offsetInBody);
        _dataStart = any ? (int)(GoodEnd + RecordFrame.HeaderBytes - _windowStart) + offsetInBody : 0;
        _dataLength = record.Data.Length;
        GoodEnd += RecordFrame.HeaderBytes + body.Length;
        return WalError.None;
    }

    /// <summary>Torn: the last segment, and some 512-byte sector of the record was never written (§5.10).</summary>
    private bool IsTorn(ReadOnlySpan<byte> body)
    {
        if (SegmentAt != segments.Count - 1)
        {
            return false;
        }

        long at = GoodEnd + RecordFrame.HeaderBytes;
        while (!body.IsEmpty)
        {
            int piece = (int)Math.Min(WalLimits.SectorBytes - (at % WalLimits.SectorBytes), body.Length);
            if (!body[..piece].ContainsAnyExcept((byte)0))
            {
                return true;
            }

            body = body[piece..];
            at += piece;
        }

        return false;
    }

    /// <summary>The bytes [offset, offset + count), fewer only at the end of the file.</summary>
    private WalError Ensure(long offset, long count, out ReadOnlySpan<byte> bytes)
    {
        bytes = default;
        if (offset < _windowStart || offset + count > _windowStart + _windowLength)
        {
            long wanted = Math.Min(Math.Max(count, WalLimits.ReadBytes), Math.Max(0, _fileLength - offset));
            if (wanted > _window.Length)
            {
                _window = new byte[wanted];
            }

            Segment segment = segments[SegmentAt];
            Errno e = segment.File.ReadAt(_window.AsSpan(0, (int)wanted), offset, out _windowLength);
            _windowStart = offset;
            if (e.Failed)
            {
                return WalError.Disk("read", segment.Path, e);
            }
        }

        int start = (int)(offset - _windowStart);
        bytes = _window.AsSpan(start, (int)Math.Min(count, _windowLength - start));
        return WalError.None;
    }
}
