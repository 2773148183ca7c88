// One JSON object a line (etcdctl §10, §11). One thread at a time.
using System.Globalization;
using EtcdAot.Wire.Etcdserverpb;
using EtcdAot.Wire.Mvccpb;

namespace EtcdAot.Cmd.Etcdctl.Printing;

/// <summary>JSON with Go's names, omissions and escapes.</summary>
internal sealed class JsonPrinter(Output output, bool hex) : Printer(output, "json")
{
    public override void Get(RangeResponse reply) => Print(new GoJson(), j => Range(j, reply));

    public override void Put(PutResponse reply) => Print(new GoJson(), j => Put(j, reply));

    public override void Delete(DeleteRangeResponse reply) => Print(new GoJson(), j => Delete(j, reply));

    public override void Txn(TxnResponse reply) => Print(new GoJson(), j => Txn(j, reply));

    public override void Watch(WatchResponse reply) => Print(new GoJson(), j =>
    {
        j.Open('{').Name("Header");
        HeaderFields(j.Open('{'), reply.Header).Close('}');
        j.Name("Events").Array(reply.Events, Change);
        j.Name("CompactRevision").Value(reply.CompactRevision);
        j.Name("Canceled").Value(reply.Canceled).Name("Created").Value(reply.Created).Close('}');
    });

    public override void LeaseGrant(LeaseGrantResponse reply) => Print(new GoJson(), j =>
        HeaderFields(j.Open('{'), reply.Header).Name("ID").Value(reply.ID).Name("TTL").Value(reply.TTL)
            .Name("Error").Value(reply.Error).Close('}'));

    public override void LeaseRevoke(long id, LeaseRevokeResponse reply) =>
        Print(new GoJson(), j => Header(j.Open('{'), reply.Header).Close('}'));

    public override void LeaseKeepAlive(LeaseKeepAliveResponse reply) => Print(new GoJson(), j =>
        HeaderFields(j.Open('{'),
            reply.Header).Name("ID").Value(reply.ID).Name("TTL").Value(reply.TTL).Close('}'));

    public override void LeaseTimeToLive(LeaseTimeToLiveResponse reply, bool withKeys) =>
        Print(new GoJson(), j =>
    {
        HeaderFields(j.Open('{'), reply.Header).Name("id").Value(reply.ID).Name("ttl").Value(reply.TTL)
            .Name("granted-ttl").Value(reply.GrantedTTL).Name("keys");
        _ = reply.Keys.Count == 0 ? j.Raw("null") : j.Array(reply.Keys, (k, key) => k.Value(key));
        j.Close('}');
    });

    public override void LeaseList(LeaseLeasesResponse reply) => Print(new GoJson(), j =>
        HeaderFields(j.Open('{'), reply.Header).Name("leases")
            .Array(reply.Leases, (k, lease) => k.Open('{').Name("id").Value(lease.ID).Close('}')).Close('}'));

    public override void MemberList(MemberListResponse reply)
    {
        Print(new GoJson(), j =>
        {
            if (hex)
            {
                HexMembers(j, reply);
            }
            else
            {
                Header(j.Open('{'), reply.Header).Optional("members", reply.Members, MemberOf).Close('}');
            }
        });
    }

    public override void Health(IReadOnlyList<EndpointHealth> list) =>
        Print(new GoJson(), j => j.Array(list, (k, h) =>
        k.Open('{').Name("endpoint").Value(h.Endpoint).Name("health").Value(h.Healthy).Name("took").Value(
            h.Took)
            .Optional("error", h.Error).Close('}')));

    public override void Status(IReadOnlyList<EndpointStatus> list) =>
        Print(new GoJson(), j => j.Array(list, (k, s) =>
    {
        k.Open('{').Name("Endpoint").Value(s.Endpoint).Name("Status").Open('{');
        Header(k, s.Status.Header).Optional("version", s.Status.Version).Optional("dbSize", s.Status.DbSize)
            .Optional("leader", s.Status.Leader).Optional("raftIndex", s.Status.RaftIndex)
            .Optional("raftTerm", s.Status.RaftTerm).Optional("raftAppliedIndex", s.Status.RaftAppliedIndex)
            .Optional("errors", s.Status.Errors, (l, e) =>
                l.Value(e)).Optional("dbSizeInUse", s.Status.DbSizeInUse)
            .Optional("isLearner", s.Status.IsLearner).Close('}').Close('}');
    }));

    public override void Hashes(IReadOnlyList<EndpointHash> list) =>
        Print(new GoJson(), j => j.Array(list, (k, h) =>
    {
        k.Open('{').Name("Endpoint").Value(h.Endpoint).Name("HashKV").Open('{');
        Header(k, h.Hash.Header).Optional("hash", (ulong)h.Hash.Hash)
            .Optional("compact_revision", h.Hash.CompactRevision).Close('}').Close('}');
    }));

    public override void Alarm(AlarmResponse reply) => Print(new GoJson(), j =>
        Header(j.Open('{'), reply.Header).Optional("alarms", reply.Alarms, (k, alarm) =>
            k.Open('{').Optional("memberID", alarm.MemberID).Optional("alarm",
                (long)alarm.Alarm).Close('}')).Close('}'));

