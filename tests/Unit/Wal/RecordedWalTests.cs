using EtcdAot.Sys;
using EtcdAot.Tests.Unit.Fakes;
using EtcdAot.Wal;
using EtcdAot.Wire;
using EtcdAot.Wire.Codecs;

namespace EtcdAot.Tests.Unit.Wal;

/// <summary>Goal: logs written by the real etcd 3.4 to 3.7 are read whole, with the numbers that were recorded from outside,
/// and the same records written by us are the same bytes.</summary>
public class RecordedWalTests
{
    [Theory]
    [InlineData("35-v2-clean-m1.wal", 13141966250290849466, 1, 419, 2, 419)]
    [InlineData("36-mixed-clean-m1.wal", 13141966250290849466, 1, 388, 2, 388)]
    [InlineData("37-mixed-clean-m1.wal", 13141966250290849466, 1, 390, 2, 390)]
    [InlineData("35-three-learner-kill-m5.wal", 5987681126904110945, 238, 755, 2, 754)]
    [InlineData("35-empty-kill-m1.wal", 13141966250290849466, 1, 4, 2, 4)]
    public void RealLogsReadAsRecorded(
        string name, ulong node, ulong first, ulong last, ulong term, ulong commit)
    {
        FaultyDisk disk = WalFixture.WithRecorded(name);
        WalSnapshot from = first == 1 ? WalFixture.Start : new WalSnapshot(first - 1, 2, null);
        (WriteAheadLog log, WalContents contents) = WalFixture.Reopen(disk, from);
        Assert.True(contents.TryGetIds(out WalMetadata ids));
        Assert.Equal(node, ids.NodeId);
        Assert.Equal(last, contents.LastIndex);
        Assert.Equal(last, log.LastIndex);
        Assert.Equal((term, commit), (contents.State.Term, contents.State.Commit));
        Assert.Equal((int)(last - first + 1), contents.Entries.Count);
        Assert.Equal(first, contents.Entries[0].Index);
        Assert.True(contents.SnapshotFound);
        log.Dispose();
    }

    [Theory]
    [InlineData("34-kill-torn-m1.wal", 340336, 181)]
    [InlineData("36-kill-torn-m1.wal", 180304, 178)]
    public void TornLogsAskForRepairAndThenRead(string name, long tornAt, ulong last)
    {
        FaultyDisk disk = WalFixture.WithRecorded(name);
        byte[] before = disk.Bytes(WalFixture.Directory + "/0000000000000000-0000000000000000.wal");
        WalError e = WalFixture.Open(disk, WalFixture.Start, out _, out _);
        Assert.Equal(WalErrorKind.TornTail, e.Kind);
        Assert.Equal("unexpected EOF", e.Text);
        Assert.Equal(tornAt, e.Offset);
        WalFixture.Ok(WalFixture.OpenOrRepair(disk, out WriteAheadLog? log, out WalContents? contents));
        Assert.Equal(last, contents!.LastIndex);
        Assert.Equal(tornAt, log!.Position);
        Assert.Equal(before, disk.Bytes(WalFixture.Directory + "/0000000000000000-0000000000000000.wal.broken"));
    }

    [Theory]
    [InlineData("35-v2-clean-m1.wal")]
    [InlineData("36-mixed-clean-m1.wal")]
    [InlineData("35-three-learner-kill-m5.wal")]
    [InlineData("35-snapdb-pending-kill-m2.wal")]
    public void TheSameRecordsWrittenByUsAreTheSameBytes(string name)
    {
        byte[] original = Recorded.Read("Wal/data/" + name, 2 << 20);
        FaultyDisk source = WalFixture.WithRecorded(name);
        Assert.False(source.Open($"{WalFixture.Directory}/0000000000000000-0000000000000000.wal", OpenFlags.Read, 0,
            out IDiskFile? file).Failed);
        var reader = new RecordReader([new Segment(default, "recorded", file!)]);
        FaultyDisk disk = WalFixture.NewDisk();
        WriteAheadLog? log = null;
        using var arena = new SlabArena();
        while (true)
        {
            WalFixture.Ok(reader.Next(out bool end));
            if (end)
            {
                break;
            }

            log = Repeat(reader, disk, log, arena);
        }

        WalFixture.Ok(log!.Sync());
        byte[] ours = disk.Bytes($"{WalFixture.Directory}/0000000000000000-0000000000000000.wal");
        Assert.Equal(reader.LastGoodEnd, log.Position);
        Assert.Equal(original[..(int)log.Position], ours[..(int)log.Position]);
    }

    private static WriteAheadLog? Repeat(RecordReader reader, FaultyDisk disk, WriteAheadLog? log, SlabArena arena)
    {
        switch (reader.Type)
        {
            case WalRecordType.Metadata:
                Assert.True(WalMetadata.TryParse(reader.Data, out WalMetadata identity));
                WalOptions options = WalFixture.Options(disk, 2 << 20);
                WalFixture.Ok(WriteAheadLog.Create(options, WalFixture.Directory, identity, out log));
                break;
            case WalRecordType.Entry:
                Assert.True(EntryView.TryParse(reader.Data, out EntryView entry));
                WalFixture.Ok(log!.Append(default, [entry.ToLogEntry(arena)]));
                break;
            case WalRecordType.State:
                Assert.True(DurableStateCodec.TryParse(reader.Data, out DurableState state));
                WalFixture.Ok(log!.Append(state, []));
                break;
            default:
                Assert.True(WalSnapshot.TryParse(reader.Data, out WalSnapshot snapshot));
                if (snapshot.Index > 0)
                {
                    log!.AppendSnapshot(snapshot);
                }

                break;
        }

        return log;
    }
}
