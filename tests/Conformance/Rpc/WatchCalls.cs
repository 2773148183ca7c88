// Watches: every create option, history and what is to come, ids, filters, cancel, progress, compaction, fragments.
using EtcdAot.Wire.Etcdserverpb;
using Google.Protobuf;
using FilterType = EtcdAot.Wire.Etcdserverpb.WatchCreateRequest.Types.FilterType;

namespace EtcdAot.Tests.Conformance.Rpc;

/// <summary>Service Watch of the comparison.</summary>
internal sealed class WatchCalls(Lockstep pair, Dice dice, KvCalls kv)
{
    private const int RandomStreams = 4;
    private static readonly ByteString All = ByteString.CopyFrom(0);

    public void Run()
    {
        Creates();
        Ids();
        Progress();
        Compaction();
        CreateOrder();
        ManyRevisions();
        SparseHistory();
        ManyWatchers();
        Fragments();
        LargeHistory();
        LiveFragments();
        ProgressNotify();
        Odd();
        for (int i = 0; i < RandomStreams; i++)
        {
            RandomStream();
        }
    }

    private static WatchRequest Create(ByteString key, ByteString end, Action<WatchCreateRequest>? more = null)
    {
        var create = new WatchCreateRequest { Key = key, RangeEnd = end };
        more?.Invoke(create);
        return new WatchRequest { CreateRequest = create };
    }

    private static WatchRequest Cancel(long id) =>
        new() { CancelRequest = new WatchCancelRequest { WatchId = id } };

    private static WatchRequest AskProgress() => new() { ProgressRequest = new WatchProgressRequest() };

    private static ByteString Text(string text) => ByteString.CopyFromUtf8(text);

    private void Put(string key, string value) =>
        pair.Unary(RawMethods.Put, new PutRequest { Key = Text(key), Value = Text(value) });

    private void Delete(string key) => pair.Unary(RawMethods.DeleteRange, new DeleteRangeRequest { Key = Text(key) });

    private void Creates()
    {
        using var stream = new StreamPair(pair, RawMethods.Watch);
        Put("aa", "before");
        long old = pair.Revision;
        Put("aa", "then");
        Delete("aa");
        stream.Exchange(Create(Text("aa"), ByteString.Empty), 1);
        stream.Exchange(Create(Text("a"), Text("b"), c => c.PrevKv = true), 1);
        stream.Exchange(Create(All, All, c => c.StartRevision = old), 2);
        stream.Exchange(Create(Text("aa"), ByteString.Empty, c => (c.StartRevision, c.PrevKv) = (old + 1, true)), 2);
        stream.Exchange(Create(Text("aa"), ByteString.Empty, c => c.StartRevision = pair.Revision + 3), 1);
        stream.Exchange(Create(Text("b"), Text("a")), 1);
        stream.Exchange(Create(Text("b"), Text("b")), 1);
        stream.Exchange(Create(ByteString.Empty, ByteString.Empty), 1);
        stream.Exchange(Create(ByteString.Empty, All, c => c.Filters.Add(FilterType.Noput)), 1);
        stream.Exchange(Create(Text("aa"), All, c => c.Filters.Add(FilterType.Nodelete)), 1);
        stream.Exchange(Create(Text("aa"), All, c => c.Filters.Add([FilterType.Nodelete, FilterType.Noput])), 1);
        stream.Exchange(Create(Text("aa"), All, c => c.Filters.Add([(FilterType)7, FilterType.Noput])), 1);
        stream.Exchange(Create(Text("aa"), ByteString.Empty, c => c.StartRevision = -1), 1);
        stream.Exchange(new WatchRequest());
        foreach (string value in new[] { "1", "2", "3" })
        {
            Put("aa", value);
            stream.Collect("put", 1);
        }

        var txn = new TxnRequest();
        txn.Success.Add(new RequestOp { RequestPut = new PutRequest { Key = Text("ab"), Value = Text("x") } });
        txn.Success.Add(new RequestOp { RequestDeleteRange = new DeleteRangeRequest { Key = Text("aa") } });
        txn.Success.Add(new RequestOp { RequestPut = new PutRequest { Key = Text("b"), Value = Text("y") } });
        pair.Unary(RawMethods.Txn, txn);
        stream.Collect("txn", 1);
        Delete("missing");
        stream.Collect("delete of nothing");
        stream.HalfClose();
        Put("aa", "after half-close");
        stream.Collect("put after half-close", 1);
    }

