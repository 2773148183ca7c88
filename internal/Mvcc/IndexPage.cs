// Pages of the index tree: sorted pointers to key records, each with eight bytes of its key beside it, so that a search
// touches one page and not the keys (DESIGN 4.8). owned by: core thread while born in its batch; immutable afterwards.
//
//   leaf    24 header | 64 × hint | 64 × KeyRecord*
//   branch  24 header | 64 × hint | 64 × KeyRecord* of the child's first key | 64 × child | 64 × live keys below
using System.Buffers.Binary;

namespace EtcdAot.Mvcc;

/// <summary>A page of <see cref="TreeIndex"/>.</summary>
internal unsafe struct IndexPage
{
    /// <summary>Entries of a page; 64 because a leaf's live keys are one bitmap word.</summary>
    public const int Fanout = 64;

    private const int HeaderBytes = 24;

    /// <summary>Batch that made it: only that batch may change it in place.</summary>
    public long Birth;

    /// <summary>Bit i: entry i of a leaf is alive.</summary>
    public ulong Live;

    public int PrefixLength;
    public ushort Count;

    /// <summary>0 for a leaf.</summary>
    public ushort Level;

    public static int SizeOf(int level) => HeaderBytes + (Fanout * (level == 0 ? 16 : 28));

    public static ulong* Hints(IndexPage* page) => (ulong*)((byte*)page + HeaderBytes);

    public static KeyRecord** Keys(IndexPage* page) => (KeyRecord**)(Hints(page) + Fanout);

    public static IndexPage** Children(IndexPage* page) => (IndexPage**)(Hints(page) + (2 * Fanout));

    public static uint* LiveCounts(IndexPage* page) => (uint*)(Hints(page) + (3 * Fanout));

    /// <summary>Live keys in the page and below.</summary>
    public static long LiveTotal(IndexPage* page)
    {
        if (page->Level == 0)
        {
            return System.Numerics.BitOperations.PopCount(page->Live);
        }

        long total = 0;
        uint* counts = LiveCounts(page);
        for (int i = 0; i < page->Count; i++)
        {
            total += counts[i];
        }

        return total;
    }

    /// <summary>First entry whose key is not below <paramref name="key"/>; exact when equal.</summary>
    public static int LowerBound(IndexPage* page, ReadOnlySpan<byte> key, out bool exact)
    {
        exact = false;
        int count = page->Count;
        if (count == 0)
        {
            return 0;
        }

        int prefix = page->PrefixLength;
        if (prefix > 0)
        {
            ReadOnlySpan<byte> common = KeyRecord.Key(Keys(page)[0])[..prefix];
            int order = key.Length < prefix
                ? key.SequenceCompareTo(common)
                : key[..prefix].SequenceCompareTo(common);
            if (order != 0)
            {
                return order < 0 ? 0 : count;
            }
        }

        return SearchHints(page, key, Hint(key, prefix), out exact);
    }

    /// <summary>Entry whose subtree may hold the key: the last one not above it, or the first.</summary>
    public static int ChildFor(IndexPage* page, ReadOnlySpan<byte> key)
    {
        int at = LowerBound(page, key, out bool exact);
        return exact || at == 0 ? at : at - 1;
    }

    /// <summary>Makes prefix and hints fit the keys.</summary>
    public static void Rehint(IndexPage* page)
    {
        int count = page->Count;
        if (count == 0)
        {
            return;
        }

        KeyRecord** keys = Keys(page);
        ReadOnlySpan<byte> first = KeyRecord.Key(keys[0]);
        page->PrefixLength = first.CommonPrefixLength(KeyRecord.Key(keys[count - 1]));
        ulong* hints = Hints(page);
        for (int i = 0; i < count; i++)
        {
            hints[i] = Hint(KeyRecord.Key(keys[i]), page->PrefixLength);
        }
    }

