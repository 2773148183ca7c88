using EtcdAot.Server;
using EtcdAot.Tests.Unit.Fakes;
using EtcdAot.Wire;
using EtcdAot.Wire.Codecs;
using EtcdAot.Wire.Etcdserverpb;
using Google.Protobuf;

namespace EtcdAot.Tests.Unit.Server;

/// <summary>Goal: no entry that a log can hold ends the member that applies it, now or at the next start.</summary>
public sealed class ReplayTests
{
    private const string Db = "/data/member/snap/db";

    private static readonly ServerOptions Options = new() { DataDir = "/data" };

    /// <summary>The original commits this one and panics, at every start again (spec api-v3 §2.5, trap 11).</summary>
    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void PutWhoseKeyItsOwnTxnDeletedPutsNothing(bool ignoreValue)
    {
        var disk = new FaultyDisk();
        CoreRig rig = new CoreRig(disk, Options).Started();
        rig.Put("b", "old");
        var txn = new TxnRequest();
        txn.Success.Add(new RequestOp
        {
            RequestDeleteRange = new DeleteRangeRequest { Key = Utf8("a"), RangeEnd = Utf8("\0") },
        });
        txn.Success.Add(new RequestOp
        {
            RequestPut = new PutRequest { Key = Utf8("b"), IgnoreValue = ignoreValue, IgnoreLease = !ignoreValue },
        });
        CoreRig.Outcome outcome = rig.Apply(RaftOp.Txn, txn);

        Assert.Same(EtcdError.KeyNotFound, outcome.Error);
        TxnResponse answer = TxnResponse.Parser.ParseFrom(outcome.Body.WrittenSpan);
        Assert.Equal(1, answer.Responses[0].ResponseDeleteRange.Deleted);
        Assert.Equal(answer.Responses[0].ResponseDeleteRange.Header, answer.Responses[1].ResponsePut.Header);
        Assert.Null(rig.Get("b"));
        long revision = rig.Server.View.Revision;

        // The db is behind: the entry is applied once more.
        byte[] before = disk.Bytes(Db);
        rig.Server.Close();
        disk.Put(Db, before);
        CoreRig again = new CoreRig(disk, Options).Started();
        Assert.Null(again.Get("b"));
        Assert.Equal(revision, again.Server.View.Revision);
        again.Server.Close();
    }

    private static ByteString Utf8(string text) => ByteString.CopyFromUtf8(text);
}
