// The result of a system call as a value: 0 is success, anything else a Linux errno with the text that etcd prints.
// Immutable; any thread.
namespace EtcdAot.Sys;

/// <summary>A Linux errno. <c>default</c> means success.</summary>
/// <param name="Code">The number, 0 for success.</param>
public readonly record struct Errno(int Code)
{
    public static readonly Errno Ok;
    public static readonly Errno NoEntry = new(2);
    public static readonly Errno Interrupted = new(4);
    public static readonly Errno InputOutput = new(5);
    public static readonly Errno Again = new(11);
    public static readonly Errno Access = new(13);
    public static readonly Errno Exists = new(17);
    public static readonly Errno NotDirectory = new(20);
    public static readonly Errno Invalid = new(22);
    public static readonly Errno NoSpace = new(28);
    public static readonly Errno ReadOnlyFileSystem = new(30);
    public static readonly Errno BrokenPipe = new(32);
    public static readonly Errno NotSupported = new(95);
    public static readonly Errno AddressInUse = new(98);
    public static readonly Errno ConnectionAborted = new(103);
    public static readonly Errno ConnectionReset = new(104);
    public static readonly Errno TimedOut = new(110);
    public static readonly Errno ConnectionRefused = new(111);
    public static readonly Errno InProgress = new(115);

    /// <summary>True when the call failed.</summary>
    public bool Failed => Code != 0;

    /// <summary>The text that the original's error strings end in (glibc's, lower case first letter).</summary>
    public override string ToString() => Code switch
    {
        0 => "success",
        1 => "operation not permitted",
        2 => "no such file or directory",
        4 => "interrupted system call",
        5 => "input/output error",
        9 => "bad file descriptor",
        11 => "resource temporarily unavailable",
        12 => "cannot allocate memory",
        13 => "permission denied",
        16 => "device or resource busy",
        17 => "file exists",
        18 => "invalid cross-device link",
        20 => "not a directory",
        21 => "is a directory",
        22 => "invalid argument",
        23 => "too many open files in system",
        24 => "too many open files",
        27 => "file too large",
        28 => "no space left on device",
        30 => "read-only file system",
        32 => "broken pipe",
        36 => "file name too long",
        37 => "no locks available",
        38 => "function not implemented",
        39 => "directory not empty",
        40 => "too many levels of symbolic links",
        61 => "no data available",
        62 => "timer expired",
        95 => "operation not supported",
        97 => "address family not supported by protocol",
        98 => "address already in use",
        99 => "cannot assign requested address",
        101 => "network is unreachable",
        103 => "software caused connection abort",
        104 => "connection reset by peer",
        110 => "connection timed out",
        111 => "connection refused",
        113 => "no route to host",
        115 => "operation now in progress",
        122 => "disk quota exceeded",
        _ => "errno " + Code,
    };
}