    private void Ids()
    {
        using var stream = new StreamPair(pair, RawMethods.Watch);
        foreach (long id in new long[] { 2, 0, 0, 0, 2, -1, -7, long.MaxValue, 0 })
        {
            stream.Exchange(Create(Text("z"), ByteString.Empty, c => c.WatchId = id), 1);
        }

        foreach (long id in new long[] { 2, 2, 77, -7, 0 })
        {
            stream.Exchange(Cancel(id));
        }

        stream.Exchange(Create(Text("z"), ByteString.Empty, c => c.WatchId = 2), 1);
        stream.Exchange(Create(Text("z"), ByteString.Empty), 1);
        Put("z", "1");
        stream.Collect("put", 1);
    }

    private void Progress()
    {
        using var stream = new StreamPair(pair, RawMethods.Watch);
        stream.Exchange(AskProgress());
        stream.Exchange(Create(Text("b"), All), 1);
        stream.Exchange(AskProgress(), 1);
        Put("b", "p");
        stream.Collect("put", 1);
        stream.Exchange(AskProgress(), 1);
        stream.Exchange(Create(Text("b"), ByteString.Empty, c => c.StartRevision = pair.Revision + 2), 1);
        stream.Exchange(AskProgress());
        stream.Exchange(Cancel(1), 1);
        stream.Exchange(AskProgress(), 1);
        stream.Exchange(Create(Text("c"), ByteString.Empty, c => c.Filters.Add(FilterType.Noput)), 1);
        Put("c", "filtered");
        stream.Collect("filtered put", 1);
        stream.Exchange(AskProgress(), 1);
    }

    private void Compaction()
    {
        using var stream = new StreamPair(pair, RawMethods.Watch);
        Put("c", "1");
        long from = pair.Revision;
        Put("c", "2");
        Delete("c");
        long compacted = pair.Revision;
        Put("c", "3");
        pair.Unary(RawMethods.Compact, new CompactionRequest { Revision = compacted, Physical = true });
        stream.Exchange(Create(Text("c"), ByteString.Empty, c => c.StartRevision = from), 2);
        stream.Exchange(Create(Text("c"), ByteString.Empty, c => (c.StartRevision, c.PrevKv) = (compacted, true)), 2);
        stream.Exchange(Create(Text("c"), ByteString.Empty, c => (c.StartRevision, c.PrevKv) = (compacted + 1, true)), 2);
        stream.Exchange(Create(Text("c"), ByteString.Empty, c => c.StartRevision = 1), 2);
        stream.Exchange(AskProgress());
        stream.Exchange(Cancel(0), 1);
        stream.Exchange(Cancel(3), 1);
        stream.Exchange(AskProgress(), 1);
        Put("c", "4");
        stream.Collect("put", 1);
    }

    // More than a thousand revisions behind: responses of a thousand each.
    private void ManyRevisions()
    {
        long from = pair.Revision + 1;
        byte[] put = new PutRequest { Key = Text("b/1"), Value = Text("many") }.ToByteArray();
        for (int i = 0; i < 1100; i++)
        {
            foreach (RpcMember member in new[] { pair.Real, pair.Ours })
            {
                member.Unary(RawMethods.Put.Service, RawMethods.Put.Name, put);
            }
        }

        Put("b/2", "last");
        using var stream = new StreamPair(pair, RawMethods.Watch);
        stream.Exchange(Create(Text("b"), Text("c"), c => c.StartRevision = from), 3);
        Put("b/2", "new");
        stream.Collect("put", 1);
    }

    private void Fragments()
    {
        long from = pair.Revision + 1;
        for (int i = 0; i < 4; i++)
        {
            pair.Unary(RawMethods.Put, new PutRequest { Key = Text("z"), Value = ByteString.CopyFrom(dice.Bytes(900_000)) });
        }

        foreach (bool fragment in new[] { true, false })
        {
            using var stream = new StreamPair(pair, RawMethods.Watch);
            stream.Exchange(Create(Text("z"), ByteString.Empty, c =>
                (c.StartRevision, c.Fragment, c.PrevKv) = (from, fragment, true)), fragment ? 3 : 2);
        }

        Delete("z");
    }

