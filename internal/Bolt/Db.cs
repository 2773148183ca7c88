// The open file: its map, its current meta, its free pages, and the way a commit reaches the disk (spec
// storage §2.9). Owned by one actor (the writer); other threads read only ReadSnapshots that were handed to
// them and the map under those. Never overwrites what a pinned or not yet released snapshot reaches; never
// moves the map (DESIGN 4.14).
using System.Runtime.InteropServices;
using EtcdAot.Observe;
using EtcdAot.Sys;

namespace EtcdAot.Bolt;

/// <summary>A bolt file.</summary>
public sealed unsafe partial class Db : IDisposable
{
    private DbOptions _options;
    private readonly IDiskFile _file;
    private readonly IFileMap _map;
    private readonly List<ulong> _pins = [];
    private readonly WriteTx _tx;
    private readonly byte[] _metaPage;
    private long _fileLength;
    private ulong _storedFreelistPages;
    private ulong _unreadBefore;
    private BoltError _broken;

    private Db(DbOptions options, IDiskFile file, IFileMap map, long fileLength, Meta meta)
    {
        _options = options;
        _file = file;
        _map = map;
        _fileLength = fileLength;
        Path = file.Path;
        _metaPage = new byte[meta.PageSize];
        Current = new ReadSnapshot(new Pages(map.Address, meta.PageSize, meta.HighWaterMark), meta);
        _tx = new WriteTx(this);
    }

    /// <summary>Path by which it was opened, or which it has taken.</summary>
    public string Path { get; private set; }

    /// <summary>Bytes of a page.</summary>
    public int PageSize => Current.Meta.PageSize;

    /// <summary>The newest committed state. Read by the writer's actor, which hands it on.</summary>
    public ReadSnapshot Current { get; private set; }

    /// <summary>etcd's dbSize, bytes.</summary>
    public long SizeBytes => Current.SizeBytes;

    /// <summary>etcd's dbSizeInUse, bytes: without free pages; pending ones count as used (spec storage
    /// §2.14).</summary>
    public long InUseBytes => Current.SizeBytes - (Freelist.FreePages * PageSize);

    /// <summary>Bytes that wait for readers of old snapshots.</summary>
    public long PendingFreeBytes => Freelist.PendingPages * PageSize;

    /// <summary>Oldest snapshot that may still be read; nothing freed after it is reused.</summary>
    public ulong OldestReader
    {
        get
        {
            ulong oldest = _options.ReadersByEpoch ? _unreadBefore : Current.TxId;
            foreach (ulong pin in _pins)
            {
                oldest = Math.Min(oldest, pin);
            }

            return oldest;
        }
    }

    internal Freelist Freelist { get; } = new();

    internal IDiskFile File => _file;

    /// <summary>Keeps the pages of a snapshot until Unpin. The id must still be readable: current, pinned, or
    /// not released.</summary>
    public void Pin(ulong txId)
    {
        Invariant.Check(txId >= OldestReader && txId <= Current.TxId, "a pinned snapshot is still readable");
        _pins.Add(txId);
    }

    /// <summary>Ends one Pin.</summary>
    public void Unpin(ulong txId)
    {
        bool removed = _pins.Remove(txId);
        Invariant.Check(removed, "only a pinned snapshot is unpinned");
        ReleaseUnread();
    }

    /// <summary>Says that no thread reads a snapshot older than <paramref name="txId"/> any more, but the
    /// pinned ones (with <see cref="DbOptions.ReadersByEpoch"/>).</summary>
    public void ReleasePendingBefore(ulong txId)
    {
        _unreadBefore = Math.Max(_unreadBefore, Math.Min(txId, Current.TxId));
        ReleaseUnread();
    }

    /// <summary>Says that the file, until now read by nobody, has got the name under which others read it: old metas
    /// count as read from now on (<see cref="DbOptions.ReadersByEpoch"/>).</summary>
    internal void TakePlace(string path)
    {
        Path = path;
        _unreadBefore = Current.TxId;
        _options = _options with { ReadersByEpoch = true };
    }

    /// <summary>Begins the one write transaction. Fails read-only and after a failed commit.</summary>
    public BoltError Begin(out WriteTx? tx)
    {
        tx = null;
        if (_options.ReadOnly)
        {
            return BoltError.ReadOnly;
        }

        if (_broken.Failed)
        {
            return _broken;
        }

        ReleaseUnread();
        _tx.Start(Current);
        tx = _tx;
        return BoltError.Ok;
    }

