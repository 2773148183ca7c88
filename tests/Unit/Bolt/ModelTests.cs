using System.Text;
using EtcdAot.Bolt;

namespace EtcdAot.Tests.Unit.Bolt;

/// <summary>Goal: random transactions leave exactly what a naive twin holds, the file is sound after each
/// commit, and a crash anywhere leaves the state of the last or of the half-done commit, never a mixture.
/// Fixed seeds.</summary>
public class ModelTests
{
    private static readonly DbOptions Small = new() { GrowStep = 64 << 10, ReserveBytes = 64 << 20, PageSize = 4096 };

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    [InlineData(4)]
    public void RandomTransactionsMatchTheTwin(int seed)
    {
        var random = new Random(seed);
        using var disk = new CrashDisk();
        Twin committed = [];
        Db db = OpenSound(disk);
        for (int round = 0; round < 60; round++)
        {
            Twin next = Copy(committed);
            Assert.False(db.Begin(out WriteTx? tx).Failed);
            Change(random, tx!, next, random.Next(1, 200));
            AssertTxSees(tx!, next);
            if (random.Next(8) == 0)
            {
                tx!.Rollback();
            }
            else
            {
                Assert.False(tx!.Commit().Failed);
                committed = next;
            }

            Assert.Empty(db.Check());
            AssertSame(committed, db.Current);
            if (random.Next(6) == 0)
            {
                db.Dispose();
                db = OpenSound(disk);
                AssertSame(committed, db.Current);
            }
        }

        db.Dispose();
    }

    [Theory]
    [InlineData(11)]
    [InlineData(12)]
    [InlineData(13)]
    public void ACrashLeavesOneOfTheTwoStates(int seed)
    {
        var random = new Random(seed);
        using var disk = new CrashDisk();
        Twin committed = [];
        Db db = OpenSound(disk);
        for (int round = 0; round < 80; round++)
        {
            Twin next = Copy(committed);
            Assert.False(db.Begin(out WriteTx? tx).Failed);
            Change(random, tx!, next, random.Next(1, 120));
            disk.FailAfter = random.Next(0, 12);
            BoltError error = tx!.Commit();
            if (error.Failed)
            {
                // The owner ends the process here; a second write must not be possible.
                Assert.True(db.Begin(out _).Failed);
            }
            else
            {
                committed = next;
            }

            db.Dispose();
            disk.Crash(random);
            db = OpenSound(disk);
            committed = Same(next, db.Current) ? next : committed;
            AssertSame(committed, db.Current);
        }

        db.Dispose();
    }

    [Fact]
    public void AnOldSnapshotStaysReadableWhileItIsPinned()
    {
        var random = new Random(21);
        using var disk = new CrashDisk();
        Db db = OpenSound(disk);
        Twin twin = [];
        var pinned = new List<(ReadSnapshot Snapshot, Twin Twin)>();
        for (int round = 0; round < 80; round++)
        {
            Assert.False(db.Begin(out WriteTx? tx).Failed);
            Change(random, tx!, twin, 60);
            Assert.False(tx!.Commit().Failed);
            if (random.Next(4) == 0)
            {
                db.Pin(db.Current.TxId);
                pinned.Add((db.Current, Copy(twin)));
            }

            foreach ((ReadSnapshot snapshot, Twin old) in pinned)
            {
                AssertSame(old, snapshot);
            }

            if (pinned.Count > 3)
            {
                int which = random.Next(pinned.Count);
                db.Unpin(pinned[which].Snapshot.TxId);
                pinned.RemoveAt(which);
            }
        }

        Assert.True(db.PendingFreeBytes > 0);
        pinned.ForEach(p => db.Unpin(p.Snapshot.TxId));
        Assert.Equal(0, db.PendingFreeBytes);
        db.Dispose();
    }

    private static Db OpenSound(CrashDisk disk)
    {
        BoltError error = Db.Open(disk, "/d/db", Small, out Db? db);
        Assert.False(error.Failed, error.Text);
        Assert.Empty(db!.Check());
        return db;
    }

