using EtcdAot.Mvcc;
using EtcdAot.Mvcc.Watch;
using EtcdAot.Wire.Codecs;
using EtcdAot.Wire.Etcdserverpb;

namespace EtcdAot.Tests.Unit.Mvcc.Watch;

/// <summary>Goal: every watcher gets exactly the events of its range from its start on, in order, a revision never split,
/// whatever stalls, falls behind, or is compacted. Method: random writes, watchers and full streams against the list of
/// all events; single cases of the spec.</summary>
public class WatchHubTests
{
    private sealed record Event(long Main, bool IsDelete, string Key, string? Value, string? Previous);

    private sealed class Stream : IWatchSink
    {
        public List<Event> Got { get; } = [];

        public List<(long Header, int Events)> Batches { get; } = [];

        public bool Full { get; set; }

        public bool HasRoom => !Full;

        public long CompactedAt { get; private set; } = -1;

        public bool TryDeliver(Watcher watcher, in WatchBatch batch)
        {
            if (Full)
            {
                return false;
            }

            Batches.Add((batch.HeaderRevision, batch.Ends.Length));
            int start = 0;
            foreach (int end in batch.Ends)
            {
                Got.Add(Parse(batch.Events[start..end]));
                start = end;
            }

            Assert.Equal(batch.Events.Length, start);
            Assert.Equal(batch.LastRevision, Got[^1].Main);
            return true;
        }

        public void Compacted(Watcher watcher, long compactRevision) => CompactedAt = compactRevision;

        private static Event Parse(ReadOnlySpan<byte> field)
        {
            var response = WatchResponse.Parser.ParseFrom(field);
            var e = Assert.Single(response.Events);
            return new Event(
                e.Kv.ModRevision,
                e.Type == EtcdAot.Wire.Mvccpb.Event.Types.EventType.Delete,
                e.Kv.Key.ToString(System.Text.Encoding.Latin1),
                e.Type == EtcdAot.Wire.Mvccpb.Event.Types.EventType.Delete ? null : e.Kv.Value.ToString(System.Text.Encoding.Latin1),
                e.PrevKv?.Value.ToString(System.Text.Encoding.Latin1));
        }
    }

    private sealed record Watched(Watcher Watcher, Stream Stream, string Key, string End, long Start, WatchOptions Options);

    [Theory]
    [InlineData(1, false, 0)]
    [InlineData(2, false, 0)]
    [InlineData(3, true, 0)]
    [InlineData(4, true, 0)]
    [InlineData(5, false, 100_000)]
    [InlineData(6, true, 100_000)]
    [InlineData(7, true, 2000)]
    public void EveryWatcherGetsItsEvents(int seed, bool compacts, int partBytes)
    {
        var random = new Random(seed);
        using var rig = new StoreRig(new StoreOptions { LogBytes = 0 });
        var hub = partBytes == 0 ? new WatchHub() : new WatchHub(partBytes, scanRecords: 30);
        var all = new List<Event>();
        var state = new SortedDictionary<string, string>(StringComparer.Ordinal);
        var watched = new List<Watched>();
        for (int step = 0; step < 1500; step++)
        {
            Write(rig, random, all, state, repeatsKeys: !compacts);
            if (compacts && random.Next(60) == 0)
            {
                long at = random.NextInt64(Math.Max(1, rig.Store.Revision - 80), rig.Store.Revision + 1);
                _ = rig.Store.Compact(at);
            }

            if (random.Next(4) == 0)
            {
                rig.Pump();
            }

            if (random.Next(12) == 0)
            {
                watched.Add(Watch(rig, hub, random));
            }

            foreach (Watched w in watched)
            {
                w.Stream.Full = random.Next(5) == 0;
            }

            // A stream that has room again says so; now and then the thread sleeps through many publications.
            hub.Resume();
            if (step % 200 > 60 && random.Next(3) > 0)
            {
                _ = rig.Store.Publish();
                hub.Advance(rig.Store.Current);
                hub.Step(rig.Store.Current);
            }
        }

        _ = rig.Store.Publish();
        foreach (Watched w in watched)
        {
            w.Stream.Full = false;
        }

        for (int i = 0; i < 50 || hub.NeedsStep; i++)
        {
            hub.Resume();
            hub.Step(rig.Store.Current);
        }

        Assert.Equal(0, hub.PartBytes);

        foreach (Watched w in watched)
        {
            Assert.Equal(w.Stream.CompactedAt < 0, w.Watcher.IsSynced);
            Check(Expected(all, w), w.Stream, rig.Store.CompactedRevision);
            hub.Remove(w.Watcher);
        }

        Assert.True(!compacts || watched.Exists(w => w.Stream.CompactedAt > 0));

        Assert.Equal(0, hub.Count);
    }

