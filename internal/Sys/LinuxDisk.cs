// The real form of IDisk over libc. Stateless; any thread.
using System.Security.Cryptography;

namespace EtcdAot.Sys;

/// <summary>Files and directories of this machine.</summary>
public sealed class LinuxDisk : IDisk
{
    public static readonly LinuxDisk Instance = new();

    /// <inheritdoc/>
    public Errno Open(string path, OpenFlags flags, int mode, out IDiskFile? file)
    {
        int native = Libc.O_CLOEXEC | (flags.HasFlag(OpenFlags.Write) ? Libc.O_RDWR : Libc.O_RDONLY);
        native |= flags.HasFlag(OpenFlags.Create) ? Libc.O_CREAT : 0;
        native |= flags.HasFlag(OpenFlags.Exclusive) ? Libc.O_EXCL : 0;
        native |= flags.HasFlag(OpenFlags.Truncate) ? Libc.O_TRUNC : 0;
        int fd;
        do
        {
            fd = Libc.open(path, native, mode);
        }
        while (fd < 0 && Libc.LastErrno() == Errno.Interrupted);

        file = fd < 0 ? null : new LinuxFile(path, fd);
        return fd < 0 ? Libc.LastErrno() : Errno.Ok;
    }

    /// <inheritdoc/>
    public Errno List(string path, out DirectoryEntry[] entries)
    {
        entries = [];
        try
        {
            var found = new List<DirectoryEntry>();
            foreach (FileSystemInfo info in new DirectoryInfo(path).EnumerateFileSystemInfos())
            {
                found.Add(new DirectoryEntry(info.Name, info is DirectoryInfo));
            }

            found.Sort(static (a, b) => string.CompareOrdinal(a.Name, b.Name));
            entries = [.. found];
            return Errno.Ok;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return FromException(e, path);
        }
    }

    /// <inheritdoc/>
    public Errno Status(string path, out FileStatus status)
    {
        status = default;
        try
        {
            var info = new FileInfo(path);
            FileAttributes attributes = info.Attributes;
            if ((int)attributes == -1)
            {
                return Errno.NoEntry;
            }

            bool directory = attributes.HasFlag(FileAttributes.Directory);
            status = new FileStatus(directory, directory ? 0 : info.Length, (int)info.UnixFileMode);
            return Errno.Ok;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return FromException(e, path);
        }
    }

    /// <inheritdoc/>
    public Errno MakeDirectory(string path, int mode) => Result(Libc.mkdir(path, mode));

    /// <inheritdoc/>
    public Errno Rename(string from, string to) => Result(Libc.rename(from, to));

    /// <inheritdoc/>
    public Errno Remove(string path) => Result(Libc.unlink(path));

    /// <inheritdoc/>
    public Errno RemoveDirectory(string path) => Result(Libc.rmdir(path));

    /// <inheritdoc/>
    public Errno SyncDirectory(string path)
    {
        int fd = Libc.open(path, Libc.O_RDONLY | Libc.O_DIRECTORY | Libc.O_CLOEXEC, 0);
        if (fd < 0)
        {
            return Libc.LastErrno();
        }

        Errno result = Result(Libc.fsync(fd));
        _ = Libc.close(fd);
        return result;
    }

    /// <inheritdoc/>
    public Errno FreeSpace(string path, out long bytes)
    {
        bytes = 0;
        try
        {
            bytes = new DriveInfo(path).AvailableFreeSpace;
            return Errno.Ok;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return FromException(e, path);
        }
    }

    private static Errno Result(int returned) => returned < 0 ? Libc.LastErrno() : Errno.Ok;

    private static Errno FromException(Exception e, string path) => e switch
    {
        DirectoryNotFoundException when Path.Exists(path) => Errno.NotDirectory,
        FileNotFoundException or DirectoryNotFoundException => Errno.NoEntry,
        UnauthorizedAccessException => new Errno(13),
        _ => new Errno(e.HResult is > 0 and < 200 ? e.HResult : Errno.InputOutput.Code),
    };
}

/// <summary>The kernel's random numbers.</summary>
public sealed class SystemRandomness : IRandomness
{
    public static readonly SystemRandomness Instance = new();

    /// <inheritdoc/>
    public ulong NextUInt64()
    {
        Span<byte> word = stackalloc byte[8];
        RandomNumberGenerator.Fill(word);
        return BitConverter.ToUInt64(word);
    }
}

/// <summary>The machine's clocks.</summary>
public sealed class SystemClock : IClock
{
    public static readonly SystemClock Instance = new();

    /// <inheritdoc/>
    public long MonotonicNanos => (long)(System.Diagnostics.Stopwatch.GetTimestamp()
        * (1_000_000_000.0 / System.Diagnostics.Stopwatch.Frequency));

    /// <inheritdoc/>
    public long WallUnixNanos => (DateTime.UtcNow - DateTime.UnixEpoch).Ticks * 100;
}

/// <summary>Ends the process.</summary>
public sealed class ProcessExit : IFatalExit
{
    public static readonly ProcessExit Instance = new();

    /// <inheritdoc/>
    [System.Diagnostics.CodeAnalysis.DoesNotReturn]
    public void Exit(int exitCode, string reason)
    {
        Console.Error.Flush();
        Environment.Exit(exitCode);
    }
}
