using EtcdAot.Wire.Codecs;
using EtcdAot.Wire.Etcdserverpb;
using Google.Protobuf;

namespace EtcdAot.Tests.Unit.Api;

/// <summary>Goal: no request ends the member, whatever it asks for in one breath.</summary>
public class HostileRequestTests : MemberTests
{
    private const string Txn = "/etcdserverpb.KV/Txn";

    [Theory]
    [InlineData(true, false)]
    [InlineData(false, true)]
    public void ATransactionThatDeletesWhatItsOwnPutIsToKeepIsRefusedWhole(bool keepsValue, bool keepsLease)
    {
        // A real etcd 3.5.30 panics while it applies this, and again at each start: the end "\0" hides the deletion from
        // the check for duplicate keys. It must not reach a log that real members share.
        Member member = NewMember().Started();
        member.Call("/etcdserverpb.KV/Put", Put("b", "1"), PutResponse.Parser);
        var txn = new TxnRequest
        {
            Success =
            {
                new RequestOp { RequestDeleteRange = new DeleteRangeRequest { Key = Text("a"), RangeEnd = Text("\0") } },
                new RequestOp { RequestPut = new PutRequest { Key = Text("b"), IgnoreValue = keepsValue, IgnoreLease = keepsLease } },
                new RequestOp { RequestPut = Put("c", "2") },
            },
        };
        Grpc.FakeStream stream = member.Begin(Txn, txn);
        member.Settle();
        Has("grpc-status=3 grpc-message=etcdserver: key not found", stream.Line);

        var all = new RangeRequest { Key = Text("\0"), RangeEnd = Text("\0") };
        RangeResponse left = member.Call("/etcdserverpb.KV/Range", all, RangeResponse.Parser);
        Assert.Equal(["b"], left.Kvs.Select(static kv => kv.Key.ToStringUtf8()));
    }

    [Fact]
    public void DepthBeyondTheStackIsRefusedWhateverTheLimitOfOperations()
    {
        Member member = NewMember(new EtcdAot.Server.ServerOptions { MaxTxnOps = 1_000_000 }).Started();
        byte[] message = [];
        for (int level = 0; level < 20_000; level++)
        {
            byte[] op = new byte[ProtoWriter.SizeOfBytes(4, message.Length)];
            new ProtoWriter(op).Bytes(4, message);
            message = new byte[ProtoWriter.SizeOfBytes(2, op.Length)];
            new ProtoWriter(message).Bytes(2, op);
        }

        Grpc.FakeStream stream = member.Begin(Txn, message);
        member.Settle();
        Has("too many operations in txn request", stream.Line);
        member.Call("/etcdserverpb.KV/Put", Put("b", "1"), PutResponse.Parser);
    }

    private static ByteString Text(string text) => ByteString.CopyFromUtf8(text);

    private static PutRequest Put(string key, string value) => new() { Key = Text(key), Value = Text(value) };
}
