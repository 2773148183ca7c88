// Visits every page reachable from a meta, buckets within buckets too, and tells what is wrong in bbolt's
// words (spec storage §2.8, §2.11). Opening uses it to find the free pages and to make later reading safe;
// Check uses it for its report. Reads hostile bytes: each page is visited once, depth is bounded, nothing
// throws.
using System.Runtime.InteropServices;

namespace EtcdAot.Bolt;

/// <summary>One walk over the tree of a meta.</summary>
internal sealed unsafe class TreeWalk
{
    private readonly Pages _pages;
    private readonly int _maxErrors;
    private readonly ulong[] _reached;
    private readonly List<ulong> _stack = [];
    private int _nesting;

    /// <param name="pages">What the meta may reach.</param>
    /// <param name="maxErrors">The walk ends at this many; 1 for opening.</param>
    public TreeWalk(Pages pages, int maxErrors)
    {
        _pages = pages;
        _maxErrors = maxErrors;
        _reached = new ulong[(pages.HighWaterMark / 64) + 1];
    }

    /// <summary>What was found, in order.</summary>
    public List<string> Errors { get; } = [];

    /// <summary>Called for each page run of the tree, before its contents; null when nobody asks.</summary>
    public Action<ulong, ulong>? OnRun { get; set; }

    private bool Done => Errors.Count >= _maxErrors;

    public bool IsReached(ulong id) => (_reached[id >> 6] >> (int)(id & 63) & 1) != 0;

    /// <summary>Marks a run that no tree holds (metas, freelist).</summary>
    public void Mark(ulong id, ulong count)
    {
        for (ulong page = id; page < id + count && page < _pages.HighWaterMark; page++)
        {
            _reached[page >> 6] |= 1UL << (int)(page & 63);
        }
    }

    /// <summary>Walks the bucket tree under a root page.</summary>
    public void Walk(ulong root)
    {
        _stack.Clear();
        VisitPage(root, default, default);
    }

    private void Fail(string error)
    {
        if (!Done)
        {
            Errors.Add(error);
        }
    }

    private string Stack() => "[" + string.Join(' ', _stack) + "]";

    /// <summary>Visits one subtree whose keys must lie in [low, high); an absent bound is null. </summary>
    private void VisitPage(ulong id, KeyRef low, KeyRef high)
    {
        if (Done)
        {
            return;
        }

        _stack.Add(id);
        if (TryEnter(id, out Page page))
        {
            VisitElements(page, id, low, high);
        }

        _stack.RemoveAt(_stack.Count - 1);
    }

    private bool TryEnter(ulong id, out Page page)
    {
        string? problem = _pages.Problem(id, out page);
        if (problem is not null)
        {
            Fail($"page {id}: {problem} (stack: {Stack()})");
            return false;
        }

        ulong count = page.Overflow + 1UL;
        for (ulong i = id; i < id + count; i++)
        {
            if (IsReached(i))
            {
                Fail($"page {i}: multiple references (stack: {Stack()})");
                return false;
            }
        }

        Mark(id, count);
        OnRun?.Invoke(id, count);
        if (page.Flags is not (PageFlags.Branch or PageFlags.Leaf))
        {
            Fail($"page {id}: invalid type: {PageFlags.Name(page.Flags)} (stack: {Stack()})");
            return false;
        }

        problem = page.Problem();
        if (problem is null && !page.IsLeaf && page.Count == 0)
        {
            problem = "branch without elements";
        }

        if (problem is null && _stack.Count >= Limits.MaxDepth)
        {
            problem = $"deeper than {Limits.MaxDepth} levels";
        }

        if (problem is not null)
        {
            Fail($"page {id}: {problem} (stack: {Stack()})");
        }

        return problem is null;
    }

    private void VisitElements(Page page, ulong id, KeyRef low, KeyRef high)
    {
        KeyRef previous = low;
        for (int i = 0; i < page.Count && !Done; i++)
        {
            KeyRef key = KeyRef.Of(page.Key(i));
            CheckOrder(page, id, i, key, previous, high);
            previous = key;
            if (page.IsLeaf)
            {
                VisitBucketValue(page, id, i);
                continue;
            }

            KeyRef next = i + 1 < page.Count ? KeyRef.Of(page.Key(i + 1)) : high;
            VisitPage(page.Child(i), key, next);
        }
    }

    private void CheckOrder(Page page, ulong id, int i, KeyRef key, KeyRef previous, KeyRef high)
    {
        string Type() => PageFlags.Name(page.Flags);
        if (!previous.IsNull)
        {
            int order = previous.Span.SequenceCompareTo(key.Span);
            if (i == 0 && order > 0)
            {
                Fail($"the first key[{i}]=(hex){key} on {Type()} page({id}) needs to be >= the key in the "
                    + $"ancestor ({previous}). Stack: {Stack()}");
            }
            else if (i > 0 && order >= 0)
            {
                Fail($"key[{i}]=(hex){key} on {Type()} page({id}) needs to be > "
                    + $"(found {(order == 0 ? "=" : "<")}) than previous element (hex){previous}. Stack: {Stack()}");
            }
        }

        if (!high.IsNull && key.Span.SequenceCompareTo(high.Span) >= 0)
        {
            Fail($"key[{i}]=(hex){key} on {Type()} page({id}) needs to be < than key of the next element in "
                + $"ancestor (hex){high}. Pages stack: {Stack()}");
        }
    }

    private void VisitBucketValue(Page leaf, ulong id, int i)
    {
        if (!leaf.IsBucket(i))
        {
            return;
        }

        if (!Bucket.TryParse(_pages, leaf.Value(i), out Bucket bucket))
        {
            Fail($"page {id}: element {i} is no bucket (stack: {Stack()})");
            return;
        }

        if (_nesting >= Limits.MaxNesting)
        {
            Fail($"page {id}: buckets nested deeper than {Limits.MaxNesting} (stack: {Stack()})");
            return;
        }

        _nesting++;
        if (bucket.RootId != 0)
        {
            // A bucket is a tree of its own: its depth is counted anew, as its keys are.
            List<ulong> outer = [.. _stack];
            _stack.Clear();
            VisitPage(bucket.RootId, default, default);
            _stack.Clear();
            _stack.AddRange(outer);
        }
        else
        {
            VisitInline(bucket.RootPage, id, i);
        }

        _nesting--;
    }

    private void VisitInline(Page page, ulong id, int element)
    {
        string? problem = page.Problem();
        if (problem is not null)
        {
            Fail($"page {id}: inline bucket {element}: {problem} (stack: {Stack()})");
            return;
        }

        VisitElements(page, id, default, default);
    }

    /// <summary>A key in the map; null means unbounded.</summary>
    private readonly struct KeyRef(byte* at, int length)
    {
        public bool IsNull => at is null;

        public ReadOnlySpan<byte> Span => new(at, length);

        public static KeyRef Of(ReadOnlySpan<byte> key)
        {
            // Keys lie in the map, which does not move.
            fixed (byte* at = &MemoryMarshal.GetReference(key))
            {
                return new KeyRef(at, key.Length);
            }
        }

        public override string ToString() => Convert.ToHexStringLower(Span);
    }
}
