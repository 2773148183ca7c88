// The words of the command line, by the rules of Go's flag package (spec server-config §1.1, §1.2). Pure.
using EtcdAot.Observe;

namespace EtcdAot.Cmd.Etcd.Flags;

/// <summary>How parsing ended.</summary>
internal enum CommandLineEnd
{
    Parsed,

    /// <summary>--help or -h: exit 0.</summary>
    Help,

    /// <summary>Exit 2 with the problem and the usage.</summary>
    Wrong,
}

/// <summary>Parses words into values.</summary>
internal sealed class CommandLine
{
    public FlagValues Values { get; } = new();

    /// <summary>Words that are not flags.</summary>
    public IReadOnlyList<string> Positional { get; private set; } = [];

    /// <summary>First line of the error.</summary>
    public string Problem { get; private set; } = "";

    /// <summary>Parses; once for each object.</summary>
    public CommandLineEnd Parse(IReadOnlyList<string> words)
    {
        int at = 0;
        while (at < words.Count)
        {
            string word = words[at];
            if (word.Length < 2 || word[0] != '-')
            {
                break;
            }

            at++;
            if (word == "--")
            {
                break;
            }

            CommandLineEnd end = ParseFlag(word, words, ref at);
            if (end != CommandLineEnd.Parsed)
            {
                return end;
            }
        }

        Positional = [.. words.Skip(at)];
        return CommandLineEnd.Parsed;
    }

    private CommandLineEnd ParseFlag(string word, IReadOnlyList<string> words, ref int at)
    {
        string body = word.StartsWith("--", StringComparison.Ordinal) ? word[2..] : word[1..];
        if (body[0] is '-' or '=')
        {
            return Wrong($"bad flag syntax: {word}");
        }

        int equals = body.IndexOf('=', StringComparison.Ordinal);
        string name = equals < 0 ? body : body[..equals];
        string? text = equals < 0 ? null : body[(equals + 1)..];
        if (!FlagTable.ByName.TryGetValue(name, out Flag? flag))
        {
            return name is "h" or "help" ? CommandLineEnd.Help
                : Wrong($"flag provided but not defined: -{name}");
        }

        if (flag.IsBool)
        {
            text ??= "true";
        }
        else if (text is null)
        {
            if (at >= words.Count)
            {
                return Wrong($"flag needs an argument: -{name}");
            }

            text = words[at++];
        }

        return Values.TrySet(flag, text) is not { } problem ? CommandLineEnd.Parsed
            : flag.Kind == FlagKind.Bool
                ? Wrong($"invalid boolean value {GoQuote.Text(text)} for -{name}: {problem}")
            : Wrong($"invalid value {GoQuote.Text(text)} for flag -{name}: {problem}");
    }

    private CommandLineEnd Wrong(string problem)
    {
        Problem = problem;
        return CommandLineEnd.Wrong;
    }
}