    /// <summary>Complete, in order, no repeats. Who was cancelled by a compaction has got a beginning of it, whole
    /// revisions; a value before may be missing only when it is compacted.</summary>
    private static void Check(List<Event> expected, Stream stream, long compacted)
    {
        if (stream.CompactedAt > 0)
        {
            long last = stream.Got.Count > 0 ? stream.Got[^1].Main : 0;
            Assert.True(last < stream.CompactedAt || stream.Got.Count == 0);
            expected = expected.FindAll(e => e.Main <= last);
        }

        Assert.Equal(expected.Count, stream.Got.Count);
        for (int i = 0; i < expected.Count; i++)
        {
            Event got = stream.Got[i];
            bool isCompacted = got.Previous is null && got.Main - 1 < compacted;
            Assert.Equal(isCompacted ? expected[i] with { Previous = null } : expected[i], got);
        }
    }

    [Fact]
    public void ThousandsOfRangesAreFoundAsOneByOne()
    {
        var random = new Random(7);
        using var rig = new StoreRig();
        var hub = new WatchHub();
        var watched = new List<Watched>();
        for (int i = 0; i < 3000; i++)
        {
            watched.Add(Watch(rig, hub, random));
            if (random.Next(3) == 0)
            {
                int at = random.Next(watched.Count);
                hub.Remove(watched[at].Watcher);
                watched.RemoveAt(at);
            }
        }

        var all = new List<Event>();
        var state = new SortedDictionary<string, string>(StringComparer.Ordinal);
        for (int i = 0; i < 20; i++)
        {
            Write(rig, random, all, state, repeatsKeys: true);
        }

        _ = rig.Store.Publish();
        hub.Advance(rig.Store.Current);
        while (hub.NeedsStep)
        {
            hub.Step(rig.Store.Current);
        }

        Assert.Equal(0, hub.UnsyncedCount);
        foreach (Watched w in watched)
        {
            Check(Expected(all, w), w.Stream, -1);
            hub.Remove(w.Watcher);
        }

        Assert.Equal(0, hub.Count);
    }

    [Fact]
    public void SparseWatchersOfOneScanGetFullResponses()
    {
        using var rig = new StoreRig();
        for (int i = 0; i < 1200; i++)
        {
            _ = rig.Put("a", "1");
            _ = rig.Put("b", "1");
        }

        var hub = new WatchHub();
        var sparse = new Stream();
        var dense = new Stream();
        _ = rig.Store.Publish();
        _ = hub.Add(rig.Store.Current, "a"u8, default, new WatchOptions { StartRevision = 1 }, sparse);
        _ = hub.Add(rig.Store.Current, "a"u8, "c"u8, new WatchOptions { StartRevision = 1 }, dense);
        while (hub.NeedsStep)
        {
            hub.Step(rig.Store.Current);
        }

        Assert.Equal([(2401, 1000), (2401, 200)], sparse.Batches);
        Assert.Equal([(2401, 1000), (2401, 1000), (2401, 400)], dense.Batches);
    }

    [Fact]
    public void CatchUpComesByAThousandRevisions()
    {
        using var rig = new StoreRig();
        for (int i = 0; i < 2300; i++)
        {
            _ = rig.Put("k", $"{i}");
        }

        rig.Pump(2);
        var hub = new WatchHub();
        var stream = new Stream();
        Watcher watcher = hub.Add(rig.Store.Current, "k"u8, default, new WatchOptions { StartRevision = 2 }, stream);
        Assert.False(watcher.IsSynced || watcher.CanReport(rig.Store.Revision));
        while (hub.NeedsStep)
        {
            hub.Step(rig.Store.Current);
        }

        Assert.True(watcher.CanReport(rig.Store.Revision));
        Assert.Equal([(2301, 1000), (2301, 1000), (2301, 300)], stream.Batches);
    }