    // Which of several things wrong with one create is told; and that a failed one leaves nothing behind.
    private void CreateOrder()
    {
        using var stream = new StreamPair(pair, RawMethods.Watch);
        stream.Exchange(Create(Text("a"), ByteString.Empty, c => c.WatchId = 5), 1);
        for (int bits = 1; bits < 8; bits++)
        {
            int wrong = bits;
            stream.Exchange(Create(Text("b"), (wrong & 1) != 0 ? Text("a") : ByteString.Empty, c =>
                (c.StartRevision, c.WatchId) = ((wrong & 2) != 0 ? -3 : 0, (wrong & 4) != 0 ? 5 : 0)), 1);
        }

        stream.Exchange(Create(Text("a"), ByteString.Empty, c => (c.WatchId, c.StartRevision) = (6, long.MaxValue)), 1);
        stream.Exchange(Create(Text("a"), ByteString.Empty, c => (c.WatchId, c.StartRevision) = (7, pair.Revision + 1)), 1);
        stream.Exchange(Create(Text("a"), All, c => (c.WatchId, c.StartRevision) = (8, pair.Revision)), 1);
        stream.Exchange(Create(Text("a"), ByteString.Empty, c => (c.WatchId, c.StartRevision) = (9, 1)), 2);
        stream.Exchange(Create(Text("a"), ByteString.Empty, c => c.WatchId = 9), 1);
        stream.Exchange(Cancel(9), 1);
        stream.Exchange(Cancel(9));
        stream.Exchange(Create(Text("a"), ByteString.Empty, c => c.WatchId = 9), 1);
        stream.Exchange(Create(Text("a"), Text("b"), c =>
        {
            (c.PrevKv, c.Fragment, c.ProgressNotify) = (true, true, false);
            c.Filters.Add([FilterType.Noput, FilterType.Noput, FilterType.Nodelete]);
        }), 1);
        Put("a", "x");
        stream.Collect("put", 1);
        Delete("a");
        stream.Collect("delete", 1);
    }

    // Few events among many: a response ends by the revisions that are in it, not by how many were looked at.
    private void SparseHistory()
    {
        long from = pair.Revision + 1;
        for (int i = 0; i < 60; i++)
        {
            var txn = new TxnRequest();
            for (int k = 0; k < 128; k++)
            {
                txn.Success.Add(new RequestOp { RequestPut = new PutRequest { Key = Text($"many/{k}"), Value = Text($"{i}") } });
            }

            pair.Unary(RawMethods.Txn, txn);
            Put("few", $"{i}");
        }

        using var stream = new StreamPair(pair, RawMethods.Watch);
        stream.Exchange(Create(Text("few"), ByteString.Empty, c => (c.StartRevision, c.PrevKv) = (from, true)), 2);
        stream.Exchange(Create(Text("many/"), Text("many0"), c => c.StartRevision = from), 2);
        stream.Exchange(Create(Text("few"), Text("many/2"), c => c.StartRevision = from + 5), 2);
        pair.Unary(RawMethods.DeleteRange, new DeleteRangeRequest { Key = Text("many/"), RangeEnd = Text("many0") });
        stream.Collect("delete of many", 2);
    }

    // More watchers than the original serves in one pass, and more responses than it keeps for a stream.
    private void ManyWatchers()
    {
        const int Watchers = 700;
        long from = pair.Revision + 1;
        for (int i = 0; i < 5; i++)
        {
            Put("few", $"{i}");
            Put("fewer", $"{i}");
        }

        using var stream = new StreamPair(pair, RawMethods.Watch);
        IMessage[] creates = [.. Enumerable.Range(0, Watchers).Select(i => Create(
            Text("few"), i % 3 == 0 ? Text("fex") : ByteString.Empty, c =>
                (c.StartRevision, c.PrevKv) = (i % 7 == 0 ? 0 : from + (i % 5), i % 2 == 0)))];
        stream.ExchangeAll("many creates", creates, Watchers);
        Put("few", "all");
        stream.Collect("put to many", Watchers);
        IMessage[] cancels = [.. Enumerable.Range(0, Watchers).Select(static i => Cancel(i))];
        stream.ExchangeAll("many cancels", cancels, Watchers);
        Put("few", "nobody");
        stream.Exchange(AskProgress());
    }

