using EtcdAot.Server;
using EtcdAot.Sys;
using EtcdAot.Tests.Unit.Fakes;

namespace EtcdAot.Tests.Unit.Server;

/// <summary>Goal: snapshots come when they are due, the log behind them is let go, and what fails on the way is told.</summary>
public class SnapshotterTests
{
    private static readonly ServerOptions Options = new()
    {
        DataDir = "/data",
        SnapshotCount = 10,
        SnapshotCatchupEntries = 5,
        MaxWals = 1,
        MaxSnapshots = 2,
        WalSegmentBytes = 8192,
        UnsafeNoFsync = true,
    };

    [Fact]
    public void ASnapshotIsTakenForEverySoManyEntriesAndOldOnesArePurged()
    {
        var disk = new FaultyDisk();
        CoreRig rig = new CoreRig(disk, Options).Started();
        PutMany(rig);
        string[] snaps = Names(disk, Options.SnapDir, ".snap");
        Assert.Equal(2, snaps.Length);
        Assert.InRange(Names(disk, Options.EffectiveWalDir, ".wal").Length, 1, 2);
        Assert.True(rig.Log.Count(static line => line.Contains("saved snapshot", StringComparison.Ordinal)) > 4);
        Assert.Contains(rig.Log, static line => line.Contains("compacted Raft logs", StringComparison.Ordinal));
        rig.Server.Close();
        CoreRig again = new CoreRig(disk, Options).Started();
        Assert.Equal("79", again.Get("k"));
        again.Server.Close();
    }

    [Fact]
    public void NothingIsSavedBeforeTheDbHoldsIt()
    {
        var disk = new FaultyDisk();
        CoreRig rig = new CoreRig(disk, Options).Started();
        for (int i = 0; i < 30; i++)
        {
            _ = rig.Propose(EtcdAot.Wire.Codecs.RaftOp.Put, CoreRig.PutOf("k", $"{i}"));
            rig.Pass(10);
            _ = rig.Server.CoreActor.Step(rig.MonotonicNanos);
        }

        Assert.Contains(rig.Log, static line => line.Contains("triggering snapshot", StringComparison.Ordinal));
        Assert.Empty(Names(disk, Options.SnapDir, ".snap"));
        for (int i = 0; i < 4; i++)
        {
            rig.Step(10);
        }

        Assert.NotEmpty(Names(disk, Options.SnapDir, ".snap"));
        rig.Server.Close();
    }

    [Theory]
    [InlineData("/data/member/wal/", "failed to purge wal file")]
    [InlineData("/data/member/snap/0", "failed to purge snap file")]
    public void APurgeThatFailsEndsTheMemberInTheOriginalsWords(string path, string line)
    {
        var disk = new FaultyDisk();
        CoreRig rig = new CoreRig(disk, Options).Started();
        disk.Inject = (call, at) => call == "remove" && at.StartsWith(path, StringComparison.Ordinal)
            ? Errno.InputOutput : Errno.Ok;
        Assert.Throws<MemberEndedException>(() => PutMany(rig));
        Assert.Contains(line, rig.Log[^1], StringComparison.Ordinal);
        rig.Server.Store.Dispose();
    }

    private static void PutMany(CoreRig rig)
    {
        for (int i = 0; i < 80; i++)
        {
            rig.Put("k", $"{i}");
            rig.Put("pad", new string('v', 300));
            rig.Step(i % 20 == 19 ? 31_000 : 1);
        }
    }

    private static string[] Names(FaultyDisk disk, string directory, string suffix)
    {
        Assert.False(disk.List(directory, out DirectoryEntry[] entries).Failed);
        return [.. entries.Select(static e => e.Name).Where(name => name.EndsWith(suffix, StringComparison.Ordinal))];
    }
}
