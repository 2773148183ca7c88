using EtcdAot.Tests.Unit.Fakes;
using EtcdAot.Wal;
using EtcdAot.Wire;
using EtcdAot.Wire.Codecs;

namespace EtcdAot.Tests.Unit.Wal;

/// <summary>Goal: whatever call a member dies in, and whatever part of the unsynced writes the disk kept, every entry, state
/// and snapshot whose sync returned is there afterwards, nothing that was never written is, and the log goes on.</summary>
public class WalCrashTests
{
    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public void NothingAcknowledgedIsLostOverAnyPowerCut(int seed)
    {
        for (int dieAt = 0; dieAt < 90; dieAt++)
        {
            Run(seed, dieAt, kill: false);
        }
    }

    [Fact]
    public void AKilledProcessFindsItsLogAgain()
    {
        for (int dieAt = 0; dieAt < 90; dieAt++)
        {
            Run(4, dieAt, kill: true);
        }
    }

    private static void Run(int seed, int dieAt, bool kill)
    {
        FaultyDisk disk = WalFixture.NewDisk((seed * 1000) + dieAt);
        disk.DieAt = disk.Changes + dieAt;
        var written = new Written();
        WalError e = WriteAheadLog.Create(WalFixture.Options(disk, 8 * 1024), WalFixture.Directory, WalFixture.Identity,
            out WriteAheadLog? log);
        written.Created = !e.Failed;
        if (log is not null)
        {
            Write(log, written, new Random(seed));
        }

        // Twice: the second cut falls into the reopening itself.
        disk = kill ? disk.Kill() : disk.Crash(seed + dieAt);
        Check(disk, written, $"seed {seed}, died at {dieAt}");
        disk = kill ? disk.Kill() : disk.Crash(seed + dieAt + 1);
        Check(disk, written, $"seed {seed}, died at {dieAt}, again");
    }

    private static void Write(WriteAheadLog log, Written written, Random random)
    {
        ulong index = 0;
        for (int batch = 0; batch < 24; batch++)
        {
            var entries = new List<LogEntry>();
            for (int n = random.Next(4); n >= 0; n--)
            {
                entries.Add(WalFixture.Entry(++index, 1, random.Next(1500)));
            }

            written.Attempted = index;
            var state = new DurableState(1, 1, index);
            bool good = !log.Append(state, [.. entries]).Failed && !log.Sync().Failed;
            foreach (LogEntry entry in entries)
            {
                entry.Data.Release();
            }

            if (!good)
            {
                break;
            }

            written.Acknowledged = index;
            if (batch % 7 == 3)
            {
                written.SnapshotAttempted = index;
                if (log.SaveSnapshot(new WalSnapshot(index, 1, new ConfiguredMembers([1], [])), state).Failed)
                {
                    break;
                }

                written.Snapshot = index;
            }

            if ((log.NeedsCut && log.Cut().Failed) || (batch % 2 == 0 && log.PrepareNext().Failed))
            {
                break;
            }
        }

        log.Dispose();
    }

    private static void Check(FaultyDisk disk, Written written, string where)
    {
        WalError e = WriteAheadLog.HasSegments(disk, WalFixture.Directory, out bool has);
        Assert.False(e.Failed, where);
        if (!has)
        {
            Assert.False(written.Created, "the log is gone: " + where);
            return;
        }

        e = WalFixture.OpenOrRepair(disk, out WriteAheadLog? log, out WalContents? contents);
        Assert.False(e.Failed, $"{where}: {e}");
        Assert.True(contents!.LastIndex >= written.Acknowledged, $"{where}: lost {written.Acknowledged}");
        Assert.True(contents.LastIndex <= written.Attempted, where);
        Assert.True(contents.State.Commit >= written.Acknowledged, where);
        Assert.True(contents.TryGetIds(out WalMetadata ids) && ids == WalFixture.Identity, where);
        foreach (LogEntry entry in contents.Entries)
        {
            LogEntry expected = WalFixture.Entry(entry.Index, entry.Term, entry.Data.Length);
            Assert.True(expected.Data.Span.SequenceEqual(entry.Data.Span), where);
            expected.Data.Release();
        }

        WalFixture.Ok(WriteAheadLog.ValidSnapshots(WalFixture.Options(disk), WalFixture.Directory,
            out List<WalSnapshot> valid));
        Assert.True(valid[^1].Index >= written.Snapshot && valid[^1].Index <= written.SnapshotAttempted, where);

        // It goes on, and what is appended now is behind what was found.
        ulong next = contents.LastIndex + 1;
        LogEntry more = WalFixture.Entry(next);
        WalFixture.Ok(log!.Append(new DurableState(2, 1, next), [more]));
        WalFixture.Ok(log.Sync());
        written.Acknowledged = next;
        written.Attempted = Math.Max(written.Attempted, next);
        log.Dispose();
        contents.Dispose();
        more.Data.Release();
    }

    private sealed class Written
    {
        public bool Created { get; set; }

        public ulong Acknowledged { get; set; }

        public ulong Attempted { get; set; }

        public ulong Snapshot { get; set; }

        public ulong SnapshotAttempted { get; set; }
    }
}
