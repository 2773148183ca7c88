// The ordered index of all keys: a copy-on-write B+tree of native pages with counted subtrees (DESIGN 4.8). A published
// root never changes; pages born in the current batch change in place. Dead keys stay until compaction drops them.
// owned by: core thread. Readers use published roots through IndexCursor and IndexCount. It must never touch a value.
using EtcdAot.Observe;
using EtcdAot.Sys;

namespace EtcdAot.Mvcc;

/// <summary>Key → revisions (spec storage §4.3).</summary>
internal sealed unsafe class TreeIndex : IDisposable
{
    /// <summary>A page with fewer entries looks for a neighbour to join.</summary>
    private const int MinFill = 16;

    private readonly NativeHeap _heap;
    private IndexPage* _root;
    private long _batch = 1;

    public TreeIndex(NativeHeap heap)
    {
        _heap = heap;
        _root = NewPage(0);
    }

    /// <summary>Working root: what the current batch sees.</summary>
    public IndexPage* Root => _root;

    /// <summary>Keys known, dead ones included.</summary>
    public long KeyCount { get; private set; }

    /// <summary>Live keys as of the working root.</summary>
    public long LiveCount => IndexPage.LiveTotal(_root);

    /// <summary>Freezes the working root; later changes copy.</summary>
    public IndexPage* Freeze()
    {
        _batch++;
        return _root;
    }

    /// <summary>Record of a key, null when unknown.</summary>
    public KeyRecord* Find(ReadOnlySpan<byte> key) => Find(_root, key);

    /// <summary>Record of a key below a root, null when unknown.</summary>
    public static KeyRecord* Find(IndexPage* root, ReadOnlySpan<byte> key)
    {
        IndexPage* page = root;
        while (page->Level > 0)
        {
            page = IndexPage.Children(page)[IndexPage.ChildFor(page, key)];
        }

        int at = IndexPage.LowerBound(page, key, out bool exact);
        return exact ? IndexPage.Keys(page)[at] : null;
    }

    /// <summary>A put: appends a revision to a known key or begins a new one.</summary>
    public KeyRecord* Put(ReadOnlySpan<byte> key, Revision revision, int encodedLength, KeyRecord* known)
    {
        var entry = new RevisionEntry(revision, encodedLength, tombstone: false);
        if (known == null)
        {
            return Add(key, entry, revision.Main, 1, alive: true);
        }

        KeyHistory* history = KeyRecord.History(known);
        bool wasDead = KeyHistory.Entries(history)[history->Count - 1].IsTombstone;
        KeyRecord.Append(_heap, known, entry);
        if (wasDead)
        {
            SetLive(KeyRecord.Key(known), alive: true);
        }

        return known;
    }

    /// <summary>A deletion of a live key.</summary>
    public void Tombstone(KeyRecord* known, Revision revision, int encodedLength)
    {
        KeyRecord.Append(_heap, known, new RevisionEntry(revision, encodedLength, tombstone: true));
        SetLive(KeyRecord.Key(known), alive: false);
    }

    /// <summary>A record read at start for a key not yet known (spec storage §4.4).</summary>
    public KeyRecord* Restore(
        ReadOnlySpan<byte> key, Revision revision, int encodedLength, bool tombstone, long created, long version)
    {
        var entry = new RevisionEntry(revision, encodedLength, tombstone);
        return Add(key, entry, created, version, alive: !tombstone);
    }

    /// <summary>Compaction: drops the first revisions of a key, or the key itself when none is left.</summary>
    public void Drop(KeyRecord* record, int firstKept)
    {
        KeyHistory* history = KeyRecord.History(record);
        if (firstKept == 0)
        {
            return;
        }

        if (firstKept < history->Count)
        {
            KeyRecord.Trim(_heap, record, firstKept);
            return;
        }

        Invariant.Check(
            KeyHistory.Entries(history)[history->Count - 1].IsTombstone, "only a dead key leaves the index");
        _root = Remove(_root, KeyRecord.Key(record));
        while (_root->Level > 0 && _root->Count == 1)
        {
            IndexPage* only = IndexPage.Children(_root)[0];
            RetirePage(_root);
            _root = only;
        }

        KeyRecord.Retire(_heap, record);
        KeyCount--;
    }

    /// <summary>Whole-structure check for tests and ETCD_VERIFY=all: order, separators, counts.</summary>
    public void Check()
    {
        long keys = 0;
        KeyRecord* previous = null;
        CheckPage(_root, ref keys, ref previous);
        Invariant.Check(keys == KeyCount, "the tree holds as many keys as were added");
    }

