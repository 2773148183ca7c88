using EtcdAot.Backend;
using EtcdAot.Sys;

namespace EtcdAot.Tests.Unit.Backend;

/// <summary>Goal: batches close when they should, hold what was added before and nothing later, and survive defragmentation,
/// copies and restarts. Method: one thread pumps both halves.</summary>
public sealed class BackendStoreTests : IDisposable
{
    private readonly string _directory = Directory.CreateTempSubdirectory("etcdaot-backend").FullName;

    private string Db => Path.Combine(_directory, "db");

    [Fact]
    public void TheTenBucketsStandInANewFile()
    {
        using BackendStore backend = Open(Db);
        for (int i = 0; i < BackendNames.Count; i++)
        {
            Assert.False(backend.Snapshot.Cursor((BackendBucket)i).First());
        }

        Assert.True(backend.SizeBytes > 0 && backend.InUseBytes <= backend.SizeBytes);
    }

    [Fact]
    public void ABatchClosesAfterItsInterval()
    {
        using BackendStore backend = Open(Db);
        backend.Put(BackendBucket.Cluster, "clusterVersion"u8, "3.5.0"u8);
        Assert.Equal(101_000_000, backend.Poll(1_000_000));
        Assert.False(backend.CommitUnderWay);
        _ = backend.Poll(101_000_000);
        Assert.True(backend.CommitUnderWay);
        backend.Put(BackendBucket.Cluster, "later"u8, "x"u8);
        _ = backend.Step(0);
        _ = backend.Poll(101_000_001);
        Assert.True(backend.Snapshot.TryGet(BackendBucket.Cluster, "clusterVersion"u8, out ReadOnlySpan<byte> value));
        Assert.True(value.SequenceEqual("3.5.0"u8));
        Assert.False(backend.Snapshot.TryGet(BackendBucket.Cluster, "later"u8, out _));
    }

    [Fact]
    public void TheIndexIsThatOfTheBatchesEnd()
    {
        using (BackendStore backend = Open(Db))
        {
            backend.SetConsistentIndex(5, 2);
            backend.SetConfState("{\"voters\":[1],\"auto_leave\":false}"u8.ToArray());
            backend.Put(BackendBucket.Alarm, "a"u8, default);
            long ticket = backend.ForceCommit();
            _ = backend.Poll(1);
            backend.SetConsistentIndex(6, 2);
            Assert.False(backend.IsCommitted(ticket));
            _ = backend.Step(0);
            _ = backend.Poll(2);
            Assert.True(backend.IsCommitted(ticket));
            Assert.Equal(5ul, backend.DurableIndex);
            Assert.True(backend.Snapshot.TryGet(
                BackendBucket.Meta, BackendNames.ConsistentIndex, out ReadOnlySpan<byte> index));
            Assert.Equal(5, index[7]);
        }

        using BackendStore again = Open(Db);
        Assert.Equal((6ul, 6ul), (again.ConsistentIndex, again.DurableIndex));
    }

    [Fact]
    public void DefragmentationShrinksAndKeepsEverything()
    {
        using BackendStore backend = Open(Db);
        byte[] value = new byte[2000];
        for (int i = 0; i < 1000; i++)
        {
            backend.Put(BackendBucket.AuthUsers, BitConverter.GetBytes(i), value);
        }

        Commit(backend);
        for (int i = 1; i < 1000; i++)
        {
            backend.Delete(BackendBucket.AuthUsers, BitConverter.GetBytes(i));
        }

        Commit(backend);
        long before = backend.SizeBytes;
        uint hash = Hash(backend);
        DefragmentResult? result = null;
        backend.RequestDefragment(r => result = r);
        _ = backend.Step(0);
        _ = backend.Poll(1);
        Assert.Equal(new DefragmentResult(null, IsFatal: false), result);
        Assert.True(backend.SizeBytes * 10 < before, $"{before} became {backend.SizeBytes}");
        Assert.True(backend.HasReplaced);
        backend.CloseReplaced();
        Assert.Equal(hash, Hash(backend));
        backend.Put(BackendBucket.Auth, "x"u8, "y"u8);
        Commit(backend);
        Assert.True(backend.Snapshot.TryGet(BackendBucket.Auth, "x"u8, out _));
        Assert.Equal(["db"], Directory.GetFiles(_directory).Select(Path.GetFileName));
    }

    [Fact]
    public void ACopyIsTheStateOfItsMoment()
    {
        using BackendStore backend = Open(Db);
        backend.Put(BackendBucket.Auth, "first"u8, "1"u8);
        HotCopy? copy = null;
        backend.RequestCopy(c => copy = c);
        _ = backend.Step(0);
        _ = backend.Poll(1);
        byte[] bytes = new byte[copy!.Length];
        for (int at = 0; at < bytes.Length;)
        {
            backend.Put(BackendBucket.Auth, "later"u8, BitConverter.GetBytes(at));
            Commit(backend);
            backend.ReadersPassed(backend.Snapshot);
            Assert.False(copy.Read(at, bytes.AsSpan(at, Math.Min(3000, bytes.Length - at)), out int read).Failed);
            at += read;
        }

        copy.Dispose();
        string other = Path.Combine(_directory, "copy");
        File.WriteAllBytes(other, bytes);
        using BackendStore opened = Open(other);
        Assert.True(opened.Snapshot.TryGet(BackendBucket.Auth, "first"u8, out _));
        Assert.False(opened.Snapshot.TryGet(BackendBucket.Auth, "later"u8, out _));
    }

    public void Dispose() => Directory.Delete(_directory, recursive: true);

    private static uint Hash(BackendStore backend)
    {
        uint? hash = null;
        backend.RequestHash((_, key) => key is "consistent_index" or "term", h => hash = h);
        _ = backend.Step(0);
        _ = backend.Poll(1);
        return hash!.Value;
    }

    private static void Commit(BackendStore backend)
    {
        _ = backend.ForceCommit();
        _ = backend.Poll(1);
        _ = backend.Step(0);
        _ = backend.Poll(1);
    }

    private static BackendStore Open(string path)
    {
        BackendStore? backend = BackendStore.Open(
            LinuxDisk.Instance, path, new BackendOptions { NoSync = true }, Assert.Fail, out string? error);
        Assert.Null(error);
        return backend!;
    }
}
