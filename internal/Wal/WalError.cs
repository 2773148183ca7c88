// What can go wrong with the log on disk, as a value. The text is the original's (3.5.33), because it ends up in its log
// lines; file and offset say where. Immutable; any thread.
using EtcdAot.Sys;

namespace EtcdAot.Wal;

/// <summary>Kinds of failure that callers tell apart.</summary>
public enum WalErrorKind
{
    None,

    /// <summary>A system call failed; fatal at run time (spec storage §10a.1).</summary>
    Disk,

    /// <summary>No usable segment, or a gap in their numbers.</summary>
    FileNotFound,

    /// <summary>The log ends inside a record: repaired once at start (§5.10).</summary>
    TornTail,

    /// <summary>Bytes that are neither a record nor a torn one; never repaired.</summary>
    Corrupt,

    /// <summary>Records that contradict each other or the snapshot asked for.</summary>
    Conflict,

    /// <summary>Another process holds a segment.</summary>
    Locked,
}

/// <summary>Outcome of a call on the log. <c>default</c> is success.</summary>
/// <param name="Kind">What failed.</param>
/// <param name="Text">The original's error text.</param>
public readonly record struct WalError(WalErrorKind Kind, string Text)
{
    private readonly string? _file;

    public static readonly WalError None;

    /// <summary>True when the call failed.</summary>
    public bool Failed => Kind != WalErrorKind.None;

    /// <summary>File that holds the bad bytes, empty when it is not about bytes.</summary>
    public string File
    {
        get => _file ?? "";
        init => _file = value;
    }

    /// <summary>Byte offset of the bad record's frame.</summary>
    public long Offset { get; init; }

    /// <summary>The errno behind <see cref="WalErrorKind.Disk"/>.</summary>
    public Errno Errno { get; init; }

    /// <summary>A failed system call in the original's form: "write PATH: no space left on device".</summary>
    public static WalError Disk(string call, string path, Errno errno)
    {
        return new WalError(WalErrorKind.Disk, $"{call} {path}: {errno}") { Errno = errno, File = path };
    }

    /// <summary>A failed system call of which the original shows the errno alone (fdatasync, fallocate).</summary>
    public static WalError Bare(string path, Errno errno)
    {
        return new WalError(WalErrorKind.Disk, errno.ToString()) { Errno = errno, File = path };
    }

    internal static WalError NotFound() => new(WalErrorKind.FileNotFound, "wal: file not found");

    internal static WalError At(WalErrorKind kind, string text, string file, long offset)
    {
        return new WalError(kind, text) { File = file, Offset = offset };
    }

    /// <summary>The text, with file and offset where they are known.</summary>
    public override string ToString() => !Failed ? "success" : Offset == 0 && File.Length == 0 ? Text : $"{Text} ({File} at {Offset})";
}
