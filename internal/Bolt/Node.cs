// A page in memory while it is being changed: its elements as an array of plain structs that point into the
// map or the transaction's arena. Owned by the writer; pooled by the transaction. Holds no object for a key.
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using EtcdAot.Observe;

namespace EtcdAot.Bolt;

/// <summary>An element of a node: a key with its value, or with its child page.</summary>
internal unsafe struct Item
{
    /// <summary>The key; in a leaf the value follows it at once.</summary>
    public byte* Data;

    /// <summary>Branch: the child's page, 0 while the child is only a node.</summary>
    public ulong PageId;
    public int ValueLength;

    // ushort is enough: a key has at most 32768 bytes.
    public ushort KeyLength;
    public ushort Flags;

    public readonly ReadOnlySpan<byte> Key => new(Data, KeyLength);

    public readonly ReadOnlySpan<byte> Value => new(Data + KeyLength, ValueLength);

    /// <summary>Bytes that the element takes in a page.</summary>
    public readonly long Size => Page.ElementSize + KeyLength + (long)ValueLength;
}

/// <summary>A leaf or branch being changed.</summary>
internal sealed unsafe class Node
{
    private Item[] _items = new Item[64];
    private Node?[] _children = [];

    public bool IsLeaf { get; private set; }

    /// <summary>Elements lost: rebalance looks at it.</summary>
    public bool Unbalanced { get; set; }

    /// <summary>The page it came from, 0 for none.</summary>
    public ulong PageId { get; private set; }

    /// <summary>Pages of that run.</summary>
    public ulong PageCount { get; private set; }

    public int Count { get; private set; }

    public ReadOnlySpan<Item> Items => _items.AsSpan(0, Count);

    public ref readonly Item this[int i] => ref _items[i];

    /// <summary>Bytes as a page.</summary>
    public long Size
    {
        get
        {
            long size = Page.HeaderSize;
            foreach (ref readonly Item item in Items)
            {
                size += item.Size;
            }

            return size;
        }
    }

    /// <summary>Makes it an empty node without a page.</summary>
    public void Clear(bool isLeaf)
    {
        IsLeaf = isLeaf;
        Unbalanced = false;
        PageId = 0;
        PageCount = 0;
        if (Count > 0 && _children.Length > 0)
        {
            Array.Clear(_children);
        }

        Count = 0;
        // A batch of 10,000 appended keys fits without growing again; a rare larger one gives its memory
        // back.
        if (_items.Length > 16384)
        {
            _items = new Item[64];
        }
    }

    /// <summary>Takes a page's elements; pointers stay in the page.</summary>
    public void Load(Page page, bool inline)
    {
        Clear(page.IsLeaf);
        PageId = inline ? 0 : page.Id;
        PageCount = inline ? 0 : page.Overflow + 1UL;
        Reserve(page.Count);
        Count = page.Count;
        for (int i = 0; i < Count; i++)
        {
            ReadOnlySpan<byte> key = page.Key(i);
            ref Item item = ref _items[i];
            item = default;
            fixed (byte* at = &MemoryMarshal.GetReference(key))
            {
                item.Data = at;
            }

            item.KeyLength = (ushort)key.Length;
            if (IsLeaf)
            {
                item.ValueLength = page.Value(i).Length;
                item.Flags = page.IsBucket(i) ? (ushort)Page.BucketFlag : (ushort)0;
            }
            else
            {
                item.PageId = page.Child(i);
            }
        }
    }

    public Node? Child(int i) => _children[i];

    public void SetChild(int i, Node child) => _children[i] = child;

    /// <summary>First element whose key is not below <paramref name="key"/>.</summary>
    public int LowerBound(ReadOnlySpan<byte> key, out bool exact)
    {
        int low = 0;
        int high = Count;
        exact = false;
        while (low < high)
        {
            int middle = (int)((uint)(low + high) >> 1);
            int order = _items[middle].Key.SequenceCompareTo(key);
            exact |= order == 0;
            low = order < 0 ? middle + 1 : low;
            high = order < 0 ? high : middle;
        }

        return low;
    }

    /// <summary>The child that leads to <paramref name="key"/>.</summary>
    public int ChildIndex(ReadOnlySpan<byte> key)
    {
        int found = LowerBound(key, out bool exact);
        return exact || found == 0 ? found : found - 1;
    }

