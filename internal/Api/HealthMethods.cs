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
    // The standard library decodes these messages, not etcd's generated code: other rules, other words. Which of two
    // forms of the space a binary uses is drawn when it is built; this is that of the newest packaged one.
    private const string Unparsable = "proto:\u00a0cannot parse invalid wire-format data";
    private const string NoText = "string field contains invalid UTF-8";

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
        string? fault = null;
        var reader = new ProtoReader(message, strict: true);
        while (fault is null && reader.Next())
        {
            // The field in another wire type is an unknown field.
            if (reader.Field == 1 && reader.Type == WireType.Bytes && question != Question.List)
            {
                ReadOnlySpan<byte> name = reader.ReadBytes();
                named = !name.IsEmpty;
                fault = Utf8.IsValid(name) ? null : NoText;
            }
        }

        fault = reader.Failed ? Unparsable : fault;
        if (fault is not null)
        {
            call.Finish(question == Question.Watch ? DecodeFault.OnStream(fault) : DecodeFault.Of(fault));
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
