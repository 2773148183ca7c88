// defrag of running members, one after the other (etcdctl §13).
using EtcdAot.Wire.Etcdserverpb;
using static EtcdAot.Cmd.Etcdctl.Commands.CommandTable;

namespace EtcdAot.Cmd.Etcdctl.Commands;

/// <summary>The defrag command.</summary>
internal static class DefragCommand
{
    public static Command Defrag => new()
    {
        Use = "defrag",
        Brief = "Give back the free space of the members' database files",
        Flags =
        [
            Bool("cluster", "use the endpoints of all members"),
            Text("data-dir", "", "work on the data directory of a member that is not running"),
        ],
        Run = Run,
    };

    private static int Run(Invocation call)
    {
        if (call.Text("data-dir") is { Length: > 0 } folder)
        {
            return OfflineCommands.Defrag(call.Terminal, folder);
        }

        using Session session = Session.Open(call);
        IReadOnlyList<string> endpoints = ClusterEndpoints.Of(session, call.Bool("cluster"));
        string? failure = ClusterEndpoints.Each(
            session,
            endpoints,
            (client, endpoint) =>
            {
                client.Maintenance.DefragmentAsync(new DefragmentRequest(), session.Limited)
                    .ResponseAsync.GetAwaiter().GetResult();
                session.Terminal.Out.Line($"Finished defragmenting etcd member[{endpoint}]");
            },
            (endpoint, why) => $"Failed to defragment etcd member[{endpoint}] ({why})");
        return failure is null ? ExitCode.Success : ExitCode.Error;
    }
}