    // Far more than a response may be for a client that wants fragments.
    private void LargeHistory()
    {
        long from = pair.Revision + 1;
        for (int i = 0; i < 14; i++)
        {
            Put("z", new string((char)('a' + i), 800_000));
            Put("few", $"{i}");
        }

        foreach (bool fragment in new[] { true, false })
        {
            using var stream = new StreamPair(pair, RawMethods.Watch);
            stream.Exchange(Create(Text("few"), All, c =>
                (c.StartRevision, c.Fragment, c.PrevKv) = (from, fragment, true)), 2);
            stream.Exchange(Create(Text("few"), ByteString.Empty, c => c.StartRevision = from), 2);
        }

        Delete("z");
    }

    // One revision that is large because of the values before.
    private void LiveFragments()
    {
        for (int i = 0; i < 5; i++)
        {
            Put($"z/{i}", new string((char)('a' + i), 700_000));
        }

        using var stream = new StreamPair(pair, RawMethods.Watch);
        foreach ((bool fragment, bool previous) in new[] { (true, true), (false, true), (true, false) })
        {
            stream.Exchange(Create(Text("z"), All, c => (c.Fragment, c.PrevKv) = (fragment, previous)), 1);
        }

        pair.Unary(RawMethods.DeleteRange, new DeleteRangeRequest { Key = Text("z/"), RangeEnd = Text("z0") });
        stream.Collect("delete of large values", 4);
    }

    // The notify interval is one second on both; ticks have no phase, so only what the first notices say is compared.
    private void ProgressNotify()
    {
        using var stream = new StreamPair(pair, RawMethods.Watch);
        stream.Exchange(Create(Text("none"), ByteString.Empty, c => c.ProgressNotify = true), 1);
        stream.First("progress notice", 1);
    }

    private void Odd()
    {
        foreach ((string form, byte[] bytes) in new (string, byte[])[]
        {
            ("cut on a stream", [0x0a, 0x05, 0x0a]),
            ("wrong wire type on a stream", [0x08, 0x01]),
            ("empty message on a stream", []),
            ("unknown field on a stream", [0xba, 0x3e, 0x01, 0x00]),
            ("filters packed", [0x0a, 0x06, 0x0a, 0x01, (byte)'a', 0x2a, 0x01, 0x00]),
            ("filters not packed", [0x0a, 0x05, 0x0a, 0x01, (byte)'a', 0x28, 0x00]),
            ("two members of a oneof", [0x0a, 0x03, 0x0a, 0x01, (byte)'a', 0x12, 0x00]),
            ("a oneof member twice", [0x0a, 0x03, 0x0a, 0x01, (byte)'a', 0x0a, 0x03, 0x12, 0x01, (byte)'0']),
        })
        {
            using var stream = new StreamPair(pair, RawMethods.Watch);
            stream.Exchange(Create(Text("aa"), ByteString.Empty), 1);
            stream.Odd(bytes, form);
            Put("a", form);
            stream.Collect("put after " + form);
        }
    }

    private void RandomStream()
    {
        using var stream = new StreamPair(pair, RawMethods.Watch);
        int watchers = 0;
        for (int i = 0; i < 25; i++)
        {
            switch (dice.Below(10))
            {
                case < 4:
                    ByteString key = dice.Key(0);
                    stream.Exchange(Create(key, dice.RangeEnd(key, pair.Table), c =>
                    {
                        c.PrevKv = dice.Chance(50);
                        c.StartRevision = dice.Chance(40) ? Math.Max(0, pair.Revision - dice.Below(20)) : 0;
                        c.Fragment = dice.Chance(20);
                        c.Filters.Add(dice.Chance(20) ? [(FilterType)dice.Below(3)] : []);
                    }), 1);
                    watchers++;
                    break;
                case 4:
                    stream.Exchange(Cancel(dice.Below(watchers + 1)));
                    break;
                case 5:
                    stream.Exchange(AskProgress());
                    break;
                default:
                    (RawMethod method, IMessage request) = kv.DrawWrite();
                    pair.Unary(method, request);
                    stream.Collect("after " + method.Name);
                    break;
            }
        }
    }
}
