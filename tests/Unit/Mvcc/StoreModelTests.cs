using EtcdAot.Mvcc;
using EtcdAot.Wire.Codecs;

namespace EtcdAot.Tests.Unit.Mvcc;

/// <summary>Goal: revisions, ranges, deletes, compaction, commits and restarts answer as the plain list of all events
/// does. Method: random operations against a naive twin, with every request field drawn.</summary>
public class StoreModelTests
{
    private sealed record Change(long Main, string Key, Kv? Value);

    private sealed class Twin
    {
        public long Revision = 1;
        public long Compacted = -1;

        public List<Change> Changes { get; } = [];

        public SortedDictionary<string, Kv> At(long revision)
        {
            var state = new SortedDictionary<string, Kv>(StringComparer.Ordinal);
            foreach (Change change in Changes.Where(c => c.Main <= revision))
            {
                if (change.Value is null)
                {
                    _ = state.Remove(change.Key);
                }
                else
                {
                    state[change.Key] = change.Value;
                }
            }

            return state;
        }
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    [InlineData(4)]
    public void AnswersAsTheListOfEvents(int seed)
    {
        var random = new Random(seed);
        using var rig = new StoreRig(new StoreOptions { CompactionPauseNanos = 0, CompactionBatch = 20, LogBytes = 0 });
        var twin = new Twin();
        for (int step = 0; step < 700; step++)
        {
            Write(rig, twin, random);
            if (random.Next(3) == 0)
            {
                rig.Pump();
            }

            if (random.Next(40) == 0)
            {
                Compact(rig, twin, random);
            }

            if (random.Next(150) == 0)
            {
                rig.Pump(3);
                rig.Restart();
            }

            _ = rig.Store.Publish();
            for (int i = 0; i < 3; i++)
            {
                Compare(rig, twin, random);
            }
        }

        rig.Store.Index.Check();
    }

    private static string Key(Random random) => $"k{random.Next(30):D2}";

    private static void Write(StoreRig rig, Twin twin, Random random)
    {
        WriteTxn txn = rig.Store.BeginWrite();
        SortedDictionary<string, Kv> state = twin.At(twin.Revision);
        long main = twin.Revision + 1;
        int ops = random.Next(1, 4);
        for (int i = 0; i < ops; i++)
        {
            string key = Key(random);
            if (random.Next(4) == 0)
            {
                Delete(txn, twin, random, state, main, key);
                continue;
            }

            Put(txn, twin, random, state, main, key);
        }

        bool changed = txn.Changed;
        twin.Revision += changed ? 1 : 0;
        Assert.Equal(twin.Revision, txn.End());
    }

    private static void Put(
        WriteTxn txn, Twin twin, Random random, SortedDictionary<string, Kv> state, long main, string key)
    {
        string value = new('v', random.Next(40));
        var request = new PutRequestView
        {
            Key = StoreRig.Bytes(key),
            Value = StoreRig.Bytes(value),
            Lease = random.Next(3),
            PrevKv = random.Next(2) == 0,
            IgnoreValue = random.Next(5) == 0,
            IgnoreLease = random.Next(5) == 0,
        };
        bool exists = state.TryGetValue(key, out Kv? old);
        MvccStatus status = txn.Put(request, out ReadOnlySpan<byte> previous);
        if (!exists && (request.IgnoreLease || request.IgnoreValue))
        {
            Assert.Equal(MvccStatus.KeyNotFound, status);
            return;
        }

        Assert.Equal(MvccStatus.Ok, status);
        Assert.Equal(request.PrevKv ? old : null, previous.IsEmpty ? null : Kv.Parse(previous));
        var fresh = new Kv(
            key,
            request.IgnoreValue ? old!.Value : value,
            exists ? old!.Create : main,
            main,
            exists ? old!.Version + 1 : 1,
            request.IgnoreLease ? old!.Lease : request.Lease);
        state[key] = fresh;
        twin.Changes.Add(new Change(main, key, fresh));
    }

    private readonly struct DeletedList(List<(string, Kv?)> all) : IDeleteSink
    {
        public void Deleted(ReadOnlySpan<byte> key, ReadOnlySpan<byte> previous)
        {
            all.Add((System.Text.Encoding.Latin1.GetString(key), previous.IsEmpty ? null : Kv.Parse(previous)));
        }
    }

    private static void Delete(
        WriteTxn txn, Twin twin, Random random, SortedDictionary<string, Kv> state, long main, string key)
    {
        string end = random.Next(3) switch { 0 => "", 1 => Key(random), _ => $"k{random.Next(30):D2}" };
        var all = new List<(string, Kv?)>();
        var sink = new DeletedList(all);
        bool wants = random.Next(2) == 0;
        long deleted = txn.DeleteRange(new KeyRange(StoreRig.Bytes(key), StoreRig.Bytes(end)), wants, ref sink);
        List<(string, Kv?)> expected = [.. state
            .Where(p => In(p.Key, key, end))
            .Select(p => (p.Key, wants ? p.Value : null))];
        Assert.Equal(expected, all);
        Assert.Equal(expected.Count, deleted);
        foreach ((string gone, _) in expected)
        {
            _ = state.Remove(gone);
            twin.Changes.Add(new Change(main, gone, null));
        }
    }

    private static bool In(string key, string from, string end)
    {
        return end.Length == 0 ? key == from
            : string.CompareOrdinal(key, from) >= 0 && (end == "\0" || string.CompareOrdinal(key, end) < 0);
    }

