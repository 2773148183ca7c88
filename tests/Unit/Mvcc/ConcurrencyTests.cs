using System.Diagnostics;
using EtcdAot.Mvcc;
using EtcdAot.Wire.Codecs;

namespace EtcdAot.Tests.Unit.Mvcc;

/// <summary>Goal: readers on other threads see whole revisions while the core writes, commits and compacts and memory is
/// reclaimed under them. Method: every write puts the same number into all keys; a reader never sees two numbers.</summary>
public class ConcurrencyTests
{
    private const int Keys = 40;

    private readonly struct SameValue(string[] seen) : IRangeSink
    {
        public void Add(ReadOnlySpan<byte> keyValue)
        {
            Kv kv = Kv.Parse(keyValue);
            seen[0] ??= kv.Value;
            Assert.Equal(seen[0], kv.Value);
            seen[1] += ".";
        }
    }

    [Fact]
    public void ReadersSeeWholeRevisions()
    {
        using var rig = new StoreRig(new StoreOptions { CompactionPauseNanos = 0, LogBytes = 0 });
        WriteAll(rig, 0);
        rig.Pump();
        using var stop = new CancellationTokenSource();
        var backend = new Thread(() =>
        {
            while (!stop.IsCancellationRequested)
            {
                _ = rig.Backend.Step(0);
                Thread.Yield();
            }
        });
        var failures = new System.Collections.Concurrent.ConcurrentQueue<string>();
        long reads = 0;
        Thread[] readers = [.. Enumerable.Range(0, 3).Select(i => new Thread(() => Read(rig, i, failures, ref reads, stop.Token)))];
        backend.Start();
        Array.ForEach(readers, t => t.Start());
        var clock = Stopwatch.StartNew();
        long now = 1;
        for (int i = 1; clock.ElapsedMilliseconds < 1500; i++)
        {
            WriteAll(rig, i);
            _ = rig.Backend.Poll(now += 200_000_000);
            if (i % 50 == 0)
            {
                _ = rig.Store.Compact(rig.Store.Revision - 5);
            }

            _ = rig.Store.Step(now);
            _ = rig.Store.Publish();
        }

        stop.Cancel();
        Array.ForEach(readers, t => t.Join());
        backend.Join();
        Assert.True(failures.IsEmpty, string.Join("\n", failures));
        Assert.True(Volatile.Read(ref reads) > 10 && rig.Backend.Commits > 3, "the test has read and committed");
    }

    private static void WriteAll(StoreRig rig, int number)
    {
        WriteTxn txn = rig.Store.BeginWrite();
        byte[] value = StoreRig.Bytes($"{number}");
        for (int k = 0; k < Keys; k++)
        {
            byte[] key = StoreRig.Bytes($"key-{k:D2}");
            if ((number + k) % 7 == 0)
            {
                NoDeleteSink none = default;
                _ = txn.DeleteRange(new KeyRange(key, default), false, ref none);
            }

            _ = txn.Put(new PutRequestView { Key = key, Value = value }, out _);
        }

        _ = txn.End();
    }

    private static void Read(
        StoreRig rig,
        int number,
        System.Collections.Concurrent.ConcurrentQueue<string> failures,
        ref long reads,
        CancellationToken stop)
    {
        int reader = rig.Readers.Register();
        var scratch = new RangeScratch();
        try
        {
            while (!stop.IsCancellationRequested)
            {
                rig.Readers.Enter(reader);
                View view = rig.Store.Current;
                string[] seen = new string[2];
                var sink = new SameValue(seen);
                long at = number == 0 ? 0 : Math.Max(Math.Max(2, view.CompactedRevision), view.Revision - 3);
                RangeResult result = view.Range(
                    new RangeRequestView { Key = "k"u8, RangeEnd = "l"u8, Revision = at }, scratch, ref sink);
                Assert.Equal((MvccStatus.Ok, (long)Keys, Keys), (result.Status, result.Count, seen[1].Length));
                rig.Readers.Exit(reader);
                _ = Interlocked.Increment(ref reads);
            }
        }
        catch (Exception e)
        {
            failures.Enqueue(e.ToString());
        }
    }
}
