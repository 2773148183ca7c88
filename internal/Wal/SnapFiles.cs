// The snap directory beside the db: `.snap` files (spec storage §6.1), received `.snap.db` files (§6.3) and left-overs. Owned
// by the start-up thread, then by the snapshotting actor. Never leaves a name whose content is not durable (DESIGN 4.5 c).
using System.Globalization;
using EtcdAot.Observe;
using EtcdAot.Sys;
using EtcdAot.Wire;
using EtcdAot.Wire.Codecs;

namespace EtcdAot.Wal;

/// <summary>A snapshot read from a <c>.snap</c> file.</summary>
/// <param name="Index">Log index it stands for.</param>
/// <param name="Term">Term of that entry.</param>
/// <param name="Members">Configuration there.</param>
/// <param name="Data">The v2 tree as JSON.</param>
public sealed record LoadedSnapshot(ulong Index, ulong Term, ConfiguredMembers Members, byte[] Data);

/// <summary>Reads and writes the snap directory.</summary>
public sealed class SnapFiles(IDisk disk, string directory, IRandomness randomness, Log log)
{
    public const string Suffix = ".snap";
    public const string DatabaseSuffix = ".snap.db";
    private const int PublicFile = 0x1B6; // 0666 & ~umask, as the original

    /// <summary>Name of the file for a position: term first (trap 1).</summary>
    public static string NameOf(ulong term, ulong index) => $"{term:x16}-{index:x16}{Suffix}";

    /// <summary>Path of the backend's file.</summary>
    public string DatabasePath => Path.Combine(directory, "db");

    /// <summary>Path of a backend received with the snapshot at an index.</summary>
    public string ReceivedDatabasePath(ulong index) => Path.Combine(directory, $"{index:x16}{DatabaseSuffix}");

    /// <summary>Writes a snapshot: temporary name, fsync, rename, directory sync. Index 0 is never written.</summary>
    public WalError Save(ulong term, ulong index, ConfiguredMembers members, ReadOnlySpan<byte> data)
    {
        Invariant.Check(index > 0, "an empty snapshot is never written");
        string final = Path.Combine(directory, NameOf(term, index));
        string temporary = Path.Combine(directory, "tmp" + randomness.NextUInt64().ToString(CultureInfo.InvariantCulture));
        WalError e = WriteDurably(temporary, final, Encode(term, index, members, data));
        if (e.Failed)
        {
            _ = disk.Remove(temporary);
            return e;
        }

        Errno renamed = disk.Rename(temporary, final);
        if (renamed.Failed)
        {
            _ = disk.Remove(temporary);
            return WalError.Disk("rename", $"{temporary} {final}", renamed);
        }

        return SyncDirectory();
    }

    /// <summary>The newest readable snapshot that the log vouches for; null when there is none. An unreadable file is set
    /// aside as .broken; one that only could not be read from the disk is left where it is.</summary>
    public WalError LoadNewest(IReadOnlyList<WalSnapshot> valid, out LoadedSnapshot? snapshot)
    {
        snapshot = null;
        WalError e = List(out List<string> names);
        for (int i = names.Count - 1; i >= 0 && !e.Failed && snapshot is null; i--)
        {
            WalError read = Read(names[i], out LoadedSnapshot? found);
            if (read.Failed)
            {
                SetAside(names[i], read);
            }
            else if (valid.Any(v => v.Index == found!.Index && v.Term == found.Term))
            {
                snapshot = found;
            }
            else
            {
                Probe.Hit("a snapshot is passed over because the log does not vouch for it");
            }
        }

        return e;
    }

    /// <summary>Reads one file by name, with the original's error texts.</summary>
    public WalError Read(string name, out LoadedSnapshot? snapshot)
    {
        snapshot = null;
        string path = Path.Combine(directory, name);
        WalError e = ReadWhole(path, out byte[] bytes);
        if (e.Failed)
        {
            return e;
        }

        if (bytes.Length == 0)
        {
            return Corrupt("snap: empty snapshot", path);
        }

        if (!SnapFileView.TryParse(bytes, out SnapFileView file))
        {
            return Corrupt("proto: cannot parse snapshot", path);
        }

        if (file.Crc == 0 || file.Data.IsEmpty)
        {
            return Corrupt("snap: empty snapshot", path);
        }

        if (Crc32C.Append(0, file.Data) != file.Crc)
        {
            return Corrupt("snap: crc mismatch", path);
        }

        if (!SnapshotView.TryParse(file.Data, out SnapshotView view))
        {
            return Corrupt("proto: cannot parse raft snapshot", path);
        }

        snapshot = new LoadedSnapshot(view.Index, view.Term, view.Members, view.Data.ToArray());
        return WalError.None;
    }

    /// <summary>Deletes what an earlier process left half done: tmp* and db.tmp* (§1.3.2, §4.9).</summary>
    public WalError RemoveLeftovers()
    {
        return RemoveWhere(static name => name.StartsWith("tmp", StringComparison.Ordinal)
            || name.StartsWith("db.tmp", StringComparison.Ordinal));
    }

