using EtcdAot.Wire.Etcdserverpb;
using Google.Protobuf;

namespace EtcdAot.Tests.Unit.Api;

/// <summary>Goal: no transaction of a client can hurt the member, and what it refuses is what etcd would refuse or die of.
/// </summary>
public class TxnTests : MemberTests
{
    private const string Txn = "/etcdserverpb.KV/Txn";

    [Fact]
    public void PutBehindADeleteFromItsKeyOnNeverReachesTheLog()
    {
        Member member = NewMember().Started();
        _ = member.Begin("/etcdserverpb.KV/Put", new PutRequest { Key = Utf8("b"), Value = Utf8("1") });
        member.Settle();
        ulong before = member.Server.Status.Committed;
        RequestOp delete = Delete("a", "\0");
        RequestOp nested = Nested(delete);
        foreach (RequestOp[] poison in new[]
        {
            [delete, Keep("b")], [nested, Keep("b")], [delete, Nested(Keep("b"))], new[] { nested, Nested(Keep("b")) },
        })
        {
            var txn = new TxnRequest();
            txn.Success.AddRange(poison);
            Has("grpc-message=etcdserver: key not found", Run(member, txn));
            var other = new TxnRequest();
            other.Failure.AddRange(poison);
            Has("grpc-message=etcdserver: key not found", Run(member, other));
        }

        Assert.Equal(before, member.Server.Status.Committed);
    }

    [Fact]
    public void PutThatStillFindsItsKeyGoesOn()
    {
        Member member = NewMember().Started();
        _ = member.Begin("/etcdserverpb.KV/Put", new PutRequest { Key = Utf8("b"), Value = Utf8("1") });
        member.Settle();

        // Before the delete; below it; on the branch that the delete is not on; a put that brings its own value.
        foreach (RequestOp[] fine in new[]
        {
            [Keep("b"), Delete("c", "\0")], [Delete("c", "\0"), Keep("b")], [Keep("b"), Nested(Delete("c", "\0"))],
            new[] { Delete("b", "\0"), new RequestOp { RequestPut = new PutRequest { Key = Utf8("b"), Value = Utf8("2") } } },
        })
        {
            var txn = new TxnRequest();
            txn.Success.AddRange(fine);
            Has("grpc-status=0", Run(member, txn));
        }

        var branches = new TxnRequest();
        branches.Success.Add(Keep("b"));
        branches.Failure.Add(Delete("a", "\0"));
        Has("grpc-status=0", Run(member, branches));
    }

    private static string Run(Member member, TxnRequest txn)
    {
        Grpc.FakeStream stream = member.Begin(Txn, txn);
        member.Settle();
        return stream.Line;
    }

    private static RequestOp Keep(string key) =>
        new() { RequestPut = new PutRequest { Key = Utf8(key), IgnoreValue = true } };

    private static RequestOp Delete(string key, string end) =>
        new() { RequestDeleteRange = new DeleteRangeRequest { Key = Utf8(key), RangeEnd = Utf8(end) } };

    private static RequestOp Nested(RequestOp op)
    {
        var txn = new TxnRequest();
        txn.Success.Add(op);
        return new RequestOp { RequestTxn = txn };
    }

    private static ByteString Utf8(string text) => ByteString.CopyFromUtf8(text);
}
