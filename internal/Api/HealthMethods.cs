// grpc.health.v1.Health (spec api-v3 §1.4): the member as a whole is the only service that it knows, under the empty name.
// Owned by: the I/O thread of the call.
using System.Text.Unicode;
using EtcdAot.Grpc;
using EtcdAot.Wire;
using EtcdAot.Wire.Codecs;

namespace EtcdAot.Api;

/// <summary>Health.Check, Health.Watch and Health.List.</summary>
internal sealed class HealthMethod(HealthMethod.Question question) : IHotMethod
{
    private const ulong Serving = 1;
    private const ulong ServiceUnknown = 3;

    /// <summary>Which of the three.</summary>
    internal enum Question
    {
        Check,
        Watch,
        List,
    }

    public void OnMessage(ReadOnlySpan<byte> message, Call call)
    {
        bool named = false;
        bool sound = true;
        var reader = new ProtoReader(message);
        while (reader.Next())
        {
            if (reader.Field == 1 && question != Question.List)
            {
                ReadOnlySpan<byte> name = reader.ReadBytes();
                named = !name.IsEmpty;
                sound &= Utf8.IsValid(name);
            }
        }

        if (reader.Failed || !sound)
        {
            call.Finish(Status.UndecodableRequest);
        }
        else if (question == Question.Watch)
        {
            // The status never changes; the stream lasts until the client or the connection ends it.
            Send(call, named ? ServiceUnknown : Serving);
        }
        else if (named)
        {
            call.Finish(new Status(RpcCode.NotFound, "unknown service"));
        }
        else
        {
            Answer(call);
        }
    }

    public void OnCancel(Call call) => call.Finish(Status.Canceled);

    private void Answer(Call call)
    {
        if (question == Question.List)
        {
            // One entry of the map: the empty name (left out) → {SERVING}.
            call.Reply([0x0a, 0x04, 0x12, 0x02, 0x08, (byte)Serving]);
        }
        else
        {
            Send(call, Serving);
        }

        call.Finish(Status.Ok);
    }

    private static void Send(Call call, ulong status)
    {
        Span<byte> reply = call.BeginReply(ProtoWriter.SizeOfNonZero(1, status));
        new ProtoWriter(reply).NonZero(1, status);
        call.EndReply();
    }
}