    /// <summary>Frees blocks that are not in the heap's chunks; the heap itself is disposed by its owner.</summary>
    public void Dispose()
    {
        FreeLarge(_root);
        _root = null;
    }

    private KeyRecord* Add(ReadOnlySpan<byte> key, RevisionEntry entry, long created, long version, bool alive)
    {
        KeyRecord* record = KeyRecord.Create(_heap, key);
        KeyRecord.Start(_heap, record, entry, created, version);
        _root = Insert(_root, record, alive, out IndexPage* split);
        if (split != null)
        {
            IndexPage* root = NewPage(_root->Level + 1);
            SetChild(root, 0, _root, insert: true);
            SetChild(root, 1, split, insert: true);
            _root = root;
        }

        KeyCount++;
        return record;
    }

    private IndexPage* Insert(IndexPage* page, KeyRecord* record, bool alive, out IndexPage* split)
    {
        page = Own(page);
        split = null;
        ReadOnlySpan<byte> key = KeyRecord.Key(record);
        if (page->Level == 0)
        {
            int at = IndexPage.LowerBound(page, key, out _);
            IndexPage* target = page;
            if (page->Count == IndexPage.Fanout)
            {
                split = Split(page, at);
                if (at > page->Count || (at == page->Count && split->Count == 0))
                {
                    at -= page->Count;
                    target = split;
                }
            }

            IndexPage.InsertKey(target, at, record);
            if (alive)
            {
                target->Live |= 1UL << at;
            }

            return page;
        }

        int child = IndexPage.ChildFor(page, key);
        IndexPage* changed = Insert(IndexPage.Children(page)[child], record, alive, out IndexPage* below);
        SetChild(page, child, changed, insert: false);
        if (below == null)
        {
            return page;
        }

        child++;
        IndexPage* holder = page;
        if (page->Count == IndexPage.Fanout)
        {
            split = Split(page, child);
            if (child > page->Count || (child == page->Count && split->Count == 0))
            {
                child -= page->Count;
                holder = split;
            }
        }

        SetChild(holder, child, below, insert: true);
        return page;
    }

    /// <summary>Moves the upper part into a new right neighbour. When the new entry comes last, nothing moves, so that
    /// keys written in ascending order leave full pages.</summary>
    private IndexPage* Split(IndexPage* page, int insertAt)
    {
        IndexPage* right = NewPage(page->Level);
        int keep = insertAt == page->Count ? page->Count : page->Count / 2;
        MoveTail(page, keep, right);
        return right;
    }

    private static void MoveTail(IndexPage* page, int keep, IndexPage* right)
    {
        int moved = page->Count - keep;
        int at = right->Count;
        CopyEntries(page, keep, right, at, moved);
        if (page->Level == 0 && moved > 0)
        {
            right->Live |= page->Live >> keep << at;
            page->Live &= keep == 64 ? ulong.MaxValue : (1UL << keep) - 1;
        }

        right->Count = (ushort)(at + moved);
        page->Count = (ushort)keep;
        IndexPage.Rehint(page);
        IndexPage.Rehint(right);
    }

    private static void CopyEntries(IndexPage* from, int fromAt, IndexPage* to, int toAt, int count)
    {
        for (int i = 0; i < count; i++)
        {
            IndexPage.Keys(to)[toAt + i] = IndexPage.Keys(from)[fromAt + i];
            if (from->Level > 0)
            {
                IndexPage.Children(to)[toAt + i] = IndexPage.Children(from)[fromAt + i];
                IndexPage.LiveCounts(to)[toAt + i] = IndexPage.LiveCounts(from)[fromAt + i];
            }
        }
    }

    private static void SetChild(IndexPage* page, int at, IndexPage* child, bool insert)
    {
        KeyRecord* first = IndexPage.Keys(child)[0];
        if (insert)
        {
            IndexPage.InsertKey(page, at, first);
        }
        else if (IndexPage.Keys(page)[at] != first)
        {
            IndexPage.Keys(page)[at] = first;
            IndexPage.SetKey(page, at);
        }

        IndexPage.Children(page)[at] = child;
        IndexPage.LiveCounts(page)[at] = (uint)IndexPage.LiveTotal(child);
    }

    private void SetLive(ReadOnlySpan<byte> key, bool alive)
    {
        _root = Own(_root);
        IndexPage* page = _root;
        while (page->Level > 0)
        {
            int child = IndexPage.ChildFor(page, key);
            IndexPage* below = Own(IndexPage.Children(page)[child]);
            IndexPage.Children(page)[child] = below;
            IndexPage.LiveCounts(page)[child] += alive ? 1u : uint.MaxValue;
            page = below;
        }

        int at = IndexPage.LowerBound(page, key, out bool exact);
        Invariant.Check(exact, "a known key stands in the tree");
        ulong bit = 1UL << at;
        Invariant.Check(((page->Live & bit) != 0) != alive, "a key's liveness changes when it is set");
        page->Live ^= bit;
    }