    /// <summary>Deletes received databases below an index; a newer snapshot covers them (§5.11).</summary>
    public WalError RemoveReceivedBefore(ulong index)
    {
        return RemoveWhere(name => name.EndsWith(DatabaseSuffix, StringComparison.Ordinal)
            && SegmentName.TryParseHex16(name.AsSpan(0, name.Length - DatabaseSuffix.Length), out ulong at)
            && at < index);
    }

    /// <summary>Begins to take in a database that comes with a snapshot. Any thread; the file is that thread's.</summary>
    public WalError Receive(ulong index, out ReceivedDatabase? receiving)
    {
        receiving = null;
        string temporary = Path.Combine(directory, "tmp" + randomness.NextUInt64().ToString(CultureInfo.InvariantCulture));
        Errno e = disk.Open(temporary, OpenFlags.Write | OpenFlags.Create | OpenFlags.Exclusive, PublicFile,
            out IDiskFile? file);
        if (e.Failed)
        {
            return WalError.Disk("open", temporary, e);
        }

        receiving = new ReceivedDatabase(disk, file!, ReceivedDatabasePath(index), log);
        return WalError.None;
    }

    private static byte[] Encode(ulong term, ulong index, ConfiguredMembers members, ReadOnlySpan<byte> data)
    {
        var view = new SnapshotView { Data = data, Index = index, Term = term, Members = members };
        var inner = new byte[view.Size];
        var innerWriter = new ProtoWriter(inner);
        view.WriteTo(ref innerWriter);
        var file = new SnapFileView { Crc = Crc32C.Append(0, inner), Data = inner };
        var outer = new byte[file.Size];
        var outerWriter = new ProtoWriter(outer);
        file.WriteTo(ref outerWriter);
        return outer;
    }

    private static WalError Corrupt(string text, string path) => WalError.At(WalErrorKind.Corrupt, text, path, 0);

    private WalError WriteDurably(string path, string shownAs, byte[] bytes)
    {
        Errno e = disk.Open(path, OpenFlags.Write | OpenFlags.Create | OpenFlags.Exclusive, PublicFile,
            out IDiskFile? file);
        if (e.Failed)
        {
            return WalError.Disk("open", shownAs, e);
        }

        e = file!.WriteAt(bytes, 0);
        Errno synced = e.Failed ? Errno.Ok : file.Sync();
        file.Dispose();
        return e.Failed ? WalError.Disk("write", shownAs, e)
            : synced.Failed ? WalError.Disk("sync", shownAs, synced) : WalError.None;
    }

    private WalError ReadWhole(string path, out byte[] bytes)
    {
        bytes = [];
        Errno e = disk.Open(path, OpenFlags.Read, 0, out IDiskFile? file);
        if (e.Failed)
        {
            return WalError.Disk("open", path, e);
        }

        e = file!.Length(out long length);
        if (!e.Failed && length > WalLimits.MaxSnapBytes)
        {
            file.Dispose();
            return Corrupt($"snap: file of {length} bytes is larger than any snapshot", path);
        }

        bytes = e.Failed ? [] : new byte[length];
        e = e.Failed ? e : file.ReadAt(bytes, 0, out _);
        file.Dispose();
        return e.Failed ? WalError.Disk("read", path, e) : WalError.None;
    }

    private WalError List(out List<string> names)
    {
        names = [];
        Errno e = disk.List(directory, out DirectoryEntry[] entries);
        if (e.Failed)
        {
            return WalError.Disk("open", directory, e);
        }

        foreach (DirectoryEntry entry in entries)
        {
            if (entry.Name.EndsWith(Suffix, StringComparison.Ordinal))
            {
                names.Add(entry.Name);
            }
            else if (entry.Name != "db")
            {
                log.Warn("snap/snapshotter.go:270", "found unexpected non-snap file; skipping")
                    .With("path", entry.Name).Write();
            }
        }

        return WalError.None;
    }

    private void SetAside(string name, WalError why)
    {
        string path = Path.Combine(directory, name);
        log.Warn("snap/snapshotter.go:200", "failed to read a snap file").With("path", path).WithError(why.Text).Write();
        if (why.Kind == WalErrorKind.Disk)
        {
            return;
        }

        Probe.Hit("an unreadable snapshot is set aside");
        string broken = path + WalRepair.BrokenSuffix;
        Errno e = disk.Rename(path, broken);
        if (e.Failed)
        {
            log.Warn("snap/snapshotter.go:206", "failed to rename a broken snap file").With("path", path)
                .With("broken-path", broken).WithError($"rename {path} {broken}: {e}").Write();
        }
        else
        {
            log.Warn("snap/snapshotter.go:213", "renamed to a broken snap file").With("path", path)
                .With("broken-path", broken).Write();
        }
    }

    private WalError RemoveWhere(Func<string, bool> chosen)
    {
        Errno e = disk.List(directory, out DirectoryEntry[] entries);
        foreach (DirectoryEntry entry in entries)
        {
            if (!e.Failed && !entry.IsDirectory && chosen(entry.Name))
            {
                Probe.Hit("what an earlier life left in the snap directory is removed");
                e = disk.Remove(Path.Combine(directory, entry.Name));
            }
        }

        return e.Failed ? WalError.Disk("remove", directory, e) : WalError.None;
    }

    private WalError SyncDirectory()
    {
        Errno e = disk.SyncDirectory(directory);
        return e.Failed ? WalError.Disk("sync", directory, e) : WalError.None;
    }
}
