// member list (etcdctl §13).
using EtcdAot.Wire.Etcdserverpb;

namespace EtcdAot.Cmd.Etcdctl.Commands;

/// <summary>Commands of the membership.</summary>
internal static class MemberCommands
{
    public static Command Group => new()
    {
        Use = "member <subcommand>",
        Brief = "Look at the members of the cluster",
        Children =
        [
            new Command
            {
                Use = "list",
                Brief = "Show all members",
                Long = "The simple format prints one line for each member: ID, status, name, " +
                    "peer addresses, client addresses, is learner.",
                Run = RunList,
            },
        ],
    };

    private static int RunList(Invocation call)
    {
        using Session session = Session.Open(call);
        MemberListResponse reply = Session.Ask(() => session.Client.Cluster.MemberListAsync(
            new MemberListRequest { Linearizable = true }, session.Limited));
        session.Printer.MemberList(reply);
        return ExitCode.Success;
    }
}
