// The endpoints that a command which asks each endpoint on its own works through: those of --endpoints as
// typed, or with --cluster the client URLs of all members in ID order (etcdctl §13).
using EtcdAot.Client;
using EtcdAot.Wire.Etcdserverpb;
using Grpc.Core;

namespace EtcdAot.Cmd.Etcdctl.Commands;

/// <summary>Endpoints of endpoint health, status, hashkv and of defrag.</summary>
internal static class ClusterEndpoints
{
    public static IReadOnlyList<string> Of(Session session, bool wholeCluster)
    {
        if (!wholeCluster)
        {
            return session.Endpoints;
        }

        try
        {
            EtcdClient client = session.Client;
            MemberListResponse reply = client.Cluster.MemberListAsync(
                new MemberListRequest { Linearizable = true },
                    session.Limited).ResponseAsync.GetAwaiter().GetResult();
            return [.. reply.Members.SelectMany(m => m.ClientURLs)];
        }
        catch (RpcException e)
        {
            throw new CommandFailedException(ExitCode.Error,
                $"failed to fetch endpoints from etcd cluster member list: {Session.TextOf(e)}");
        }
    }

    /// <summary>Runs <paramref name="ask"/> for each endpoint in turn with its own client; a failure is told
    /// by
    /// <paramref name="failed"/> and the rest goes on. Returns the last failure, null when all went
    /// well.</summary>
    public static string? Each(
        Session session, IReadOnlyList<string> endpoints, Action<EtcdClient, string> ask,
            Func<string, string, string> failed)
    {
        if (endpoints.Count == 0)
        {
            throw new CommandFailedException(ExitCode.BadConnection, "etcdclient: no available endpoints");
        }

        string? last = null;
        foreach (string endpoint in endpoints)
        {
            try
            {
                ask(session.Dial(endpoint), endpoint);
            }
            catch (RpcException e)
            {
                last = Session.TextOf(e);
                session.Terminal.Error.Line(failed(endpoint, last));
            }
        }

        return last;
    }
}
