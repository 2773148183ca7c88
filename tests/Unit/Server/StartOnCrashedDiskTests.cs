using EtcdAot.Bolt;
using EtcdAot.Observe;
using EtcdAot.Server;
using EtcdAot.Sys;
using EtcdAot.Tests.Unit.Fakes;
using EtcdAot.Wal;
using EtcdAot.Wire;
using EtcdAot.Wire.Codecs;

namespace EtcdAot.Tests.Unit.Server;

/// <summary>Goal: a start loses nothing that was acknowledged, touches nothing of a running member, and refuses in a
/// sentence what would lose data. On a disk in memory.</summary>
public class StartOnCrashedDiskTests
{
    private const string Db = "/srv/etcd/m1/member/snap/db";
    private const string Leftover = "/srv/etcd/m1/member/snap/db.tmp.61";

    private static readonly ServerOptions Options = new() { DataDir = "/srv/etcd/m1" };

    [Fact]
    public void AFreshDirectorySurvivesAPowerFailureWithWhatIsInIt()
    {
        var disk = new FaultyDisk();
        CoreRig rig = new CoreRig(disk, Options).Started();
        rig.Put("a", "1");
        for (int seed = 0; seed < 20; seed++)
        {
            CoreRig again = new CoreRig(disk.Crash(seed), Options).Started();
            Assert.Equal("1", again.Get("a"));
            again.Server.Close();
        }

        rig.Server.Close();
    }

    [Fact]
    public void NamesOfAStartThatWasKilledAreMadeDurableByTheNext()
    {
        var disk = new FaultyDisk();
        disk.Inject = static (call, _) => call == "syncdir" ? Errno.InputOutput : Errno.Ok;
        StartFailure failure = new CoreRig(disk, Options).TryStart()!;
        Assert.Equal("cannot access data directory: mkdir /srv/etcd/m1: input/output error", failure.Error);
        foreach (string made in new[] { "/srv", "/srv/etcd", "/srv/etcd/m1", "/srv/etcd/m1/member" })
        {
            _ = disk.MakeDirectory(made, 0x1C0);
        }

        disk.Inject = null;
        _ = disk.SyncDirectory("/");
        _ = disk.SyncDirectory("/srv");
        CoreRig rig = new CoreRig(disk, Options).Started();
        rig.Put("a", "1");
        for (int seed = 0; seed < 20; seed++)
        {
            CoreRig again = new CoreRig(disk.Crash(seed), Options).Started();
            Assert.Equal("1", again.Get("a"));
            again.Server.Close();
        }

        rig.Server.Close();
    }

    [Fact]
    public void ALogDirectoryThatCannotBeMadeEndsTheStart()
    {
        var disk = new FaultyDisk
        {
            Inject = static (call, path) => call == "mkdir" && path == "/logs" ? Errno.NoSpace : Errno.Ok,
        };
        StartFailure failure = new CoreRig(disk, Options with { WalDir = "/logs/m1" }).TryStart()!;
        Assert.Equal("failed to create WAL", failure.Message);
        Assert.Equal("mkdir /logs: no space left on device", failure.Error);
    }

    [Fact]
    public void TemporaryFilesOfARunningMemberAreLeftAlone()
    {
        var disk = new FaultyDisk();
        new CoreRig(disk, Options).Started().Server.Close();
        disk.Put(Leftover, [1]);
        Assert.False(disk.Open(Db, OpenFlags.Write, 0, out IDiskFile? running).Failed);
        Assert.False(running!.TryLock(LockKind.FlockExclusive).Failed);
        Assert.Throws<InvalidOperationException>(() => new CoreRig(disk, Options).TryStart());
        Assert.False(disk.Status(Leftover, out _).Failed);

        running.Dispose();
        new CoreRig(disk, Options).Started().Server.Close();
        Assert.Equal(Errno.NoEntry, disk.Status(Leftover, out _));
    }

