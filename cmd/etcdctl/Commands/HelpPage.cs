// Help pages in the two layouts of etcdctl §3: etcdctl's own sections, and cobra's (etcdutl, flag errors in
// txn). Everything on them comes from the command table. Pure.
using System.Text;
using EtcdAot.Cmd.Etcdctl.Flags;
using EtcdAot.Observe;

namespace EtcdAot.Cmd.Etcdctl.Commands;

/// <summary>Which layout a program uses.</summary>
internal enum HelpStyle
{
    /// <summary>NAME:, USAGE:, OPTIONS: … of etcdctl 3.4 to 3.6.</summary>
    Sections,

    /// <summary>Usage:, Flags: … of etcdutl.</summary>
    Cobra,
}

/// <summary>Renders help.</summary>
internal static class HelpPage
{
    private const int Stop = 8;
    private const int CobraNameWidth = 11;

    public static void Write(Output output, Command command, HelpStyle style)
    {
        output.Write(style == HelpStyle.Sections ? Sections(command) : CobraHelp(command));
    }

    /// <summary>Usage and options in cobra's layout.</summary>
    public static string CobraUsage(Command command)
    {
        var page = new StringBuilder("Usage:\n");
        if (command.Run is not null)
        {
            string path = command.Parent is null ? "" : command.Parent.Path;
            page.Append("  ").Append(path).Append(' ').Append(command.Use).Append(" [flags]\n");
        }

        if (command.Children.Count > 0)
        {
            page.Append("  ").Append(command.Path).Append(" [command]\n\nAvailable Commands:\n");
            int width = Math.Max(CobraNameWidth, command.Children.Max(c => c.Name.Length));
            foreach (Command child in Sorted(command.Children))
            {
                page.Append("  ").Append(child.Name.PadRight(width)).Append(' ').Append(
                    child.Brief).Append('\n');
            }
        }

        page.Append("\nFlags:\n").Append(CobraFlags(command.OwnFlags()));
        List<FlagSpec> inherited = [.. command.InheritedFlags()];
        if (inherited.Count > 0)
        {
            page.Append("\nGlobal Flags:\n").Append(CobraFlags(inherited));
        }

        if (command.Children.Count > 0)
        {
            page.Append($"\nUse \"{command.Path} [command] --help\" for more information about a command.\n");
        }

        return page.ToString();
    }

    private static string CobraHelp(Command command)
    {
        string about = command.Long.Length > 0 ? command.Long : command.Brief;
        return $"{about}\n\n{CobraUsage(command)}";
    }

    private static string Sections(Command command)
    {
        string path = command.Parent is null ? command.Name : PathBelowRoot(command);
        var page = new StringBuilder($"NAME:\n\t{path} - {command.Brief}\n\nUSAGE:\n\t{command.UseLine}\n\n");
        if (command.Parent is null)
        {
            page.Append($"VERSION:\n\t{Versions.Client}\n\n");
        }

        if (command.Children.Count > 0)
        {
            page.Append($"API VERSION:\n\t{Versions.Api}\n\n\nCOMMANDS:\n");
            int up = command.Parent is null ? 0 : PathBelowRoot(command).Length + 1;
            AppendColumns(page, [.. Runnable(command).Select(c => ("\t", PathBelowRoot(c)[up..], c.Brief))]);
            page.Append('\n');
        }

        if (command.Long.Length > 0)
        {
            string text = string.Concat(command.Long.Split('\n').Select(l => $"\t{l}\n"));
            page.Append($"DESCRIPTION:\n{text}\n");
        }

        page.Append("OPTIONS:\n");
        AppendColumns(page, [.. command.OwnFlags().Select(Row)]);
        List<FlagSpec> inherited = [.. command.InheritedFlags()];
        if (inherited.Count > 0)
        {
            page.Append("\nGLOBAL OPTIONS:\n");
            AppendColumns(page, [.. inherited.Select(Row)]);
        }

        return page.Append('\n').ToString();
    }

    private static IEnumerable<Command> Sorted(IEnumerable<Command> commands)
    {
        return commands.OrderBy(c => c.Name, StringComparer.Ordinal);
    }

    private static IEnumerable<Command> Runnable(Command command)
    {
        return Sorted(command.Children).SelectMany(c => c.Children.Count > 0 ? Runnable(c) : [c]);
    }

    private static string PathBelowRoot(Command command)
    {
        return command.Parent is null ? "" : $"{PathBelowRoot(command.Parent)} {command.Name}".TrimStart();
    }

    private static (string Indent, string Name, string Text) Row(FlagSpec flag)
    {
        string shown = flag.Kind switch
        {
            FlagKind.Bool => $"[={flag.Default}]",
            FlagKind.Text => $"=\"{flag.Default}\"",
            FlagKind.List => $"=[{flag.Default}]",
            _ => $"={flag.Default}",
        };
        string shorthand = flag.Short == '\0' ? "    " : $"-{flag.Short}, ";
        return ("  ", $"{shorthand}--{flag.Name}{shown}", flag.Text);
    }

    // Two columns with tabs up to a common stop; the indent counts where it is not a tab of its own.
    private static void AppendColumns(StringBuilder page,
        List<(string Indent, string Name, string Text)> rows)
    {
        int Width((string Indent, string Name, string Text) r) =>
            r.Name.Length + (r.Indent == "\t" ? 0 : r.Indent.Length);
        int column = ((rows.Max(Width) / Stop) + 1) * Stop;
        foreach ((string Indent, string Name, string Text) row in rows)
        {
            int tabs = (column - Width(row) + Stop - 1) / Stop;
            page.Append(row.Indent).Append(row.Name).Append('\t', tabs).Append(row.Text).Append('\n');
        }
    }

    private static string CobraFlags(IEnumerable<FlagSpec> flags)
    {
        List<(string Left, FlagSpec Flag)> rows = [.. flags.Select(f => (CobraName(f), f))];
        int width = rows.Max(r => r.Left.Length) + 3;
        return string.Concat(rows.Select(r =>
            $"{r.Left.PadRight(width)}{r.Flag.Text}{CobraDefault(r.Flag)}\n"));
    }

    private static string CobraName(FlagSpec flag)
    {
        string kind = flag.Kind switch
        {
            FlagKind.Bool => "",
            FlagKind.Text => " string",
            FlagKind.Int => " int",
            FlagKind.Uint => " uint",
            FlagKind.Duration => " duration",
            _ => " strings",
        };
        return $"  {(flag.Short == '\0' ? "    " : $"-{flag.Short}, ")}--{flag.Name}{kind}";
    }

    private static string CobraDefault(FlagSpec flag)
    {
        return flag.Default is "" or "false" or "0" or "0s" ? "" :
            flag.Kind == FlagKind.Text ? $" (default {GoQuote.Text(flag.Default)})" :
            flag.Kind == FlagKind.List ? $" (default [{flag.Default}])" : $" (default {flag.Default})";
    }
}
