// Binds etcd's v3 services to the gRPC server: the hot ones with their own codecs, the others through generated bases
// (DESIGN 4.2). What stands nowhere here answers Unimplemented as an unknown method does.
using EtcdAot.Grpc;
using EtcdAot.Server;

namespace EtcdAot.Api;

/// <summary>The services of a client port.</summary>
public static class ApiServices
{
    private const string Kv = "etcdserverpb.KV";

    /// <summary>Binds everything to a server that serves nobody yet.</summary>
    public static void Bind(GrpcServer grpc, EtcdServer server)
    {
        var loops = new ApiLoops(server);
        grpc.Bind(Kv, "Range", MethodShape.Unary, new RangeMethod(loops));
        Proposed(Kv, "Put", new PutRules(server));
        Proposed(Kv, "DeleteRange", new DeleteRangeRules());
        Proposed(Kv, "Txn", new TxnRules(server));
        Proposed(Kv, "Compact", new CompactRules());
        return;

        void Proposed(string service, string method, IProposedRules rules)
        {
            grpc.Bind(service, method, MethodShape.Unary, new ProposedMethod(loops, rules));
        }
    }
}