    [Fact]
    public void ALeftoverThatCannotBeRemovedIsToldAndNoMore()
    {
        var disk = new FaultyDisk();
        new CoreRig(disk, Options).Started().Server.Close();
        disk.Put(Leftover, [1]);
        disk.Inject = static (call, path) => call == "remove" && path == Leftover ? Errno.Access : Errno.Ok;
        CoreRig rig = new CoreRig(disk, Options).Started();
        Assert.Single(rig.Log, static line => line.Contains("failed to remove temp file(s)", StringComparison.Ordinal)
            && line.Contains("permission denied", StringComparison.Ordinal));
        rig.Server.Close();
    }

    [Fact]
    public void ADbAheadOfItsLogIsRefused()
    {
        var disk = new FaultyDisk();
        CoreRig rig = new CoreRig(disk, Options).Started();
        rig.Put("a", "1");
        rig.Server.Close();
        WriteIndex(disk, 100_000);
        CoreRig again = new CoreRig(disk, Options);
        StartFailure failure = again.TryStart()!;
        Assert.Equal("database is ahead of the log", failure.Message);
        Assert.Contains("holds the log up to index 100000, the log in", failure.Error, StringComparison.Ordinal);
        Assert.True(failure.IsPanic);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(500)]
    public void WhatIsWrittenBehindALostEndOfTheLogIsKept(int lost)
    {
        // The db holds so many entries more than the log: the original counts new ones as done, up to that index.
        var disk = new FaultyDisk();
        CoreRig rig = new CoreRig(disk, Options).Started();
        rig.Put("a", "1");
        ulong last = rig.Server.Status.Applied;
        rig.Server.Close();
        WriteIndex(disk, last + (ulong)lost);
        CoreRig again = new CoreRig(disk, Options).Started();
        again.Put("b", "2");
        Assert.Equal("2", again.Get("b"));
        again.Server.Close();
        CoreRig third = new CoreRig(disk, Options).Started();
        Assert.Equal(("1", "2"), (third.Get("a"), third.Get("b")));
        third.Server.Close();
    }

    [Fact]
    public void ACommitBeyondTheLogIsRefusedInTheOriginalsWords()
    {
        var disk = new FaultyDisk();
        new CoreRig(disk, Options).Started().Server.Close();
        var options = new WalOptions(disk, SystemClock.Instance, Log.None);
        string directory = Options.EffectiveWalDir;
        WalError opened = WriteAheadLog.Open(
            options, directory, new WalSnapshot(0, 0, null), out WriteAheadLog? wal, out WalContents? contents);
        Assert.False(opened.Failed);
        DurableState state = contents!.State;
        ulong last = contents.LastIndex;
        contents.Dispose();
        Assert.False(wal!.Append(state with { Commit = 100 }, default).Failed);
        Assert.False(wal.Sync().Failed);
        Assert.False(wal.Close().Failed);

        StartFailure failure = new CoreRig(disk, Options).TryStart()!;
        Assert.EndsWith($" state.commit 100 is out of range [0, {last}]", failure.Message, StringComparison.Ordinal);
        Assert.True(failure.IsPanic);
    }

    private static void WriteIndex(FaultyDisk disk, byte[] index)
    {
        Assert.False(EtcdAot.Bolt.Db.Open(disk, Db, new DbOptions(), out EtcdAot.Bolt.Db? db).Failed);
        using (db)
        {
            Assert.False(db!.Begin(out WriteTx? tx).Failed);
            Assert.False(tx!.CreateBucketIfNotExists("meta"u8, out WriteBucket? meta).Failed);
            Assert.False(meta!.Put("consistent_index"u8, index).Failed);
            Assert.False(tx.Commit().Failed);
        }
    }

    private static void WriteIndex(FaultyDisk disk, ulong index)
    {
        byte[] bytes = new byte[8];
        System.Buffers.Binary.BinaryPrimitives.WriteUInt64BigEndian(bytes, index);
        WriteIndex(disk, bytes);
    }
}
