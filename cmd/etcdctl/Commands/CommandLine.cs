// From words to a command: which command is meant, which words belong to its options, and what is said when
// nothing fits. The rules are cobra's, because its answers are etcdctl's contract (etcdctl §3). Pure but for
// its two outputs.
using EtcdAot.Cmd.Etcdctl.Flags;
using EtcdAot.Observe;

namespace EtcdAot.Cmd.Etcdctl.Commands;

/// <summary>A command with its parsed options.</summary>
internal sealed record Invocation(Command Command, FlagSet Flags, Terminal Terminal)
{
    public List<string> Words => Flags.Words;

    public bool Bool(string name) => Flags[name].Bool;

    public string Text(string name) => Flags[name].Text;

    public long Int(string name) => Flags[name].Int;
}

/// <summary>Finds and runs commands of a tree.</summary>
internal static class CommandLine
{
    /// <summary>Runs <paramref name="args"/> against <paramref name="root"/>; returns the exit
    /// code.</summary>
    public static int Run(Command root, string[] args, Terminal terminal, HelpStyle style)
    {
        (Command command, List<string> rest) = Find(root, [.. args]);
        if (command == root && WithoutFlags(rest, root) is [string unknown, ..])
        {
            return Unknown(root, unknown, terminal, style);
        }

        var flags = new FlagSet(command.OwnFlags().Concat(command.InheritedFlags()));
        string? bad = flags.Parse(rest.ToArray());
        if (flags["help"].Bool)
        {
            HelpPage.Write(terminal.Out, command, style);
            return ExitCode.Success;
        }

        bad ??= MissingFlags(command, flags);
        if (bad is not null)
        {
            TellBadFlag(command, bad, terminal, style);
            return ExitCode.Error;
        }

        if (command.Name == "help" && command.Parent == root)
        {
            return Help(root, [.. flags.Words], terminal, style);
        }

        if (command.Run is null)
        {
            HelpPage.Write(terminal.Out, command, style);
            return ExitCode.Success;
        }

        return command.Run(new Invocation(command, flags, terminal));
    }

    /// <summary>The command that the words of <paramref name="args"/> name, and the arguments left for
    /// it.</summary>
    public static (Command Command, List<string> Left) Find(Command root, List<string> args)
    {
        Command command = root;
        while (WithoutFlags(args, command) is [string word, ..] && command.FindChild(word) is Command child)
        {
            RemoveFirst(args, word, command);
            command = child;
        }

        return (command, args);
    }

    private static string? MissingFlags(Command command, FlagSet flags)
    {
        List<string> missing = [.. command.OwnFlags().Where(f => f.Required && !flags[f.Name].Changed)
            .Select(f => $"\"{f.Name}\"")];
        return missing.Count == 0 ? null : $"required flag(s) {string.Join(", ", missing)} not set";
    }

    // etcdctl shows its usage on stdout, etcdutl on stderr between the two lines (etcdctl §3).
    private static void TellBadFlag(Command command, string bad, Terminal terminal, HelpStyle style)
    {
        if (style == HelpStyle.Sections)
        {
            HelpPage.Write(terminal.Out, command, style);
            terminal.Error.Line($"Error: {bad}\n\nError: {bad}");
            return;
        }

        terminal.Error.Line($"Error: {bad}\n{HelpPage.CobraUsage(command)}\nError: {bad}");
    }

    private static int Help(Command root, string[] topic, Terminal terminal, HelpStyle style)
    {
        (Command command, List<string> rest) = Find(root, [.. topic]);
        bool unknown = command == root && WithoutFlags(rest, root).Count > 0;
        HelpPage.Write(terminal.Out, unknown ? root : command, style);
        if (unknown)
        {
            string words = string.Join(' ', topic.Select(t => $"`{t}`"));
            terminal.Error.Line($"Unknown help topic [{words}]");
        }

        return ExitCode.Success;
    }

    private static int Unknown(Command root, string word, Terminal terminal, HelpStyle style)
    {
        string text = $"Error: unknown command {GoQuote.Text(word)} for \"{root.Name}\"\n";
        List<string> near = Near(root, word);
        if (near.Count > 0)
        {
            text += "\nDid you mean this?\n" + string.Concat(near.Select(n => $"\t{n}\n")) + "\n";
        }

        terminal.Error.Write($"{text}Run '{root.Name} --help' for usage.\n{text}");
        return ExitCode.Error;
    }

    private static List<string> Near(Command root, string word)
    {
        return [.. root.Children.Select(c => c.Name).Where(name => name != "help" && (
            name.StartsWith(word, StringComparison.OrdinalIgnoreCase) ||
            Distance(word.ToUpperInvariant(), name.ToUpperInvariant()) <= 2))];
    }

    private static int Distance(string a, string b)
    {
        int[] row = [.. Enumerable.Range(0, b.Length + 1)];
        for (int i = 1; i <= a.Length; i++)
        {
            int diagonal = row[0];
            row[0] = i;
            for (int j = 1; j <= b.Length; j++)
            {
                int above = row[j];
                int change = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
                row[j] = Math.Min(change, Math.Min(above, row[j - 1]) + 1);
                diagonal = above;
            }
        }

        return row[b.Length];
    }

    // The words that are neither options nor values of options, as far as `command` knows its options: an
    // unknown one takes the next word as its value.
    private static List<string> WithoutFlags(List<string> args, Command command)
    {
        var words = new List<string>();
        FlagSet known = KnownTo(command);
        for (int i = 0; i < args.Count && args[i] != "--"; i++)
        {
            if (TakesNext(args[i], known))
            {
                i++;
            }
            else if (args[i].Length > 0 && args[i][0] != '-')
            {
                words.Add(args[i]);
            }
        }

        return words;
    }

    private static void RemoveFirst(List<string> args, string word, Command command)
    {
        FlagSet known = KnownTo(command);
        for (int i = 0; i < args.Count && args[i] != "--"; i++)
        {
            if (TakesNext(args[i], known))
            {
                i++;
            }
            else if (args[i] == word)
            {
                args.RemoveAt(i);
                return;
            }
        }
    }

    private static bool TakesNext(string arg, FlagSet known)
    {
        if (arg.Contains('=', StringComparison.Ordinal))
        {
            return false;
        }

        if (arg.StartsWith("--", StringComparison.Ordinal))
        {
            return known.Find(arg[2..])?.Spec.Kind != FlagKind.Bool;
        }

        return arg.Length == 2 && arg[0] == '-' && known.Find(arg[1])?.Spec.Kind != FlagKind.Bool;
    }

    private static FlagSet KnownTo(Command command)
    {
        return new FlagSet(command.Flags.Concat(command.Inherited).Concat(command.InheritedFlags()));
    }
}
