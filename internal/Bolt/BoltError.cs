// An expected failure of the bolt file as a value: bbolt's own texts (spec storage §2.2, §2.3, §2.12,
// §10a.1). Immutable; any thread.
using EtcdAot.Sys;

namespace EtcdAot.Bolt;

/// <summary>The outcome of a call. <c>default</c> means success.</summary>
/// <param name="Text">What the original prints, null for success.</param>
public readonly record struct BoltError(string? Text)
{
    public static readonly BoltError Ok;

    /// <summary>Another process holds the file's lock; the caller tries again (bbolt's text for it is
    /// `timeout`).</summary>
    public static readonly BoltError Locked = new("timeout");

    public static readonly BoltError Invalid = new("invalid database");
    public static readonly BoltError VersionMismatch = new("version mismatch");
    public static readonly BoltError Checksum = new("checksum error");
    public static readonly BoltError KeyRequired = new("key required");
    public static readonly BoltError KeyTooLarge = new("key too large");
    public static readonly BoltError ValueTooLarge = new("value too large");
    public static readonly BoltError BucketNameRequired = new("bucket name required");
    public static readonly BoltError BucketNotFound = new("bucket not found");
    public static readonly BoltError IncompatibleValue = new("incompatible value");
    public static readonly BoltError TxClosed = new("tx closed");
    public static readonly BoltError ReadOnly = new("database is in read-only mode");

    /// <summary>True when the call failed.</summary>
    public bool Failed => Text is not null;

    public override string ToString() => Text ?? "success";

    /// <summary>"verb path: errno", as Go's path errors read; success stays success.</summary>
    internal static BoltError From(string verb, string path, Errno errno)
    {
        return errno.Failed ? new BoltError($"{verb} {path}: {errno}") : Ok;
    }
}
