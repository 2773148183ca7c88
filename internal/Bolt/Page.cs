// One page of the file as it lies in the map: header, element table, data (spec storage §2.1, §2.4, §2.5).
// Reading only; any thread. Every access is checked against the page's end, so that damage ends in an error
// and not in a fault.
//
//   0 u64 id | 8 u16 flags | 10 u16 count | 12 u32 overflow | 16 elements of 16 bytes | keys and values
//   leaf element   u32 flags | u32 pos | u32 ksize | u32 vsize        pos counts from the element itself,
//   branch element u32 pos | u32 ksize | u64 child page id            the value follows its key at once
using System.Runtime.CompilerServices;
using EtcdAot.Observe;

namespace EtcdAot.Bolt;

/// <summary>Page kinds; a page has exactly one.</summary>
internal static class PageFlags
{
    public const ushort Branch = 0x01;
    public const ushort Leaf = 0x02;
    public const ushort Meta = 0x04;
    public const ushort Freelist = 0x10;

    /// <summary>bbolt's name of a page's kind.</summary>
    public static string Name(ushort flags)
    {
        return (flags & Branch) != 0 ? "branch"
            : (flags & Leaf) != 0 ? "leaf"
            : (flags & Meta) != 0 ? "meta"
            : (flags & Freelist) != 0 ? "freelist"
            : $"unknown<{flags:x2}>";
    }
}

/// <summary>A page (or the miniature page of an inline bucket) and its length.</summary>
internal readonly unsafe struct Page(byte* at, long bytes)
{
    public const int HeaderSize = 16;
    public const int ElementSize = 16;

    /// <summary>Leaf element flag: the value is a bucket.</summary>
    public const uint BucketFlag = 1;

    public byte* Address => at;

    /// <summary>All bytes, overflow pages included.</summary>
    public long Bytes => bytes;

    public ulong Id => Unsafe.ReadUnaligned<ulong>(at);

    public ushort Flags => Unsafe.ReadUnaligned<ushort>(at + 8);

    public int Count => Unsafe.ReadUnaligned<ushort>(at + 10);

    public uint Overflow => Unsafe.ReadUnaligned<uint>(at + 12);

    public bool IsLeaf => Flags == PageFlags.Leaf;

    /// <summary>The key of element <paramref name="i"/> of a leaf or branch.</summary>
    public ReadOnlySpan<byte> Key(int i)
    {
        byte* element = Element(i);
        int shift = IsLeaf ? 4 : 0;
        long start = element - at + Unsafe.ReadUnaligned<uint>(element + shift);
        uint length = Unsafe.ReadUnaligned<uint>(element + shift + 4);
        Invariant.Check(length <= Limits.MaxKeyBytes && start + length <= bytes, "a key lies within its page");
        return new ReadOnlySpan<byte>(at + start, (int)length);
    }

    /// <summary>The value of element <paramref name="i"/> of a leaf.</summary>
    public ReadOnlySpan<byte> Value(int i)
    {
        byte* element = Element(i);
        uint keyLength = Unsafe.ReadUnaligned<uint>(element + 8);
        long start = element - at + Unsafe.ReadUnaligned<uint>(element + 4) + keyLength;
        uint length = Unsafe.ReadUnaligned<uint>(element + 12);
        Invariant.Check(length <= Limits.MaxValueBytes && start + length <= bytes, "a value lies within its page");
        return new ReadOnlySpan<byte>(at + start, (int)length);
    }

    /// <summary>True when element <paramref name="i"/> of a leaf is a bucket.</summary>
    public bool IsBucket(int i) => (Unsafe.ReadUnaligned<uint>(Element(i)) & BucketFlag) != 0;

    /// <summary>The child of element <paramref name="i"/> of a branch.</summary>
    public ulong Child(int i) => Unsafe.ReadUnaligned<ulong>(Element(i) + 8);

    /// <summary>First element of a leaf whose key is not below <paramref name="key"/>; Count when there is
    /// none.</summary>
    public int LowerBound(ReadOnlySpan<byte> key, out bool exact)
    {
        int low = 0;
        int high = Count;
        exact = false;
        while (low < high)
        {
            int middle = (int)((uint)(low + high) >> 1);
            int order = Key(middle).SequenceCompareTo(key);
            if (order < 0)
            {
                low = middle + 1;
            }
            else
            {
                exact |= order == 0;
                high = middle;
            }
        }

        return low;
    }

    /// <summary>The element of a branch that leads to <paramref name="key"/>.</summary>
    public int ChildIndex(ReadOnlySpan<byte> key)
    {
        int found = LowerBound(key, out bool exact);
        return exact || found == 0 ? found : found - 1;
    }

    /// <summary>What is wrong with the page by itself, null when it can be read: the elements lie within
    /// it.</summary>
    public string? Problem()
    {
        if (HeaderSize + ((long)Count * ElementSize) > bytes)
        {
            return $"{Count} elements do not fit";
        }

        bool leaf = IsLeaf;
        for (int i = 0; i < Count; i++)
        {
            byte* element = at + HeaderSize + (i * ElementSize);
            int shift = leaf ? 4 : 0;
            ulong start = (ulong)(element - at) + Unsafe.ReadUnaligned<uint>(element + shift);
            uint keyLength = Unsafe.ReadUnaligned<uint>(element + shift + 4);
            uint valueLength = leaf ? Unsafe.ReadUnaligned<uint>(element + 12) : 0;
            if (keyLength > Limits.MaxKeyBytes || valueLength > Limits.MaxValueBytes
                || start + keyLength + valueLength > (ulong)bytes)
            {
                return $"element {i} does not fit (key {keyLength}, value {valueLength} bytes)";
            }
        }

        return null;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private byte* Element(int i)
    {
        Invariant.Check((uint)i < (uint)Count, "an element index is below the page's count");
        return at + HeaderSize + (i * ElementSize);
    }
}

/// <summary>The pages below a high-water mark: what one meta may reach.</summary>
internal readonly unsafe struct Pages(byte* map, int pageSize, ulong hwm)
{
    public int PageSize => pageSize;

    /// <summary>First page id never allocated.</summary>
    public ulong HighWaterMark => hwm;

    /// <summary>The page with its overflow; the tree has been walked at opening, so a wrong one is
    /// impossible.</summary>
    public Page Get(ulong id)
    {
        Invariant.Check(Problem(id, out Page page) is null && page.Flags is PageFlags.Leaf or PageFlags.Branch,
            "a reachable page is sound");
        return page;
    }

    /// <summary>What is wrong with the header, null when the page may be touched.</summary>
    public string? Problem(ulong id, out Page page)
    {
        page = default;
        if (id < 2 || id >= hwm)
        {
            return $"out of bounds: {hwm}";
        }

        var header = new Page(map + ((long)id * pageSize), pageSize);
        if (header.Id != id)
        {
            return $"stored id is {header.Id}";
        }

        if (header.Overflow >= hwm - id)
        {
            return $"overflow {header.Overflow} passes the high water mark {hwm}";
        }

        page = new Page(header.Address, (header.Overflow + 1L) * pageSize);
        return HeaderFits(page) ? null : $"{page.Count} elements do not fit";
    }

    private static bool HeaderFits(Page page)
    {
        return (page.Flags & (PageFlags.Branch | PageFlags.Leaf)) == 0
            || Page.HeaderSize + ((long)page.Count * Page.ElementSize) <= page.Bytes;
    }
}
