using EtcdAot.Mvcc;
using EtcdAot.Sys;

namespace EtcdAot.Tests.Unit.Mvcc;

/// <summary>Goal: the index finds, counts and walks as a sorted dictionary does, old roots stay as they were, and memory
/// is given back. Method: random puts, deletes and drops with keys that share prefixes, against a naive twin.</summary>
public unsafe class TreeIndexTests
{
    [Theory]
    [InlineData(1, 40)]
    [InlineData(2, 700)]
    [InlineData(3, 6000)]
    public void BehavesAsASortedDictionary(int seed, int keySpace)
    {
        var random = new Random(seed);
        var readers = new ReaderRegistry();
        using var heap = new NativeHeap(readers);
        using var index = new TreeIndex(heap);
        var twin = new SortedDictionary<string, bool>(StringComparer.Ordinal);
        long main = 1;
        for (int step = 0; step < 12_000; step++)
        {
            string name = Key(random, keySpace);
            byte[] key = StoreRig.Bytes(name);
            KeyRecord* record = index.Find(key);
            Assert.Equal(twin.ContainsKey(name), record != null);
            bool alive = twin.TryGetValue(name, out bool live) && live;
            switch (random.Next(4))
            {
                case 0 when alive:
                    index.Tombstone(record, new Revision(++main, 0), 5);
                    twin[name] = false;
                    break;
                case 1 when record != null && !alive:
                    index.Drop(record, KeyHistory.CountOf(KeyRecord.History(record)));
                    _ = twin.Remove(name);
                    break;
                default:
                    _ = index.Put(key, new Revision(++main, 0), 9, record);
                    twin[name] = true;
                    break;
            }

            if (step % 97 == 0)
            {
                Publish(index, heap, readers);
            }

            if (step % 1500 == 0)
            {
                index.Check();
                Compare(index, twin, random, keySpace);
            }
        }

        index.Check();
        Compare(index, twin, random, keySpace);
    }

    [Fact]
    public void OldRootsStayAsTheyWere()
    {
        var readers = new ReaderRegistry();
        using var heap = new NativeHeap(readers);
        using var index = new TreeIndex(heap);
        for (int i = 0; i < 3000; i++)
        {
            _ = index.Put(StoreRig.Bytes($"k{i:D5}"), new Revision(i + 2, 0), 4, null);
        }

        int reader = readers.Register();
        readers.Enter(reader);
        IndexPage* old = index.Freeze();
        heap.Tag(readers.Advance());
        for (int i = 0; i < 3000; i += 2)
        {
            KeyRecord* record = index.Find(StoreRig.Bytes($"k{i:D5}"));
            index.Tombstone(record, new Revision(5000 + i, 0), 4);
            if (i % 10 == 0)
            {
                _ = index.Freeze();
                heap.Tag(readers.Advance());
                heap.Reclaim(int.MaxValue);
            }
        }

        Assert.Equal(3000, IndexCount.Live(old, new KeyRange("k"u8, "l"u8)));
        Assert.Equal(1500, index.LiveCount);
        int seen = 0;
        var walk = new RangeWalk(old, new KeyRange("k"u8, "l"u8), 4000, latest: true);
        while (walk.Next(out _))
        {
            seen++;
        }

        Assert.Equal(3000, seen);
        long held = heap.BytesInUse;
        readers.Exit(reader);
        heap.Tag(readers.Advance());
        heap.Reclaim(int.MaxValue);
        Assert.True(heap.BytesInUse < held && heap.BytesRetired == 0, "old pages are given back");
    }

    [Fact]
    public void AKeyCostsLessThan120Bytes()
    {
        var readers = new ReaderRegistry();
        using var heap = new NativeHeap(readers);
        using var index = new TreeIndex(heap);
        const int Keys = 100_000;
        long keyBytes = 0;
        var random = new Random(5);
        for (int i = 0; i < Keys; i++)
        {
            byte[] key = StoreRig.Bytes($"/registry/pods/namespace-{random.Next(100)}/pod-{random.Next():x8}{i}");
            keyBytes += key.Length;
            _ = index.Put(key, new Revision(i + 2, 0), 100, index.Find(key));
        }

        double perKey = (heap.BytesInUse - keyBytes) / (double)Keys;
        Assert.InRange(perKey, 40, 120);
    }

    private static void Publish(TreeIndex index, NativeHeap heap, ReaderRegistry readers)
    {
        _ = index.Freeze();
        heap.Tag(readers.Advance());
        heap.Reclaim(int.MaxValue);
    }

    private static string Key(Random random, int space)
    {
        int n = random.Next(space);
        return (n % 5) switch
        {
            0 => $"/registry/pods/{n}",
            1 => $"/registry/pods/{n}\0",
            2 => new string('x', n % 40),
            3 => $"{(char)(n % 256)}{n}",
            _ => $"/registry/very/long/common/prefix/before/the/difference/{n:D9}",
        };
    }

    private static void Compare(TreeIndex index, SortedDictionary<string, bool> twin, Random random, int space)
    {
        Assert.Equal(twin.Count, index.KeyCount);
        Assert.Equal(twin.Count(p => p.Value), index.LiveCount);
        for (int i = 0; i < 20; i++)
        {
            string from = Key(random, space);
            string to = i % 4 == 0 ? "\0" : Key(random, space);
            var range = new KeyRange(StoreRig.Bytes(from), StoreRig.Bytes(to));
            if (to.Length == 0)
            {
                continue;
            }

            List<string> expected = [.. twin
                .Where(p => p.Value && string.CompareOrdinal(p.Key, from) >= 0
                    && (to == "\0" || string.CompareOrdinal(p.Key, to) < 0))
                .Select(p => p.Key)];
            Assert.Equal(expected.Count, IndexCount.Live(index.Root, range));
            var found = new List<string>();
            var walk = new RangeWalk(index.Root, range, long.MaxValue, latest: true);
            while (!range.IsEmpty && walk.Next(out _))
            {
                found.Add(System.Text.Encoding.Latin1.GetString(KeyRecord.Key(walk.Record)));
            }

            Assert.Equal(expected, found);
        }
    }
}
