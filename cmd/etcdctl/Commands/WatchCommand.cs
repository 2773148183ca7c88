// watch: prints changes until it is ended, or runs a command for each event; with -i, watches are read from
// standard input (etcdctl §13). No time limit.
using EtcdAot.Cmd.Etcdctl.Flags;
using EtcdAot.Observe;
using EtcdAot.Wire.Etcdserverpb;
using EtcdAot.Wire.Mvccpb;
using static EtcdAot.Cmd.Etcdctl.Commands.CommandTable;

namespace EtcdAot.Cmd.Etcdctl.Commands;

/// <summary>The watch command.</summary>
internal static class WatchCommand
{
    private const string NoCommands = "bad number of arguments (found separator --, but no commands)";

    private static readonly FlagSpec[] LineFlags =
    [
        Bool("prefix", "all keys that begin with the key"),
        Int("rev", "first revision to report"),
        Bool("prev-kv", "also report the key as it was before"),
    ];

    public static Command Watch => new()
    {
        Use = "watch [options] [key or prefix] [range_end] [--] [exec-command arg1 arg2 ...]",
        Brief = "Follow the changes of keys",
        Flags =
        [
            .. LineFlags,
            Bool("interactive", "read watch commands from standard input", shorthand: 'i'),
            Bool("progress-notify", "ask for periodic notice of progress"),
        ],
        Run = Run,
    };

    private static int Run(Invocation call)
    {
        if (call.Bool("interactive"))
        {
            return RunInteractive(call);
        }

        if (WatchLine.LacksCommand(call.Flags))
        {
            throw KeyValueCommands.BadArgs(NoCommands);
        }

        WatchLine line = WatchLine.Read(call.Flags, call.Bool("progress-notify"), out string bad)
            ?? throw KeyValueCommands.BadArgs(bad);
        using Session session = Session.Open(call);
        var stream = new WatchStream(session.Client, (l, reply, reason) => Show(session, l, reply, reason));
        stream.Add(line);
        stream.Run();
        throw new CommandFailedException(ExitCode.Interrupted, "watch is canceled by the server");
    }

    private static int RunInteractive(Invocation call)
    {
        using Session session = Session.Open(call);
        var stream = new WatchStream(session.Client, (l, reply, reason) => Show(session, l, reply, reason));
        _ = Task.Run(() => ReadForEver(stream, session.Terminal));
        var lines = new LineReader(call.Terminal.In);
        while (lines.Next() is string line)
        {
            Obey(line.Trim(), stream, session.Terminal);
        }

        throw new CommandFailedException(ExitCode.InvalidInput, "error reading watch request line: EOF");
    }

    // What ends the program while the main thread waits for input ends it from here.
    private static void ReadForEver(WatchStream stream, Terminal terminal)
    {
        try
        {
            while (true)
            {
                stream.Run();
            }
        }
        catch (CommandFailedException failed)
        {
            if (failed.Message.Length > 0)
            {
                terminal.Error.Line($"Error: {failed.Message}");
            }

            Environment.Exit(failed.Code);
        }
    }

    private static void Obey(string line, WatchStream stream, Terminal terminal)
    {
        List<string> words = Words.Split(line);
        if (words is ["progress"])
        {
            stream.AskForProgress();
            return;
        }

        if (words.Count == 0)
        {
            terminal.Error.Line($"Invalid command: {line} (watch and progress supported)");
            return;
        }

        if (words[0] != "watch")
        {
            terminal.Error.Line($"Invalid command {line} (only support watch)");
            return;
        }

        var flags = new FlagSet(LineFlags);
        if (flags.Parse(words[1..].ToArray()) is string badFlag)
        {
            throw KeyValueCommands.BadArgs(badFlag);
        }

        if (WatchLine.LacksCommand(flags))
        {
            throw KeyValueCommands.BadArgs(NoCommands);
        }

        WatchLine? watch = WatchLine.Read(flags, false, out string bad);
        if (watch is null)
        {
            string why = bad == "bad number of arguments" ? "command type or key is not provided" : bad;
            terminal.Error.Line($"Invalid command {line} ({why})");
            return;
        }

        stream.Add(watch);
    }

    private static void Show(Session session, WatchLine line, WatchResponse reply, string? reason)
    {
        if (reason is not null)
        {
            session.Terminal.Error.Line($"watch was canceled ({reason})");
        }
        else if (reply.Events.Count == 0)
        {
            session.Terminal.Out.Line($"progress notify: {reply.Header.Revision}");
        }

        session.Printer.Watch(reply);
        if (line.Command.Count == 0)
        {
            return;
        }

        foreach (Event change in reply.Events)
        {
            RunFor(session, line.Command, reply.Header.Revision, change);
        }
    }

    private static void RunFor(Session session, IReadOnlyList<string> command, long revision, Event change)
    {
        string type = change.Type == Event.Types.EventType.Put ? "PUT" : "DELETE";
        string? failure = ChildProcess.Run(command, new Dictionary<string, string>(StringComparer.Ordinal)
        {
            ["ETCD_WATCH_REVISION"] = $"{revision}",
            ["ETCD_WATCH_EVENT_TYPE"] = GoQuote.Text(type),
            ["ETCD_WATCH_KEY"] = GoQuote.Bytes(change.Kv.Key.Span),
            ["ETCD_WATCH_VALUE"] = GoQuote.Bytes(change.Kv.Value.Span),
        });
        if (failure is not null)
        {
            string words = string.Join(' ', command.Select(GoQuote.Text));
            session.Terminal.Error.Line($"command [{words}] error ({failure})");
            throw new CommandFailedException(ExitCode.Error, "");
        }
    }
}
