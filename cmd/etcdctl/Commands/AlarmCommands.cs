// alarm list, alarm disarm (etcdctl §13).
using EtcdAot.Wire.Etcdserverpb;

namespace EtcdAot.Cmd.Etcdctl.Commands;

/// <summary>Commands of the alarms.</summary>
internal static class AlarmCommands
{
    public static Command Group => new()
    {
        Use = "alarm <subcommand>",
        Brief = "Look at alarms and clear them",
        Children =
        [
            new Command { Use = "disarm", Brief = "Clear all alarms", Run = call => Run(call, "disarm") },
            new Command { Use = "list", Brief = "Show the raised alarms", Run = call => Run(call, "list") },
        ],
    };

    /// <summary>The request for the list of all alarms.</summary>
    public static AlarmRequest ListRequest => new() { Action = AlarmRequest.Types.AlarmAction.Get };

    private static int Run(Invocation call, string name)
    {
        if (call.Words.Count > 0)
        {
            throw KeyValueCommands.BadArgs($"alarm {name} command accepts no arguments");
        }

        using Session session = Session.Open(call);
        AlarmResponse list = Session.Ask(() =>
            session.Client.Maintenance.AlarmAsync(ListRequest, session.Limited));
        session.Printer.Alarm(name == "list" ? list : Disarm(session, list));
        return ExitCode.Success;
    }

    // The reply has no header, as in the original: it is put together from one reply for each alarm.
    private static AlarmResponse Disarm(Session session, AlarmResponse raised)
    {
        var cleared = new AlarmResponse();
        foreach (AlarmMember alarm in raised.Alarms)
        {
            var request = new AlarmRequest
            {
                Action = AlarmRequest.Types.AlarmAction.Deactivate,
                MemberID = alarm.MemberID,
                Alarm = alarm.Alarm,
            };
            AlarmResponse reply = Session.Ask(() =>
                session.Client.Maintenance.AlarmAsync(request, session.Limited));
            cleared.Alarms.Add(reply.Alarms);
        }

        return cleared;
    }
}