    private static void Change(Random random, WriteTx tx, Twin twin, int operations)
    {
        double shape = random.NextDouble();
        for (int i = 0; i < operations; i++)
        {
            string name = "b" + random.Next(4);
            byte[] bytes = Encoding.UTF8.GetBytes(name);
            if (random.Next(150) == 0)
            {
                Assert.Equal(!twin.Remove(name), tx.DeleteBucket(bytes).Failed);
                continue;
            }

            Assert.False(tx.CreateBucketIfNotExists(bytes, out WriteBucket? bucket).Failed);
            bucket!.FillPercent = name == "b0" ? 0.9 : 0.5;
            if (!twin.TryGetValue(name, out SortedDictionary<string, byte[]>? entries))
            {
                twin[name] = entries = new SortedDictionary<string, byte[]>(StringComparer.Ordinal);
            }

            string key = name == "b0" && random.Next(3) > 0
                ? $"z{tx.TxId:d9}{i:d6}"
                : Convert.ToHexString(BitConverter.GetBytes(random.Next(shape < 0.3 ? 200 : 5000)));
            if (random.NextDouble() < shape && entries.Count > 0)
            {
                key = entries.Keys.ElementAt(random.Next(entries.Count));
                Assert.False(bucket.Delete(Encoding.UTF8.GetBytes(key)).Failed);
                entries.Remove(key);
                continue;
            }

            byte[] value = new byte[random.Next(40) == 0 ? random.Next(20000) : random.Next(200)];
            random.NextBytes(value);
            Assert.False(bucket.Put(Encoding.UTF8.GetBytes(key), value).Failed);
            entries[key] = value;
        }
    }

    private static void AssertTxSees(WriteTx tx, Twin twin)
    {
        foreach ((string name, SortedDictionary<string, byte[]> entries) in twin)
        {
            Assert.True(tx.TryBucket(Encoding.UTF8.GetBytes(name), out WriteBucket? bucket));
            foreach ((string key, byte[] value) in entries)
            {
                Assert.True(bucket!.TryGet(Encoding.UTF8.GetBytes(key), out ReadOnlySpan<byte> found));
                Assert.True(found.SequenceEqual(value));
            }
        }
    }

    private static void AssertSame(Twin twin, ReadSnapshot snapshot) => Assert.True(Same(twin, snapshot));

    private static bool Same(Twin twin, ReadSnapshot snapshot)
    {
        Cursor buckets = snapshot.Root.Cursor();
        bool more = buckets.First();
        foreach ((string name, SortedDictionary<string, byte[]> entries) in twin)
        {
            if (!more || !buckets.IsBucket || Encoding.UTF8.GetString(buckets.Key) != name
                || !snapshot.TryBucket(buckets.Key, out Bucket bucket) || !Same(entries, bucket))
            {
                return false;
            }

            more = buckets.Next();
        }

        return !more;
    }

    private static bool Same(SortedDictionary<string, byte[]> entries, Bucket bucket)
    {
        Cursor cursor = bucket.Cursor();
        bool more = cursor.First();
        string last = "";
        foreach ((string key, byte[] value) in entries)
        {
            byte[] bytes = Encoding.UTF8.GetBytes(key);
            if (!more || !cursor.Key.SequenceEqual(bytes) || !cursor.Value.SequenceEqual(value)
                || !bucket.TryGet(bytes, out ReadOnlySpan<byte> found) || !found.SequenceEqual(value))
            {
                return false;
            }

            // Seeking a key that is not there finds the next one.
            Cursor seek = bucket.Cursor();
            if (!seek.Seek(Encoding.UTF8.GetBytes(last + "!")) || !seek.Key.SequenceEqual(bytes))
            {
                return false;
            }

            last = key;
            more = cursor.Next();
        }

        Cursor end = bucket.Cursor();
        return !more && end.Last() == (entries.Count > 0) && (entries.Count == 0
            || end.Key.SequenceEqual(Encoding.UTF8.GetBytes(last)));
    }

    private static Twin Copy(Twin twin)
    {
        Twin copy = [];
        foreach ((string name, SortedDictionary<string, byte[]> entries) in twin)
        {
            copy[name] = new SortedDictionary<string, byte[]>(entries, StringComparer.Ordinal);
        }

        return copy;
    }

    private sealed class Twin() : SortedDictionary<string, SortedDictionary<string, byte[]>>(StringComparer.Ordinal);
}
