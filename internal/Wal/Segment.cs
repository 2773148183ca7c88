// One open segment file and the name it is shown under in errors. Owned by the log actor (or by the start-up thread).
using EtcdAot.Sys;

namespace EtcdAot.Wal;

/// <summary>An open segment.</summary>
/// <param name="Name">Sequence and first index.</param>
/// <param name="Path">Path in error texts.</param>
/// <param name="File">The open file.</param>
internal sealed record Segment(SegmentName Name, string Path, IDiskFile File) : IDisposable
{
    public void Dispose() => File.Dispose();

    /// <summary>Opens segments, for appending with a lock on each; on failure none stays open.</summary>
    public static WalError OpenAll(
        IDisk disk, string directory, List<SegmentName> names, bool forAppend, out List<Segment> segments)
    {
        segments = [];
        WalError result = WalError.None;
        foreach (SegmentName name in names)
        {
            string path = System.IO.Path.Combine(directory, name.ToString());
            Errno e = disk.Open(path, forAppend ? OpenFlags.Write : OpenFlags.Read, 0, out IDiskFile? file);
            if (e.Failed)
            {
                result = WalError.Disk("open", path, e);
                break;
            }

            segments.Add(new Segment(name, path, file!));
            e = forAppend ? file!.TryLock(LockKind.OpenFileDescription) : Errno.Ok;
            if (e.Failed)
            {
                result = e == Errno.Again
                    ? new WalError(WalErrorKind.Locked, "fileutil: file already locked") { File = path }
                    : WalError.Bare(path, e);
                break;
            }
        }

        if (result.Failed)
        {
            CloseAll(segments);
        }

        return result;
    }

    /// <summary>Closes and forgets all of them; their locks go with them.</summary>
    public static void CloseAll(List<Segment> segments)
    {
        foreach (Segment segment in segments)
        {
            segment.Dispose();
        }

        segments.Clear();
    }
}
