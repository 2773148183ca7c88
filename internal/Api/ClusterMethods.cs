// Service Cluster, as far as it stands: MemberList (spec api-v3 §5.1). Owned by: the I/O thread of the call.
using EtcdAot.Server;
using EtcdAot.Wire.Codecs;
using EtcdAot.Wire.Etcdserverpb;

namespace EtcdAot.Api;

/// <summary>Cluster.MemberList.</summary>
internal sealed class MemberListMethod(ApiLoops loops) : ApiMethod(loops)
{
    protected override void OnMessage(ReadOnlySpan<byte> message, ApiCall call, ApiLoop home)
    {
        bool linearizable = false;
        var reader = new ProtoReader(message);
        while (reader.Next())
        {
            if (reader.Field == 1)
            {
                linearizable = reader.ReadBool();
            }
        }

        if (reader.Failed)
        {
            call.Finish(DecodeFault.Of(message, MemberListRequest.Descriptor));
        }
        else if (linearizable && !call.IndexReached && !Server.CanReadNow)
        {
            call.AwaitIndex();
        }
        else
        {
            // Answers of this service carry no revision.
            var answer = new MemberListResponse { Header = Server.MessageHeader(0) };
            answer.Members.Add(MemberAnswers.Of(Server.Members));
            Answers.Send(call, answer);
        }
    }
}
