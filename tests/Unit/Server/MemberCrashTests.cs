using EtcdAot.Server;
using EtcdAot.Sys;
using EtcdAot.Tests.Unit.Fakes;
using EtcdAot.Wire.Codecs;
using EtcdAot.Wire.Etcdserverpb;

namespace EtcdAot.Tests.Unit.Server;

/// <summary>Goal: the orders of durability of DESIGN 4.5 hold for a member as a whole: log, db and snapshots together. Method:
/// one life with puts, a compaction, a defragmentation, snapshots, cuts of the log and purges, on a disk that dies at a call;
/// what a power failure or a kill leaves then must start, hold every acknowledged put and be a prefix of what was put.
/// The backend runs whenever the core waits for its log, as its own thread may.</summary>
public class MemberCrashTests
{
    private const int Puts = 64;
    private const int Keys = 7;

    // The first segment's file is known under the name that its directory had while it was made.
    private const string LogPath = "/data/member/wal";

    private static readonly ServerOptions Options = new()
    {
        DataDir = "/data",
        SnapshotCount = 15,
        SnapshotCatchupEntries = 5,
        MaxWals = 1,
        MaxSnapshots = 1,
        WalSegmentBytes = 8192,
        BackendBatchLimit = 5,
    };

    /// <summary>Every call of the life is a place to die at; each of these tests takes its share of them.</summary>
    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public void NothingAcknowledgedIsLost(int share)
    {
        const int shares = 4;
        var whole = new FaultyDisk();
        Assert.Equal(Puts, Live(whole));
        int calls = whole.Changes;
        whole.FreeMaps();
        Assert.True(calls > 150, $"the life has {calls} calls that change the disk");
        for (int cut = share; cut < calls; cut += shares)
        {
            FaultyDisk disk = FaultyDisk.Tearing(cut);
            disk.DieAt = cut;
            int acknowledged = Live(disk);
            FaultyDisk crashed = disk.Crash(cut);
            FaultyDisk worst = disk.CrashKeepingNothing();
            disk.FreeMaps();
            Check(crashed, acknowledged, $"cut {cut} after a power failure");
            Check(worst, acknowledged, $"cut {cut} after a power failure that kept nothing");
            Check(disk.Kill(), acknowledged, $"cut {cut} after a kill");
        }
    }

    [Fact]
    public void TheFilesOfASnapshotAreDurableInOrder()
    {
        var disk = new FaultyDisk { Trace = [] };
        Assert.Equal(Puts, Live(disk));
        List<string> trace = disk.Trace;
        int from = 0;
        int snapshots = 0;
        while (true)
        {
            int renamed = trace.FindIndex(from, static call =>
                call.StartsWith("rename /data/member/snap/tmp", StringComparison.Ordinal)
                && call.EndsWith(".snap", StringComparison.Ordinal));
            if (renamed < 0)
            {
                break;
            }

            // The file itself, then its name, and only then the log says that it is there.
            string temporary = trace[renamed].Split(' ')[1];
            int synced = trace.FindLastIndex(renamed, call => call == "fdatasync " + temporary);
            int written = trace.FindLastIndex(renamed, call => call.StartsWith($"write {temporary} ", StringComparison.Ordinal));
            Assert.True(written >= 0 && written < synced);
            Assert.Equal("syncdir /data/member/snap", trace[renamed + 1]);
            int db = trace.FindLastIndex(renamed, static call => call == "fdatasync /data/member/snap/db");
            Assert.True(db >= 0 && db < written);
            int said = trace.FindIndex(renamed, static call =>
                call.StartsWith("write " + LogPath, StringComparison.Ordinal));
            int logged = trace.FindIndex(said, static call =>
                call.StartsWith("fdatasync " + LogPath, StringComparison.Ordinal));
            Assert.True(said > renamed && logged > said);
            Assert.DoesNotContain(trace.GetRange(renamed, logged - renamed),
                static call => call.StartsWith("remove ", StringComparison.Ordinal));
            snapshots++;
            from = renamed + 1;
        }

        Assert.InRange(snapshots, 3, 10);
        Assert.Contains(trace, static call => call.StartsWith("remove /data/member/wal/", StringComparison.Ordinal));
        Assert.Contains(trace, static call => call.StartsWith("remove /data/member/snap/0", StringComparison.Ordinal));
        disk.FreeMaps();
    }

    // Returns how many puts were acknowledged.
    private static int Live(FaultyDisk disk)
    {
        var rig = new CoreRig(disk, Options);
        int acknowledged = 0;
        try
        {
            if (rig.TryStart() is not null)
            {
                return 0;
            }

            disk.Inject = (_, path) => LetBackendRun(rig, path);
            for (int i = 0; i < 100 && !rig.Server.IsReady; i++)
            {
                rig.Step(100);
            }

            for (int i = 0; i < Puts; i++)
            {
                Disturb(rig, i);
                if (rig.Put($"key{i % Keys}", Value(i)).Error is null)
                {
                    acknowledged++;
                }
            }

            rig.Server.Close();
            rig.Server = null!;
        }
        catch (MemberEndedException)
        {
        }
        finally
        {
            disk.Inject = null;
            rig.Server?.Store.Dispose();
        }

        return acknowledged;
    }

    private static Errno LetBackendRun(CoreRig rig, string path)
    {
        if (path.StartsWith(LogPath, StringComparison.Ordinal))
        {
            _ = rig.Server.BackendActor.Step(rig.MonotonicNanos);
        }

        return Errno.Ok;
    }

    private static void Disturb(CoreRig rig, int put)
    {
        if (put % 20 == 19)
        {
            // Long enough for a purge.
            rig.Step(31_000);
            rig.Step(100);
        }

        if (put == 30)
        {
            Assert.Null(rig.Apply(RaftOp.Compaction, new CompactionRequest { Revision = 20 }).Error);
        }
        else if (put == 40)
        {
            rig.Server.Maintenance.Defragment(static _ => { });
            rig.Step(1);
            rig.Step(1);
        }
    }

    private static void Check(FaultyDisk disk, int acknowledged, string after)
    {
        var rig = new CoreRig(disk, Options);
        StartFailure? failure = rig.TryStart();
        Assert.True(failure is null, $"{after}: {failure?.Message}: {failure?.Error}");
        for (int i = 0; i < 100 && !rig.Server.IsReady; i++)
        {
            rig.Step(100);
        }

        Assert.True(rig.Server.IsReady, after);
        long puts = rig.Server.View.Revision - 1;
        Assert.True(puts >= acknowledged && puts <= acknowledged + 1, $"{after}: {puts} puts of {acknowledged}");
        for (int key = 0; key < Keys; key++)
        {
            long last = puts - 1 - ((puts - 1 - key + Keys) % Keys);
            string? expected = puts > key ? Value(last) : null;
            Assert.True(expected == rig.Get($"key{key}"), $"{after}: key{key} of {puts} puts");
        }

        Assert.True(rig.Put("afterwards", "x").Error is null, after);
        rig.Server.Close();
    }

    private static string Value(long put) => $"{put:D4}" + new string('v', 300);
}