    /// <summary>Closes map and file, which frees the lock. No snapshot may be read afterwards.</summary>
    public void Dispose()
    {
        _tx.Dispose();
        _map.Dispose();
        _file.Dispose();
    }

    /// <summary>Steps 4 to 9 of the commit; then the new state is current.</summary>
    internal BoltError Publish(WriteTx tx, ulong root)
    {
        Meta old = Current.Meta;
        var meta = new Meta(old.PageSize, root, old.Sequence, Meta.NoFreelist, tx.HighWaterMark, tx.TxId);
        BoltError error = Grow(meta);
        error = error.Failed ? error : WriteDirty(tx.Dirty);
        error = error.Failed ? error : DataSync();
        error = error.Failed ? error : WriteMeta(meta);
        error = error.Failed ? error : DataSync();
        if (error.Failed)
        {
            _broken = error;
            return error;
        }

        foreach (WriteTx.Run run in tx.Freed)
        {
            Freelist.AddPending(tx.TxId, run.Id, run.Count);
        }

        if (_storedFreelistPages > 0)
        {
            Freelist.AddPending(tx.TxId, old.Freelist, _storedFreelistPages);
            _storedFreelistPages = 0;
        }

        Current = new ReadSnapshot(new Pages(_map.Address, meta.PageSize, meta.HighWaterMark), meta);
        ReleaseUnread();
        return BoltError.Ok;
    }

    private void ReleaseUnread() => Freelist.ReleasePendingThrough(OldestReader);

    /// <summary>Step 5: the file covers one page more than the high-water mark; blocks are reserved, so that
    /// a full disk is an error here and not a fault later.</summary>
    private BoltError Grow(Meta meta)
    {
        long required = (long)(meta.HighWaterMark + 1) * meta.PageSize;
        if (required > _fileLength)
        {
            long length = required + _options.GrowStep;
            Errno errno = _file.Allocate(_fileLength, length - _fileLength);
            if (errno == Errno.NoSpace)
            {
                Probe.Hit("a nearly full disk lets the db grow only by what it needs");
                // What is needed may still fit where the step beyond it does not.
                length = required;
                errno = _file.Allocate(_fileLength, length - _fileLength);
            }

            if (errno.Failed)
            {
                return new BoltError($"file resize error: truncate {Path}: {errno}");
            }

            errno = _options.NoSync ? Errno.Ok : _file.Sync();
            if (errno.Failed)
            {
                return new BoltError($"file sync error: sync {Path}: {errno}");
            }

            _fileLength = length;
        }

        Errno mapped = _map.Extend(MapLength(_fileLength));
        return mapped.Failed ? new BoltError($"mmap error: {mapped}") : BoltError.Ok;
    }

    /// <summary>Step 6: ascending page ids; what follows on in the file and in memory goes in one
    /// call.</summary>
    private BoltError WriteDirty(List<WriteTx.DirtyRun> dirty)
    {
        const long MaxWrite = 1 << 30;
        dirty.Sort(static (a, b) => a.Id.CompareTo(b.Id));
        ReadOnlySpan<WriteTx.DirtyRun> runs = CollectionsMarshal.AsSpan(dirty);
        for (int i = 0; i < runs.Length;)
        {
            long bytes = runs[i].Pages * PageSize;
            int next = i + 1;
            while (next < runs.Length && runs[next].Memory == runs[i].Memory + bytes
                && runs[next].Id == runs[i].Id + (ulong)(bytes / PageSize))
            {
                bytes += runs[next++].Pages * PageSize;
            }

            long offset = (long)runs[i].Id * PageSize;
            for (long done = 0; done < bytes; done += MaxWrite)
            {
                int length = (int)Math.Min(MaxWrite, bytes - done);
                var part = new ReadOnlySpan<byte>((byte*)runs[i].Memory + done, length);
                Errno errno = _file.WriteAt(part, offset + done);
                if (errno.Failed)
                {
                    return BoltError.From("write", Path, errno);
                }
            }

            i = next;
        }

        return BoltError.Ok;
    }

    private BoltError WriteMeta(Meta meta)
    {
        ulong page = meta.TxId % 2;
        meta.Write(_metaPage, page);
        return BoltError.From("write", Path, _file.WriteAt(_metaPage, (long)page * PageSize));
    }

    private BoltError DataSync()
    {
        Errno errno = _options.NoSync ? Errno.Ok : _file.DataSync();
        return errno.Failed ? new BoltError(errno.ToString()) : BoltError.Ok;
    }
}
