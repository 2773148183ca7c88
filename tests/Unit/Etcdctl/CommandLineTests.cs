using System.Text;
using EtcdAot.Cmd.Etcdctl;
using EtcdAot.Cmd.Etcdctl.Commands;
using EtcdAot.Cmd.Etcdctl.Flags;

namespace EtcdAot.Tests.Unit.Etcdctl;

/// <summary>Goal: command lines that need no server are answered to the character: which command is meant,
/// what is said of bad options, and where it is said.</summary>
public class CommandLineTests
{
    [Fact]
    public void VersionIgnoresWordsAndFormat()
    {
        (int code, string output, string error) = Run("version", "extra", "-w", "json");
        Assert.Equal((0, "etcdctl version: 3.5.33\nAPI version: 3.5\n", ""), (code, output, error));
    }

    [Theory]
    [InlineData("nosuch",
        "Error: unknown command \"nosuch\" for \"etcdctl\"\nRun 'etcdctl --help' for usage.\n" +
        "Error: unknown command \"nosuch\" for \"etcdctl\"\n")]
    [InlineData("gte", "Error: unknown command \"gte\" for \"etcdctl\"\n\nDid you mean this?\n\tget\n\n" +
        "Run 'etcdctl --help' for usage.\n" +
        "Error: unknown command \"gte\" for \"etcdctl\"\n\nDid you mean this?\n\tget\n\n")]
    public void UnknownCommandsAreToldTwice(string word, string expected)
    {
        Assert.Equal((1, "", expected), Run(word));
    }

    [Fact]
    public void AnUnknownOptionBeforeTheCommandTakesTheNextWord()
    {
        Assert.Contains("unknown command \"k\"", Run("--nosuch", "get", "k").Error, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("unknown flag: --nosuch", "get", "--nosuch", "k")]
    [InlineData("unknown shorthand flag: 'z' in -z", "get", "-z", "k")]
    [InlineData("flag needs an argument: --limit", "get", "--limit")]
    [InlineData("flag needs an argument: 'w' in -w", "get", "-w")]
    [InlineData("bad flag syntax: --=x", "get", "--=x")]
    [InlineData(
        "invalid argument \"maybe\" for \"-i, --interactive\" flag: strconv.ParseBool: parsing \"maybe\": " +
        "invalid syntax", "txn", "-i=maybe")]
    [InlineData("invalid argument \"5\" for \"--dial-timeout\" flag: time: missing unit in duration \"5\"",
        "get",
        "--dial-timeout=5", "k")]
    public void BadOptionsPrintUsageOnStdoutAndTheFaultTwiceOnStderr(string fault, params string[] args)
    {
        (int code, string output, string error) = Run(args);
        Assert.Equal(1, code);
        Assert.StartsWith($"NAME:\n\t{args[0]} - ", output, StringComparison.Ordinal);
        Assert.Equal($"Error: {fault}\n\nError: {fault}\n", error);
    }

    [Theory]
    [InlineData(128, "get command needs one argument as key and an optional argument as range_end", "get")]
    [InlineData(128, "`--prefix` and `--from-key` cannot be set at the same time, choose one", "del", "a",
        "--prefix",
        "--from-key")]
    [InlineData(4, "bad sort order UP", "get", "k", "--limit=1_0", "--order=UP")]
    [InlineData(4, "unsupported output format", "get", "k", "-wxml")]
    [InlineData(128,
        "bad lease ID arg (strconv.ParseInt: parsing \"xyz\": invalid syntax), expecting ID in Hex", "lease",
        "rev", "xyz")]
    [InlineData(128, "bad number of arguments (found separator --, but no commands)", "watch", "--")]
    [InlineData(128, "KeyFile and CertFile must both be present[key: , cert: /no.pem]", "get", "k",
        "--cert=/no.pem")]
    public void BadArgumentsEndWithTheirCode(int exit, string fault, params string[] args)
    {
        Assert.Equal((exit, "", $"Error: {fault}\n"), Run(args));
    }

    [Fact]
    public void EveryCommandHasHelpThatEndsInItsOptions()
    {
        foreach (Command command in Below(CommandTable.Etcdctl()))
        {
            (int code, string output, _) = Run([.. command.Path.Split(' ')[1..], "--help"]);
            Assert.Equal(0, code);
            Assert.Contains($"USAGE:\n\t{command.UseLine}\n", output, StringComparison.Ordinal);
            foreach (FlagSpec flag in command.OwnFlags().Concat(command.InheritedFlags()))
            {
                Assert.Contains($"--{flag.Name}", output, StringComparison.Ordinal);
            }
        }
    }

    [Fact]
    public void HelpColumnsStandOnStopsOfEight()
    {
        string output = Run("endpoint").Output;
        Assert.Contains("OPTIONS:\n      --cluster[=false]\tuse", output, StringComparison.Ordinal);
        Assert.Contains("\n  -d, --discovery-srv=\"\"\t\t\tDNS", output, StringComparison.Ordinal);
        Assert.Contains("COMMANDS:\n\thashkv\tShow", output, StringComparison.Ordinal);
    }

    [Fact]
    public void ListsAddUpAndFollowCsv()
    {
        var flags = new FlagSet([new FlagSpec("endpoints", FlagKind.List, "127.0.0.1:2379", "")]);
        Assert.Equal(["127.0.0.1:2379"], flags["endpoints"].List);
        Assert.Null(flags.Parse(["--endpoints=a,\"b,c\"", "--endpoints", "d"]));
        Assert.Equal(["a", "b,c", "d"], flags["endpoints"].List);
        var two = new FlagSet([new FlagSpec("endpoints", FlagKind.List, "x", "")]);
        Assert.Null(two.Parse(["--endpoints=,"]));
        Assert.Equal(["", ""], two["endpoints"].List);
        var none = new FlagSet([new FlagSpec("endpoints", FlagKind.List, "x", "")]);
        Assert.Null(none.Parse(["--endpoints="]));
        Assert.Empty(none["endpoints"].List);
    }

    [Fact]
    public void WordsBehindDashesAreCounted()
    {
        var flags = new FlagSet([new FlagSpec("rev", FlagKind.Int, "0", "")]);
        Assert.Null(flags.Parse(["a", "--rev=2", "--", "sh", "-c", "x"]));
        Assert.Equal(["a", "sh", "-c", "x"], flags.Words);
        Assert.Equal(1, flags.WordsBeforeDashes);
    }

    private static IEnumerable<Command> Below(Command command) =>
        command.Children.SelectMany(c => Below(c).Append(c));

    private static (int Code, string Output, string Error) Run(params string[] args)
    {
        using var output = new MemoryStream();
        using var error = new MemoryStream();
        int code = CtlMain.Run("etcdctl", args, new Terminal(Stream.Null, output, error));
        return (code, Encoding.UTF8.GetString(output.ToArray()), Encoding.UTF8.GetString(error.ToArray()));
    }
}
