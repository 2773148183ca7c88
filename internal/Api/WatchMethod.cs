// Watch.Watch (spec api-v3 §3): takes the requests of a stream apart. The client's half-close does not end the stream.
// Owned by: the I/O thread of the call.
using EtcdAot.Grpc;
using EtcdAot.Wire.Codecs;

namespace EtcdAot.Api;

/// <summary>Serves watch streams.</summary>
internal sealed class WatchMethod(ApiLoops loops) : IHotMethod
{
    public Call CreateCall() => new WatchCall();

    public void OnStart(Call call) => ((WatchCall)call).Begin(loops);

    public void OnMessage(ReadOnlySpan<byte> message, Call call)
    {
        var stream = (WatchCall)call;
        if (!stream.HasRoom)
        {
            // Answers to requests have no other bound than this.
            call.Park();
            return;
        }

        if (!WatchRequestView.TryParse(message, out WatchRequestView request))
        {
            stream.Close();
            call.Finish(DecodeFault.OnStream(message, Wire.Etcdserverpb.WatchRequest.Descriptor));
            return;
        }

        switch (request.Kind)
        {
            case WatchRequestKind.Create:
                stream.Create(request.Create);
                break;
            case WatchRequestKind.Cancel:
                stream.Cancel(request.CancelId);
                break;
            case WatchRequestKind.Progress:
                stream.Progress();
                break;
            default:
                break;
        }
    }

    public void OnCancel(Call call)
    {
        ((WatchCall)call).Close();
        call.Finish(Status.Canceled);
    }

    public void OnWritable(Call call)
    {
        ((WatchCall)call).GoOn();
        call.Resume();
    }
}
