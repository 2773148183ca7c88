// The next segment, reserved ahead of its use under the names 0.tmp and 1.tmp (spec storage §5.7). Owned by the log actor.
// Never keeps blocks that it cannot use: a failed reservation is removed, else it would starve the log itself (§10a.2).
using System.Globalization;
using EtcdAot.Observe;
using EtcdAot.Sys;

namespace EtcdAot.Wal;

internal sealed class SegmentPreparer(WalOptions options, string directory) : IDisposable
{
    private Segment? _ready;
    private int _made;
    private bool _failedBefore;

    /// <summary>Reserves a segment unless one is ready. After a failure only <see cref="Take"/> tries again.</summary>
    public WalError Prepare()
    {
        if (_ready is not null || _failedBefore)
        {
            return WalError.None;
        }

        WalError e = Make(out _ready);
        if (e.Failed)
        {
            Probe.Hit("the next segment cannot be reserved");
            _failedBefore = true;
            options.Log.Error("wal/file_pipeline.go:80", "failed to preallocate space when creating a new WAL")
                .With("size", options.SegmentBytes).WithError(e.Text).Write();
        }

        return e;
    }

    /// <summary>Hands out the reserved segment, or one made now.</summary>
    public WalError Take(out Segment? segment)
    {
        WalError e = WalError.None;
        if (_ready is null)
        {
            Probe.Hit("a cut has to make its segment itself");
            e = Make(out _ready);
        }

        segment = _ready;
        _ready = null;
        _failedBefore = false;
        return e;
    }

    /// <summary>Removes the reserved segment; nothing depends on its being gone.</summary>
    public void Discard()
    {
        if (_ready is not null)
        {
            _ready.Dispose();
            _ = options.Disk.Remove(_ready.Path);
            _ready = null;
        }
    }

    /// <summary>Removes what an earlier process left reserved, which gives its blocks back.</summary>
    public void RemoveStale()
    {
        _ = options.Disk.Remove(Path.Combine(directory, "0.tmp"));
        _ = options.Disk.Remove(Path.Combine(directory, "1.tmp"));
    }

    public void Dispose()
    {
        _ready?.Dispose();
        _ready = null;
    }

    private WalError Make(out Segment? segment)
    {
        segment = null;
        string path = Path.Combine(directory, (_made % 2).ToString(CultureInfo.InvariantCulture) + ".tmp");

        // Truncated, for a stale one may hold records of a cut that a crash undid, which the original would read.
        Errno e = options.Disk.Open(path, OpenFlags.Write | OpenFlags.Create | OpenFlags.Truncate, 0x180 /* 0600 */,
            out IDiskFile? file);
        if (e.Failed)
        {
            return WalError.Disk("open", path, e);
        }

        e = file!.TryLock(LockKind.OpenFileDescription);
        e = e.Failed ? e : file.Allocate(0, options.SegmentBytes);
        if (e.Failed)
        {
            file.Dispose();
            _ = options.Disk.Remove(path);
            return WalError.Bare(path, e);
        }

        _made++;
        segment = new Segment(default, path, file);
        return WalError.None;
    }
}
