using EtcdAot.Backend;
using EtcdAot.Sys;
using BoltError = EtcdAot.Bolt.BoltError;

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
        backend.ReadersPassed(backend.Snapshot);
        Assert.Equal(hash, Hash(backend));
        backend.Put(BackendBucket.Auth, "x"u8, "y"u8);
        Commit(backend);
        Assert.True(backend.Snapshot.TryGet(BackendBucket.Auth, "x"u8, out _));
        Assert.Equal(["db"], Directory.GetFiles(_directory).Select(Path.GetFileName));
    }

    [Fact]
    public void WhatReadersOfTheOldFilePassedFreesNothingOfTheNewOne()
    {
        using BackendStore backend = Open(Db);
        for (int i = 0; i < 40; i++)
        {
            PutAll(backend, 1);
        }

        BackendSnapshot ofOldFile = backend.Snapshot;
        Defragment(backend);
        PutAll(backend, 2);
        BackendSnapshot read = backend.Snapshot;
        Assert.True(ofOldFile.TxId > read.TxId + 10, "the new file counts its transactions from the beginning");
        backend.ReadersPassed(ofOldFile);
        for (byte i = 3; i < 20; i++)
        {
            PutAll(backend, i);
        }

        BackendCursor cursor = read.Cursor(BackendBucket.Auth);
        int found = 0;
        for (bool more = cursor.First(); more; more = cursor.Next())
        {
            Assert.Equal(2, cursor.Value[0]);
            found++;
        }

        Assert.Equal(50, found);
    }

    [Fact]
    public void AReplacedFileIsClosedWhenItsOwnReadersHavePassed()
    {
        var disk = new Fakes.FaultyDisk();
        _ = disk.MakeDirectory("/d", 0);
        using BackendStore backend = Open("/d/db", disk);
        PutAll(backend, 1);
        Defragment(backend);
        BackendSnapshot second = backend.Snapshot;
        Defragment(backend);
        BackendSnapshot third = backend.Snapshot;
        backend.ReadersPassed(second);
        _ = backend.Step(0);

        // A cursor of the second file is still followed; in a closed file it would end the process.
        Assert.Equal(2, disk.OpenMaps);
        BackendCursor cursor = second.Cursor(BackendBucket.Auth);
        Assert.True(cursor.First());
        Assert.Equal(1, cursor.Value[0]);
        backend.ReadersPassed(third);
        _ = backend.Step(0);
        Assert.Equal(1, disk.OpenMaps);
    }

    [Fact]
    public void TheFileIsLockedAtEveryMomentOfADefragmentation()
    {
        var disk = new Fakes.FaultyDisk();
        _ = disk.MakeDirectory("/d", 0);
        using BackendStore backend = Open("/d/db", disk);
        PutAll(backend, 1);
        int looked = 0;
        disk.Inject = (_, _) =>
        {
            Assert.False(disk.Open("/d/db", OpenFlags.Write, 0, out IDiskFile? other).Failed);
            Assert.Equal(Errno.Again, other!.TryLock(LockKind.FlockExclusive));
            looked++;
            return Errno.Ok;
        };
        Defragment(backend);
        Assert.True(looked > 3, "between all calls that change the disk");
        disk.Inject = null;
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
        backend.RequestHash((_, key) => key.SequenceEqual("consistent_index"u8) || key.SequenceEqual("term"u8), h => hash = h);
        _ = backend.Step(0);
        _ = backend.Poll(1);
        return hash!.Value;
    }

    private static void PutAll(BackendStore backend, byte value)
    {
        byte[] bytes = new byte[1000];
        Array.Fill(bytes, value);
        for (int i = 0; i < 50; i++)
        {
            backend.Put(BackendBucket.Auth, BitConverter.GetBytes(i), bytes);
        }

        Commit(backend);
    }

    private static void Defragment(BackendStore backend)
    {
        DefragmentResult? result = null;
        backend.RequestDefragment(r => result = r);
        _ = backend.Step(0);
        _ = backend.Poll(1);
        Assert.Equal(new DefragmentResult(null, IsFatal: false), result);
    }

    private static void Commit(BackendStore backend)
    {
        _ = backend.ForceCommit();
        _ = backend.Poll(1);
        _ = backend.Step(0);
        _ = backend.Poll(1);
    }

    private static BackendStore Open(string path, IDisk? disk = null)
    {
        BoltError error = BackendStore.Open(disk ?? LinuxDisk.Instance, path, new BackendOptions { NoSync = true },
            Assert.Fail, out BackendStore? backend);
        Assert.Equal(BoltError.Ok, error);
        return backend!;
    }
}