    public void Set(int i, Item item) => _items[i] = item;

    public void Insert(int i, Item item)
    {
        OpenGap(i, 1);
        _items[i] = item;
    }

    public void RemoveAt(int i)
    {
        Array.Copy(_items, i + 1, _items, i, Count - i - 1);
        if (!IsLeaf)
        {
            Array.Copy(_children, i + 1, _children, i, Count - i - 1);
            _children[Count - 1] = null;
        }

        Count--;
    }

    /// <summary>Takes all of a neighbour's elements behind its own (same kind).</summary>
    public void Append(Node other)
    {
        Invariant.Check(IsLeaf == other.IsLeaf, "nodes of one level are of one kind");
        int at = Count;
        OpenGap(at, other.Count);
        Array.Copy(other._items, 0, _items, at, other.Count);
        if (!IsLeaf)
        {
            Array.Copy(other._children, 0, _children, at, other.Count);
        }
    }

    /// <summary>Puts the written parts of child <paramref name="i"/> in its place.</summary>
    public void ReplaceChild(int i, ReadOnlySpan<Item> parts)
    {
        Invariant.Check(!parts.IsEmpty, "a written node has at least one page");
        _children[i] = null;
        OpenGap(i + 1, parts.Length - 1);
        parts.CopyTo(_items.AsSpan(i));
    }

    /// <summary>Becomes what its only child is; the caller frees and recycles the child.</summary>
    public void Absorb(Node child)
    {
        (ulong id, ulong pages) = (PageId, PageCount);
        Clear(child.IsLeaf);
        (PageId, PageCount) = (id, pages);
        Append(child);
    }

    /// <summary>An empty branch is an empty leaf.</summary>
    public void TurnIntoLeaf()
    {
        Invariant.Check(Count == 0, "only an empty branch turns into a leaf");
        IsLeaf = true;
    }

    /// <summary>Lays elements [first, end) out as a page with zeroed tail.</summary>
    public void Write(int first, int end, byte* page, long bytes, ulong id, uint overflow)
    {
        Unsafe.WriteUnaligned(page, id);
        Unsafe.WriteUnaligned(page + 8, IsLeaf ? PageFlags.Leaf : PageFlags.Branch);
        Unsafe.WriteUnaligned(page + 10, (ushort)(end - first));
        Unsafe.WriteUnaligned(page + 12, overflow);
        byte* element = page + Page.HeaderSize;
        byte* data = element + ((long)(end - first) * Page.ElementSize);
        foreach (ref readonly Item item in _items.AsSpan(first, end - first))
        {
            uint position = (uint)(data - element);
            if (IsLeaf)
            {
                Unsafe.WriteUnaligned(element, (uint)item.Flags);
                Unsafe.WriteUnaligned(element + 4, position);
                Unsafe.WriteUnaligned(element + 8, (uint)item.KeyLength);
                Unsafe.WriteUnaligned(element + 12, (uint)item.ValueLength);
            }
            else
            {
                Unsafe.WriteUnaligned(element, position);
                Unsafe.WriteUnaligned(element + 4, (uint)item.KeyLength);
                Unsafe.WriteUnaligned(element + 8, item.PageId);
            }

            long length = item.KeyLength + (long)item.ValueLength;
            Buffer.MemoryCopy(item.Data, data, length, length);
            data += length;
            element += Page.ElementSize;
        }

        new Span<byte>(data, (int)(page + bytes - data)).Clear();
    }

    private void OpenGap(int i, int length)
    {
        Reserve(Count + length);
        Array.Copy(_items, i, _items, i + length, Count - i);
        if (!IsLeaf)
        {
            Array.Copy(_children, i, _children, i + length, Count - i);
            Array.Clear(_children, i, length);
        }

        Count += length;
    }

    private void Reserve(int count)
    {
        if (count > _items.Length)
        {
            Array.Resize(ref _items, Math.Max(count, _items.Length * 2));
        }

        // Not as many as items: a node that was a wide leaf once has room for thousands, and the collector would walk them.
        if (!IsLeaf && _children.Length < count)
        {
            Array.Resize(ref _children, Math.Max(count, _children.Length * 2));
        }
    }
}
