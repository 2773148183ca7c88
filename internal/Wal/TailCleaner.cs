// Makes everything behind the last good record zero, in place (DESIGN 4.7). Truncating and reserving again, as the original
// does, gives the blocks away for a moment and fails on a nearly full disk (spec storage §10a.2). Start-up thread.
using EtcdAot.Observe;
using EtcdAot.Sys;

namespace EtcdAot.Wal;

internal static class TailCleaner
{
    /// <summary>Overwrites what is not zero in [from, length). Holes and reserved ground are skipped unread. The caller
    /// syncs.</summary>
    public static WalError Clean(Segment segment, long from, long length)
    {
        var chunk = new byte[WalLimits.ZeroAheadBytes];
        long at = from;
        while (at < length)
        {
            Errno e = segment.File.SeekData(at, out long data);
            if (e == Errno.Invalid || e == Errno.NotSupported)
            {
                // No such call on this file system: everything is looked at.
                data = at;
                e = Errno.Ok;
            }

            if (e.Failed)
            {
                return WalError.Disk("seek", segment.Path, e);
            }

            at = Math.Max(at, data);
            if (at >= length)
            {
                break;
            }

            e = segment.File.ReadAt(chunk.AsSpan(0, (int)Math.Min(chunk.Length, length - at)), at, out int read);
            if (e.Failed)
            {
                return WalError.Disk("read", segment.Path, e);
            }

            if (read == 0)
            {
                break;
            }

            e = ClearNonZero(segment, chunk.AsSpan(0, read), at);
            if (e.Failed)
            {
                return WalError.Disk("write", segment.Path, e);
            }

            at += read;
        }

        return WalError.None;
    }

    private static Errno ClearNonZero(Segment segment, Span<byte> bytes, long at)
    {
        int first = bytes.IndexOfAnyExcept((byte)0);
        if (first < 0)
        {
            return Errno.Ok;
        }

        Probe.Hit("bytes behind the end of the log are cleared");
        int last = bytes.LastIndexOfAnyExcept((byte)0);
        Span<byte> dirty = bytes[first..(last + 1)];
        dirty.Clear();
        return segment.File.WriteAt(dirty, at + first);
    }
}
