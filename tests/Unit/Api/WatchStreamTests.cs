using EtcdAot.Http;
using EtcdAot.Server;
using EtcdAot.Tests.Unit.Grpc;
using EtcdAot.Wire.Etcdserverpb;
using EtcdAot.Wire.Mvccpb;
using Google.Protobuf;
using Filter = EtcdAot.Wire.Etcdserverpb.WatchCreateRequest.Types.FilterType;

namespace EtcdAot.Tests.Unit.Api;

/// <summary>Goal: the watch stream says what the original says, case by case of api-v3 §3: ids, reasons, revisions,
/// progress, fragments, compaction; and a slow or gone client costs nothing. Method: a whole member behind an in-memory
/// stream.</summary>
public sealed class WatchStreamTests : IDisposable
{
    private readonly ApiRig _rig = new(new ServerOptions { WatchProgressNotifyMillis = 1000 });
    private readonly FakeStream _stream;
    private readonly IStreamHandler _client;
    private int _read;

    public WatchStreamTests()
    {
        (_stream, _client) = _rig.Begin("/etcdserverpb.Watch/Watch");
    }

    public void Dispose() => _rig.Dispose();

    [Fact]
    public void IdsAndRefusals()
    {
        Assert.Equal("id=0 created rev=1", Create(new WatchCreateRequest { Key = Bytes("a") }));
        Assert.Equal("id=1 created rev=1", Create(new WatchCreateRequest { Key = Bytes("a"), RangeEnd = Bytes("\0") }));
        Assert.Equal("id=7 created rev=1", Create(new WatchCreateRequest { WatchId = 7 }));
        Assert.Equal("id=-3 created rev=1", Create(new WatchCreateRequest { WatchId = -3 }));
        Assert.Equal("id=2 created rev=1", Create(new WatchCreateRequest { WatchId = 2 }));
        Assert.Equal("id=3 created rev=1", Create(new WatchCreateRequest { Key = Bytes("b") }));
        Assert.Equal(
            "id=-1 created canceled rev=1 'mvcc: duplicate watch ID provided on the WatchStream'",
            Create(new WatchCreateRequest { WatchId = 7 }));
        Assert.Equal(
            "id=-1 created canceled rev=1 'mvcc: watcher range is empty'",
            Create(new WatchCreateRequest { Key = Bytes("b"), RangeEnd = Bytes("b") }));
        Assert.Equal(
            "id=-1 created canceled rev=1 'etcdserver: mvcc: required revision has been compacted'",
            Create(new WatchCreateRequest { Key = Bytes("b"), StartRevision = -1 }));
        Assert.Equal("id=7 canceled rev=1", Ask(new WatchRequest { CancelRequest = new() { WatchId = 7 } }));
        Assert.Equal("", Ask(new WatchRequest { CancelRequest = new() { WatchId = 7 } }));
        Assert.Equal("", Ask(new WatchRequest()));
        Assert.Equal("id=7 created rev=1", Create(new WatchCreateRequest { WatchId = 7 }));
    }

    [Fact]
    public void EventsOfARevisionComeTogetherAndPreviousValuesWithThem()
    {
        Put("a", "1");
        Put("b", "1");
        _ = Create(new WatchCreateRequest { Key = Bytes("a"), RangeEnd = Bytes("c"), PrevKv = true });
        _ = Create(new WatchCreateRequest { Key = Bytes("a"), Filters = { Filter.Noput } });
        _ = Create(new WatchCreateRequest { Key = Bytes("a"), Filters = { Filter.Nodelete } });
        Put("a", "2");
        Assert.Equal("id=0 rev=4 [put a=2@4 was 1]; id=2 rev=4 [put a=2@4]", InOrder(Next()));
        _ = _rig.Call(
            "/etcdserverpb.KV/DeleteRange",
            new DeleteRangeRequest { Key = Bytes("a"), RangeEnd = Bytes("c") },
            DeleteRangeResponse.Parser);
        Assert.Equal("id=0 rev=5 [del a=@5 was 2, del b=@5 was 1]; id=1 rev=5 [del a=@5]", InOrder(Next()));
        Put("c", "outside");
        Put("a", "new");
        Assert.Equal("id=0 rev=7 [put a=new@7]; id=2 rev=7 [put a=new@7]", InOrder(Next()));
    }

