// The default format: values raw, one a line (etcdctl §11). One thread at a time.
using EtcdAot.Wire.Etcdserverpb;
using EtcdAot.Wire.Mvccpb;
using Google.Protobuf;

namespace EtcdAot.Cmd.Etcdctl.Printing;

/// <summary>Plain lines.</summary>
internal sealed class SimplePrinter(Terminal terminal, bool hex) : Printer(terminal.Out, "simple")
{
    /// <summary>get --print-value-only.</summary>
    public bool ValueOnly { get; set; }

    public override void Get(RangeResponse reply)
    {
        foreach (KeyValue kv in reply.Kvs)
        {
            Pair(kv);
        }
    }

    public override void Put(PutResponse reply)
    {
        Out.Line("OK");
        if (reply.PrevKv is not null)
        {
            Pair(reply.PrevKv);
        }
    }

    public override void Delete(DeleteRangeResponse reply)
    {
        Out.Line($"{reply.Deleted}");
        foreach (KeyValue kv in reply.PrevKvs)
        {
            Pair(kv);
        }
    }

    public override void Txn(TxnResponse reply)
    {
        Out.Line(reply.Succeeded ? "SUCCESS" : "FAILURE");
        foreach (ResponseOp op in reply.Responses)
        {
            Out.Line("");
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
                    Out.Line($"\"Unknown\" : {GoText(op)}");
                    break;
            }
        }
    }

    public override void Watch(WatchResponse reply)
    {
        foreach (Event change in reply.Events)
        {
            Out.Line(change.Type == Event.Types.EventType.Put ? "PUT" : "DELETE");
            if (change.PrevKv is not null)
            {
                Pair(change.PrevKv);
            }

            Pair(change.Kv);
        }
    }

    public override void LeaseGrant(LeaseGrantResponse reply)
    {
        Out.Line($"lease {reply.ID:x16} granted with TTL({reply.TTL}s)");
    }

    public override void LeaseRevoke(long id, LeaseRevokeResponse reply) =>
        Out.Line($"lease {id:x16} revoked");

    public override void LeaseKeepAlive(LeaseKeepAliveResponse reply)
    {
        Out.Line($"lease {reply.ID:x16} keepalived with TTL({reply.TTL})");
    }

    public override void LeaseGone(long id) => Out.Line($"lease {id:x16} expired or revoked.");

    public override void LeaseTimeToLive(LeaseTimeToLiveResponse reply, bool withKeys)
    {
        if (reply.GrantedTTL == 0 && reply.TTL == -1)
        {
            Out.Line($"lease {reply.ID:x16} already expired");
            return;
        }

        Out.Write($"lease {reply.ID:x16} granted with TTL({reply.GrantedTTL}s), remaining({reply.TTL}s)");
        if (withKeys)
        {
            Out.Write(", attached keys([");
            string blank = "";
            foreach (ByteString key in reply.Keys)
            {
                Out.Write(blank);
                Out.Write(key.Span);
                blank = " ";
            }

            Out.Write("])");
        }

        Out.Line("");
    }

    public override void LeaseList(LeaseLeasesResponse reply)
    {
        Out.Line($"found {reply.Leases.Count} leases");
        foreach (LeaseStatus lease in reply.Leases)
        {
            Out.Line($"{lease.ID:x16}");
        }
    }

    public override void MemberList(MemberListResponse reply)
    {
        foreach (Member member in reply.Members)
        {
            Out.Line(string.Join(", ", Rows.Of(member, StatusOf(member))));
        }
    }

    public override void Health(IReadOnlyList<EndpointHealth> list)
    {
        foreach (EndpointHealth h in list)
        {
            if (h.Healthy)
            {
                Out.Line($"{h.Endpoint} is healthy: successfully committed proposal: took = {h.Took}");
            }
            else
            {
                terminal.Error.Line($"{h.Endpoint} is unhealthy: failed to commit proposal: {h.Error}");
            }
        }
    }

    public override void Status(IReadOnlyList<EndpointStatus> list)
    {
        foreach (EndpointStatus status in list)
        {
            Out.Line(string.Join(", ", Rows.Of(status)));
        }
    }

    public override void Hashes(IReadOnlyList<EndpointHash> list)
    {
        foreach (EndpointHash hash in list)
        {
            Out.Line(string.Join(", ", Rows.Of(hash)));
        }
    }

    public override void Alarm(AlarmResponse reply)
    {
        foreach (AlarmMember alarm in reply.Alarms)
        {
            Out.Line($"memberID:{alarm.MemberID} alarm:{AlarmName(alarm.Alarm)} ");
        }
    }

    public override void Snapshot(SnapshotSummary summary) => Out.Line(string.Join(", ", Rows.Of(summary)));

    internal static string AlarmName(AlarmType alarm) => alarm switch
    {
        AlarmType.None => "NONE",
        AlarmType.Nospace => "NOSPACE",
        AlarmType.Corrupt => "CORRUPT",
        _ => $"{(int)alarm}",
    };

    private static string GoText(ResponseOp op) => op.ToString();

    private void Pair(KeyValue kv)
    {
        if (!ValueOnly)
        {
            Bytes(kv.Key);
        }

        Bytes(kv.Value);
    }

    private void Bytes(ByteString bytes)
    {
        if (hex)
        {
            Out.Line(string.Concat(bytes.Select(b => $"\\x{b:x2}")));
            return;
        }

        byte[] line = new byte[bytes.Length + 1];
        bytes.CopyTo(line, 0);
        line[^1] = (byte)'\n';
        Out.Write(line);
    }
}
