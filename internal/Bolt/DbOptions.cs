// How a bolt file is opened (spec storage §2.14), and the bounds of this room. Immutable; any thread.
namespace EtcdAot.Bolt;

/// <summary>Options of <see cref="Db.Open"/>.</summary>
public sealed record DbOptions
{
    /// <summary>Opened for reading, with a shared lock; never created.</summary>
    public bool ReadOnly { get; init; }

    /// <summary>A file whose creation was cut short counts as a new one; otherwise it is refused, as by bbolt.</summary>
    public bool FinishesCreation { get; init; }

    /// <summary>No fdatasync and no fsync (--unsafe-no-fsync).</summary>
    public bool NoSync { get; init; }

    /// <summary>Page size of a newly created file, bytes; an existing file brings its own.</summary>
    public int PageSize { get; init; } = Environment.SystemPageSize;

    /// <summary>Address space reserved for the map; the file can never outgrow it (DESIGN 4.14).</summary>
    public long ReserveBytes { get; init; } = 1L << 40;

    /// <summary>Bytes by which the file grows beyond what is needed (bbolt's AllocSize).</summary>
    public long GrowStep { get; init; } = 16 << 20;

    /// <summary>False: an old meta that is not pinned counts as unread at once. True: the owner tells by
    /// <see cref="Db.ReleasePendingBefore"/> which metas no thread reads any more (DESIGN 4.10).</summary>
    public bool ReadersByEpoch { get; init; }
}

/// <summary>Bounds of the format and of what is believed of a file.</summary>
public static class Limits
{
    /// <summary>Longest key, bytes (bbolt's MaxKeySize).</summary>
    public const int MaxKeyBytes = 32768;

    /// <summary>Longest value, bytes (bbolt's MaxValueSize).</summary>
    public const int MaxValueBytes = int.MaxValue - 1;

    /// <summary>Levels of one tree. A tree of two-way branches with this depth has 16 million leaves; deeper
    /// is damage.</summary>
    public const int MaxDepth = 24;

    /// <summary>Buckets within buckets. etcd has one level; deeper than this is damage.</summary>
    public const int MaxNesting = 16;

    /// <summary>Page sizes: what the probe for meta1 can find (spec storage §2.3).</summary>
    public const int MinPageSize = 1024;

    /// <summary>See <see cref="MinPageSize"/>.</summary>
    public const int MaxPageSize = 16 << 20;
}
