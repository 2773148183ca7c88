// lease grant, revoke, timetolive, list, keep-alive (etcdctl §13). Only grant and revoke have a time limit.
using EtcdAot.Observe;
using EtcdAot.Wire.Etcdserverpb;
using Grpc.Core;
using static EtcdAot.Cmd.Etcdctl.Commands.CommandTable;

namespace EtcdAot.Cmd.Etcdctl.Commands;

/// <summary>Commands of leases.</summary>
internal static class LeaseCommands
{
    // Renewals leave no faster than this, whatever the TTL (etcdctl §13).
    private static readonly TimeSpan ShortestPause = TimeSpan.FromMilliseconds(500);

    public static Command Group => new()
    {
        Use = "lease <subcommand>",
        Brief = "Create, renew and end leases",
        Children =
        [
            new Command { Use = "grant <ttl>", Brief = "Create a lease of so many seconds", Run = RunGrant },
            new Command
            {
                Use = "keep-alive [options] <leaseID>",
                Brief = "Renew a lease until interrupted",
                Flags = [Bool("once", "renew one time and end")],
                Run = RunKeepAlive,
            },
            new Command { Use = "list", Brief = "Show the IDs of all leases", Run = RunList },
            new Command { Use = "revoke <leaseID>", Brief = "End a lease and delete its keys",
                Run = RunRevoke },
            new Command
            {
                Use = "timetolive <leaseID> [options]",
                Brief = "Show how long a lease has to live",
                Flags = [Bool("keys", "also show the keys attached to it")],
                Run = RunTimeToLive,
            },
        ],
    };

    private static int RunGrant(Invocation call)
    {
        if (call.Words.Count != 1)
        {
            throw KeyValueCommands.BadArgs("lease grant command needs TTL argument");
        }

        if (GoNumber.ParseInt(call.Words[0], 10, out long ttl) is string bad)
        {
            throw KeyValueCommands.BadArgs($"bad TTL ({bad})");
        }

        using Session session = Session.Open(call);
        LeaseGrantResponse reply = Ask(
            () => session.Client.Lease.LeaseGrantAsync(new LeaseGrantRequest { TTL = ttl }, session.Limited),
            ExitCode.Error,
            why => $"failed to grant lease ({why})");
        session.Printer.LeaseGrant(reply);
        return ExitCode.Success;
    }

    private static int RunRevoke(Invocation call)
    {
        long id = Id(call, "lease revoke command needs 1 argument");
        using Session session = Session.Open(call);
        LeaseRevokeResponse reply = Ask(
            () => session.Client.Lease.LeaseRevokeAsync(new LeaseRevokeRequest { ID = id }, session.Limited),
            ExitCode.Error,
            why => $"failed to revoke lease ({why})");
        session.Printer.LeaseRevoke(id, reply);
        return ExitCode.Success;
    }

    private static int RunTimeToLive(Invocation call)
    {
        long id = Id(call, "lease timetolive command needs lease ID as argument");
        var request = new LeaseTimeToLiveRequest { ID = id, Keys = call.Bool("keys") };
        using Session session = Session.Open(call);
        LeaseTimeToLiveResponse reply = Ask(
            () => session.Client.Lease.LeaseTimeToLiveAsync(request), ExitCode.BadConnection, why => why);
        session.Printer.LeaseTimeToLive(reply, request.Keys);
        return ExitCode.Success;
    }

    private static int RunList(Invocation call)
    {
        using Session session = Session.Open(call);
        LeaseLeasesResponse reply = Ask(
            () => session.Client.Lease.LeaseLeasesAsync(new LeaseLeasesRequest()),
            ExitCode.BadConnection,
            why => why);
        session.Printer.LeaseList(reply);
        return ExitCode.Success;
    }

    private static int RunKeepAlive(Invocation call)
    {
        long id = Id(call, "lease keep-alive command needs lease ID as argument");
        using Session session = Session.Open(call);
        if (call.Bool("once"))
        {
            LeaseKeepAliveResponse reply = RenewOnce(session, id);
            session.Printer.LeaseKeepAlive(reply);
            return ExitCode.Success;
        }

        Renew(session, id);
        session.Printer.LeaseGone(id);
        return ExitCode.Success;
    }

    private static LeaseKeepAliveResponse RenewOnce(Session session, long id)
    {
        try
        {
            using AsyncDuplexStreamingCall<LeaseKeepAliveRequest, LeaseKeepAliveResponse> stream =
                session.Client.Lease.LeaseKeepAlive();
            LeaseKeepAliveResponse? reply = Exchange(stream, id, CancellationToken.None);
            return reply is { TTL: > 0 }
                ? reply
                : throw new CommandFailedException(ExitCode.BadConnection,
                    "etcdserver: requested lease not found");
        }
        catch (RpcException e)
        {
            throw new CommandFailedException(ExitCode.BadConnection, Session.TextOf(e));
        }
    }

    // Renews every third of the TTL until the lease is gone. A lost stream is opened again while the lease
    // can still live; before the first answer that is the dial timeout and a second.
    private static void Renew(Session session, long id)
    {
        DateTime deadline = DateTime.UtcNow + session.DialTimeout + TimeSpan.FromSeconds(1);
        while (DateTime.UtcNow < deadline)
        {
            try
            {
                using var limit = new CancellationTokenSource(deadline - DateTime.UtcNow);
                using AsyncDuplexStreamingCall<LeaseKeepAliveRequest, LeaseKeepAliveResponse> stream =
                    session.Client.Lease.LeaseKeepAlive();
                while (Exchange(stream, id, limit.Token) is { } reply)
                {
                    if (reply.TTL <= 0)
                    {
                        return;
                    }

                    session.Printer.LeaseKeepAlive(reply);
                    deadline = DateTime.UtcNow + TimeSpan.FromSeconds(reply.TTL);
                    limit.CancelAfter(deadline - DateTime.UtcNow);
                    TimeSpan pause = TimeSpan.FromSeconds(reply.TTL / 3.0);
                    Thread.Sleep(pause > ShortestPause ? pause : ShortestPause);
                }
            }
            catch (Exception e) when (e is RpcException or OperationCanceledException)
            {
                Thread.Sleep(ShortestPause);
            }
        }
    }

    private static LeaseKeepAliveResponse? Exchange(
        AsyncDuplexStreamingCall<LeaseKeepAliveRequest, LeaseKeepAliveResponse> stream, long id,
            CancellationToken cancel)
    {
        stream.RequestStream.WriteAsync(new LeaseKeepAliveRequest { ID = id },
            cancel).GetAwaiter().GetResult();
        return stream.ResponseStream.MoveNext(cancel).GetAwaiter().GetResult()
            ? stream.ResponseStream.Current : null;
    }

    private static T Ask<T>(Func<AsyncUnaryCall<T>> call, int exit, Func<string, string> text)
    {
        try
        {
            return call().ResponseAsync.GetAwaiter().GetResult();
        }
        catch (RpcException e)
        {
            throw new CommandFailedException(exit, text(Session.TextOf(e)));
        }
    }

    private static long Id(Invocation call, string usage)
    {
        if (call.Words.Count != 1)
        {
            throw KeyValueCommands.BadArgs(usage);
        }

        return GoNumber.ParseInt(call.Words[0], 16, out long id) is string bad
            ? throw KeyValueCommands.BadArgs($"bad lease ID arg ({bad}), expecting ID in Hex")
            : id;
    }
}
