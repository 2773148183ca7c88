// Binds etcd's v3 services to the gRPC server: the hot ones with their own codecs, the others through generated bases
// (DESIGN 4.2). What stands nowhere here answers Unimplemented as an unknown method does.
using EtcdAot.Grpc;
using EtcdAot.Server;

namespace EtcdAot.Api;

/// <summary>The services of a client port.</summary>
internal static class ApiServices
{
    private const string Kv = "etcdserverpb.KV";
    private const string Cluster = "etcdserverpb.Cluster";
    private const string Maintenance = "etcdserverpb.Maintenance";
    private const string Health = "grpc.health.v1.Health";
    private const string Lease = "etcdserverpb.Lease";

    /// <summary>Binds everything to a server that serves nobody yet.</summary>
    public static void Bind(GrpcServer grpc, ApiLoops loops)
    {
        EtcdServer server = loops.Server;
        grpc.Bind("etcdserverpb.Watch", "Watch", MethodShape.Duplex, new WatchMethod(loops));
        grpc.Bind(Kv, "Range", MethodShape.Unary, new RangeMethod(loops));
        Proposed(Kv, "Put", new PutRules(server));
        Proposed(Kv, "DeleteRange", new DeleteRangeRules());
        Proposed(Kv, "Txn", new TxnRules(server));
        Proposed(Kv, "Compact", new CompactRules());
        grpc.Bind(Cluster, "MemberList", MethodShape.Unary, new MemberListMethod(loops));
        if (server.Options.ReachesPeers)
        {
            grpc.Bind(Cluster, "MemberAdd", MethodShape.Unary, new MemberChangeMethod(loops, MemberAction.Add));
        }

        grpc.Bind(Cluster, "MemberRemove", MethodShape.Unary, new MemberChangeMethod(loops, MemberAction.Remove));
        grpc.Bind(Cluster, "MemberUpdate", MethodShape.Unary, new MemberChangeMethod(loops, MemberAction.Update));
        grpc.Bind(Cluster, "MemberPromote", MethodShape.Unary, new MemberChangeMethod(loops, MemberAction.Promote));
        grpc.Bind(Maintenance, "MoveLeader", MethodShape.Unary, new MoveLeaderMethod(loops));
        Proposed(Maintenance, "Alarm", new AlarmRules(server));
        grpc.Bind(Maintenance, "Status", MethodShape.Unary, new StatusMethod(loops));
        grpc.Bind(Maintenance, "Hash", MethodShape.Unary, new HashMethod(loops));
        grpc.Bind(Maintenance, "HashKV", MethodShape.Unary, new HashKvMethod(loops));
        grpc.Bind(Maintenance, "Snapshot", MethodShape.ServerStreaming, new SnapshotMethod(loops));
        grpc.Bind(Maintenance, "Defragment", MethodShape.Unary, new DefragmentMethod(loops));
        grpc.Bind(Health, "Check", MethodShape.Unary, new HealthMethod(HealthMethod.Question.Check));
        grpc.Bind(Health, "List", MethodShape.Unary, new HealthMethod(HealthMethod.Question.List));
        grpc.Bind(Health, "Watch", MethodShape.ServerStreaming, new HealthMethod(HealthMethod.Question.Watch));
        Proposed(Lease, "LeaseGrant", new LeaseGrantRules(server));
        Proposed(Lease, "LeaseRevoke", new LeaseRevokeRules());
        grpc.Bind(Lease, "LeaseKeepAlive", MethodShape.Duplex, new LeaseKeepAliveMethod(loops));
        grpc.Bind(Lease, "LeaseTimeToLive", MethodShape.Unary, new LeaseTimeToLiveMethod(loops));
        grpc.Bind(Lease, "LeaseLeases", MethodShape.Unary, new LeaseLeasesMethod(loops));
        return;

        void Proposed(string service, string method, IProposedRules rules)
        {
            grpc.Bind(service, method, MethodShape.Unary, new ProposedMethod(loops, rules));
        }
    }
}
