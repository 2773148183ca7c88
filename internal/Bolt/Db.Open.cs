// Opening: lock, new file, page size, choice of the meta, the map, and the walk that finds the free pages and
// makes later reading safe (spec storage §2.2, §2.3, §2.8). Every byte is hostile here; every failure is an
// error with bbolt's text.
using EtcdAot.Observe;
using EtcdAot.Sys;

namespace EtcdAot.Bolt;

public sealed unsafe partial class Db
{
    /// <summary>Opens or creates a file. <see cref="BoltError.Locked"/> when another holds its lock: try
    /// again later.</summary>
    public static BoltError Open(IDisk disk, string path, DbOptions options, out Db? db)
    {
        db = null;
        OpenFlags flags = options.ReadOnly ? OpenFlags.Read : OpenFlags.Write | OpenFlags.Create;
        Errno errno = disk.Open(path, flags, 0x180 /* 0600 */, out IDiskFile? file);
        if (errno.Failed)
        {
            return BoltError.From("open", path, errno);
        }

        BoltError error = OpenFile(disk, file!, options, out db);
        if (error.Failed)
        {
            file!.Dispose();
        }

        return error;
    }

    /// <summary>Checks the whole file (spec storage §2.11); bbolt's messages, at most
    /// <paramref name="maxErrors"/>.</summary>
    public List<string> Check(int maxErrors = 1000) => Bolt.Check.Run(this, maxErrors);

    /// <summary>The four pages of a new file (spec storage §2.2).</summary>
    internal static byte[] NewFile(int pageSize)
    {
        byte[] bytes = new byte[4 * pageSize];
        for (ulong page = 0; page < 2; page++)
        {
            var meta = new Meta(pageSize, Root: 3, Sequence: 0, Freelist: 2, HighWaterMark: 4, TxId: page);
            meta.Write(bytes.AsSpan((int)page * pageSize, pageSize), page);
        }

        (bytes[2 * pageSize], bytes[(2 * pageSize) + 8]) = (2, (byte)PageFlags.Freelist);
        (bytes[3 * pageSize], bytes[(3 * pageSize) + 8]) = (3, (byte)PageFlags.Leaf);
        return bytes;
    }

    private static BoltError OpenFile(IDisk disk, IDiskFile file, DbOptions options, out Db? db)
    {
        db = null;
        Errno errno = file.TryLock(options.ReadOnly ? LockKind.FlockShared : LockKind.FlockExclusive);
        if (errno.Failed)
        {
            return errno == Errno.Again ? BoltError.Locked : new BoltError(errno.ToString());
        }

        errno = file.Length(out long length);
        if (errno.Failed)
        {
            return BoltError.From("stat", file.Path, errno);
        }

        bool unmade = length == 0
            || (options.FinishesCreation && IsHalfMade(file, length, options.PageSize));
        if (unmade && !options.ReadOnly)
        {
            BoltError created = Create(disk, file, options, out length);
            if (created.Failed)
            {
                return created;
            }
        }

        BoltError error = ReadMeta(file, length, options.PageSize, out Meta meta);
        if (!error.Failed && !unmade && !options.ReadOnly && !options.NoSync)
        {
            error = MakeMetasDurable(file, meta.PageSize);
        }

        return error.Failed ? error : MapAndWalk(file, length, meta, options, out db);
    }

    /// <summary>True for what a power failure or a kill leaves of a file that was being created: part of its first pages,
    /// the rest zero. Nothing was ever in it.</summary>
    private static bool IsHalfMade(IDiskFile file, long length, int pageSize)
    {
        const int sector = 512;
        byte[] whole = NewFile(pageSize);
        byte[] found = new byte[Math.Min(length, whole.Length)];
        if (length > whole.Length || file.ReadAt(found, 0, out int read).Failed || read != found.Length)
        {
            return false;
        }

        bool half = found.Length < whole.Length;
        for (int at = 0; at < found.Length; at += sector)
        {
            ReadOnlySpan<byte> part = found.AsSpan(at, Math.Min(sector, found.Length - at));
            bool made = part.SequenceEqual(whole.AsSpan(at, part.Length));
            if (!made && part.ContainsAnyExcept((byte)0))
            {
                return false;
            }

            half |= !made;
        }

        return half;
    }

    /// <summary>The newest meta may lie in the page cache alone: its writer was killed before its sync, or the sync failed
    /// and left the page clean. Pages that only the meta before it reaches are reused from here on, so it must be on the
    /// disk first; written again as it is, it is written at all.</summary>
    private static BoltError MakeMetasDurable(IDiskFile file, int pageSize)
    {
        byte[] metas = new byte[2 * pageSize];
        Errno errno = file.ReadAt(metas, 0, out int read);
        errno = errno.Failed ? errno : file.WriteAt(metas.AsSpan(0, read), 0);
        errno = errno.Failed ? errno : file.DataSync();
        return errno.Failed ? BoltError.From("sync", file.Path, errno) : BoltError.Ok;
    }

