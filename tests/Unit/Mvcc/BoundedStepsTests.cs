using EtcdAot.Mvcc;
using EtcdAot.Sys;
using EtcdAot.Wire.Codecs;

namespace EtcdAot.Tests.Unit.Mvcc;

/// <summary>Goal: no step of a compaction or a hash grows with the history of one key or with the number of dead keys.
/// </summary>
public unsafe class BoundedStepsTests
{
    [Fact]
    public void AKeyWithManyRevisionsIsCompactedInManySteps()
    {
        using var rig = new StoreRig(new StoreOptions { CompactionPauseNanos = 0, CompactionBatch = 50 });
        for (int i = 0; i < 1000; i++)
        {
            _ = rig.Put("hot", $"{i}");
            if (i % 97 == 0)
            {
                _ = rig.Delete("hot");
            }
        }

        _ = rig.Put("z", "1");
        rig.Pump();
        long revision = rig.Store.Revision;
        Assert.Equal(MvccStatus.Ok, rig.Store.Compact(revision));
        int steps = 0;
        for (; !rig.Store.CompactionDone(revision) && steps < 500; steps++)
        {
            long before = rig.Backend.PendingOperations;
            _ = rig.Store.Step(long.MaxValue - 1);
            Assert.InRange(rig.Backend.PendingOperations - before, 0, 51);
            _ = rig.Put("hot", "more");
            rig.Pump();
        }

        Assert.InRange(steps, 20, 100);
        Assert.Single(rig.Range(new RangeRequestView { Key = "hot"u8, Revision = revision }, out _), static kv => kv.Value == "999");
        int left = 0;
        var cursor = rig.Backend.Snapshot.Cursor(EtcdAot.Backend.BackendBucket.Key);
        for (bool more = cursor.First(); more; more = cursor.Next())
        {
            Assert.True(Revision.TryDecode(cursor.Key, out Revision at, out _, out _));
            left += at.Main <= revision ? 1 : 0;
        }

        Assert.Equal(2, left);
    }

    [Fact]
    public void ACompactionThatWasCutInsideAKeyGoesOnAfterARestart()
    {
        using var rig = new StoreRig(new StoreOptions { CompactionPauseNanos = 0, CompactionBatch = 50 });
        for (int i = 0; i < 300; i++)
        {
            _ = i % 3 == 2 ? rig.Delete("hot") : rig.Put("hot", $"{i}");
        }

        _ = rig.Put("hot", "last");
        rig.Pump();
        long revision = rig.Store.Revision;
        Assert.Equal(MvccStatus.Ok, rig.Store.Compact(revision));
        for (int i = 0; i < 4; i++)
        {
            rig.Pump();
        }

        Assert.False(rig.Store.CompactionDone(revision));
        rig.Crash();
        for (int i = 0; i < 60; i++)
        {
            rig.Pump();
        }

        Assert.True(rig.Store.CompactionDone(revision));
        Assert.Equal(["last"], rig.Range(new RangeRequestView { Key = "hot"u8 }, out _).Select(static kv => kv.Value));
    }

    [Fact]
    public void AHashOverDeadKeysLooksForALiveOneInSteps()
    {
        using var rig = new StoreRig(new StoreOptions { CompactionPauseNanos = long.MaxValue / 4 });
        for (int i = 0; i < 500; i++)
        {
            _ = rig.Put($"key{i:D3}", "x");
        }

        _ = rig.Delete("key", "kez");
        Assert.Equal(MvccStatus.Ok, rig.Store.Compact(2));
        rig.Pump();
        rig.Readers.Enter(rig.Reader);
        View view = rig.Store.Current;
        Assert.Equal(MvccStatus.Ok, HashKvJob.Begin(rig.Store, view, 0, out HashKvJob? job, out _));
        int steps = 1;
        while (!job!.Step(view, 7))
        {
            steps++;
        }

        uint inSteps = job.Result.Hash;
        job.Dispose();
        Assert.Equal(MvccStatus.Ok, HashKvJob.Begin(rig.Store, view, 0, out job, out _));
        Assert.True(job!.Step(view, int.MaxValue));
        Assert.Equal(job.Result.Hash, inSteps);
        job.Dispose();
        rig.Readers.Exit(rig.Reader);

        // 1000 records, and 500 keys before the first of them.
        Assert.True(steps > 1500 / 7, $"{steps}");
    }

    [Fact]
    public void WhatIsKeptIsWhatAWalkOverTheGenerationsFinds()
    {
        using var heap = new NativeHeap(new ReaderRegistry());
        var random = new Random(14);
        for (int round = 0; round < 2000; round++)
        {
            KeyRecord* record = KeyRecord.Create(heap, "k"u8);
            long main = random.Next(1, 3);
            int sub = 0;
            bool tombstone = random.Next(4) == 0;
            KeyRecord.Start(heap, record, new RevisionEntry(new Revision(main, sub), 1, tombstone), 1, 1);
            for (int i = random.Next(12); i > 0; i--)
            {
                (main, sub) = random.Next(3) == 0 ? (main, sub + 1) : (main + random.Next(1, 3), 0);
                tombstone = !tombstone && random.Next(3) == 0;
                KeyRecord.Append(heap, record, new RevisionEntry(new Revision(main, sub), 1, tombstone));
            }

            KeyHistory* history = KeyRecord.History(record);
            for (long at = -1; at <= main + 1; at++)
            {
                KeyHistory.Keep(history, at, out int firstKept, out int kept);
                Assert.Equal(Walk(history, at), (firstKept, kept));
            }
        }
    }

    // The rule as spec storage §4.5 has it, generation by generation.
    private static (int FirstKept, int Kept) Walk(KeyHistory* history, long main)
    {
        RevisionEntry* entries = KeyHistory.Entries(history);
        int start = 0;
        int end = history->Count;
        for (int i = 0; i < history->Count; i++)
        {
            if (entries[i].IsTombstone)
            {
                if (entries[i].Main >= main)
                {
                    end = i + 1;
                    break;
                }

                start = i + 1;
            }
        }

        int kept = -1;
        for (int i = start; i < end && entries[i].Main <= main; i++)
        {
            kept = i;
        }

        return (kept >= 0 ? kept : start, kept);
    }
}
