using EtcdAot.Observe;
using EtcdAot.Sys;
using EtcdAot.Tests.Unit.Fakes;
using EtcdAot.Wal;
using EtcdAot.Wire;

namespace EtcdAot.Tests.Unit.Wal;

/// <summary>Goal: .snap files are the original's bytes, appear whole or not at all, and damaged ones are set aside.</summary>
public class SnapFilesTests
{
    private const string Directory = "/d/member/snap";
    private static readonly ConfiguredMembers One = new([13141966250290849466], []);
    private readonly FaultyDisk _disk = NewDisk();

    [Theory]
    [InlineData("35-v2-clean-m1.snap")]
    [InlineData("34-three-learner-kill-m1.snap")]
    [InlineData("36-mixed-clean-m1.snap")]
    public void TheSameSnapshotWrittenByUsIsTheSameBytes(string name)
    {
        byte[] original = Recorded.Read("V2/data/" + name);
        _disk.Put(Directory + "/a.snap", original);
        SnapFiles files = Files(_disk);
        WalFixture.Ok(files.Read("a.snap", out LoadedSnapshot? snapshot));
        WalFixture.Ok(files.Save(snapshot!.Term, snapshot.Index, snapshot.Members, snapshot.Data));
        Assert.Equal(original, _disk.Bytes($"{Directory}/{SnapFiles.NameOf(snapshot.Term, snapshot.Index)}"));
    }

    [Fact]
    public void TheNewestThatTheLogVouchesForIsTaken()
    {
        SnapFiles files = Files(_disk);
        WalFixture.Ok(files.Save(2, 10, One, "ten"u8));
        WalFixture.Ok(files.Save(2, 20, One, "twenty"u8));
        WalFixture.Ok(files.Save(3, 30, One, "orphan"u8));
        WalFixture.Ok(files.Save(3, 40, One, "damaged"u8));
        string damaged = $"{Directory}/{SnapFiles.NameOf(3, 40)}";
        byte[] bytes = _disk.Bytes(damaged);
        bytes[^1] ^= 1;
        _disk.Put(damaged, bytes);
        WalFixture.Ok(files.LoadNewest([new(10, 2, null), new(20, 2, null), new(40, 3, null)], out LoadedSnapshot? found));
        Assert.Equal(20UL, found!.Index);
        Assert.Equal("twenty"u8.ToArray(), found.Data);
        Assert.Equal(One.Voters, found.Members.Voters);
        Assert.False(_disk.Status(damaged + ".broken", out _).Failed);
        Assert.False(_disk.Status($"{Directory}/{SnapFiles.NameOf(3, 30)}", out _).Failed);
        WalFixture.Ok(files.LoadNewest([], out found));
        Assert.Null(found);
    }

    [Fact]
    public void ErrorsInTheOriginalsWords()
    {
        SnapFiles files = Files(_disk);
        _disk.Put(Directory + "/a.snap", []);
        Assert.Equal("snap: empty snapshot", files.Read("a.snap", out _).Text);
        _disk.Put(Directory + "/b.snap", [8, 1, 0x12, 1, 5]);
        Assert.Equal("snap: crc mismatch", files.Read("b.snap", out _).Text);
        _disk.Put(Directory + "/c.snap", [8, 0, 0x12, 1, 5]);
        Assert.Equal("snap: empty snapshot", files.Read("c.snap", out _).Text);
        _disk.Inject = (call, _) => call == "fdatasync" ? Errno.NoSpace : Errno.Ok;
        Assert.Equal(
            "sync /d/member/snap/0000000000000001-0000000000000002.snap: no space left on device",
            files.Save(1, 2, One, "x"u8).Text);
        _disk.Inject = null;
        Assert.False(_disk.List(Directory, out DirectoryEntry[] left).Failed);
        Assert.DoesNotContain(left, e => e.Name.StartsWith("tmp", StringComparison.Ordinal));
    }

    [Fact]
    public void APowerCutLeavesTheWholeFileOrNone()
    {
        for (int seed = 0; seed < 200; seed++)
        {
            FaultyDisk disk = NewDisk();
            WalFixture.Ok(Files(disk).Save(1, 1, One, new byte[3000]));
            disk.DieAt = disk.Changes + (seed % 6);
            bool acked = !Files(disk).Save(1, 2, One, new byte[5000]).Failed;
            FaultyDisk after = disk.Crash(seed);
            WalFixture.Ok(Files(after).RemoveLeftovers());
            WalFixture.Ok(Files(after).LoadNewest([new(1, 1, null), new(2, 1, null)], out LoadedSnapshot? found));
            Assert.NotNull(found);
            Assert.True(found.Index == 2 || !acked, $"lost an acknowledged snapshot, seed {seed}");
            Assert.False(after.List(Directory, out DirectoryEntry[] names).Failed);
            Assert.DoesNotContain(names, n => n.Name.EndsWith(".broken", StringComparison.Ordinal));
        }
    }

    [Fact]
    public void PurgeDeletesTheOldestAndStopsAtAHeldSegment()
    {
        SnapFiles files = Files(_disk);
        for (ulong i = 1; i <= 8; i++)
        {
            WalFixture.Ok(files.Save(1, i, One, "x"u8));
        }

        var purger = new FilePurger(_disk, Directory, SnapFiles.Suffix, 5, Log.None);
        int steps = 0;
        for (bool more = true; more; steps++)
        {
            WalFixture.Ok(purger.Step(out more));
        }

        Assert.Equal(3, steps);
        Assert.False(_disk.List(Directory, out DirectoryEntry[] left).Failed);
        Assert.Equal(SnapFiles.NameOf(1, 4), left[0].Name);

        WriteAheadLog log = WalFixture.Create(_disk);
        for (ulong i = 1; i <= 8; i++)
        {
            WalFixture.Ok(log.Append(new DurableState(1, 1, i), [WalFixture.Entry(i)]));
            WalFixture.Ok(log.Cut());
        }

        var segments = new FilePurger(_disk, WalFixture.Directory, SegmentName.Suffix, 2, Log.None);
        WalFixture.Ok(segments.Step(out bool again));
        Assert.False(again);
        Assert.False(_disk.List(WalFixture.Directory, out left).Failed);
        Assert.Equal(9, left.Length);
        log.ReleaseBefore(4);
        for (again = true; again;)
        {
            WalFixture.Ok(segments.Step(out again));
        }

        // Index 4 is in the segment named 4 (or before it): that one and newer stay.
        Assert.False(_disk.List(WalFixture.Directory, out left).Failed);
        Assert.Equal(new SegmentName(2, 3).ToString(), left[0].Name);
        log.Dispose();
    }

    private static FaultyDisk NewDisk()
    {
        FaultyDisk disk = WalFixture.NewDisk();
        _ = disk.MakeDirectory(Directory, 0x1C0);
        _ = disk.SyncDirectory("/d/member");
        return disk;
    }

    private static SnapFiles Files(IDisk disk) => new(disk, Directory, SystemRandomness.Instance, Log.None);
}
