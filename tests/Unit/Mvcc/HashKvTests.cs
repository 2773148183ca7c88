using EtcdAot.Mvcc;

namespace EtcdAot.Tests.Unit.Mvcc;

/// <summary>Goal: HashKV is etcd's value. Method: the spec's vector, and the rule that neither commits, compaction in
/// progress nor a restart changes the hash at a revision.</summary>
public class HashKvTests
{
    [Fact]
    public void TheSpecsVector()
    {
        using var rig = new StoreRig();
        _ = rig.Put("k1", "v1");
        _ = rig.Put("k2", "v2");
        _ = rig.Put("k3", "v3");
        _ = rig.Delete("k2");
        _ = rig.Store.Publish();
        Assert.Equal(1471606496u, rig.HashKv(0).Hash);
        rig.Pump(2);
        HashKvResult committed = rig.HashKv(5);
        Assert.Equal((1471606496u, -1L, 5L), (committed.Hash, committed.CompactRevision, committed.HashRevision));
        Assert.Equal(MvccStatus.Ok, rig.Store.Compact(5));
        rig.Pump(10);
        Assert.True(rig.Store.CompactionDone(5));
        Assert.True(rig.Store.Hashes.TryGet(5, out CompactionHash hash));
        Assert.Equal(new CompactionHash(5, -1, 1471606496u), hash);
        Assert.Equal((1471606496u, -1L), (rig.HashKv(5).Hash, rig.HashKv(5).CompactRevision));
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    public void CompactionUnderWayDoesNotChangeIt(int seed)
    {
        var random = new Random(seed);
        using var rig = new StoreRig(new StoreOptions { CompactionPauseNanos = 0, CompactionBatch = 3, LogBytes = 0 });
        for (int i = 0; i < 300; i++)
        {
            if (random.Next(4) == 0)
            {
                _ = rig.Delete($"k{random.Next(20)}");
            }
            else
            {
                _ = rig.Put($"k{random.Next(20)}", $"v{i}");
            }
        }

        _ = rig.Store.Publish();
        long at = rig.Store.Revision / 2;
        Assert.Equal(MvccStatus.Ok, rig.Store.Compact(at));
        _ = rig.Store.Publish();
        uint now = rig.HashKv(0).Hash;
        uint middle = rig.HashKv(at + 20).Hash;
        for (int i = 0; i < 60; i++)
        {
            rig.Pump();
            Assert.Equal(now, rig.HashKv(0).Hash);
            Assert.Equal(middle, rig.HashKv(at + 20).Hash);
        }

        Assert.True(rig.Store.CompactionDone(at));
        rig.Restart();
        Assert.True(rig.Store.CompactionDone(at));
        Assert.Equal(now, rig.HashKv(0).Hash);
        Assert.Equal(middle, rig.HashKv(at + 20).Hash);
    }

    // When nothing is left at the revision, the original leaves nothing out of what is on its disk.
    [Theory]
    [InlineData(5, true)]
    [InlineData(3, false)]
    public void NorWhenEverythingIsDeleted(long at, bool isEmpty)
    {
        const uint HashOfNothing = 1084519789;
        using var rig = new StoreRig(new StoreOptions { CompactionPauseNanos = 0, CompactionBatch = 1, LogBytes = 0 });
        _ = rig.Put("a", "1");
        _ = rig.Put("b", "1");
        _ = rig.Delete("a");
        _ = rig.Delete("b");
        rig.Pump(2);
        Assert.Equal(MvccStatus.Ok, rig.Store.Compact(at));
        _ = rig.Store.Publish();
        uint atOnce = rig.HashKv(0).Hash;
        rig.Pump(20);
        Assert.True(rig.Store.CompactionDone(at));
        Assert.Equal(atOnce, rig.HashKv(0).Hash);
        Assert.Equal(isEmpty, atOnce == HashOfNothing);
    }

    // Tried on a real 3.5.30: a never compacted store takes a compaction at 0, whose hash then answers for revision 0.
    [Fact]
    public void ACompactionAtZeroIsAskedForByZero()
    {
        using var rig = new StoreRig();
        _ = rig.Put("a", "1");
        rig.Pump(2);
        Assert.Equal(MvccStatus.Ok, rig.Store.Compact(0));
        rig.Pump(10);
        Assert.True(rig.Store.CompactionDone(0));
        Assert.Equal((1084519789u, -1L), (rig.HashKv(0).Hash, rig.HashKv(0).CompactRevision));
        Assert.NotEqual(1084519789u, rig.HashKv(2).Hash);
    }
}
