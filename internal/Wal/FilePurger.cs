// Deletes the oldest files of a kind while there are too many (spec storage §5.11): one file a call, so that no step is long
// (DESIGN 4.13). Owned by whoever runs the background work. Never deletes a segment that somebody holds.
using EtcdAot.Observe;
using EtcdAot.Sys;

namespace EtcdAot.Wal;

/// <summary>Purges one kind of file.</summary>
/// <param name="disk">Files.</param>
/// <param name="directory">Where they are.</param>
/// <param name="suffix">".wal", ".snap" or ".snap.db"; names sort by age.</param>
/// <param name="max">How many stay (--max-wals, --max-snapshots); 0 = all.</param>
/// <param name="log">Gets a line for each file purged.</param>
public sealed class FilePurger(IDisk disk, string directory, string suffix, int max, Log log)
{
    /// <summary>What it deletes, as the original's lines name it.</summary>
    public string Kind => suffix switch
    {
        ".snap.db" => "snap db",
        ".snap" => "snap",
        _ => "wal",
    };

    /// <summary>Deletes the oldest file if there are too many. <paramref name="more"/> asks for another call soon; a
    /// segment still locked ends the round.</summary>
    public WalError Step(out bool more)
    {
        more = false;
        if (max == 0)
        {
            return WalError.None;
        }

        Errno e = disk.List(directory, out DirectoryEntry[] entries);
        if (e.Failed)
        {
            return WalError.Disk("open", directory, e);
        }

        string[] names = [.. entries.Select(x => x.Name).Where(n => n.EndsWith(suffix, StringComparison.Ordinal))];
        if (names.Length <= max)
        {
            return WalError.None;
        }

        string path = Path.Combine(directory, names[0]);
        if (suffix == SegmentName.Suffix && IsHeld(path))
        {
            Probe.Hit("a segment that is still needed is not purged");
            return WalError.None;
        }

        e = disk.Remove(path);
        if (e.Failed)
        {
            return WalError.Disk("remove", path, e);
        }

        Probe.Hit("the oldest file of a kind is purged");
        log.Info("fileutil/purge.go:85", "purged").With("path", path).Write();
        more = names.Length - 1 > max;
        return WalError.None;
    }

    private bool IsHeld(string path)
    {
        if (disk.Open(path, OpenFlags.Write, 0, out IDiskFile? file).Failed)
        {
            return true;
        }

        bool held = file!.TryLock(LockKind.OpenFileDescription).Failed;
        file.Dispose();
        return held;
    }
}
