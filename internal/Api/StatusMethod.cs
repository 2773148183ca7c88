// Maintenance.Status (spec api-v3 §5.2): what this member knows of itself, without asking anybody.
// Owned by: the I/O thread of the call.
using EtcdAot.Server;
using EtcdAot.Wire.Etcdserverpb;

namespace EtcdAot.Api;

/// <summary>Serves Maintenance.Status in 3.5's form: no storage version, no quota, no downgrade.</summary>
internal sealed class StatusMethod(ApiLoops loops) : ApiMethod(loops)
{
    protected override void OnMessage(ReadOnlySpan<byte> message, ApiCall call, ApiLoop home)
    {
        if (!Answers.IsMessage(message))
        {
            call.Finish(DecodeFault.Of(message, StatusRequest.Descriptor));
            return;
        }

        CoreStatus core = Server.Status;
        ulong leader = core.Leader;
        var answer = new StatusResponse
        {
            Header = Server.MessageHeader(home.Revision),
            Version = EtcdVersion.Server,
            DbSize = Server.Maintenance.DatabaseSize,
            DbSizeInUse = Server.Maintenance.DatabaseSizeInUse,
            Leader = leader,
            RaftIndex = core.Committed,
            RaftTerm = core.Term,
            RaftAppliedIndex = core.Applied,
            IsLearner = MemberAnswers.IsLearner(Server.Members, Server.MemberId),
        };
        answer.Errors.Add(Server.Maintenance.Problems(leader));
        Answers.Send(call, answer);
    }
}