    private static BoltError Create(IDisk disk, IDiskFile file, DbOptions options, out long length)
    {
        byte[] bytes = NewFile(options.PageSize);
        length = bytes.Length;
        Errno errno = file.WriteAt(bytes, 0);
        if (errno.Failed)
        {
            return BoltError.From("write", file.Path, errno);
        }

        if (options.NoSync)
        {
            return BoltError.Ok;
        }

        errno = file.DataSync();
        if (!errno.Failed)
        {
            // The name must be there after a power failure, before anything depends on it (DESIGN 4.5 d).
            string? directory = System.IO.Path.GetDirectoryName(file.Path);
            errno = disk.SyncDirectory(string.IsNullOrEmpty(directory) ? "." : directory);
        }

        return errno.Failed ? new BoltError(errno.ToString()) : BoltError.Ok;
    }

    private static BoltError ReadMeta(IDiskFile file, long length, int hostPageSize, out Meta meta)
    {
        meta = default;
        if (!DetectPageSize(file, length, hostPageSize, out int pageSize))
        {
            return BoltError.Invalid;
        }

        if (length < 2L * pageSize)
        {
            return new BoltError($"file size too small {length}");
        }

        BoltError error0 = ReadMetaAt(file, 0, out Meta meta0);
        BoltError error1 = ReadMetaAt(file, pageSize, out Meta meta1);
        if (error0.Failed && error1.Failed)
        {
            return error0;
        }

        if (error0.Failed || error1.Failed)
        {
            Probe.Hit("one of the two metas of the db is torn");
        }

        meta = error1.Failed || (!error0.Failed && meta0.TxId >= meta1.TxId) ? meta0 : meta1;
        return BoltError.Ok;
    }

    private static bool DetectPageSize(IDiskFile file, long length, int hostPageSize, out int pageSize)
    {
        pageSize = hostPageSize;
        Span<byte> head = stackalloc byte[4096];
        bool readable = !file.ReadAt(head, 0, out int read).Failed && read == head.Length;
        if (readable && !Meta.Read(head, out Meta first).Failed)
        {
            pageSize = first.PageSize;
            return true;
        }

        for (int i = 0; i <= 14; i++)
        {
            long offset = 1024L << i;
            if (offset >= length - 1024)
            {
                break;
            }

            readable |= !file.ReadAt(head, offset, out read).Failed && read > 0;
            if (!Meta.Read(head[..read], out Meta second).Failed)
            {
                pageSize = second.PageSize;
                return true;
            }
        }

        return readable;
    }

    private static BoltError ReadMetaAt(IDiskFile file, long offset, out Meta meta)
    {
        Span<byte> bytes = stackalloc byte[Meta.Bytes];
        bytes.Clear();
        Errno errno = file.ReadAt(bytes, offset, out int read);
        if (errno.Failed)
        {
            meta = default;
            return BoltError.Invalid;
        }

        return Meta.Read(bytes[..read], out meta);
    }

    private static BoltError MapAndWalk(IDiskFile file, long length, Meta meta, DbOptions options, out Db? db)
    {
        db = null;
        if (meta.HighWaterMark < 3 || meta.HighWaterMark > (ulong)(length / meta.PageSize))
        {
            return new BoltError(
                $"{file.Path}: high water mark {meta.HighWaterMark} does not fit a file of {length} bytes");
        }

        Errno errno = file.Map(Math.Max(options.ReserveBytes, MapLength(length)), out IFileMap? map);
        errno = errno.Failed ? errno : map!.Extend(MapLength(length));
        if (errno.Failed)
        {
            map?.Dispose();
            return new BoltError(errno.ToString());
        }

        // The walk reads it all; asked for at once it comes in as one sequential read (etcd maps with
        // MAP_POPULATE).
        map!.Populate(0, (long)meta.HighWaterMark * meta.PageSize);
        var opened = new Db(options, file, map, length, meta);
        BoltError error = opened.FindFreePages();
        if (error.Failed)
        {
            map.Dispose();
            return error;
        }

        opened._unreadBefore = meta.TxId;
        db = opened;
        return BoltError.Ok;
    }

    /// <summary>Marks what the meta reaches; the rest below the high-water mark is free. A stored freelist is
    /// not needed for that; its pages become free with the first commit.</summary>
    private BoltError FindFreePages()
    {
        Meta meta = Current.Meta;
        var walk = new TreeWalk(Current.Pages, maxErrors: 1);
        walk.Mark(0, 2);
        if (meta.Freelist != Meta.NoFreelist)
        {
            string? problem = Current.Pages.Problem(meta.Freelist, out Page page);
            if (problem is null && page.Flags != PageFlags.Freelist)
            {
                problem = $"invalid freelist page type: {PageFlags.Name(page.Flags)}";
            }

            if (problem is not null)
            {
                return new BoltError($"{Path}: freelist page {meta.Freelist}: {problem}");
            }

            _storedFreelistPages = page.Overflow + 1UL;
            walk.Mark(meta.Freelist, _storedFreelistPages);
        }

        walk.Walk(meta.Root);
        if (walk.Errors.Count > 0)
        {
            return new BoltError($"freepages: failed to get all reachable pages ({walk.Errors[0]})");
        }

        for (ulong id = 2; id < meta.HighWaterMark; id++)
        {
            if (!walk.IsReached(id))
            {
                Freelist.Release(id, 1);
            }
        }

        return BoltError.Ok;
    }

    /// <summary>The map covers whole pages of the machine; nothing behind the file's end is
    /// touched.</summary>
    private static long MapLength(long fileLength)
    {
        long page = Environment.SystemPageSize;
        return (fileLength + page - 1) / page * page;
    }
}