    [Fact]
    public void ThePastComesWithTheCurrentRevisionAndTheFutureWaits()
    {
        for (int i = 0; i < 4; i++)
        {
            Put("a", $"{i}");
        }

        _ = Create(new WatchCreateRequest { Key = Bytes("a"), StartRevision = 7 });
        Put("a", "4");
        Assert.Equal("", Next());
        Assert.Equal(
            "id=1 created rev=6; id=1 rev=6 [put a=2@4, put a=3@5, put a=4@6]",
            Create(new WatchCreateRequest { Key = Bytes("a"), StartRevision = 4 }));
        Put("a", "5");
        Assert.Equal("id=0 rev=7 [put a=5@7]; id=1 rev=7 [put a=5@7]", InOrder(Next()));
    }

    [Fact]
    public void NoReadIsAheadOfTheEvents()
    {
        _ = Create(new WatchCreateRequest { Key = Bytes("a") });
        _ = _rig.Start("/etcdserverpb.KV/Put", new PutRequest { Key = Bytes("a"), Value = Bytes("1") });
        _rig.Loop.Drain();
        _rig.StepActors();
        Assert.Equal("", Next());

        // The core has published, the loop has not heard of it; a read of another stream sees the new revision.
        FakeStream range = _rig.Start("/etcdserverpb.KV/Range", new RangeRequest { Key = Bytes("a"), Serializable = true });
        Assert.Equal(2, RangeResponse.Parser.ParseFrom(Assert.Single(range.Messages).AsSpan(5)).Header.Revision);
        Assert.Equal("id=0 rev=2 [put a=1@2]", Next());
        _rig.Step();
        Assert.Equal("", Next());
    }

    [Fact]
    public void ProgressIsReportedOnlyWhenAllWatchersHaveIt()
    {
        var ask = new WatchRequest { ProgressRequest = new() };
        Put("a", "1");
        Assert.Equal("", Ask(ask));
        _ = Create(new WatchCreateRequest { Key = Bytes("a") });
        Assert.Equal("id=-1 rev=2", Ask(ask));
        _ = Create(new WatchCreateRequest { Key = Bytes("z"), StartRevision = 4 });
        Assert.Equal("", Ask(ask));
        Put("b", "1");
        Assert.Equal("", Ask(ask));
        Put("b", "2");
        Assert.Equal("id=-1 rev=4", Ask(ask));
    }

    [Fact]
    public void BehindACompactionIsCanceledAndBlocksProgressUntilTheClientCancels()
    {
        for (int i = 0; i < 5; i++)
        {
            Put("a", $"{i}");
        }

        _ = _rig.Call("/etcdserverpb.KV/Compact", new CompactionRequest { Revision = 4 }, CompactionResponse.Parser);
        Assert.Equal(
            "id=0 created rev=6; id=0 canceled rev=0 compacted=4",
            Create(new WatchCreateRequest { Key = Bytes("a"), StartRevision = 3 }));
        Assert.Equal(
            "id=1 created rev=6; id=1 rev=6 [put a=2@4, put a=3@5, put a=4@6]",
            Create(new WatchCreateRequest { Key = Bytes("a"), StartRevision = 4, PrevKv = true }).Replace(" was 2", "").Replace(" was 3", ""));
        Assert.Equal("", Ask(new WatchRequest { ProgressRequest = new() }));
        Assert.Equal("id=0 canceled rev=6", Ask(new WatchRequest { CancelRequest = new() { WatchId = 0 } }));
        Assert.Equal("id=-1 rev=6", Ask(new WatchRequest { ProgressRequest = new() }));
    }

    [Fact]
    public void ASlowClientCostsItsCursor()
    {
        _ = Create(new WatchCreateRequest { Key = Bytes("a") });
        _stream.Queued = 3 << 20;
        for (int i = 0; i < 5; i++)
        {
            Put("a", $"{i}");
        }

        Assert.Equal("", Next());

        // Requests wait too: their answers have no other bound.
        Assert.Equal("", Create(new WatchCreateRequest { Key = Bytes("a") }));
        _stream.Queued = 0;
        _client.OnWritable();
        _rig.Step();
        Assert.Equal(
            "id=1 created rev=6; id=0 rev=6 [put a=0@2, put a=1@3, put a=2@4, put a=3@5, put a=4@6]", Next());
        Put("a", "5");
        Assert.Equal("id=0 rev=7 [put a=5@7]; id=1 rev=7 [put a=5@7]", InOrder(Next()));
    }

    [Fact]
    public void LargeResponsesAreCutOnlyForWhoAsked()
    {
        for (int i = 0; i < 4; i++)
        {
            Put("a", new string((char)('a' + i), 900_000));
        }

        _ = Create(new WatchCreateRequest { Key = Bytes("a"), StartRevision = 2, Fragment = true });
        _ = Create(new WatchCreateRequest { Key = Bytes("a"), StartRevision = 2 });
        var sizes = new List<(long, bool, int)>();
        foreach (WatchResponse response in Responses(0).Where(r => !r.Created))
        {
            Assert.Equal(5, response.Header.Revision);
            sizes.Add((response.WatchId, response.Fragment, response.Events.Count));
        }

        Assert.Equal([(0, true, 2), (0, false, 2), (1, false, 4)], sizes);
    }