    public override void Snapshot(SnapshotSummary summary) => Print(new GoJson(), j =>
        j.Open('{').Name("hash").Value((ulong)summary.Hash).Name("revision").Value(summary.Revision)
            .Name("totalKey").Value(summary.TotalKeys).Name("totalSize").Value(summary.TotalSize).Close('}'));

    private static GoJson HeaderFields(GoJson json, ResponseHeader header)
    {
        return json.Optional("cluster_id", header.ClusterId).Optional("member_id", header.MemberId)
            .Optional("revision", header.Revision).Optional("raft_term", header.RaftTerm);
    }

    private static GoJson Header(GoJson json, ResponseHeader? header)
    {
        return header is null ? json : HeaderFields(json.Name("header").Open('{'), header).Close('}');
    }

    private static void Pair(GoJson json, KeyValue kv)
    {
        json.Open('{').Optional("key", kv.Key).Optional("create_revision", kv.CreateRevision)
            .Optional("mod_revision", kv.ModRevision).Optional("version", kv.Version).Optional("value",
                kv.Value)
            .Optional("lease", kv.Lease).Close('}');
    }

    private static void OptionalPair(GoJson json, string name, KeyValue? kv)
    {
        if (kv is not null)
        {
            Pair(json.Name(name), kv);
        }
    }

    private static void Range(GoJson json, RangeResponse reply)
    {
        Header(json.Open('{'), reply.Header).Optional("kvs", reply.Kvs, Pair).Optional("more", reply.More)
            .Optional("count", reply.Count).Close('}');
    }

    private static void Put(GoJson json, PutResponse reply)
    {
        Header(json.Open('{'), reply.Header);
        OptionalPair(json, "prev_kv", reply.PrevKv);
        json.Close('}');
    }

    private static void Delete(GoJson json, DeleteRangeResponse reply)
    {
        Header(json.Open('{'), reply.Header).Optional("deleted", reply.Deleted)
            .Optional("prev_kvs", reply.PrevKvs, Pair).Close('}');
    }

    private static void Txn(GoJson json, TxnResponse reply)
    {
        Header(json.Open('{'), reply.Header).Optional("succeeded", reply.Succeeded)
            .Optional("responses", reply.Responses, Operation).Close('}');
    }

    private static void Operation(GoJson json, ResponseOp op)
    {
        json.Open('{').Name("Response").Open('{');
        switch (op.ResponseCase)
        {
            case ResponseOp.ResponseOneofCase.ResponsePut:
                Put(json.Name("response_put"), op.ResponsePut);
                break;
            case ResponseOp.ResponseOneofCase.ResponseRange:
                Range(json.Name("response_range"), op.ResponseRange);
                break;
            case ResponseOp.ResponseOneofCase.ResponseDeleteRange:
                Delete(json.Name("response_delete_range"), op.ResponseDeleteRange);
                break;
            case ResponseOp.ResponseOneofCase.ResponseTxn:
                Txn(json.Name("response_txn"), op.ResponseTxn);
                break;
            default:
                break;
        }

        json.Close('}').Close('}');
    }

    private static void Change(GoJson json, Event change)
    {
        json.Open('{').Optional("type", (long)change.Type);
        OptionalPair(json, "kv", change.Kv);
        OptionalPair(json, "prev_kv", change.PrevKv);
        json.Close('}');
    }

    private static void MemberOf(GoJson json, Member member)
    {
        json.Open('{').Optional("ID", member.ID).Optional("name", member.Name)
            .Optional("peerURLs", member.PeerURLs, (k, url) => k.Value(url))
            .Optional("clientURLs", member.ClientURLs, (k, url) => k.Value(url))
            .Optional("isLearner", member.IsLearner).Close('}');
    }

    // 3.5's own shape: other spelling, nothing left out, the name not escaped (etcdctl §11).
    private static void HexMembers(GoJson json, MemberListResponse reply)
    {
        json.Open('{').Name("header").Open('{').Name("cluster_id").Raw(Hex(reply.Header.ClusterId))
            .Name("member_id").Raw(Hex(reply.Header.MemberId))
            .Name("raft_term").Value(reply.Header.RaftTerm).Close('}');
        json.Name("members").Array(reply.Members, (k, member) =>
        {
            k.Open('{').Name("ID").Raw(Hex(member.ID)).Name("name").Raw($"\"{member.Name}\"");
            Urls(k.Name("peerURLs"), member.PeerURLs);
            Urls(k.Name("clientURLS"), member.ClientURLs);
            k.Close('}');
        }).Close('}');
    }

    private static string Hex(ulong id) => $"\"{id.ToString("x", CultureInfo.InvariantCulture)}\"";

    private static void Urls(GoJson json, IReadOnlyCollection<string> urls)
    {
        _ = urls.Count == 0 ? json.Raw("null") : json.Array(urls, (k, url) => k.Value(url));
    }

    private void Print(GoJson json, Action<GoJson> write)
    {
        write(json);
        Out.Line(json.ToString());
    }
}
