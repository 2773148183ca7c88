// The directories of a member at start (spec storage §1.1, §1.2): made when absent, probed for writing, classified. Texts
// are the original's. Start-up thread only.
using EtcdAot.Observe;
using EtcdAot.Sys;

namespace EtcdAot.Server;

/// <summary>Prepares the data directory.</summary>
public sealed class DataDirectory(IDisk disk, Log log)
{
    private const int PrivateDirectory = 0x1C0; // 0700
    private const int PrivateFile = 0x180; // 0600

    /// <summary>Makes and probes data dir, member and snap. Null, or the error's text.</summary>
    public string? Prepare(ServerOptions options)
    {
        return Touch(options.DataDir, "cannot access data directory: ", "cannot access data directory: ")
            ?? Touch(options.MemberDir, "cannot access member directory: ", "cannot write to member directory: ")
            ?? Touch(options.SnapDir, "", "");
    }

    /// <summary>Probes an existing WAL directory. Null, or the error's text.</summary>
    public string? ProbeWal(string directory)
    {
        return Probe(directory) is { } e ? "cannot write to WAL directory: " + e : null;
    }

    /// <summary>Makes a directory and its parents, 0700. Each new name is durable before anything is put behind it
    /// (DESIGN 4.5 d): a power failure must not take away a directory with what is acknowledged in it.</summary>
    public Errno MakeAll(string path)
    {
        Errno e = disk.Status(path, out FileStatus status);
        if (!e.Failed)
        {
            return status.IsDirectory ? Errno.Ok : Errno.NotDirectory;
        }

        string? parent = Path.GetDirectoryName(path);
        if (!string.IsNullOrEmpty(parent))
        {
            e = MakeAll(parent);
            if (e.Failed)
            {
                return e;
            }
        }

        e = disk.MakeDirectory(path, PrivateDirectory);
        return e.Failed && e != Errno.Exists ? e : SyncParent(path);
    }

    /// <summary>Says whose directory it is. Null, or the error's text.</summary>
    /// <param name="dataDir">The directory; it need not exist.</param>
    /// <param name="member">True when a member has lived here.</param>
    public string? Classify(string dataDir, out bool member)
    {
        member = false;
        Errno e = disk.List(dataDir, out DirectoryEntry[] entries);
        if (e == Errno.NoEntry)
        {
            return null;
        }

        if (e.Failed)
        {
            return e == Errno.NotDirectory ? $"readdirent {dataDir}: {e}" : $"open {dataDir}: {e}";
        }

        bool proxy = false;
        foreach (DirectoryEntry entry in entries)
        {
            member |= entry.Name == "member";
            proxy |= entry.Name == "proxy";
            if (entry.Name is not ("member" or "proxy"))
            {
                log.Warn("etcdmain/etcd.go", "found invalid file under data directory")
                    .With("filename", entry.Name).With("data-dir", dataDir).Write();
            }
        }

        return member && proxy ? "invalid datadir; both member and proxy directories exist"
            : proxy ? "the data directory was used by the v2 HTTP proxy, which this build does not have" : null;
    }

    private string? Touch(string path, string makeError, string probeError)
    {
        Errno known = disk.Status(path, out FileStatus status);
        if (!known.Failed && status.IsDirectory && status.Mode != PrivateDirectory)
        {
            string mode = FormatMode(status.Mode);
            log.Warn("fileutil/fileutil.go", "check file permission")
                .WithError($"directory \"{path}\" exist, but the permission is \"{mode}\". The recommended permission " +
                    "is \"-rwx------\" to prevent possible unprivileged access to the data").Write();
        }

        Errno made = MakeAll(path);
        made = made.Failed ? made : SyncParent(path);
        if (made.Failed)
        {
            return $"{makeError}mkdir {path}: {made}";
        }

        // A start that was killed may have made the name and not synced it. A parent that is not ours to open was there
        // before us.
        Errno synced = SyncParent(path);
        if (synced.Failed && synced != Errno.Access)
        {
            return $"{makeError}sync {ParentOf(path)}: {synced}";
        }

        return Probe(path) is { } e ? probeError + e : null;
    }

    private Errno SyncParent(string path) => disk.SyncDirectory(ParentOf(path));

    private static string ParentOf(string path) => Path.GetDirectoryName(path) is { Length: > 0 } above ? above : ".";

    private string? Probe(string directory)
    {
        string path = Path.Combine(directory, ".touch");
        Errno e = disk.Open(path, OpenFlags.Write | OpenFlags.Create | OpenFlags.Truncate, PrivateFile, out IDiskFile? file);
        if (e.Failed)
        {
            return $"open {path}: {e}";
        }

        file!.Dispose();
        e = disk.Remove(path);
        return e.Failed ? $"remove {path}: {e}" : null;
    }

    // Go's text of a directory's mode.
    private static string FormatMode(int mode)
    {
        const string letters = "rwxrwxrwx";
        Span<char> text = stackalloc char[10];
        text[0] = 'd';
        for (int i = 0; i < 9; i++)
        {
            text[i + 1] = (mode & (1 << (8 - i))) != 0 ? letters[i] : '-';
        }

        return text.ToString();
    }
}
