// Maintenance.MoveLeader (spec api-v3 §5.2, cluster §5.7); its answer has no header. Owned by: the I/O thread of the call.
using EtcdAot.Grpc;
using EtcdAot.Server;
using EtcdAot.Wire.Codecs;
using EtcdAot.Wire.Etcdserverpb;

namespace EtcdAot.Api;

/// <summary>A call that waits for another leader.</summary>
internal sealed class MoveLeaderCall : Call
{
    public MoveLeaderCall()
    {
        Transfer = new Slot(this);
    }

    public LeaderTransfer Transfer { get; }

    private sealed class Slot(Call call) : LeaderTransfer
    {
        public override void Run() => call.Run();
    }
}

/// <summary>Serves Maintenance.MoveLeader.</summary>
internal sealed class MoveLeaderMethod(ApiLoops loops) : IHotMethod
{
    /// <summary>The core has the slot for a while, so the call serves once.</summary>
    public bool ReusesCalls => false;

    public Call CreateCall() => new MoveLeaderCall();

    public void OnMessage(ReadOnlySpan<byte> message, Call call)
    {
        LeaderTransfer transfer = ((MoveLeaderCall)call).Transfer;
        var reader = new ProtoReader(message);
        while (reader.Next())
        {
            if (reader.Field == 1)
            {
                transfer.Target = reader.ReadVarint();
            }
        }

        if (reader.Failed)
        {
            call.Finish(DecodeFault.Of(message, MoveLeaderRequest.Descriptor));
            return;
        }

        transfer.IsChosen = true;
        transfer.Loop = call.Loop;
        call.Hold();
        loops.Server.Hand(transfer);
    }

    public void OnCancel(Call call) => call.Finish(Status.Canceled);

    public void OnCompletion(Call call)
    {
        if (((MoveLeaderCall)call).Transfer.Error is { } error)
        {
            call.Finish(Status.From(error));
            return;
        }

        call.Reply(default);
        call.Finish(Status.Ok);
    }
}
