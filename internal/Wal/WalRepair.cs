// Repair of a torn end (spec storage §5.10): the last segment is copied aside as .broken and trimmed to its last good
// record. Runs on the start-up thread, at most once a start. Never repairs anything but a torn end.
using EtcdAot.Sys;

namespace EtcdAot.Wal;

/// <summary>Repairs the last segment.</summary>
public static class WalRepair
{
    /// <summary>Suffix of the copy.</summary>
    public const string BrokenSuffix = ".broken";

    /// <summary>Trims a torn end. Success also when nothing was torn; any other damage comes back as it is.</summary>
    public static WalError Repair(WalOptions options, string directory)
    {
        WalError e = SegmentName.List(options.Disk, directory, options.Log, out List<SegmentName> names);
        if (e.Failed)
        {
            return e;
        }

        e = Segment.OpenAll(options.Disk, directory, [names[^1]], true, out List<Segment> segments);
        if (e.Failed)
        {
            return e;
        }

        options.Log.Info("wal/repair.go:40", "repairing").With("path", segments[0].Path).Write();
        var reader = new RecordReader(segments);
        bool end = false;
        while (!e.Failed && !end)
        {
            e = reader.Next(out end);
        }

        if (e.Kind == WalErrorKind.TornTail)
        {
            WalError torn = e;
            e = Trim(options, segments[0], reader.GoodEnd, torn);
            if (!e.Failed)
            {
                options.Log.Info("wal/repair.go:96", "repaired").With("path", segments[0].Path)
                    .WithError("unexpected EOF").Write();
            }
        }

        Segment.CloseAll(segments);
        return e;
    }

    private static WalError Trim(WalOptions options, Segment segment, long goodEnd, WalError torn)
    {
        string copy = segment.Path + BrokenSuffix;
        Errno e = CopyAside(options.Disk, segment.File, copy);
        if (e.Failed)
        {
            options.Log.Warn("wal/repair.go:68", "failed to copy").With("from", copy).With("to", segment.Path)
                .WithError($"write {copy}: {e}").Write();

            // The decoding error is what the original goes on to show (§10a.2); no room for the copy changes nothing.
            return new WalError(WalErrorKind.Disk, torn.Text) { Errno = e, File = segment.Path };
        }

        e = segment.File.Truncate(goodEnd);
        if (e.Failed)
        {
            return WalError.Disk("truncate", segment.Path, e);
        }

        e = segment.File.Sync();
        return e.Failed ? WalError.Bare(segment.Path, e) : WalError.None;
    }

    private static Errno CopyAside(IDisk disk, IDiskFile from, string path)
    {
        Errno e = disk.Open(path, OpenFlags.Write | OpenFlags.Create | OpenFlags.Truncate, 0x1B6 /* 0666 */,
            out IDiskFile? to);
        if (e.Failed)
        {
            return e;
        }

        e = from.Length(out long length);
        var chunk = new byte[WalLimits.ZeroAheadBytes];
        long at = 0;
        while (!e.Failed && at < length)
        {
            // Holes stay holes: a copy of 64 MB must not need 64 MB when a few records are in it.
            e = from.SeekData(at, out long data);
            at = e.Failed ? at : Math.Max(at, data);
            if (e.Failed || at >= length)
            {
                break;
            }

            e = from.ReadAt(chunk.AsSpan(0, (int)Math.Min(chunk.Length, length - at)), at, out int read);
            e = e.Failed || read == 0 ? e : to!.WriteAt(chunk.AsSpan(0, read), at);
            at = read == 0 ? length : at + read;
        }

        e = e.Failed ? e : to!.Truncate(length);
        to!.Dispose();
        return e;
    }
}
