// The raw message of a reply, no newline (etcdctl §10). One thread at a time.
using EtcdAot.Wire.Etcdserverpb;
using Google.Protobuf;

namespace EtcdAot.Cmd.Etcdctl.Printing;

/// <summary>Wire bytes; for lease replies only the header, as in the original.</summary>
internal sealed class ProtobufPrinter(Output output) : Printer(output, "protobuf")
{
    public override void Get(RangeResponse reply) => Print(reply);

    public override void Put(PutResponse reply) => Print(reply);

    public override void Delete(DeleteRangeResponse reply) => Print(reply);

    public override void Txn(TxnResponse reply) => Print(reply);

    public override void Watch(WatchResponse reply)
    {
        var shown = new WatchResponse
        {
            Header = reply.Header,
            CompactRevision = reply.CompactRevision,
            Canceled = reply.Canceled,
            Created = reply.Created,
        };
        shown.Events.Add(reply.Events);
        Print(shown);
    }

    public override void LeaseGrant(LeaseGrantResponse reply) => Print(reply.Header);

    public override void LeaseRevoke(long id, LeaseRevokeResponse reply)
    {
        ResponseHeader h = reply.Header;
        string header = Field("cluster_id", h.ClusterId) + Field("member_id", h.MemberId) +
            Field("revision", (ulong)h.Revision) + Field("raft_term", h.RaftTerm);
        throw new CommandFailedException(ExitCode.BadFeature,
            $"marshal unsupported for type clientv3.LeaseRevokeResponse ({{{header} {{}} [] 0}})");
    }

    public override void LeaseKeepAlive(LeaseKeepAliveResponse reply) => Print(reply.Header);

    public override void LeaseTimeToLive(LeaseTimeToLiveResponse reply, bool withKeys) => Print(reply.Header);

    public override void LeaseList(LeaseLeasesResponse reply) => Print(reply.Header);

    public override void MemberList(MemberListResponse reply) => Print(reply);

    public override void Alarm(AlarmResponse reply) => Print(reply);

    private static string Field(string name, ulong value) => value == 0 ? "" : $"{name}:{value} ";

    private void Print(IMessage reply) => Out.Write(reply.ToByteArray());
}
