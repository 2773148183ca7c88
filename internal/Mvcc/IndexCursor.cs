// Walks a root of the index forward in key order, and counts live keys by rank. A value with its own stack: no allocation.
// owned by: whoever reads, inside one wake. It must never be kept across a wake: the pages go.
using System.Numerics;
using System.Runtime.CompilerServices;
using EtcdAot.Observe;

namespace EtcdAot.Mvcc;

/// <summary>A position in the index.</summary>
internal unsafe struct IndexCursor
{
    private const int MaxDepth = 12;

    private Levels _pages;
    private Positions _at;
    private int _depth;

    [InlineArray(MaxDepth)]
    private struct Levels
    {
        private nint _first;
    }

    [InlineArray(MaxDepth)]
    private struct Positions
    {
        private int _first;
    }

    /// <summary>Goes to the first key not below <paramref name="key"/>.</summary>
    public static IndexCursor Seek(IndexPage* root, ReadOnlySpan<byte> key)
    {
        Invariant.Check(root->Level < MaxDepth, "the index is not deeper than its cursor");
        IndexCursor cursor = default;
        IndexPage* page = root;
        while (page->Level > 0)
        {
            int child = IndexPage.ChildFor(page, key);
            cursor._pages[cursor._depth] = (nint)page;
            cursor._at[cursor._depth++] = child;
            page = IndexPage.Children(page)[child];
        }

        cursor._pages[cursor._depth] = (nint)page;
        cursor._at[cursor._depth] = IndexPage.LowerBound(page, key, out _);
        return cursor;
    }

    /// <summary>The key here, null at the end. Moves on to the next leaf when this one is used up.</summary>
    public KeyRecord* Current(out bool alive)
    {
        while (true)
        {
            var page = (IndexPage*)_pages[_depth];
            int at = _at[_depth];
            if (at < page->Count)
            {
                alive = ((page->Live >> at) & 1) != 0;
                return IndexPage.Keys(page)[at];
            }

            if (!NextLeaf())
            {
                alive = false;
                return null;
            }
        }
    }

    /// <summary>Steps over the current key.</summary>
    public void Next() => _at[_depth]++;

    private bool NextLeaf()
    {
        int depth = _depth - 1;
        while (depth >= 0 && _at[depth] + 1 >= ((IndexPage*)_pages[depth])->Count)
        {
            depth--;
        }

        if (depth < 0)
        {
            return false;
        }

        _at[depth]++;
        while (depth < _depth)
        {
            IndexPage* child = IndexPage.Children((IndexPage*)_pages[depth])[_at[depth]];
            depth++;
            _pages[depth] = (nint)child;
            _at[depth] = 0;
        }

        return true;
    }
}

/// <summary>Counting by rank, O(log n).</summary>
internal static unsafe class IndexCount
{
    /// <summary>Live keys in the range of a root.</summary>
    public static long Live(IndexPage* root, in KeyRange range)
    {
        if (range.IsEmpty)
        {
            return 0;
        }

        if (range.IsSingle)
        {
            return LiveBelow(root, range.Start, inclusive: true) - LiveBelow(root, range.Start, inclusive: false);
        }

        long end = range.IsOpenEnd ? IndexPage.LiveTotal(root) : LiveBelow(root, range.End, inclusive: false);
        return end - LiveBelow(root, range.Start, inclusive: false);
    }

    private static long LiveBelow(IndexPage* page, ReadOnlySpan<byte> key, bool inclusive)
    {
        long below = 0;
        while (page->Level > 0)
        {
            int child = IndexPage.ChildFor(page, key);
            uint* counts = IndexPage.LiveCounts(page);
            for (int i = 0; i < child; i++)
            {
                below += counts[i];
            }

            page = IndexPage.Children(page)[child];
        }

        int at = IndexPage.LowerBound(page, key, out bool exact);
        if (exact && inclusive)
        {
            at++;
        }

        ulong mask = at == 64 ? ulong.MaxValue : (1UL << at) - 1;
        return below + BitOperations.PopCount(page->Live & mask);
    }
}
