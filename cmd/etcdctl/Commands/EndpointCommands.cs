// endpoint health, status, hashkv: each endpoint is asked on its own (etcdctl §13).
using System.Diagnostics;
using EtcdAot.Client;
using EtcdAot.Cmd.Etcdctl.Printing;
using EtcdAot.Observe;
using EtcdAot.Wire.Etcdserverpb;
using Google.Protobuf;
using Grpc.Core;
using static EtcdAot.Cmd.Etcdctl.Commands.CommandTable;

namespace EtcdAot.Cmd.Etcdctl.Commands;

/// <summary>Checks of single endpoints.</summary>
internal static class EndpointCommands
{
    public static Command Group => new()
    {
        Use = "endpoint <subcommand>",
        Brief = "Check the endpoints one by one",
        Inherited = [Bool("cluster", "use the endpoints of all members")],
        Children =
        [
            new Command
            {
                Use = "health",
                Brief = "Ask each endpoint for a read that needs the whole cluster",
                Run = RunHealth,
            },
            new Command
            {
                Use = "status",
                Brief = "Show version, size and raft state of each endpoint",
                Long = "The simple format prints one line for each endpoint: endpoint, ID, " +
                    "version, database size, is leader, is learner,\nraft term, raft index, raft applied index, errors.",
                Run = RunStatus,
            },
            new Command
            {
                Use = "hashkv",
                Brief = "Show the hash of each endpoint's key history",
                Flags = [Int("rev", "newest revision to hash, 0 for all")],
                Run = RunHash,
            },
        ],
    };

    private static int RunHealth(Invocation call)
    {
        using Session session = Session.Open(call, ClientLog.Plain);
        IReadOnlyList<string> endpoints = ClusterEndpoints.Of(session, call.Bool("cluster"));
        var done = new List<EndpointHealth>();
        Task[] running = [.. endpoints.Select(e => Task.Run(() =>
        {
            EndpointHealth health = Check(session, e);
            lock (done)
            {
                done.Add(health);
            }
        }))];
        Task.WaitAll(running);
        session.Printer.Health(done);
        return done.TrueForAll(h => h.Healthy)
            ? ExitCode.Success
            : throw new CommandFailedException(ExitCode.Error, "unhealthy cluster");
    }

    private static EndpointHealth Check(Session session, string endpoint)
    {
        EtcdClient client;
        try
        {
            client = session.Dial(endpoint);
        }
        catch (CommandFailedException e)
        {
            return new EndpointHealth(endpoint, false, "", e.Message);
        }

        long start = Stopwatch.GetTimestamp();
        string error = "";
        CallOptions limit = session.Limited;
        try
        {
            client.Kv.RangeAsync(new RangeRequest { Key = ByteString.CopyFromUtf8("health") }, limit)
                .ResponseAsync.GetAwaiter().GetResult();
        }
        catch (RpcException e)
        {
            // "Permission denied" was decided by the whole cluster, so the member is well.
            string text = Session.TextOf(e);
            error = text == "etcdserver: permission denied" ? "" : text;
        }

        string took = GoDuration.Text((long)Stopwatch.GetElapsedTime(start).TotalNanoseconds);
        if (error.Length == 0)
        {
            error = AlarmsOf(client, limit);
        }

        return new EndpointHealth(endpoint, error.Length == 0, took, error);
    }

    private static string AlarmsOf(EtcdClient client, CallOptions limit)
    {
        try
        {
            AlarmResponse reply = client.Maintenance.AlarmAsync(AlarmCommands.ListRequest, limit)
                .ResponseAsync.GetAwaiter().GetResult();
            string names = string.Concat(reply.Alarms.Where(a => a.Alarm != AlarmType.None)
                .Select(a => $"{SimplePrinter.AlarmName(a.Alarm)} "));
            return names.Length == 0 ? "" : $"Active Alarm(s): {names}";
        }
        catch (RpcException)
        {
            return "Unable to fetch the alarm list";
        }
    }

    private static int RunStatus(Invocation call)
    {
        using Session session = Session.Open(call);
        var list = new List<EndpointStatus>();
        string? failure = ClusterEndpoints.Each(
            session,
            ClusterEndpoints.Of(session, call.Bool("cluster")),
            (client, endpoint) => list.Add(new EndpointStatus(endpoint,
                client.Maintenance.StatusAsync(new StatusRequest(), session.Limited)
                    .ResponseAsync.GetAwaiter().GetResult())),
            (endpoint, why) => $"Failed to get the status of endpoint {endpoint} ({why})");
        session.Printer.Status(list);
        return failure is null ? ExitCode.Success : ExitCode.Error;
    }

    private static int RunHash(Invocation call)
    {
        var request = new HashKVRequest { Revision = call.Int("rev") };
        using Session session = Session.Open(call);
        var list = new List<EndpointHash>();
        string? failure = ClusterEndpoints.Each(
            session,
            ClusterEndpoints.Of(session, call.Bool("cluster")),
            (client, endpoint) => list.Add(new EndpointHash(endpoint,
                client.Maintenance.HashKVAsync(request,
                    session.Limited).ResponseAsync.GetAwaiter().GetResult())),
            (endpoint, why) => $"Failed to get the hash of endpoint {endpoint} ({why})");
        session.Printer.Hashes(list);
        return failure is null ? ExitCode.Success : throw new CommandFailedException(ExitCode.Error, failure);
    }
}