    // As a real 3.5.30 does: neither how many records lie between nor how many bytes it takes ends a response.
    [Fact]
    public void AResponseEndsByItsRevisionsAlone()
    {
        using var rig = new StoreRig();
        for (int i = 0; i < 6; i++)
        {
            _ = rig.Put("large", new string('x', 1_000_000));
            _ = rig.Put("few", $"{i}");
            for (int k = 0; k < 1200; k++)
            {
                _ = rig.Put("many", "");
            }
        }

        rig.Pump(2);
        var hub = new WatchHub();
        long now = rig.Store.Revision;
        var few = new Stream();
        var large = new Stream();
        _ = hub.Add(rig.Store.Current, "few"u8, default, new WatchOptions { StartRevision = 2 }, few);
        _ = hub.Add(rig.Store.Current, "large"u8, default, new WatchOptions { StartRevision = 2, PrevKv = true }, large);
        Assert.True(Steps(hub, rig) > 1);
        Assert.Equal([(now, 6)], few.Batches);
        Assert.Equal([(now, 6)], large.Batches);
        Assert.Equal(6, large.Got.Count(e => e.Value?.Length == 1_000_000 && (e.Main == 2 || e.Previous?.Length == 1_000_000)));
    }

    [Fact]
    public void WhatIsKeptForUnfinishedResponsesIsBounded()
    {
        using var rig = new StoreRig();
        for (int i = 0; i < 40; i++)
        {
            _ = rig.Put("k", new string('x', 1000));
        }

        _ = rig.Store.Publish();
        var hub = new WatchHub(partBytesMax: 10_000, scanRecords: 4);
        Stream[] streams = [new(), new(), new()];
        foreach (Stream stream in streams)
        {
            _ = hub.Add(rig.Store.Current, "k"u8, default, new WatchOptions { StartRevision = 2 }, stream);
        }

        int most = 0;
        while (hub.NeedsStep)
        {
            hub.Step(rig.Store.Current);
            most = Math.Max(most, hub.PartBytes);
        }

        Assert.InRange(most, 4000, 10_000);
        Assert.Equal(0, hub.PartBytes);
        foreach (Stream stream in streams)
        {
            Assert.Equal(Enumerable.Range(2, 40).Select(static r => (long)r), stream.Got.Select(static e => e.Main));
            Assert.True(stream.Batches.Count > 1);
        }
    }

    [Fact]
    public void AStreamWithoutRoomKeepsNothingButItsCursor()
    {
        using var rig = new StoreRig();
        for (int i = 0; i < 20; i++)
        {
            _ = rig.Put("k", $"{i}");
        }

        _ = rig.Store.Publish();
        var hub = new WatchHub(scanRecords: 4);
        var stream = new Stream();
        Watcher watcher = hub.Add(rig.Store.Current, "k"u8, default, new WatchOptions { StartRevision = 2 }, stream);
        hub.Step(rig.Store.Current);
        Assert.True(hub.PartBytes > 0);
        stream.Full = true;
        hub.Step(rig.Store.Current);
        Assert.Equal(0, hub.PartBytes);
        Assert.Equal(2, watcher.Cursor);
        stream.Full = false;
        hub.Resume();
        _ = Steps(hub, rig);
        Assert.Equal([(21, 20)], stream.Batches);

        // One that goes away takes its part with it.
        watcher = hub.Add(rig.Store.Current, "k"u8, default, new WatchOptions { StartRevision = 2 }, stream);
        hub.Step(rig.Store.Current);
        Assert.True(hub.PartBytes > 0);
        hub.Remove(watcher);
        Assert.Equal(0, hub.PartBytes);
    }

