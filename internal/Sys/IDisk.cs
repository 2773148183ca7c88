// Seam: files and directories. The real form is LinuxDisk; the simulated one keeps what is synced apart from what is
// merely written. Every call returns an Errno; nothing here throws for an expected failure.
namespace EtcdAot.Sys;

/// <summary>How a file is opened.</summary>
[Flags]
public enum OpenFlags
{
    /// <summary>Reading only.</summary>
    Read = 0,

    /// <summary>Reading and writing.</summary>
    Write = 1,

    /// <summary>Create when absent.</summary>
    Create = 2,

    /// <summary>Fail when present (with Create).</summary>
    Exclusive = 4,

    /// <summary>Cut to zero length.</summary>
    Truncate = 8,
}

/// <summary>Kinds of file lock (spec storage §1.4). The two do not exclude each other.</summary>
public enum LockKind
{
    /// <summary>flock, exclusive: bbolt files.</summary>
    FlockExclusive,

    /// <summary>flock, shared: bbolt files opened read-only.</summary>
    FlockShared,

    /// <summary>Open-file-description write lock over the whole file: WAL segments.</summary>
    OpenFileDescription,
}

/// <summary>One entry of a directory.</summary>
/// <param name="Name">File name without path.</param>
/// <param name="IsDirectory">True for a directory.</param>
public readonly record struct DirectoryEntry(string Name, bool IsDirectory);

/// <summary>What is known of a path.</summary>
/// <param name="IsDirectory">True for a directory.</param>
/// <param name="Length">Bytes.</param>
/// <param name="Mode">Permission bits.</param>
public readonly record struct FileStatus(bool IsDirectory, long Length, int Mode);

/// <summary>The file system.</summary>
public interface IDisk
{
    /// <summary>Opens a file; <paramref name="mode"/> is the permission of a created one.</summary>
    Errno Open(string path, OpenFlags flags, int mode, out IDiskFile? file);

    /// <summary>Names in a directory, sorted by ordinal order.</summary>
    Errno List(string path, out DirectoryEntry[] entries);

    Errno Status(string path, out FileStatus status);

    /// <summary>Creates one directory.</summary>
    Errno MakeDirectory(string path, int mode);

    Errno Rename(string from, string to);

    Errno Remove(string path);

    /// <summary>Removes an empty directory.</summary>
    Errno RemoveDirectory(string path);

    /// <summary>fsync of the directory itself (DESIGN 4.5 d).</summary>
    Errno SyncDirectory(string path);

    /// <summary>Free bytes of the file system that holds the path.</summary>
    Errno FreeSpace(string path, out long bytes);
}

/// <summary>An open file. Positions are byte offsets; nothing has a cursor.</summary>
public interface IDiskFile : IDisposable
{
    string Path { get; }

    Errno Length(out long bytes);

    /// <summary>Reads until the span is full or the end of the file; <paramref name="read"/> tells how much.</summary>
    Errno ReadAt(Span<byte> destination, long offset, out int read);

    /// <summary>Writes all of it or fails.</summary>
    Errno WriteAt(ReadOnlySpan<byte> source, long offset);

    /// <summary>Reserves blocks and extends the length to cover [offset, offset + length) (fallocate mode 0);
    /// where unsupported, extends the length plainly.</summary>
    Errno Allocate(long offset, long length);

    Errno Truncate(long length);

    /// <summary>fdatasync.</summary>
    Errno DataSync();

    /// <summary>fsync.</summary>
    Errno Sync();

    /// <summary>Takes a lock or returns <see cref="Errno.Again"/> when another holder has it.</summary>
    Errno TryLock(LockKind kind);

    Errno Unlock(LockKind kind);

    /// <summary>Next offset ≥ <paramref name="offset"/> that may hold data (SEEK_DATA); the file's length when none.</summary>
    Errno SeekData(long offset, out long data);

    /// <summary>Reserves <paramref name="reserveBytes"/> of address space and maps the file read-only at its start.</summary>
    Errno Map(long reserveBytes, out IFileMap? map);
}

/// <summary>A read-only map of a file that never moves (DESIGN 4.14): a reserved range, extended in place.</summary>
public unsafe interface IFileMap : IDisposable
{
    /// <summary>Start of the range; stable for the map's life.</summary>
    byte* Address { get; }

    /// <summary>Bytes mapped so far.</summary>
    long Length { get; }

    /// <summary>Maps the file up to <paramref name="length"/> (page multiple) inside the reserved range.</summary>
    Errno Extend(long length);

    /// <summary>Reads pages in through a call that lets the collector run (MADV_POPULATE_READ).</summary>
    void Populate(long offset, long length);
}
