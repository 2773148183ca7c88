using EtcdAot.Wire.Etcdserverpb;
using Google.Protobuf;

namespace EtcdAot.Tests.Unit.Api;

/// <summary>Goal: of several things wrong with one txn the one is told that a real 3.5.30 tells. Method: a whole member; each
/// expectation was tried on the real one by tests/Conformance (part `order`).</summary>
public sealed class TxnRefusalTests : MemberTests
{
    private const string NoLease = "5 etcdserver: requested lease not found";
    private const string NoKey = "3 etcdserver: key not found";
    private const string Future = "11 etcdserver: mvcc: required revision is a future revision";
    private const long Granted = 7;

    private static readonly RequestOp FutureRange = new()
    {
        RequestRange = new RangeRequest { Key = Bytes("k"), Revision = 1000 },
    };

    public static TheoryData<string, string> Cases => new()
    {
        { "range put:4040", NoLease },
        { "put:4040 range", NoLease },
        { "(range) put:4040", NoLease },
        { "(put:4040) range", NoLease },
        { "range put:7", Future },
        { "range keep:4040", NoKey },
        { "keep:0 put:4040", NoKey },
        { "put:4040 keep:0 range", NoLease },
        { "put:7 keep:4040 range", NoKey },
        { "keep:4040", NoKey },
        { "put:4040", NoLease },
        { "put:7", "0" },
    };

    [Theory]
    [MemberData(nameof(Cases))]
    public void PutsComeBeforeRangesAndTheKeyBeforeTheLease(string ops, string status)
    {
        Member member = Started();
        Assert.Equal(status, Txn(member, ops));
        long revision = member.Call(
            "/etcdserverpb.KV/Range", new RangeRequest { Key = Bytes("k") }, RangeResponse.Parser).Header.Revision;
        Assert.Equal(status == "0" ? 2 : 1, revision);
    }

    // A put on its own is checked the other way round.
    [Fact]
    public void OfASinglePutTheLeaseComesFirst()
    {
        Member member = Started();
        Grpc.FakeStream stream = member.Begin(
            "/etcdserverpb.KV/Put", new PutRequest { Key = Bytes("missing"), Lease = 4040, IgnoreValue = true });
        member.Settle();
        Has("requested lease not found", stream.Line);
    }

    [Theory]
    [InlineData(AlarmType.Nospace, "put:4040 range", "8 etcdserver: mvcc: database space exceeded")]
    [InlineData(AlarmType.Nospace, "delete range", Future)]
    [InlineData(AlarmType.Corrupt, "put:4040 range", "15 etcdserver: corrupt cluster")]
    [InlineData(AlarmType.Corrupt, "delete range", "15 etcdserver: corrupt cluster")]
    [InlineData(AlarmType.Corrupt, "range", Future)]
    public void AnAlarmIsToldBeforeARevision(AlarmType kind, string ops, string status)
    {
        Member member = Started();
        _ = member.Call("/etcdserverpb.Maintenance/Alarm",
            new AlarmRequest { Action = AlarmRequest.Types.AlarmAction.Activate, Alarm = kind, MemberID = member.Server.MemberId },
            AlarmResponse.Parser);
        Assert.Equal(status, Txn(member, ops));
    }

    // A real 3.5.30 crashes on this, and again at each start: the key is there before the txn and gone within it.
    [Theory]
    [InlineData(false, false)]
    [InlineData(true, false)]
    [InlineData(false, true)]
    public void WhatIsDeletedCannotBeKept(bool nests, bool onlyAtApply)
    {
        Member member = Started();
        var put = new PutRequest { Key = Bytes("k"), Value = Bytes("v") };
        var keep = new RequestOp { RequestPut = new PutRequest { Key = Bytes("k"), IgnoreValue = true } };
        var txn = new TxnRequest();
        txn.Compare.Add(new Compare
        {
            Key = Bytes("k"),
            Target = Compare.Types.CompareTarget.Version,
            Result = Compare.Types.CompareResult.Greater,
        });
        txn.Success.Add(new RequestOp { RequestDeleteRange = new DeleteRangeRequest { Key = Bytes("a"), RangeEnd = Bytes("\0") } });
        txn.Success.Add(nests ? Nested(keep) : keep);
        Grpc.FakeStream stream = member.Begin("/etcdserverpb.KV/Put", put);
        if (!onlyAtApply)
        {
            member.Settle();
        }

        stream = member.Begin("/etcdserverpb.KV/Txn", txn);
        member.Settle();
        Has("grpc-status=3 grpc-message=etcdserver: key not found", stream.Line);
        RangeResponse left = member.Call("/etcdserverpb.KV/Range", new RangeRequest { Key = Bytes("k") }, RangeResponse.Parser);
        Assert.Equal((2L, "v"), (left.Header.Revision, left.Kvs[0].Value.ToStringUtf8()));

        // The other way round it is allowed.
        txn.Success.Clear();
        txn.Success.Add(keep);
        txn.Success.Add(new RequestOp { RequestDeleteRange = new DeleteRangeRequest { Key = Bytes("a"), RangeEnd = Bytes("\0") } });
        TxnResponse done = member.Call("/etcdserverpb.KV/Txn", txn, TxnResponse.Parser);
        Assert.Equal(1, done.Responses[1].ResponseDeleteRange.Deleted);
    }

    private static ByteString Bytes(string text) => ByteString.CopyFromUtf8(text);

    private Member Started()
    {
        Member member = NewMember().Started();
        _ = member.Call("/etcdserverpb.Lease/LeaseGrant", new LeaseGrantRequest { ID = Granted, TTL = 1000 },
            LeaseGrantResponse.Parser);
        return member;
    }

    private static string Txn(Member member, string ops)
    {
        var txn = new TxnRequest();
        foreach (string word in ops.Split(' '))
        {
            txn.Success.Add(word[0] == '(' ? Nested(Op(word[1..^1])) : Op(word));
        }

        Grpc.FakeStream stream = member.Begin("/etcdserverpb.KV/Txn", txn);
        member.Settle();
        string line = stream.Sent[^1];
        string code = line.Split("grpc-status=")[1].Split(' ')[0].TrimEnd(')');
        return code == "0" ? code : code + " " + line.Split("grpc-message=")[1].TrimEnd(')');
    }

    private static RequestOp Nested(RequestOp op)
    {
        var txn = new TxnRequest();
        txn.Success.Add(op);
        return new RequestOp { RequestTxn = txn };
    }

    private static RequestOp Op(string word)
    {
        string[] parts = word.Split(':');
        return parts[0] switch
        {
            "put" => new RequestOp { RequestPut = new PutRequest { Key = Bytes("p"), Lease = Lease(parts) } },
            "keep" => new RequestOp
            {
                RequestPut = new PutRequest { Key = Bytes("missing"), IgnoreValue = true, Lease = Lease(parts) },
            },
            "delete" => new RequestOp { RequestDeleteRange = new DeleteRangeRequest { Key = Bytes("p") } },
            _ => FutureRange,
        };
    }

    private static long Lease(string[] parts) => long.Parse(parts[1], System.Globalization.CultureInfo.InvariantCulture);
}
