// The ten top-level buckets of etcd's db (spec storage §3.1). Immutable; any thread.
namespace EtcdAot.Backend;

/// <summary>A top-level bucket, in the order of creation on a first start.</summary>
public enum BackendBucket
{
    Meta,
    Members,
    MembersRemoved,
    Cluster,
    Lease,
    Key,
    Auth,
    AuthUsers,
    AuthRoles,
    Alarm,
}

/// <summary>Names of buckets and of the keys that the batch itself writes.</summary>
public static class BackendNames
{
    private static readonly byte[][] Names =
    [
        "meta"u8.ToArray(), "members"u8.ToArray(), "members_removed"u8.ToArray(), "cluster"u8.ToArray(),
        "lease"u8.ToArray(), "key"u8.ToArray(), "auth"u8.ToArray(), "authUsers"u8.ToArray(),
        "authRoles"u8.ToArray(), "alarm"u8.ToArray(),
    ];

    /// <summary>Number of buckets.</summary>
    public const int Count = 10;

    public static ReadOnlySpan<byte> ConsistentIndex => "consistent_index"u8;

    public static ReadOnlySpan<byte> Term => "term"u8;

    public static ReadOnlySpan<byte> ConfState => "confState"u8;

    public static ReadOnlySpan<byte> ScheduledCompactRevision => "scheduledCompactRev"u8;

    public static ReadOnlySpan<byte> FinishedCompactRevision => "finishedCompactRev"u8;

    public static ReadOnlySpan<byte> StorageVersion => "storageVersion"u8;

    /// <summary>Key of bucket auth: the revision of the auth store, 8 bytes big endian.</summary>
    public static ReadOnlySpan<byte> AuthRevision => "authRevision"u8;

    /// <summary>Name of a bucket in the file.</summary>
    public static ReadOnlySpan<byte> Of(BackendBucket bucket) => Names[(int)bucket];
}
