// A bucket as one meta sees it: a tree of pages, or the miniature page of an inline bucket (spec storage
// §2.6). Immutable value; any thread, as long as the snapshot's pages are kept (Db.Pin or the owner's
// epochs).
using System.Buffers.Binary;
using EtcdAot.Observe;

namespace EtcdAot.Bolt;

/// <summary>A bucket for reading. Spans it returns lie in the map and live as long as the snapshot is
/// kept.</summary>
public readonly unsafe struct Bucket
{
    /// <summary>Bytes of a bucket's value before an inline page: root page id, sequence.</summary>
    internal const int HeaderSize = 16;

    private readonly Pages _pages;
    private readonly byte* _inline;
    private readonly int _inlineBytes;

    internal Bucket(Pages pages, ulong root, ulong sequence)
    {
        _pages = pages;
        RootId = root;
        Sequence = sequence;
    }

    private Bucket(Pages pages, ulong sequence, byte* inline, int inlineBytes)
    {
        _pages = pages;
        Sequence = sequence;
        _inline = inline;
        _inlineBytes = inlineBytes;
    }

    /// <summary>Page id of the root, 0 for an inline bucket.</summary>
    internal ulong RootId { get; }

    /// <summary>The stored sequence; 0 in etcd.</summary>
    internal ulong Sequence { get; }

    internal Pages Pages => _pages;

    internal Page RootPage => RootId != 0 ? _pages.Get(RootId) : new Page(_inline, _inlineBytes);

    /// <summary>Reads a bucket's value; false when it is no bucket value or its inline page is
    /// unsound.</summary>
    internal static bool TryParse(Pages pages, ReadOnlySpan<byte> value, out Bucket bucket)
    {
        bucket = default;
        if (value.Length < HeaderSize)
        {
            return false;
        }

        ulong root = BinaryPrimitives.ReadUInt64LittleEndian(value);
        ulong sequence = BinaryPrimitives.ReadUInt64LittleEndian(value[8..]);
        if (root != 0)
        {
            bucket = new Bucket(pages, root, sequence);
            return true;
        }

        // The value lies in the map or in the transaction's native memory: it does not move.
        fixed (byte* at = value)
        {
            int length = value.Length - HeaderSize;
            bucket = new Bucket(pages, sequence, at + HeaderSize, length);
            return length >= Page.HeaderSize && new Page(at + HeaderSize, length).IsLeaf;
        }
    }

    /// <summary>Finds a value. False when the key is absent or names a nested bucket. Allocates
    /// nothing.</summary>
    public bool TryGet(ReadOnlySpan<byte> key, out ReadOnlySpan<byte> value)
    {
        value = default;
        if (!TryFind(key, out Page leaf, out int index) || leaf.IsBucket(index))
        {
            return false;
        }

        value = leaf.Value(index);
        return true;
    }

    /// <summary>Finds a nested bucket by name.</summary>
    public bool TryBucket(ReadOnlySpan<byte> name, out Bucket bucket)
    {
        bucket = default;
        return TryFind(name, out Page leaf, out int index) && leaf.IsBucket(index)
            && TryParse(_pages, leaf.Value(index), out bucket);
    }

    /// <summary>A cursor that stands nowhere yet.</summary>
    public Cursor Cursor() => new(this);

    private bool TryFind(ReadOnlySpan<byte> key, out Page leaf, out int index)
    {
        leaf = RootPage;
        for (int depth = 0; !leaf.IsLeaf; depth++)
        {
            Invariant.Check(depth < Limits.MaxDepth, "a tree is no deeper than the limit");
            leaf = _pages.Get(leaf.Child(leaf.ChildIndex(key)));
        }

        index = leaf.LowerBound(key, out bool exact);
        return exact;
    }
}