    private static int Steps(WatchHub hub, StoreRig rig)
    {
        int steps = 0;
        while (hub.NeedsStep)
        {
            hub.Step(rig.Store.Current);
            steps++;
        }

        return steps;
    }

    [Fact]
    public void FallingBehindACompactionCancels()
    {
        using var rig = new StoreRig();
        for (int i = 0; i < 20; i++)
        {
            _ = rig.Put("k", $"{i}");
        }

        Assert.Equal(MvccStatus.Ok, rig.Store.Compact(10));
        _ = rig.Store.Publish();
        var hub = new WatchHub();
        var early = new Stream();
        var exact = new Stream();
        Watcher lost = hub.Add(rig.Store.Current, "k"u8, default, new WatchOptions { StartRevision = 9 }, early);
        _ = hub.Add(rig.Store.Current, "k"u8, default, new WatchOptions { StartRevision = 10 }, exact);
        hub.Step(rig.Store.Current);
        Assert.Equal(10, early.CompactedAt);
        Assert.Empty(early.Got);
        Assert.False(lost.IsSynced);
        Assert.Equal(-1, exact.CompactedAt);
        Assert.Equal(10, exact.Got[0].Main);
        hub.Remove(lost);
    }

    private static void Write(
        StoreRig rig, Random random, List<Event> all, SortedDictionary<string, string> state, bool repeatsKeys)
    {
        var used = new HashSet<string>();
        WriteTxn txn = rig.Store.BeginWrite();
        long main = rig.Store.Revision + 1;
        var before = new Dictionary<string, string>(state);
        for (int i = random.Next(1, 4); i > 0; i--)
        {
            string key = $"k{random.Next(25):D2}";
            string? previous = before.GetValueOrDefault(key);
            if (!used.Add(key) && !repeatsKeys)
            {
                continue;
            }

            if (random.Next(4) == 0)
            {
                NoDeleteSink none = default;
                if (txn.DeleteRange(new KeyRange(StoreRig.Bytes(key), default), false, ref none) > 0)
                {
                    all.Add(new Event(main, true, key, null, previous));
                    _ = state.Remove(key);
                }

                continue;
            }

            string value = new('x', random.Next(30));
            bool creates = !state.ContainsKey(key);
            Assert.Equal(MvccStatus.Ok, txn.Put(
                new PutRequestView { Key = StoreRig.Bytes(key), Value = StoreRig.Bytes(value) }, out _));
            all.Add(new Event(main, false, key, value, creates ? null : previous));
            state[key] = value;
        }

        _ = txn.End();
    }

    private static Watched Watch(StoreRig rig, WatchHub hub, Random random)
    {
        _ = rig.Store.Publish();
        string key = $"k{random.Next(25):D2}";
        string end = random.Next(3) switch { 0 => "", 1 => "\0", _ => "k" + (char)('0' + random.Next(3)) + "z" };
        if (end.Length > 1 && string.CompareOrdinal(end, key) <= 0)
        {
            end = "";
        }

        var options = new WatchOptions
        {
            StartRevision = random.Next(2) == 0 ? 0 : random.NextInt64(1, rig.Store.Revision + 5),
            NoPut = random.Next(6) == 0,
            NoDelete = random.Next(6) == 0,
            PrevKv = random.Next(2) == 0,
        };
        var stream = new Stream();
        long start = options.StartRevision > 0 ? options.StartRevision : rig.Store.Revision + 1;
        Watcher watcher = hub.Add(rig.Store.Current, StoreRig.Bytes(key), StoreRig.Bytes(end), options, stream);
        return new Watched(watcher, stream, key, end, start, options);
    }

    private static List<Event> Expected(List<Event> all, Watched w)
    {
        return [.. all
            .Where(e => e.Main >= w.Start && !(e.IsDelete ? w.Options.NoDelete : w.Options.NoPut)
                && (w.End.Length == 0 ? e.Key == w.Key
                    : string.CompareOrdinal(e.Key, w.Key) >= 0
                        && (w.End == "\0" || string.CompareOrdinal(e.Key, w.End) < 0)))
            .Select(e => w.Options.PrevKv ? e : e with { Previous = null })];
    }
}
