// Commit of one bucket: rebalance the nodes that lost elements, then split, allocate and write the nodes,
// leaves first (spec storage §2.9 steps 1 and 2, §2.10). Owned by the writer. Recursion is as deep as the
// tree.
using System.Buffers.Binary;
using System.Runtime.InteropServices;
using EtcdAot.Observe;

namespace EtcdAot.Bolt;

public sealed unsafe partial class WriteBucket
{
    // A page that must be split keeps at least this many elements on each side.
    private const int MinKeysPerPage = 2;

    /// <summary>Step 1: merges what has become too small; an emptied tree becomes an empty leaf.</summary>
    internal void Rebalance()
    {
        if (_root is null)
        {
            return;
        }

        // The shape changes now: the shortcut to the last leaf ends.
        _rightmost = null;
        RebalanceChildren(_root);
        while (!_root.IsLeaf && _root.Count == 1)
        {
            Node only = Child(_root, 0);
            _tx.Free(only.PageId, only.PageCount);
            _root.Absorb(only);
            _tx.ReturnNode(only);
        }

        if (!_root.IsLeaf && _root.Count == 0)
        {
            _root.TurnIntoLeaf();
        }
    }

    /// <summary>Step 2 for a bucket below the root: its new value (root page or inline page) in the
    /// arena.</summary>
    internal ReadOnlySpan<byte> Spill()
    {
        Node root = Root();
        long size = root.Size;
        if (!CanBeInline(root, size))
        {
            byte* header = _tx.Arena.Allocate(Bucket.HeaderSize);
            WriteHeader(header, SpillRoot());
            return new ReadOnlySpan<byte>(header, Bucket.HeaderSize);
        }

        byte* value = _tx.Arena.Allocate(Bucket.HeaderSize + size);
        WriteHeader(value, 0);
        root.Write(0, root.Count, value + Bucket.HeaderSize, size, id: 0, overflow: 0);
        _tx.Free(root.PageId, root.PageCount);
        _tx.ReturnNode(root);
        return new ReadOnlySpan<byte>(value, Bucket.HeaderSize + (int)size);
    }

    /// <summary>Writes the whole tree of touched nodes; returns the page of the root.</summary>
    internal ulong SpillRoot()
    {
        List<Item> parts = _tx.Parts;
        Invariant.Check(parts.Count == 0, "no parts are left from another bucket");
        SpillNode(Root());
        for (int depth = 0; parts.Count > 1; depth++)
        {
            Invariant.Check(depth < Limits.MaxDepth, "a tree is no deeper than the limit");
            Node branch = _tx.RentNode();
            branch.Clear(isLeaf: false);
            foreach (Item part in parts)
            {
                branch.Insert(branch.Count, part);
            }

            parts.Clear();
            SpillNode(branch);
        }

        ulong id = parts[0].PageId;
        parts.Clear();
        return id;
    }

    private void WriteHeader(byte* at, ulong root)
    {
        var header = new Span<byte>(at, Bucket.HeaderSize);
        BinaryPrimitives.WriteUInt64LittleEndian(header, root);
        BinaryPrimitives.WriteUInt64LittleEndian(header[8..], _stored.Sequence);
    }

    private bool CanBeInline(Node root, long size)
    {
        if (!root.IsLeaf || size > _tx.PageSize / 4)
        {
            return false;
        }

        foreach (ref readonly Item item in root.Items)
        {
            if (item.Flags != 0)
            {
                return false;
            }
        }

        return true;
    }

    private void RebalanceChildren(Node branch)
    {
        if (branch.IsLeaf)
        {
            return;
        }

        for (int i = 0; i < branch.Count;)
        {
            Node? child = branch.Child(i);
            if (child is not null)
            {
                RebalanceChildren(child);
            }

            if (child is null || !child.Unbalanced)
            {
                i++;
                continue;
            }

            child.Unbalanced = false;
            i = RebalanceChild(branch, i, child);
        }
    }

    /// <summary>Looks at one child that lost elements; returns the index to go on with.</summary>
    private int RebalanceChild(Node branch, int i, Node child)
    {
        if (child.Count == 0)
        {
            Drop(branch, i, child);
            return i;
        }

        long threshold = (long)(_tx.PageSize * _fillPercent / 2);
        if (branch.Count == 1
            || (child.Size > threshold && child.Count > (child.IsLeaf ? 1 : MinKeysPerPage)))
        {
            return i + 1;
        }

        if (i == 0)
        {
            // The first child takes its right neighbour in; that one's own losses are looked at before.
            Node right = Child(branch, 1);
            RebalanceChildren(right);
            child.Append(right);
            Drop(branch, 1, right);
            return 1;
        }

        Node left = Child(branch, i - 1);
        left.Append(child);
        Drop(branch, i, child);
        return i;
    }

    private void Drop(Node branch, int i, Node child)
    {
        _tx.Free(child.PageId, child.PageCount);
        branch.RemoveAt(i);
        branch.Unbalanced = true;
        _tx.ReturnNode(child);
    }

    /// <summary>Writes a node and what is below it; leaves its pages as parts at the end of the
    /// list.</summary>
    private void SpillNode(Node node)
    {
        List<Item> parts = _tx.Parts;
        for (int i = 0; !node.IsLeaf && i < node.Count; i++)
        {
            Node? child = node.Child(i);
            if (child is null)
            {
                continue;
            }

            int start = parts.Count;
            SpillNode(child);
            ReadOnlySpan<Item> made = CollectionsMarshal.AsSpan(parts)[start..];
            node.ReplaceChild(i, made);
            i += made.Length - 1;
            parts.RemoveRange(start, parts.Count - start);
        }

        _tx.Free(node.PageId, node.PageCount);
        long rest = node.Size;
        int first = 0;
        do
        {
            int end = SplitPoint(node, first, rest, out long size);
            ulong id = _tx.WriteNode(node, first, end, size);
            parts.Add(node.Count == 0
                ? new Item { PageId = id }
                : new Item { Data = node[first].Data, KeyLength = node[first].KeyLength, PageId = id });
            rest -= size - Page.HeaderSize;
            first = end;
        }
        while (first < node.Count);
        _tx.ReturnNode(node);
    }

    /// <summary>Where the page that starts at <paramref name="first"/> ends; <paramref name="rest"/> is the
    /// size of all that is left, as one page.</summary>
    private int SplitPoint(Node node, int first, long rest, out long size)
    {
        size = rest;
        int left = node.Count - first;
        if (left <= MinKeysPerPage * 2 || rest < _tx.PageSize)
        {
            return node.Count;
        }

        long threshold = (long)(_tx.PageSize * _fillPercent);
        size = Page.HeaderSize;
        int end = first;
        for (; end < node.Count - MinKeysPerPage; end++)
        {
            long next = node[end].Size;
            if (end - first >= MinKeysPerPage && size + next > threshold)
            {
                break;
            }

            size += next;
        }

        return end;
    }
}
