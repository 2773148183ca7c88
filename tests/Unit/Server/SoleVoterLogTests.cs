using EtcdAot.Raft;
using EtcdAot.Server;
using EtcdAot.Tests.Unit.Api;
using EtcdAot.Wire.Etcdserverpb;
using Google.Protobuf;

namespace EtcdAot.Tests.Unit.Server;

/// <summary>Goal: a sole voter holds few entries in memory between snapshots, and snapshots go on being taken over the
/// gap. Method: a whole member stepped by hand.</summary>
public class SoleVoterLogTests
{
    private const int CatchUp = 10;

    [Theory]
    [InlineData(1_000_000)]
    [InlineData(50)]
    public void ASoleVoterForgetsWhatIsInTheDb(ulong snapshotCount)
    {
        var options = new ServerOptions { SnapshotCatchupEntries = CatchUp, SnapshotCount = snapshotCount };
        using var rig = new ApiRig(options);
        RaftLog log = ((RaftLoop)rig.Server.CoreActor).Raft.Log;
        for (int i = 0; i < 200; i++)
        {
            var put = new PutRequest { Key = ByteString.CopyFromUtf8("k" + i), Value = ByteString.CopyFromUtf8("v") };
            rig.Call("/etcdserverpb.KV/Put", put, PutResponse.Parser);

            // The db is committed every 100 ms.
            rig.Step(20);
        }

        Assert.True(log.LastIndex > 200);
        Assert.InRange(log.LastIndex - log.FirstIndex, CatchUp - 1UL, 5UL * CatchUp);
        var all = new RangeRequest { Key = ByteString.CopyFromUtf8("k"), RangeEnd = ByteString.CopyFromUtf8("l") };
        Assert.Equal(200, rig.Call("/etcdserverpb.KV/Range", all, RangeResponse.Parser).Count);
    }
}
