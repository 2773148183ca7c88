// Defragments the database of a member that is not running: a copy without holes takes the file's place (spec
// storage §4.9, §8.4). Offline tools, any thread.
using EtcdAot.Bolt;
using EtcdAot.Sys;

namespace EtcdAot.Server.Offline;

/// <summary>Size of a database file at a moment.</summary>
/// <param name="Bytes">All pages, bytes.</param>
/// <param name="InUse">Pages that are not free, bytes.</param>
/// <param name="Nanos">Monotonic time, nanoseconds.</param>
public readonly record struct DatabaseSize(long Bytes, long InUse, long Nanos);

/// <summary>Offline defragmentation.</summary>
public static class OfflineDefrag
{
    private const string Suffix = ".tmp.defrag";

    /// <summary>Rewrites <paramref name="path"/>. <see cref="BoltError.Locked"/> while a member runs on it.
    /// <paramref name="tell"/> hears of the size before, and at the end of both sizes.</summary>
    public static BoltError Run(IDisk disk, string path, Action<DatabaseSize, DatabaseSize?> tell)
    {
        Errno errno = disk.Status(path, out _);
        if (errno.Failed)
        {
            return BoltError.From("stat", path, errno);
        }

        BoltError error = Db.Open(disk, path, new DbOptions(), out Db? source);
        if (error.Failed)
        {
            return error;
        }

        using (source)
        {
            DatabaseSize before = SizeOf(source!);
            tell(before, null);
            string temporary = path + Suffix;
            _ = disk.Remove(temporary);
            error = Copy(disk, source!, temporary, out DatabaseSize after);
            if (!error.Failed)
            {
                errno = disk.Rename(temporary, path);
                error = errno.Failed ? BoltError.From("rename", temporary, errno) : SyncFolder(disk, path);
            }

            if (error.Failed)
            {
                _ = disk.Remove(temporary);
            }

            else
            {
                tell(before, after);
            }

            return error;
        }
    }

    private static DatabaseSize SizeOf(Db db)
    {
        return new DatabaseSize(db.SizeBytes, db.InUseBytes, SystemClock.Instance.MonotonicNanos);
    }

    // The source stays locked until the copy has its name, so that no member starts in between.
    private static BoltError Copy(IDisk disk, Db source, string temporary, out DatabaseSize size)
    {
        size = default;
        BoltError error = Db.Open(disk, temporary, new DbOptions { PageSize = source.PageSize },
            out Db? target);
        if (error.Failed)
        {
            return error;
        }

        using (target)
        using (var copy = new CompactCopy(source, target!))
        {
            while (!copy.Done && !error.Failed)
            {
                error = copy.Step(CompactCopy.KeysPerCommit);
            }

            size = SizeOf(target!);
        }

        return error;
    }

    private static BoltError SyncFolder(IDisk disk, string path)
    {
        string folder = Path.GetDirectoryName(path) is { Length: > 0 } named ? named : ".";
        Errno errno = disk.SyncDirectory(folder);
        return errno.Failed ? BoltError.From("sync", folder, errno) : BoltError.Ok;
    }
}
