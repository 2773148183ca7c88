// Opening a log that exists (spec storage §5.8): for appending with the tail made clean in place, or only for reading. Runs
// on the start-up thread. Nothing is appended before the tail is zero and everything read is durable (DESIGN 4.7).
using EtcdAot.Sys;
using EtcdAot.Wire;
using EtcdAot.Wire.Codecs;

namespace EtcdAot.Wal;

public sealed partial class WriteAheadLog
{
    /// <summary>Opens for appending and reads everything behind a snapshot. <see cref="WalErrorKind.TornTail"/> asks for
    /// one <see cref="WalRepair.Repair"/> and another try. On failure nothing stays open.</summary>
    public static WalError Open(
        WalOptions options, string directory, WalSnapshot from, out WriteAheadLog? wal, out WalContents? contents)
    {
        wal = null;
        contents = null;
        WalError e = OpenSegments(options, directory, from.Index, true, out List<Segment> segments);
        if (e.Failed)
        {
            return e;
        }

        var reader = new RecordReader(segments);
        var read = new WalContents();
        e = read.ReadAll(reader, from);
        var opened = new WriteAheadLog(options, directory, read.Metadata, segments, reader.Crc)
        {
            _state = read.State,
            LastIndex = Math.Max(read.LastIndex, from.Index),
        };
        if (!e.Failed)
        {
            e = opened.ContinueAt(reader.LastGoodEnd);
        }

        if (e.Failed)
        {
            opened.Dispose();
            read.Dispose();
            return e;
        }

        wal = opened;
        contents = read;
        return WalError.None;
    }

    /// <summary>Reads everything behind a snapshot without locks and without changing a byte; a torn end is taken as the
    /// end. Fails with "wal: snapshot not found" when the snapshot has no record.</summary>
    public static WalError Read(WalOptions options, string directory, WalSnapshot from, out WalContents? contents)
    {
        contents = null;
        WalError e = OpenSegments(options, directory, from.Index, false, out List<Segment> segments);
        if (e.Failed)
        {
            return e;
        }

        var read = new WalContents();
        e = read.ReadAll(new RecordReader(segments), from);
        Segment.CloseAll(segments);
        if (e.Kind == WalErrorKind.TornTail)
        {
            e = WalError.None;
        }

        if (!e.Failed && !read.SnapshotFound)
        {
            e = new WalError(WalErrorKind.Conflict, "wal: snapshot not found");
        }

        if (e.Failed)
        {
            read.Dispose();
            return e;
        }

        contents = read;
        return WalError.None;
    }

    /// <summary>Snapshot records of the whole log up to the last commit, oldest first: a <c>.snap</c> file counts only when
    /// it is among them (§5.8, §6.1).</summary>
    public static WalError ValidSnapshots(WalOptions options, string directory, out List<WalSnapshot> snapshots)
    {
        snapshots = [];
        WalError e = SegmentName.List(options.Disk, directory, options.Log, out List<SegmentName> names);
        if (e.Failed)
        {
            return e;
        }

        e = Segment.OpenAll(options.Disk, directory, names, false, out List<Segment> segments);
        if (!e.Failed)
        {
            e = CollectSnapshots(new RecordReader(segments), snapshots, out ulong commit);
            snapshots.RemoveAll(s => s.Index > commit);
            Segment.CloseAll(segments);
        }

        return e.Kind == WalErrorKind.TornTail ? WalError.None : e;
    }

    private static WalError CollectSnapshots(RecordReader reader, List<WalSnapshot> into, out ulong commit)
    {
        commit = 0;
        while (true)
        {
            WalError e = reader.Next(out bool end);
            if (e.Failed || end)
            {
                return e;
            }

            bool good = true;
            if (reader.Type == WalRecordType.Snapshot)
            {
                good = WalSnapshot.TryParse(reader.Data, out WalSnapshot snapshot);
                into.Add(snapshot);
            }
            else if (reader.Type == WalRecordType.State)
            {
                good = DurableStateCodec.TryParse(reader.Data, out DurableState state);
                commit = state.Commit;
            }

            if (!good)
            {
                return reader.Bad(WalErrorKind.Corrupt, "proto: cannot parse record");
            }
        }
    }

    private static WalError OpenSegments(
        WalOptions options, string directory, ulong index, bool forAppend, out List<Segment> segments)
    {
        segments = [];
        WalError e = SegmentName.List(options.Disk, directory, options.Log, out List<SegmentName> names);
        e = e.Failed ? e : SegmentName.SelectFrom(names, index, out names);
        return e.Failed ? e : Segment.OpenAll(options.Disk, directory, names, forAppend, out segments);
    }

    /// <summary>Makes the place behind the last good record ready for appending.</summary>
    private WalError ContinueAt(long offset)
    {
        StartSegment(offset);
        if (!_failure.Failed)
        {
            _failure = TailCleaner.Clean(Current, offset, _allocatedEnd);
        }

        // What was read may lie in the page cache alone (a kill before the sync), and raft takes it as durable from here.
        DataSync();
        if (_failure.Failed)
        {
            return _failure;
        }

        Errno e = _options.Disk.SyncDirectory(_directory);
        if (e.Failed)
        {
            return _failure = WalError.Disk("sync", _directory, e);
        }

        // The rename that created the log may not be durable either. Its parent may be unreadable for us, which the
        // original would not notice, so only a failure of the disk counts.
        e = _options.Disk.SyncDirectory(ParentOf(_directory));
        if (e == Errno.InputOutput)
        {
            return _failure = WalError.Disk("sync", ParentOf(_directory), e);
        }

        _preparer.RemoveStale();
        return WalError.None;
    }
}