    private IndexPage* Remove(IndexPage* page, ReadOnlySpan<byte> key)
    {
        page = Own(page);
        if (page->Level == 0)
        {
            int at = IndexPage.LowerBound(page, key, out bool exact);
            Invariant.Check(exact, "a key to be dropped stands in the tree");
            IndexPage.RemoveAt(page, at);
            return page;
        }

        int child = IndexPage.ChildFor(page, key);
        IndexPage* changed = Remove(IndexPage.Children(page)[child], key);
        if (changed->Count == 0)
        {
            _heap.Free((byte*)changed, IndexPage.SizeOf(changed->Level));
            IndexPage.RemoveAt(page, child);
            return page;
        }

        SetChild(page, child, changed, insert: false);
        if (changed->Count < MinFill && page->Count > 1)
        {
            Join(page, child == 0 ? 0 : child - 1);
        }

        return page;
    }

    /// <summary>Empties the right one of two neighbours into the left one when both fit well.</summary>
    private void Join(IndexPage* parent, int left)
    {
        IndexPage* a = IndexPage.Children(parent)[left];
        IndexPage* b = IndexPage.Children(parent)[left + 1];
        if (a->Count + b->Count > IndexPage.Fanout * 3 / 4)
        {
            return;
        }

        a = Own(a);
        b = Own(b);
        MoveTail(b, 0, a);
        _heap.Free((byte*)b, IndexPage.SizeOf(b->Level));
        IndexPage.RemoveAt(parent, left + 1);
        SetChild(parent, left, a, insert: false);
    }

    /// <summary>The page itself when this batch made it, else a copy; the old one goes when readers have passed.</summary>
    private IndexPage* Own(IndexPage* page)
    {
        if (page->Birth == _batch)
        {
            return page;
        }

        int bytes = IndexPage.SizeOf(page->Level);
        byte* copy = _heap.Allocate(bytes);
        Buffer.MemoryCopy(page, copy, bytes, bytes);
        ((IndexPage*)copy)->Birth = _batch;
        RetirePage(page);
        return (IndexPage*)copy;
    }

    private void RetirePage(IndexPage* page) => _heap.Retire((byte*)page, IndexPage.SizeOf(page->Level));

    private IndexPage* NewPage(int level)
    {
        var page = (IndexPage*)_heap.Allocate(IndexPage.SizeOf(level));
        *page = new IndexPage { Birth = _batch, Level = (ushort)level };
        return page;
    }

    private static void CheckPage(IndexPage* page, ref long keys, ref KeyRecord* previous)
    {
        for (int i = 0; i < page->Count; i++)
        {
            KeyRecord* record = IndexPage.Keys(page)[i];
            if (page->Level > 0)
            {
                IndexPage* child = IndexPage.Children(page)[i];
                Invariant.Check(child->Level == page->Level - 1, "all leaves are at one depth");
                Invariant.Check(child->Count > 0, "a child is not empty");
                Invariant.Check(IndexPage.Keys(child)[0] == record, "a separator is the first key below");
                Invariant.Check(
                    IndexPage.LiveCounts(page)[i] == IndexPage.LiveTotal(child), "live keys below are counted");
                CheckPage(child, ref keys, ref previous);
                continue;
            }

            KeyHistory* history = KeyRecord.History(record);
            bool alive = !KeyHistory.Entries(history)[history->Count - 1].IsTombstone;
            Invariant.Check(((page->Live >> i) & 1) != 0 == alive, "the live bit tells what the history tells");
            Invariant.Check(
                previous == null || KeyRecord.Key(previous).SequenceCompareTo(KeyRecord.Key(record)) < 0,
                "keys ascend");
            _ = IndexPage.LowerBound(page, KeyRecord.Key(record), out bool exact);
            Invariant.Check(exact, "a key is found by its hint");
            previous = record;
            keys++;
        }
    }

    private void FreeLarge(IndexPage* page)
    {
        for (int i = 0; page != null && i < page->Count; i++)
        {
            if (page->Level > 0)
            {
                FreeLarge(IndexPage.Children(page)[i]);
                continue;
            }

            KeyRecord* record = IndexPage.Keys(page)[i];
            int size = KeyRecord.SizeOf(KeyRecord.Key(record).Length);
            KeyHistory* history = KeyRecord.History(record);
            _heap.FreeIfLarge((byte*)history, KeyHistory.SizeOf(history->Capacity));
            _heap.FreeIfLarge((byte*)record, size);
        }
    }
}
