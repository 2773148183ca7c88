// Creation of a log (spec storage §5.5, §1.3.4): built in a sibling directory and renamed into place, so that either a
// whole log is there or none. Runs on the start-up thread.
using EtcdAot.Observe;
using EtcdAot.Sys;
using EtcdAot.Wire.Codecs;

namespace EtcdAot.Wal;

public sealed partial class WriteAheadLog
{
    private const int PrivateDirectory = 0x1C0; // 0700
    private const int PrivateFile = 0x180; // 0600

    /// <summary>Creates the first segment with the member's identity and opens it. The directory must be absent or empty;
    /// its parent must exist.</summary>
    public static WalError Create(WalOptions options, string directory, in WalMetadata identity, out WriteAheadLog? wal)
    {
        wal = null;
        IDisk disk = options.Disk;
        WalError exists = HasSegments(disk, directory, out bool has);
        if (exists.Failed || has)
        {
            return exists.Failed ? exists : new WalError(WalErrorKind.Disk, "file already exists")
            {
                Errno = Errno.Exists,
            };
        }

        string building = directory.TrimEnd('/') + ".tmp";
        WalError e = RemoveFlat(disk, building);
        if (e.Failed)
        {
            return e;
        }

        Errno made = disk.MakeDirectory(building, PrivateDirectory);
        if (made.Failed)
        {
            return WalError.Disk("mkdir", building, made);
        }

        e = WriteFirstSegment(options, directory, building, identity, out WriteAheadLog? created);
        if (!e.Failed)
        {
            e = MoveIntoPlace(disk, building, directory);
        }

        if (e.Failed)
        {
            created?.Dispose();
            _ = RemoveFlat(disk, building);
            return e;
        }

        wal = created;
        return WalError.None;
    }

    /// <summary>True when a directory holds at least one name that ends in .wal: the original's test for "this member was
    /// initialised before" (§1.2). Absent means no; any other failure is an error.</summary>
    public static WalError HasSegments(IDisk disk, string directory, out bool has)
    {
        has = false;
        Errno e = disk.List(directory, out DirectoryEntry[] entries);
        if (e.Failed && e != Errno.NoEntry)
        {
            return WalError.Disk("open", directory, e);
        }

        has = Array.Exists(entries, x => x.Name.EndsWith(SegmentName.Suffix, StringComparison.Ordinal));
        return WalError.None;
    }

    private static WalError WriteFirstSegment(
        WalOptions options, string directory, string building, in WalMetadata identity, out WriteAheadLog? wal)
    {
        wal = null;
        var name = new SegmentName(0, 0);
        string path = Path.Combine(building, name.ToString());
        Errno e = options.Disk.Open(path, OpenFlags.Write | OpenFlags.Create, PrivateFile, out IDiskFile? file);
        if (e.Failed)
        {
            return WalError.Disk("open", path, e);
        }

        e = file!.TryLock(LockKind.OpenFileDescription);
        e = e.Failed ? e : file.Allocate(0, options.SegmentBytes);
        if (e.Failed)
        {
            file.Dispose();
            return WalError.Bare(path, e);
        }

        wal = new WriteAheadLog(options, directory, identity.ToBytes(), [new Segment(name, path, file)], 0);
        wal.StartSegment(0);
        wal.AppendHead();
        wal.AppendSnapshot(new WalSnapshot(0, 0, null));
        return wal.Sync();
    }

    private static WalError MoveIntoPlace(IDisk disk, string building, string directory)
    {
        // An empty directory of that name makes way, as the original does; one with content keeps the rename from working.
        Errno e = disk.RemoveDirectory(directory);
        if (e.Failed && e != Errno.NoEntry)
        {
            return WalError.Disk("remove", directory, e);
        }

        e = disk.SyncDirectory(building);
        if (e.Failed)
        {
            return WalError.Disk("sync", building, e);
        }

        e = disk.Rename(building, directory);
        if (e.Failed)
        {
            return WalError.Disk("rename", $"{building} {directory}", e);
        }

        string parent = ParentOf(directory);
        e = disk.SyncDirectory(parent);
        return e.Failed ? WalError.Disk("sync", parent, e) : WalError.None;
    }

    private static string ParentOf(string directory)
    {
        return Path.GetDirectoryName(directory.TrimEnd('/')) is { Length: > 0 } parent ? parent : ".";
    }

    /// <summary>Removes a directory that holds files only; one that is absent is fine.</summary>
    private static WalError RemoveFlat(IDisk disk, string directory)
    {
        Errno e = disk.List(directory, out DirectoryEntry[] entries);
        if (e == Errno.NoEntry)
        {
            return WalError.None;
        }

        Probe.Hit("a log that was never finished is removed");
        foreach (DirectoryEntry entry in entries)
        {
            e = e.Failed ? e : disk.Remove(Path.Combine(directory, entry.Name));
        }

        e = e.Failed ? e : disk.RemoveDirectory(directory);
        return e.Failed ? WalError.Disk("remove", directory, e) : WalError.None;
    }
}
