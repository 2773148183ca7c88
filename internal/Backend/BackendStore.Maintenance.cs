// Hash, hot copy and defragmentation (spec storage §4.6, §2.13, §4.9), between commits on the backend's thread. The core
// goes on applying meanwhile: only commits wait. It must never leave the old file worse than before.
using EtcdAot.Bolt;
using EtcdAot.Observe;
using EtcdAot.Sys;

namespace EtcdAot.Backend;

/// <summary>Outcome of a defragmentation.</summary>
/// <param name="Error">Null for success; Go's text otherwise.</param>
/// <param name="IsFatal">True when the process must end: `failed to rename tmp database` (spec storage §10a.4).</param>
public sealed record DefragmentResult(string? Error, bool IsFatal);

public sealed partial class BackendStore
{
    // Files that readers may still follow, oldest first; core thread.
    private readonly Queue<Db> _replaced = new();
    private int _defragmentations;

    /// <summary>Core thread: CRC32C over the db after a commit of everything so far (spec storage §4.6, Hash).</summary>
    /// <param name="skip">(bucket, key) pairs to leave out, e.g. meta/consistent_index and meta/term.</param>
    /// <param name="done">Gets the hash, on the core thread.</param>
    public void RequestHash(SkipsEntry skip, Action<uint> done)
    {
        CloseBatch();
        Send(new Order(OrderKind.Hash, skip, result => done((uint)result!)));
    }

    /// <summary>Core thread: copies the db into a fresh file and swaps them.</summary>
    public void RequestDefragment(Action<DefragmentResult> done)
    {
        CloseBatch();
        Send(new Order(OrderKind.Defragment, null, result => done((DefragmentResult)result!)));
    }

    /// <summary>Core thread: commits, pins that state and hands out a copy to be read by anybody, anywhere.</summary>
    /// <param name="done">Gets the copy, null when the file cannot be opened; on the core thread.</param>
    public void RequestCopy(Action<HotCopy?> done)
    {
        CloseBatch();
        Send(new Order(OrderKind.Copy, null, result => done((HotCopy?)result)));
    }

    internal void Release(HotCopy copy) => Send(new Order(OrderKind.EndCopy, copy, null));

    private void BeginCopy(Action<object?> done)
    {
        Errno errno = _disk.Open(_path, OpenFlags.Read, 0, out IDiskFile? file);
        HotCopy? copy = null;
        if (!errno.Failed)
        {
            _db.Pin(_db.Current.TxId);
            copy = new HotCopy(this, _db, _db.Current, file!);
        }

        Tell(new Report(null, null, null, done, copy));
    }

    private void EndCopy(HotCopy copy)
    {
        // A replaced file is never written again: nothing to unpin.
        if (copy.Db == _db)
        {
            _db.Unpin(copy.Pinned.TxId);
        }
    }

    private void Defragment(Action<object?> done)
    {
        long began = Timings?.Clock.MonotonicNanos ?? 0;
        int slash = _path.LastIndexOf('/');
        string temporary = string.Concat(
            _path.AsSpan(0, slash + 1), "db.tmp.", _db.Current.TxId.ToString(), _defragmentations++.ToString());
        _ = _disk.Remove(temporary);
        BoltError error = Db.Open(
            _disk, temporary, BoltOptions(_options) with { ReadersByEpoch = false }, out Db? fresh);
        error = error.Failed ? error : CopyAll(_db, fresh!);
        if (error.Failed)
        {
            Probe.Hit("a defragmentation fails and changes nothing");
            fresh?.Dispose();
            _ = _disk.Remove(temporary);
            Tell(new Report(null, null, null, done, new DefragmentResult(error.Text, IsFatal: false)));
            return;
        }

        // The copy stays open: its lock is on the name from the first moment on.
        Errno errno = _disk.Rename(temporary, _path);
        string? text = errno.Failed ? $"rename {temporary} {_path}: {errno}" : null;
        if (text is null)
        {
            fresh!.TakePlace(_path);
            string folder = slash > 0 ? _path[..slash] : slash == 0 ? "/" : ".";
            errno = _disk.SyncDirectory(folder);
            text = errno.Failed ? $"sync {folder}: {errno}" : null;
        }

        if (text is not null)
        {
            fresh!.Dispose();
            _broken = true;
            Tell(new Report(null, null, null, done, new DefragmentResult(text, IsFatal: true)));
            return;
        }

        Timings?.Defragment.ObserveNanos(Timings.Clock.MonotonicNanos - began);
        Db old = _db;
        _db = fresh!;
        Tell(new Report(null, new BackendSnapshot(_db), old, done, new DefragmentResult(null, IsFatal: false)));
    }

    private static BoltError CopyAll(Db from, Db to)
    {
        using var copy = new CompactCopy(from, to);
        BoltError error = BoltError.Ok;
        while (!copy.Done && !error.Failed)
        {
            error = copy.Step(CompactCopy.KeysPerCommit);
        }

        return error;
    }
}
