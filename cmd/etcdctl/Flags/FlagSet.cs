// The options of one command and the reading of a command line. System.CommandLine is not used for it: its
// grammar (response files, bundling, typo hints, its own error and help texts, no "needs an argument" form,
// no Go integers and durations, POSIX rules for "--") differs from the contract in every error text, and a
// parser whose every message is replaced is larger than these two hundred lines. The rules are those of
// etcdctl §3. Not shared between threads.
using EtcdAot.Observe;

namespace EtcdAot.Cmd.Etcdctl.Flags;

/// <summary>Options by name, with the words of a parsed line.</summary>
internal sealed class FlagSet
{
    private readonly Dictionary<string, Flag> _byName = new(StringComparer.Ordinal);
    private readonly Dictionary<char, Flag> _byShort = [];

    public FlagSet(IEnumerable<FlagSpec> specs)
    {
        foreach (FlagSpec spec in specs)
        {
            var flag = new Flag(spec);
            _byName.Add(spec.Name, flag);
            if (spec.Short != '\0')
            {
                _byShort.Add(spec.Short, flag);
            }
        }
    }

    /// <summary>The words that are no options, in order.</summary>
    public List<string> Words { get; } = [];

    /// <summary>How many words stood before "--"; -1 without one.</summary>
    public int WordsBeforeDashes { get; private set; } = -1;

    public Flag this[string name] => _byName[name];

    public Flag? Find(string name) => _byName.GetValueOrDefault(name);

    public Flag? Find(char shorthand) => _byShort.GetValueOrDefault(shorthand);

    /// <summary>Reads <paramref name="args"/>; returns null or the error text.</summary>
    public string? Parse(ReadOnlySpan<string> args)
    {
        while (args.Length > 0)
        {
            string arg = args[0];
            args = args[1..];
            if (arg.Length < 2 || arg[0] != '-')
            {
                Words.Add(arg);
                continue;
            }

            if (arg == "--")
            {
                WordsBeforeDashes = Words.Count;
                Words.AddRange(args);
                return null;
            }

            string? bad = arg[1] == '-' ? ParseLong(arg, ref args) : ParseShort(arg[1..], ref args);
            if (bad is not null)
            {
                return bad;
            }
        }

        return null;
    }

    private static string? Set(Flag flag, string value)
    {
        string? why = flag.Set(value);
        if (why is null)
        {
            return null;
        }

        string name = flag.Spec.Short == '\0' ? $"--{flag.Spec.Name}"
            : $"-{flag.Spec.Short}, --{flag.Spec.Name}";
        return $"invalid argument {GoQuote.Text(value)} for \"{name}\" flag: {why}";
    }

    private string? ParseLong(string arg, ref ReadOnlySpan<string> args)
    {
        if (arg[2] is '-' or '=')
        {
            return $"bad flag syntax: {arg}";
        }

        int equals = arg.IndexOf('=', StringComparison.Ordinal);
        string name = equals < 0 ? arg[2..] : arg[2..equals];
        if (!_byName.TryGetValue(name, out Flag? flag))
        {
            return $"unknown flag: --{name}";
        }

        if (equals >= 0)
        {
            return Set(flag, arg[(equals + 1)..]);
        }

        if (flag.Spec.Kind == FlagKind.Bool)
        {
            return Set(flag, "true");
        }

        if (args.Length == 0)
        {
            return $"flag needs an argument: {arg}";
        }

        string value = args[0];
        args = args[1..];
        return Set(flag, value);
    }

    private string? ParseShort(string letters, ref ReadOnlySpan<string> args)
    {
        while (letters.Length > 0)
        {
            char c = letters[0];
            if (!_byShort.TryGetValue(c, out Flag? flag))
            {
                return $"unknown shorthand flag: {GoQuote.Character(c)} in -{letters}";
            }

            string value;
            string rest = "";
            if (letters.Length > 2 && letters[1] == '=')
            {
                value = letters[2..];
            }
            else if (flag.Spec.Kind == FlagKind.Bool)
            {
                value = "true";
                rest = letters[1..];
            }
            else if (letters.Length > 1)
            {
                value = letters[1..];
            }
            else if (args.Length > 0)
            {
                value = args[0];
                args = args[1..];
            }
            else
            {
                return $"flag needs an argument: {GoQuote.Character(c)} in -{letters}";
            }

            if (Set(flag, value) is string bad)
            {
                return bad;
            }

            letters = rest;
        }

        return null;
    }
}
