// "Name" : value lines (etcdctl §10, §11). One thread at a time.
using System.Globalization;
using EtcdAot.Observe;
using EtcdAot.Wire.Etcdserverpb;
using EtcdAot.Wire.Mvccpb;
using Google.Protobuf;

namespace EtcdAot.Cmd.Etcdctl.Printing;

/// <summary>One field a line.</summary>
internal sealed class FieldsPrinter(Output output) : Printer(output, "fields")
{
    public override void Get(RangeResponse reply)
    {
        Header(reply.Header);
        foreach (KeyValue kv in reply.Kvs)
        {
            Pair("", kv);
        }

        Field("More", reply.More);
        Field("Count", reply.Count);
    }

    public override void Put(PutResponse reply)
    {
        Header(reply.Header);
        if (reply.PrevKv is not null)
        {
            Pair("Prev", reply.PrevKv);
        }
    }

    public override void Delete(DeleteRangeResponse reply)
    {
        Header(reply.Header);
        Field("Deleted", reply.Deleted);
        foreach (KeyValue kv in reply.PrevKvs)
        {
            Pair("Prev", kv);
        }
    }

    public override void Txn(TxnResponse reply)
    {
        Header(reply.Header);
        Field("Succeeded", reply.Succeeded);
        foreach (ResponseOp op in reply.Responses)
        {
            switch (op.ResponseCase)
            {
                case ResponseOp.ResponseOneofCase.ResponsePut:
                    Put(op.ResponsePut);
                    break;
                case ResponseOp.ResponseOneofCase.ResponseRange:
                    Get(op.ResponseRange);
                    break;
                case ResponseOp.ResponseOneofCase.ResponseDeleteRange:
                    Delete(op.ResponseDeleteRange);
                    break;
                default:
                    Raw("Unknown", op.ToString());
                    break;
            }
        }
    }

    public override void Watch(WatchResponse reply)
    {
        Header(reply.Header);
        foreach (Event change in reply.Events)
        {
            Raw("Type", change.Type == Event.Types.EventType.Put ? "PUT" : "DELETE");
            if (change.PrevKv is not null)
            {
                Pair("Prev", change.PrevKv);
            }

            Pair("", change.Kv);
        }
    }

    public override void LeaseGrant(LeaseGrantResponse reply)
    {
        Header(reply.Header);
        Field("ID", reply.ID);
        Field("TTL", reply.TTL);
    }

    public override void LeaseRevoke(long id, LeaseRevokeResponse reply) => Header(reply.Header);

    public override void LeaseKeepAlive(LeaseKeepAliveResponse reply)
    {
        Header(reply.Header);
        Field("ID", reply.ID);
        Field("TTL", reply.TTL);
    }

    public override void LeaseTimeToLive(LeaseTimeToLiveResponse reply, bool withKeys)
    {
        Header(reply.Header);
        Field("ID", reply.ID);
        Field("TTL", reply.TTL);
        Field("GrantedTTL", reply.GrantedTTL);
        foreach (ByteString key in reply.Keys)
        {
            Raw("Key", GoQuote.Bytes(key.Span));
        }
    }

    public override void LeaseList(LeaseLeasesResponse reply)
    {
        Header(reply.Header);
        foreach (LeaseStatus lease in reply.Leases)
        {
            Field("ID", lease.ID);
        }
    }

    public override void MemberList(MemberListResponse reply)
    {
        Header(reply.Header);
        foreach (Member member in reply.Members)
        {
            Field("ID", member.ID);
            Quoted("Name", member.Name);
            foreach (string url in member.PeerURLs)
            {
                Quoted("PeerURL", url);
            }

            foreach (string url in member.ClientURLs)
            {
                Quoted("ClientURL", url);
            }

            Field("IsLearner", member.IsLearner);
            Out.Line("");
        }
    }

    public override void Health(IReadOnlyList<EndpointHealth> list)
    {
        foreach (EndpointHealth health in list)
        {
            Quoted("Endpoint", health.Endpoint);
            Field("Health", health.Healthy);
            Raw("Took", health.Took);
            Raw("Error", health.Error);
            Out.Line("");
        }
    }

    public override void Status(IReadOnlyList<EndpointStatus> list)
    {
        foreach (EndpointStatus status in list)
        {
            StatusResponse s = status.Status;
            Header(s.Header);
            Quoted("Version", s.Version);
            Field("DBSize", s.DbSize);
            Field("Leader", s.Leader);
            Field("IsLearner", s.IsLearner);
            Field("RaftIndex", s.RaftIndex);
            Field("RaftTerm", s.RaftTerm);
            Field("RaftAppliedIndex", s.RaftAppliedIndex);
            Raw("Errors", $"[{string.Join(' ', s.Errors)}]");
            Quoted("Endpoint", status.Endpoint);
            Out.Line("");
        }
    }

    public override void Hashes(IReadOnlyList<EndpointHash> list)
    {
        foreach (EndpointHash hash in list)
        {
            Header(hash.Hash.Header);
            Quoted("Endpoint", hash.Endpoint);
            Field("Hash", hash.Hash.Hash);
            Out.Line("");
        }
    }

    public override void Alarm(AlarmResponse reply)
    {
        // The reply to a disarm has no header; the original crashes there (Traps 17).
        if (reply.Header is null)
        {
            throw new CommandFailedException(ExitCode.Error,
                "the alarms are disarmed, but the reply has no header to show as fields");
        }

        Header(reply.Header);
        foreach (AlarmMember alarm in reply.Alarms)
        {
            Field("MemberID", alarm.MemberID);
            Raw("AlarmType", SimplePrinter.AlarmName(alarm.Alarm));
            Out.Line("");
        }
    }

    public override void Snapshot(SnapshotSummary summary)
    {
        Field("Hash", summary.Hash);
        Field("Revision", summary.Revision);
        Field("Keys", summary.TotalKeys);
        Field("Size", summary.TotalSize);
    }

    private void Header(ResponseHeader header)
    {
        Field("ClusterID", header.ClusterId);
        Field("MemberID", header.MemberId);
        Field("Revision", header.Revision);
        Field("RaftTerm", header.RaftTerm);
    }

    private void Pair(string prefix, KeyValue kv)
    {
        Raw(prefix + "Key", GoQuote.Bytes(kv.Key.Span));
        Field(prefix + "CreateRevision", kv.CreateRevision);
        Field(prefix + "ModRevision", kv.ModRevision);
        Field(prefix + "Version", kv.Version);
        Raw(prefix + "Value", GoQuote.Bytes(kv.Value.Span));
        Field(prefix + "Lease", kv.Lease);
    }

    private void Field(string name, long value) => Raw(name, value.ToString(CultureInfo.InvariantCulture));

    private void Field(string name, ulong value) => Raw(name, value.ToString(CultureInfo.InvariantCulture));

    private void Field(string name, bool value) => Raw(name, value ? "true" : "false");

    private void Quoted(string name, string value) => Raw(name, GoQuote.Text(value));

    private void Raw(string name, string value) => Out.Line($"\"{name}\" : {value}");
}
