// What one committed meta says: root, high-water mark, transaction id. Immutable; any thread. It keeps
// nothing alive: its pages stay as long as the owner pins the id or has not called Db.ReleasePendingBefore
// beyond it.
namespace EtcdAot.Bolt;

/// <summary>A committed state of the file.</summary>
public sealed class ReadSnapshot
{
    internal ReadSnapshot(Pages pages, Meta meta)
    {
        Pages = pages;
        Meta = meta;
        Root = new Bucket(pages, meta.Root, meta.Sequence);
    }

    /// <summary>The transaction that wrote it.</summary>
    public ulong TxId => Meta.TxId;

    /// <summary>High-water mark × page size: etcd's dbSize (spec storage §2.14), and a hot copy's
    /// length.</summary>
    public long SizeBytes => (long)Meta.HighWaterMark * Meta.PageSize;

    /// <summary>The bucket whose entries are the buckets.</summary>
    public Bucket Root { get; }

    internal Meta Meta { get; }

    internal Pages Pages { get; }

    /// <summary>Finds a top-level bucket.</summary>
    public bool TryBucket(ReadOnlySpan<byte> name, out Bucket bucket) => Root.TryBucket(name, out bucket);
}
