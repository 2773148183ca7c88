// txn: three sections on standard input make one transaction (etcdctl §13). No time limit.
using EtcdAot.Cmd.Etcdctl.Flags;
using EtcdAot.Wire.Etcdserverpb;
using static EtcdAot.Cmd.Etcdctl.Commands.CommandTable;

namespace EtcdAot.Cmd.Etcdctl.Commands;

/// <summary>The txn command.</summary>
internal static class TxnCommand
{
    public static Command Txn => new()
    {
        Use = "txn [options]",
        Brief = "Run comparisons and operations as one transaction",
        Flags = [Bool("interactive", "print a line before each section", shorthand: 'i')],
        Run = Run,
    };

    /// <summary>The operation that a line asks for; <paramref name="terminal"/> hears of bad
    /// options.</summary>
    internal static RequestOp Operation(string line, Terminal terminal)
    {
        List<string> words = Words.Split(line);
        if (words.Count < 2)
        {
            throw Invalid($"invalid txn compare request: {line}");
        }

        // A tree of its own: the global options are not known here.
        var root = new Command
        {
            Use = "",
            Brief = "",
            Children = [KeyValueCommands.Put, KeyValueCommands.Get, KeyValueCommands.Del],
        };
        (Command command, List<string> rest) = CommandLine.Find(root, words);
        if (command == root)
        {
            throw Invalid($"invalid txn request: {line}");
        }

        var flags = new FlagSet(command.OwnFlags());
        bool bad = flags.Parse(rest.ToArray()) is not null;
        if (bad || flags["help"].Bool)
        {
            terminal.Error.Write(HelpPage.CobraUsage(command) + "\n");
            throw Invalid($"invalid txn request: {line}");
        }

        var call = new Invocation(command, flags, terminal);
        return command.Name switch
        {
            "put" => new RequestOp { RequestPut = KeyValueCommands.PutOf(call, Stream.Null) },
            "get" => new RequestOp { RequestRange = KeyValueCommands.RangeOf(call) },
            _ => new RequestOp { RequestDeleteRange = KeyValueCommands.DeleteOf(call) },
        };
    }

    private static int Run(Invocation call)
    {
        if (call.Words.Count > 0)
        {
            throw KeyValueCommands.BadArgs("txn command does not accept argument");
        }

        bool prompt = call.Bool("interactive");
        var request = new TxnRequest();
        using Session session = Session.Open(call);
        var lines = new LineReader(call.Terminal.In);
        Prompt(call, prompt, "compares:");
        request.Compare.Add(Section(lines, TxnComparison.Parse));
        Prompt(call, prompt, "success requests (get, put, del):");
        request.Success.Add(Section(lines, l => Operation(l, call.Terminal)));
        Prompt(call, prompt, "failure requests (get, put, del):");
        request.Failure.Add(Section(lines, l => Operation(l, call.Terminal)));
        session.Printer.Txn(Session.Ask(() => session.Client.Kv.TxnAsync(request)));
        return ExitCode.Success;
    }

    private static CommandFailedException Invalid(string text) => new(ExitCode.InvalidInput, text);

    private static void Prompt(Invocation call, bool wanted, string text)
    {
        if (wanted)
        {
            call.Terminal.Out.Line(text);
        }
    }

    // Each line is judged when it is read, so that someone who types hears of a mistake at once.
    private static List<T> Section<T>(LineReader lines, Func<string, T> parse)
    {
        var section = new List<T>();
        while (true)
        {
            string line = (lines.Next() ?? throw Invalid("EOF")).Trim();
            if (line.Length == 0)
            {
                return section;
            }

            section.Add(parse(line));
        }
    }
}
