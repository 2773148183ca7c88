// A bucket inside the write transaction: what is untouched is read from its pages, what is touched stands in
// nodes. Owned by the writer; ends with its transaction. Tree shape changes only at commit
// (WriteBucket.Commit.cs).
using EtcdAot.Observe;

namespace EtcdAot.Bolt;

/// <summary>A bucket being changed.</summary>
public sealed unsafe partial class WriteBucket
{
    private readonly WriteTx _tx;
    private readonly Bucket _stored;
    private readonly bool _isNew;
    private Node? _root;

    // The last leaf, when it is a node: ascending keys (bucket `key`) go there without a descent.
    private Node? _rightmost;
    private double _fillPercent = DefaultFillPercent;

    /// <param name="tx">Its transaction.</param>
    /// <param name="name">Copied name in the arena, empty for the root bucket.</param>
    /// <param name="stored">What the file holds; default for a new bucket.</param>
    /// <param name="isNew">True for a bucket that the file does not hold.</param>
    internal WriteBucket(WriteTx tx, SpanRef name, Bucket stored, bool isNew)
    {
        _tx = tx;
        Name = name;
        _stored = stored;
        _isNew = isNew;
        if (isNew)
        {
            _root = tx.RentNode();
            _root.Clear(isLeaf: true);
        }
    }

    /// <summary>bbolt's default fill of split pages.</summary>
    public const double DefaultFillPercent = 0.5;

    /// <summary>How full split pages become, 0.1 to 1; etcd uses 0.9 for ascending keys (spec storage
    /// §2.10).</summary>
    public double FillPercent
    {
        get => _fillPercent;
        set => _fillPercent = Math.Clamp(value, 0.1, 1.0);
    }

    internal SpanRef Name { get; }

    internal bool IsDirty => _root is not null;

    internal Bucket Stored => _stored;

    internal bool IsNew => _isNew;

    /// <summary>Inserts or replaces. Key and value are copied.</summary>
    public BoltError Put(ReadOnlySpan<byte> key, ReadOnlySpan<byte> value)
    {
        if (key.IsEmpty)
        {
            return BoltError.KeyRequired;
        }

        if (key.Length > Limits.MaxKeyBytes)
        {
            return BoltError.KeyTooLarge;
        }

        if (value.Length > Limits.MaxValueBytes - Limits.MaxKeyBytes)
        {
            return BoltError.ValueTooLarge;
        }

        return _tx.IsOpen ? PutItem(key, value, flags: 0) : BoltError.TxClosed;
    }

    /// <summary>Removes a key; an absent one is no error.</summary>
    public BoltError Delete(ReadOnlySpan<byte> key)
    {
        if (!_tx.IsOpen)
        {
            return BoltError.TxClosed;
        }

        return TryFind(key, out _, out bool isBucket)
            ? isBucket ? BoltError.IncompatibleValue : Remove(key)
            : BoltError.Ok;
    }

    /// <summary>Reads what the transaction sees. The span lives until the next call that changes the
    /// bucket.</summary>
    public bool TryGet(ReadOnlySpan<byte> key, out ReadOnlySpan<byte> value)
    {
        if (TryFind(key, out value, out bool isBucket) && !isBucket)
        {
            return true;
        }

        value = default;
        return false;
    }

    internal bool TryFind(ReadOnlySpan<byte> key, out ReadOnlySpan<byte> value, out bool isBucket)
    {
        Node? node = _root;
        Page page = node is null ? _stored.RootPage : default;
        for (int depth = 0; ; depth++)
        {
            Invariant.Check(depth <= Limits.MaxDepth, "a tree is no deeper than the limit");
            if (node is not null)
            {
                if (node.IsLeaf)
                {
                    return FindInLeaf(node, key, out value, out isBucket);
                }

                int i = node.ChildIndex(key);
                page = node.Child(i) is null ? _tx.Pages.Get(node[i].PageId) : default;
                node = node.Child(i);
                continue;
            }

            if (page.IsLeaf)
            {
                return FindInLeaf(page, key, out value, out isBucket);
            }

            page = _tx.Pages.Get(page.Child(page.ChildIndex(key)));
        }
    }

    internal BoltError PutItem(ReadOnlySpan<byte> key, ReadOnlySpan<byte> value, ushort flags)
    {
        Node leaf;
        int i;
        bool exact = false;
        if (_rightmost is { Count: > 0 } last && last[last.Count - 1].Key.SequenceCompareTo(key) < 0)
        {
            leaf = last;
            i = last.Count;
        }
        else
        {
            leaf = Descend(key);
            i = leaf.LowerBound(key, out exact);
        }

        if (exact && leaf[i].Flags != flags)
        {
            return BoltError.IncompatibleValue;
        }

        var item = new Item
        {
            Data = _tx.Arena.Copy(key, value),
            KeyLength = (ushort)key.Length,
            ValueLength = value.Length,
            Flags = flags,
        };
        if (exact)
        {
            leaf.Set(i, item);
        }
        else
        {
            leaf.Insert(i, item);
        }

        _tx.Count(key.Length + value.Length);
        return BoltError.Ok;
    }

    internal BoltError Remove(ReadOnlySpan<byte> key)
    {
        Node leaf = Descend(key);
        int i = leaf.LowerBound(key, out bool exact);
        Invariant.Check(exact, "a key that was found is in its leaf");
        leaf.RemoveAt(i);
        leaf.Unbalanced = true;
        _tx.Count(key.Length);
        return BoltError.Ok;
    }

    private static bool FindInLeaf(
        Node leaf, ReadOnlySpan<byte> key, out ReadOnlySpan<byte> value, out bool isBucket)
    {
        int i = leaf.LowerBound(key, out bool exact);
        value = exact ? leaf[i].Value : default;
        isBucket = exact && leaf[i].Flags != 0;
        return exact;
    }

    private static bool FindInLeaf(
        Page leaf, ReadOnlySpan<byte> key, out ReadOnlySpan<byte> value, out bool isBucket)
    {
        int i = leaf.LowerBound(key, out bool exact);
        value = exact ? leaf.Value(i) : default;
        isBucket = exact && leaf.IsBucket(i);
        return exact;
    }

    /// <summary>The leaf where the key belongs, as a node; the branches above become nodes too.</summary>
    private Node Descend(ReadOnlySpan<byte> key)
    {
        Node node = Root();
        bool rightmost = true;
        for (int depth = 0; !node.IsLeaf; depth++)
        {
            Invariant.Check(depth <= Limits.MaxDepth, "a tree is no deeper than the limit");
            int i = node.ChildIndex(key);
            rightmost &= i == node.Count - 1;
            node = Child(node, i);
        }

        if (rightmost)
        {
            _rightmost = node;
        }

        return node;
    }

    private Node Root()
    {
        if (_root is null)
        {
            _root = _tx.RentNode();
            _root.Load(_stored.RootPage, inline: _stored.RootId == 0);
        }

        return _root;
    }

    private Node Child(Node parent, int i)
    {
        Node? child = parent.Child(i);
        if (child is null)
        {
            child = _tx.RentNode();
            child.Load(_tx.Pages.Get(parent[i].PageId), inline: false);
            parent.SetChild(i, child);
        }

        return child;
    }
}
