// Walks a bucket's keys forward in order. A value type with its own stack: no allocation. One user at a time;
// lives as long as its snapshot's pages are kept. Never writes.
using System.Runtime.CompilerServices;
using EtcdAot.Observe;

namespace EtcdAot.Bolt;

/// <summary>A position in a bucket. Copies are independent positions.</summary>
public struct Cursor
{
    private readonly Bucket _bucket;
    private Levels _levels;
    private int _depth;

    internal Cursor(Bucket bucket)
    {
        _bucket = bucket;
        _depth = -1;
    }

    /// <summary>True while the cursor stands on an entry.</summary>
    public bool Valid { get; private set; }

    /// <summary>The key here; lies in the map.</summary>
    public readonly ReadOnlySpan<byte> Key => _levels[_depth].Page.Key(_levels[_depth].Index);

    /// <summary>The value here; lies in the map. For a nested bucket its raw form.</summary>
    public readonly ReadOnlySpan<byte> Value => _levels[_depth].Page.Value(_levels[_depth].Index);

    /// <summary>True when the entry is a nested bucket.</summary>
    public readonly bool IsBucket => _levels[_depth].Page.IsBucket(_levels[_depth].Index);

    /// <summary>Goes to the first entry; false when there is none.</summary>
    public bool First()
    {
        _depth = 0;
        _levels[0] = new Level(_bucket.RootPage);
        return Settle();
    }

    /// <summary>Goes to the first entry with a key not below <paramref name="key"/>; false when there is
    /// none.</summary>
    public bool Seek(ReadOnlySpan<byte> key)
    {
        _depth = 0;
        _levels[0] = new Level(_bucket.RootPage);
        while (!_levels[_depth].Page.IsLeaf)
        {
            int index = _levels[_depth].Page.ChildIndex(key);
            _levels[_depth].Index = index;
            Push();
        }

        _levels[_depth].Index = _levels[_depth].Page.LowerBound(key, out _);
        return Settle();
    }

    /// <summary>Goes to the last entry; false when there is none.</summary>
    public bool Last()
    {
        _depth = 0;
        _levels[0] = new Level(_bucket.RootPage);
        while (true)
        {
            int last = _levels[_depth].Page.Count - 1;
            _levels[_depth].Index = last;
            if (last < 0 || _levels[_depth].Page.IsLeaf)
            {
                Valid = last >= 0;
                return Valid;
            }

            Push();
        }
    }

    /// <summary>Goes to the next entry; false at the end.</summary>
    public bool Next()
    {
        Invariant.Check(Valid, "Next is called on a cursor that stands on an entry");
        _levels[_depth].Index++;
        return Settle();
    }

    private bool Settle()
    {
        while (true)
        {
            ref Level top = ref _levels[_depth];
            if (top.Index < top.Page.Count)
            {
                if (top.Page.IsLeaf)
                {
                    Valid = true;
                    return true;
                }

                Push();
                continue;
            }

            if (_depth == 0)
            {
                Valid = false;
                return false;
            }

            _depth--;
            _levels[_depth].Index++;
        }
    }

    private void Push()
    {
        Invariant.Check(_depth + 1 < Limits.MaxDepth, "a tree is no deeper than the limit");
        Page child = _bucket.Pages.Get(_levels[_depth].Page.Child(_levels[_depth].Index));
        _levels[++_depth] = new Level(child);
    }

    private struct Level(Page page)
    {
        public readonly Page Page = page;
        public int Index;
    }

    [InlineArray(Limits.MaxDepth)]
    private struct Levels
    {
        private Level _first;
    }
}
