// Maintenance's calls that the backend answers: Hash and Defragment (spec api-v3 §5.2, storage §4.6, §4.9). The core hands
// the answer on by posting the call to its loop. Owned by: the I/O thread of the call; the answer's fields belong to the
// core while the call is held.
using EtcdAot.Grpc;
using EtcdAot.Server;
using EtcdAot.Wire;
using EtcdAot.Wire.Codecs;
using EtcdAot.Wire.Etcdserverpb;
using Google.Protobuf.Reflection;

namespace EtcdAot.Api;

/// <summary>A call that waits for the backend.</summary>
internal sealed class BackendCall : Call
{
    public long StartNanos { get; set; }

    public uint Hash { get; set; }

    public string? Error { get; set; }
}

/// <summary>What these methods share: no message fields, one question to the backend, one answer.</summary>
internal abstract class BackendMethod(ApiLoops loops) : IHotMethod
{
    protected ApiLoops Loops { get; } = loops;

    protected EtcdServer Server => Loops.Server;

    /// <summary>Names the message in the text of one that does not decode.</summary>
    protected abstract MessageDescriptor Request { get; }

    /// <summary>The core writes into the call, so it serves once.</summary>
    public bool ReusesCalls => false;

    public Call CreateCall() => new BackendCall();

    public void OnMessage(ReadOnlySpan<byte> message, Call call)
    {
        if (!Answers.IsMessage(message))
        {
            call.Finish(DecodeFault.Of(message, Request));
            return;
        }

        var mine = (BackendCall)call;
        mine.StartNanos = call.Loop.NowNanos;
        call.Hold();
        Ask(mine);
    }

    public void OnCompletion(Call call)
    {
        var mine = (BackendCall)call;
        if (call.IsEnded)
        {
            call.Finish(Status.Canceled);
        }
        else if (mine.Error is { } error)
        {
            call.Finish(new Status(RpcCode.Unknown, error));
        }
        else
        {
            Answer(mine);
        }
    }

    /// <summary>Asks, and posts the call to its loop with the answer.</summary>
    protected abstract void Ask(BackendCall call);

    protected abstract void Answer(BackendCall call);
}

/// <summary>Maintenance.Hash.</summary>
internal sealed class HashMethod(ApiLoops loops) : BackendMethod(loops)
{
    protected override MessageDescriptor Request => HashRequest.Descriptor;

    protected override void Ask(BackendCall call)
    {
        Server.Maintenance.Hash(hash =>
        {
            call.Hash = hash;
            call.Loop.Post(call);
        });
    }

    protected override void Answer(BackendCall call)
    {
        Server.Metrics.Hash.ObserveNanos(call.Loop.NowNanos - call.StartNanos);
        Span<byte> fields = stackalloc byte[16];
        var writer = new ProtoWriter(fields);
        writer.NonZero(2, call.Hash);
        Answers.Send(call, Server.HeaderAt(Loops.Of(call.Loop).Revision), fields[..writer.Position]);
    }
}

/// <summary>Maintenance.Defragment. Its answer has no header.</summary>
internal sealed class DefragmentMethod(ApiLoops loops) : BackendMethod(loops)
{
    private const string Caller = "v3rpc/maintenance.go";

    protected override MessageDescriptor Request => DefragmentRequest.Descriptor;

    protected override void Ask(BackendCall call)
    {
        Server.Maintenance.Log.Info(Caller, "starting defragment").Write();
        Server.Maintenance.Defragment(error =>
        {
            call.Error = error;
            Observe.Log log = Server.Maintenance.Log;
            if (error is null)
            {
                log.Info(Caller, "finished defragment").Write();
            }
            else
            {
                log.Warn(Caller, "failed to defragment").WithError(error).Write();
            }

            call.Loop.Post(call);
        });
    }

    protected override void Answer(BackendCall call)
    {
        call.Reply(default);
        call.Finish(Status.Ok);
    }
}
