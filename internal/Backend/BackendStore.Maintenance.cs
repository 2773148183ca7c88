// Hash, hot copy and defragmentation (spec storage §4.6, §2.13, §4.9), between commits on the backend's thread. The core
// goes on applying meanwhile: only commits wait. It must never leave the old file worse than before.
using EtcdAot.Bolt;
using EtcdAot.Sys;

namespace EtcdAot.Backend;

/// <summary>Outcome of a defragmentation.</summary>
/// <param name="Error">Null for success; Go's text otherwise.</param>
/// <param name="IsFatal">True when the process must end: `failed to rename tmp database` (spec storage §10a.4).</param>
public sealed record DefragmentResult(string? Error, bool IsFatal);

public sealed partial class BackendStore
{
    private readonly Queue<Db> _replaced = new();
    private int _defragmentations;

    /// <summary>Core thread: CRC32C over the db after a commit of everything so far (spec storage §4.6, Hash).</summary>
    /// <param name="skip">(bucket, key) pairs to leave out, e.g. meta/consistent_index and meta/term.</param>
    /// <param name="done">Gets the hash, on the core thread.</param>
    public void RequestHash(Func<string, string, bool> skip, Action<uint> done)
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

    /// <summary>True when replaced files wait for readers; call <see cref="CloseReplaced"/> once they have passed.</summary>
    public bool HasReplaced => _replaced.Count > 0;

    /// <summary>Core thread: no reader follows snapshots of replaced files any more.</summary>
    public void CloseReplaced()
    {
        while (_replaced.TryDequeue(out Db? db))
        {
            Send(new Order(OrderKind.CloseOld, db, null));
        }
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
        fresh?.Dispose();
        if (error.Failed)
        {
            _ = _disk.Remove(temporary);
            Tell(new Report(null, null, null, done, new DefragmentResult(error.Text, IsFatal: false)));
            return;
        }

        Errno errno = _disk.Rename(temporary, _path);
        string? text = errno.Failed ? $"rename {temporary} {_path}: {errno}" : null;
        if (text is null)
        {
            errno = slash > 0 ? _disk.SyncDirectory(_path[..slash]) : default;
            error = Db.Open(_disk, _path, BoltOptions(_options), out fresh);
            text = errno.Failed ? $"sync {_path[..slash]}: {errno}" : error.Text;
        }

        if (text is not null)
        {
            _broken = true;
            Tell(new Report(null, null, null, done, new DefragmentResult(text, IsFatal: true)));
            return;
        }

        Timings?.Defragment.ObserveNanos(Timings.Clock.MonotonicNanos - began);
        Db old = _db;
        _db = fresh!;
        _file++;
        var snapshot = new BackendSnapshot(_db.Current, _db.InUseBytes, _file);
        Tell(new Report(null, snapshot, old, done, new DefragmentResult(null, IsFatal: false)));
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

    private static object HashOf(ReadSnapshot snapshot, Func<string, string, bool> skip)
    {
        uint crc = 0;
        Cursor names = snapshot.Root.Cursor();
        for (bool more = names.First(); more; more = names.Next())
        {
            if (!snapshot.TryBucket(names.Key, out Bucket bucket))
            {
                continue;
            }

            string name = System.Text.Encoding.UTF8.GetString(names.Key);
            crc = Crc32C.Append(crc, names.Key);
            Cursor pairs = bucket.Cursor();
            for (bool pair = pairs.First(); pair; pair = pairs.Next())
            {
                if (name == "meta" && skip(name, System.Text.Encoding.UTF8.GetString(pairs.Key)))
                {
                    continue;
                }

                crc = Crc32C.Append(crc, pairs.Key);
                crc = Crc32C.Append(crc, pairs.Value);
            }
        }

        return crc;
    }
}