    [Fact]
    public void TheTickerSpeaksForQuietWatchersThatAskedForIt()
    {
        _ = Create(new WatchCreateRequest { Key = Bytes("a"), ProgressNotify = true });
        _ = Create(new WatchCreateRequest { Key = Bytes("a") });
        _rig.Loop.Advance(999_000_000);
        Assert.Equal("", Next());
        _rig.Loop.Advance(101_000_000);
        Assert.Equal("id=0 rev=1", Next());
        Put("a", "1");
        _ = Next();
        _rig.Loop.Advance(1_100_000_000);
        Assert.Equal("", Next());
        _rig.Loop.Advance(1_100_000_000);
        Assert.Equal("id=0 rev=2", Next());
        _client.OnReset(8, connectionLost: false);
        Assert.Equal(0, _rig.Loop.Armed);
    }

    [Fact]
    public void AHalfCloseEndsNothingAndAResetEverything()
    {
        _ = Create(new WatchCreateRequest { Key = Bytes("a") });
        _client.OnData(default, endOfStream: true);
        Put("a", "1");
        Assert.Equal("id=0 rev=2 [put a=1@2]", Next());
        Assert.False(_stream.Ended);
        _client.OnReset(8, connectionLost: false);
        Put("a", "2");
        Assert.Equal("", Next());

        // The pooled object begins anew.
        (FakeStream stream, IStreamHandler client) = _rig.Begin("/etcdserverpb.Watch/Watch");
        client.OnData(ApiRig.Frame(new WatchRequest { CreateRequest = new() { Key = Bytes("a") } }), false);
        Assert.Equal("id=0 created rev=3", Text(WatchResponse.Parser.ParseFrom(Assert.Single(stream.Messages).AsSpan(5))));
    }

    [Theory]
    [InlineData("0a02ffff")]
    [InlineData("ff")]
    [InlineData("0a0408ffffff")]
    [InlineData("12020aff")]
    public void WhatIsNoMessageEndsTheStream(string hex)
    {
        byte[] body = Convert.FromHexString(hex);
        byte[] frame = [0, 0, 0, 0, (byte)body.Length, .. body];
        _client.OnData(frame, false);
        Assert.True(_stream.Ended);
        Assert.Contains("grpc-status=13", _stream.Line, StringComparison.Ordinal);
    }

    private static ByteString Bytes(string text) => ByteString.CopyFromUtf8(text);

    private static string InOrder(string responses) => string.Join("; ", responses.Split("; ").Order(StringComparer.Ordinal));

    private static string Text(WatchResponse r)
    {
        string text = $"id={r.WatchId}" + (r.Created ? " created" : "") + (r.Canceled ? " canceled" : "")
            + $" rev={r.Header.Revision}" + (r.CompactRevision != 0 ? $" compacted={r.CompactRevision}" : "")
            + (r.CancelReason.Length > 0 ? $" '{r.CancelReason}'" : "");
        IEnumerable<string> events = r.Events.Select(e =>
            (e.Type == Event.Types.EventType.Put ? "put " : "del ") + e.Kv.Key.ToStringUtf8() + "="
                + e.Kv.Value.ToStringUtf8() + "@" + e.Kv.ModRevision
                + (e.PrevKv is null ? "" : " was " + e.PrevKv.Value.ToStringUtf8()));
        return r.Events.Count == 0 ? text : text + " [" + string.Join(", ", events) + "]";
    }

    private void Put(string key, string value)
    {
        _ = _rig.Call("/etcdserverpb.KV/Put", new PutRequest { Key = Bytes(key), Value = Bytes(value) }, PutResponse.Parser);
    }

    private string Create(WatchCreateRequest create) => Ask(new WatchRequest { CreateRequest = create });

    private string Ask(WatchRequest request)
    {
        _client.OnData(ApiRig.Frame(request), false);
        _rig.Step();
        return Next();
    }

    private IEnumerable<WatchResponse> Responses(int from)
    {
        return _stream.Messages.Skip(from).Select(m => WatchResponse.Parser.ParseFrom(m.AsSpan(5)));
    }

    /// <summary>What has come since the last look.</summary>
    private string Next()
    {
        string text = string.Join("; ", Responses(_read).Select(Text));
        _read = _stream.Messages.Count;
        return text;
    }
}