    private static void Compact(StoreRig rig, Twin twin, Random random)
    {
        long at = random.NextInt64(Math.Max(0, twin.Compacted - 2), twin.Revision + 2);
        MvccStatus expected = at <= twin.Compacted ? MvccStatus.Compacted
            : at > twin.Revision ? MvccStatus.FutureRevision : MvccStatus.Ok;
        Assert.Equal(expected, rig.Store.Compact(at));
        twin.Compacted = expected == MvccStatus.Ok ? at : twin.Compacted;
        if (random.Next(2) == 0)
        {
            rig.Pump(30);
            Assert.True(expected != MvccStatus.Ok || rig.Store.CompactionDone(at), "a compaction comes to its end");
        }
    }

    private static void Compare(StoreRig rig, Twin twin, Random random)
    {
        string end = random.Next(4) switch { 0 => "", 1 => "\0", 2 => "l", _ => Key(random) };
        var request = new RangeRequestView
        {
            Key = StoreRig.Bytes(Key(random)),
            RangeEnd = StoreRig.Bytes(end),
            Revision = random.Next(3) == 0 ? random.NextInt64(-1, twin.Revision + 2) : 0,
            Limit = random.Next(3) == 0 ? random.Next(-1, 12) : 0,
            SortOrder = random.Next(3),
            SortTarget = random.Next(5),
            KeysOnly = random.Next(5) == 0,
            CountOnly = random.Next(6) == 0,
            MinModRevision = random.Next(6) == 0 ? random.NextInt64(1, twin.Revision + 1) : 0,
            MaxModRevision = random.Next(6) == 0 ? random.NextInt64(1, twin.Revision + 1) : 0,
            MinCreateRevision = random.Next(6) == 0 ? random.NextInt64(1, twin.Revision + 1) : 0,
            MaxCreateRevision = random.Next(6) == 0 ? random.NextInt64(1, twin.Revision + 1) : 0,
        };
        List<Kv> found = rig.Range(request, out RangeResult result);
        long at = request.Revision <= 0 ? twin.Revision : request.Revision;
        if (at > twin.Revision || at < twin.Compacted)
        {
            Assert.Equal(at > twin.Revision ? MvccStatus.FutureRevision : MvccStatus.Compacted, result.Status);
            return;
        }

        Assert.Equal(MvccStatus.Ok, result.Status);
        (List<Kv> expected, long count, bool more) = Expect(twin.At(at), request, end);
        Assert.Equal((count, more, twin.Revision), (result.Count, result.More, result.Revision));
        Assert.Equal(expected, found);
        CompareMeasure(rig, request, found);
    }

    private static void CompareMeasure(StoreRig rig, in RangeRequestView request, List<Kv> found)
    {
        bool plain = request.SortOrder < 2 && request.SortTarget == 0 && !request.KeysOnly && !request.CountOnly
            && (request.MinModRevision | request.MaxModRevision | request.MinCreateRevision
                | request.MaxCreateRevision) == 0;
        if (!plain)
        {
            return;
        }

        long bytes = 0;
        foreach (Kv kv in found)
        {
            var view = new KeyValueView
            {
                Key = StoreRig.Bytes(kv.Key),
                Value = StoreRig.Bytes(kv.Value),
                CreateRevision = kv.Create,
                ModRevision = kv.Mod,
                Version = kv.Version,
                Lease = kv.Lease,
            };
            bytes += ProtoWriter.SizeOfBytes(2, view.Size);
        }

        RangeMeasure measure = rig.Store.Current.Measure(request);
        Assert.Equal((found.Count, bytes), ((int)measure.Returned, measure.FieldBytes));
    }

    private static (List<Kv> Kvs, long Count, bool More) Expect(
        SortedDictionary<string, Kv> state, in RangeRequestView r, string end)
    {
        string from = System.Text.Encoding.Latin1.GetString(r.Key);
        List<Kv> all = [.. state.Values.Where(kv => In(kv.Key, from, end))];
        if (r.CountOnly)
        {
            return ([], all.Count, false);
        }

        long count = all.Count;
        (long maxMod, long minMod, long maxCreate, long minCreate) =
            (r.MaxModRevision, r.MinModRevision, r.MaxCreateRevision, r.MinCreateRevision);
        long limit = r.Limit > 0 ? r.Limit : long.MaxValue;
        if (r.SortOrder == 0 && (maxMod | minMod | maxCreate | minCreate) == 0 && limit < long.MaxValue)
        {
            all = [.. all.Take((int)limit + 1)];
        }

        IEnumerable<Kv> left = all.Where(kv => (maxMod == 0 || kv.Mod <= maxMod) && (minMod == 0 || kv.Mod >= minMod)
            && (maxCreate == 0 || kv.Create <= maxCreate) && (minCreate == 0 || kv.Create >= minCreate));
        bool down = r.SortOrder == 2;
        left = r.SortTarget switch
        {
            0 => down ? left.Reverse() : left,
            1 => down ? left.OrderByDescending(kv => kv.Version) : left.OrderBy(kv => kv.Version),
            2 => down ? left.OrderByDescending(kv => kv.Create) : left.OrderBy(kv => kv.Create),
            3 => down ? left.OrderByDescending(kv => kv.Mod) : left.OrderBy(kv => kv.Mod),
            _ => down ? left.OrderByDescending(kv => kv.Value, StringComparer.Ordinal)
                : left.OrderBy(kv => kv.Value, StringComparer.Ordinal),
        };
        List<Kv> sorted = [.. left];
        bool keysOnly = r.KeysOnly;
        List<Kv> cut = [.. sorted.Take((int)Math.Min(limit, int.MaxValue))
            .Select(kv => keysOnly ? kv with { Value = "" } : kv)];
        return (cut, count, sorted.Count > cut.Count);
    }
}