    /// <summary>Opens a gap at <paramref name="at"/> and puts a key into it; the page has room.</summary>
    public static void InsertKey(IndexPage* page, int at, KeyRecord* record)
    {
        int after = page->Count - at;
        KeyRecord** keys = Keys(page);
        Shift(keys + at, keys + at + 1, after);
        keys[at] = record;
        ulong* hints = Hints(page);
        Shift(hints + at, hints + at + 1, after);
        if (page->Level == 0)
        {
            ulong low = page->Live & ((1UL << at) - 1);
            page->Live = low | ((page->Live & ~((1UL << at) - 1)) << 1);
        }
        else
        {
            IndexPage** children = Children(page);
            Shift(children + at, children + at + 1, after);
            uint* counts = LiveCounts(page);
            Shift(counts + at, counts + at + 1, after);
        }

        page->Count++;
        SetKey(page, at);
    }

    /// <summary>Takes entry <paramref name="at"/> out.</summary>
    public static void RemoveAt(IndexPage* page, int at)
    {
        int after = page->Count - at - 1;
        KeyRecord** keys = Keys(page);
        Shift(keys + at + 1, keys + at, after);
        ulong* hints = Hints(page);
        Shift(hints + at + 1, hints + at, after);
        if (page->Level == 0)
        {
            ulong low = page->Live & ((1UL << at) - 1);
            page->Live = low | ((page->Live >> 1) & ~((1UL << at) - 1));
        }
        else
        {
            IndexPage** children = Children(page);
            Shift(children + at + 1, children + at, after);
            uint* counts = LiveCounts(page);
            Shift(counts + at + 1, counts + at, after);
        }

        page->Count--;
    }

    /// <summary>Hint of a key that was put at <paramref name="at"/>; all hints anew when the prefix grew shorter.</summary>
    public static void SetKey(IndexPage* page, int at)
    {
        KeyRecord** keys = Keys(page);
        ReadOnlySpan<byte> key = KeyRecord.Key(keys[at]);
        int prefix = page->PrefixLength;
        ReadOnlySpan<byte> other = KeyRecord.Key(keys[at == 0 ? page->Count - 1 : 0]);
        if (page->Count == 1 || key.Length < prefix || other.CommonPrefixLength(key) < prefix)
        {
            Rehint(page);
            return;
        }

        Hints(page)[at] = Hint(key, prefix);
    }

    private static int SearchHints(IndexPage* page, ReadOnlySpan<byte> key, ulong hint, out bool exact)
    {
        ulong* hints = Hints(page);
        int low = 0;
        int high = page->Count;
        while (low < high)
        {
            int middle = (low + high) >>> 1;
            if (hints[middle] < hint)
            {
                low = middle + 1;
            }
            else
            {
                high = middle;
            }
        }

        exact = false;
        KeyRecord** keys = Keys(page);
        int end = low;
        while (end < page->Count && hints[end] == hint)
        {
            end++;
        }

        while (low < end)
        {
            int middle = (low + end) >>> 1;
            int order = KeyRecord.Key(keys[middle]).SequenceCompareTo(key);
            if (order == 0)
            {
                exact = true;
                return middle;
            }

            if (order < 0)
            {
                low = middle + 1;
            }
            else
            {
                end = middle;
            }
        }

        return low;
    }

    private static ulong Hint(ReadOnlySpan<byte> key, int prefix)
    {
        ReadOnlySpan<byte> rest = key[prefix..];
        if (rest.Length >= 8)
        {
            return BinaryPrimitives.ReadUInt64BigEndian(rest);
        }

        ulong hint = 0;
        for (int i = 0; i < rest.Length; i++)
        {
            hint |= (ulong)rest[i] << (56 - (8 * i));
        }

        return hint;
    }

    private static void Shift<T>(T* from, T* to, int count)
        where T : unmanaged
    {
        Buffer.MemoryCopy(from, to, (long)count * sizeof(T), (long)count * sizeof(T));
    }

    private static void Shift(KeyRecord** from, KeyRecord** to, int count) => Shift((nint*)from, (nint*)to, count);

    private static void Shift(IndexPage** from, IndexPage** to, int count) => Shift((nint*)from, (nint*)to, count);
}
