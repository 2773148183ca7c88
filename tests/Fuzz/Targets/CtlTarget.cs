// What a person types at etcdctl: command lines, lines of txn and of watch -i, numbers, quotes, members.
using System.Text;
using EtcdAot.Cmd.Etcdctl;
using EtcdAot.Cmd.Etcdctl.Commands;
using EtcdAot.Cmd.Etcdctl.Flags;
using EtcdAot.Observe;

namespace EtcdAot.Tests.Fuzz.Targets;

/// <summary>Input: {what 1, text}; words of a command line are separated by 0 bytes.</summary>
internal sealed class CtlTarget : FuzzTarget
{
    private static readonly string[] Words =
    [
        "get", "put", "del", "lease", "grant", "--prefix", "--from-key", "--rev", "--limit=", "--order=", "-w", "--lease=", "\0",
        "\"", "'", "`", "(", ") ", " = ", "!=", "mod", "ver", "val", "create", "\\x", "\\u00e9", "\\U0010FFFF", "\\ud800", "\\777",
        "9223372036854775808", "-9223372036854775808", "0x", "_", "1h", "9000000000000000000h", "ns", "µs", "=", ",", "http://",
        "://", "[::1]:1", "--", "-", "help", "--hex", "--interactive", "🦊", "\xff",
    ];

    private static readonly Func<string, bool>[] Readers =
    [
        Line, Operation, Comparison, Watch, Quoted, Number, Cluster, Split,
    ];

    public override string Name => "ctl";

    public override string About => "etcdctl's command lines, txn and watch lines, numbers, quotes, member lists";

    public override IEnumerable<byte[]> Seeds()
    {
        yield return Text(0, "version");
        yield return Text(0, "get\0--help");
        yield return Text(0, "help\0lease\0grant");
        yield return Text(1, "put \"a b\" 'c' --lease=12ab");
        yield return Text(1, "get a --prefix --order=DESCEND --sort-by=KEY --limit 3");
        yield return Text(1, "del a z");
        yield return Text(2, "mod(\"a\\x00\") > \"7\"");
        yield return Text(2, "val(`k`) = \"\\u00e9\\101\"");
        yield return Text(3, "a\0b\0--rev=3\0--\0echo\0x");
        yield return Text(4, "\"a\\n\\x41\\U0001F98A\\\"\"rest");
        yield return Text(5, "0x7f_ff");
        yield return Text(5, "1h30m5.25s");
        yield return Text(6, "a=http://127.0.0.1:1,b=https://h:2,a=unix://x");
        yield return Text(7, " put 'a b' \"c\\t\" d ");
    }

    public override bool TryMutate(byte[] input, Rng random, out byte[] changed)
    {
        bool good = TextMutator.TryMutate(input.AsSpan(Math.Min(1, input.Length)), Words, random, out byte[] text);
        changed = good ? [input[0], .. text] : input;
        return good;
    }

    public override string Run(byte[] input)
    {
        int what = input.Length == 0 ? 0 : input[0] % Readers.Length;
        string text = Encoding.UTF8.GetString(input.AsSpan(Math.Min(1, input.Length)));
        try
        {
            return (Readers[what](text) ? "+" : "-") + what;
        }
        catch (CommandFailedException e)
        {
            return $"-{what} {e.Code} {string.Concat(e.Message.Where(char.IsAsciiLetter).Take(24))}";
        }
    }

    private static byte[] Text(byte what, string text) => [what, .. Encoding.UTF8.GetBytes(text)];

    private static Terminal Quiet() => new(Stream.Null, Stream.Null, Stream.Null);

    // Only as far as no command runs: those would reach for a server or for files.
    private static bool Line(string text)
    {
        string[] words = text.Split('\0');
        (Command command, List<string> left) = CommandLine.Find(CommandTable.Etcdctl(), [.. words]);
        var flags = new FlagSet(command.OwnFlags().Concat(command.InheritedFlags()));
        bool good = flags.Parse(left.ToArray()) is null;
        bool runs = good && command.Run is not null && command.Name is not ("help" or "version") && !flags["help"].Bool;
        return runs || CommandLine.Run(CommandTable.Etcdctl(), words, Quiet(), HelpStyle.Sections) == 0;
    }

    private static bool Operation(string text) => TxnCommand.Operation(text, Quiet()).CalculateSize() >= 0;

    private static bool Comparison(string text) => TxnComparison.Parse(text).CalculateSize() >= 0;

    private static bool Watch(string text)
    {
        var flags = new FlagSet(WatchCommand.Watch.Flags);
        return flags.Parse(text.Split('\0')) is null && WatchLine.Read(flags, progressNotify: true, out _) is not null;
    }

    private static bool Quoted(string text)
    {
        bool good = GoQuote.TryRead(text, out byte[] value, out int used);
        BrokenPromiseException.Unless(used <= text.Length, "a quoted string ends in its text");
        if (good)
        {
            string again = GoQuote.Bytes(value);
            BrokenPromiseException.Unless(GoQuote.TryRead(again, out byte[] second, out _) && second.AsSpan().SequenceEqual(value),
                "what is quoted reads the same");
        }

        return good;
    }

    private static bool Number(string text)
    {
        bool any = GoNumber.ParseInt(text, 0, out _) is null;
        any |= GoNumber.ParseInt(text, 16, out _) is null;
        any |= GoNumber.ParseUint(text, 10, out _) is null;
        any |= GoNumber.ParseBool(text, out _) is null;
        if (GoDuration.Parse(text, out long nanos) is null)
        {
            any = true;
            BrokenPromiseException.Unless(GoDuration.Parse(GoDuration.Text(nanos), out long again) is null
                && again == nanos, "a duration that is written reads the same");
        }

        return any;
    }

    private static bool Cluster(string text) => InitialCluster.Parse(text).Count > 0;

    private static bool Split(string text) => EtcdAot.Cmd.Etcdctl.Commands.Words.Split(text).Count > 0;
}
