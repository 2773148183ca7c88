using EtcdAot.Server;
using EtcdAot.Sys;
using EtcdAot.Wire;
using EtcdAot.Wire.Codecs;
using EtcdAot.Wire.Etcdserverpb;
using Google.Protobuf;

namespace EtcdAot.Tests.Unit.Server;

/// <summary>Goal: no entry that a log can hold ends the member that applies it, now or at the next start.</summary>
public sealed class ReplayTests : IDisposable
{
    private readonly string _root = Directory.CreateTempSubdirectory("replay.").FullName;

    private ServerOptions Options => new() { DataDir = Path.Combine(_root, "data"), UnsafeNoFsync = true };

    public void Dispose() => Directory.Delete(_root, recursive: true);

    /// <summary>The original commits this one and panics, at every start again (spec api-v3 §2.5, trap 11).</summary>
    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void PutWhoseKeyItsOwnTxnDeletedPutsNothing(bool ignoreValue)
    {
        var rig = new CoreRig(LinuxDisk.Instance, Options).Started();
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

        rig.Server.Close();
        var again = new CoreRig(LinuxDisk.Instance, Options).Started();
        Assert.Null(again.Get("b"));
        Assert.Equal(revision, again.Server.View.Revision);
        again.Server.Close();
    }

    private static ByteString Utf8(string text) => ByteString.CopyFromUtf8(text);
}
