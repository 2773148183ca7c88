using EtcdAot.Cmd.Etcd.Flags;

namespace EtcdAot.Tests.Unit.EtcdFlags;

/// <summary>Goal: words are read as Go's flag package reads them, and every error has its text (server-config §1.1,
/// §1.2). The texts were taken from the original program.</summary>
public class CommandLineTests
{
    [Theory]
    [InlineData("flag provided but not defined: -bogus", "--bogus")]
    [InlineData("invalid boolean value \"maybe\" for -enable-v2: parse error", "-enable-v2=maybe")]
    [InlineData("invalid value \"abc\" for flag -snapshot-count: parse error", "--snapshot-count", "abc")]
    [InlineData("invalid value \"-5\" for flag -snapshot-count: parse error", "--snapshot-count=-5")]
    [InlineData("invalid value \"5\" for flag -grpc-keepalive-timeout: parse error", "--grpc-keepalive-timeout=5")]
    [InlineData("invalid value \"99999999999\" for flag -max-concurrent-streams: strconv.ParseUint: parsing " +
        "\"99999999999\": value out of range", "--max-concurrent-streams", "99999999999")]
    [InlineData("invalid value \"foo\" for flag -initial-cluster-state: invalid value", "--initial-cluster-state=foo")]
    [InlineData("invalid value \"x\" for flag -v2-deprecation: invalid value \"x\"", "--v2-deprecation=x")]
    [InlineData("invalid value \"127.0.0.1:24012\" for flag -listen-client-urls: parse \"127.0.0.1:24012\": first path " +
        "segment in URL cannot contain colon", "--listen-client-urls", "127.0.0.1:24012")]
    [InlineData("invalid value \"foo\" for flag -cors: URL scheme must be http, https, unix, or unixs: foo", "--cors=foo")]
    [InlineData("flag needs an argument: -name", "--name")]
    [InlineData("bad flag syntax: ---x", "---x")]
    [InlineData("invalid value \"9000000000000000000h\" for flag -grpc-keepalive-timeout: parse error",
        "--grpc-keepalive-timeout=9000000000000000000h")]
    public void AWrongWordIsNamed(string expected, params string[] words)
    {
        var line = new CommandLine();
        Assert.Equal(CommandLineEnd.Wrong, line.Parse(words));
        Assert.Equal(expected, line.Problem);
    }

    [Fact]
    public void TheLastOccurrenceWinsAndAFlagSwallowsTheNextWord()
    {
        CommandLine line = Parsed("-name", "a", "--name=b", "--data-dir", "--x", "--snapshot-count", "0x1_0");
        Assert.Equal("b", line.Values["name"].Text);
        Assert.Equal("--x", line.Values["data-dir"].Text);
        Assert.Equal(16, line.Values["snapshot-count"].Number);
    }

    [Fact]
    public void ABooleanTakesNoSeparateWord()
    {
        CommandLine line = Parsed("--enable-v2", "true");
        Assert.True(line.Values["enable-v2"].IsTrue);
        Assert.Equal(["true"], line.Positional);
    }

    [Fact]
    public void DeadFlagsAreSwallowed() => Assert.Equal(["last"], Parsed("--v", "--snapshot=7", "--", "last").Positional);

    [Theory]
    [InlineData("1h30m", 5_400_000_000_000)]
    [InlineData("1.5s", 1_500_000_000)]
    [InlineData("-2ms", -2_000_000)]
    public void DurationsHaveUnits(string text, long nanos) =>
        Assert.Equal(nanos, Parsed("--grpc-keepalive-timeout=" + text).Values["grpc-keepalive-timeout"].Number);

    [Fact]
    public void UrlListsAreSortedAndWithoutDoubles() =>
        Assert.Equal(["http://127.0.0.1:1", "http://127.0.0.1:2"],
            Parsed("--listen-peer-urls", " http://127.0.0.1:2,http://127.0.0.1:1,http://127.0.0.1:2").Values["listen-peer-urls"].Items);

    [Theory]
    [InlineData("ftp://127.0.0.1:2379", "URL scheme must be http, https, unix, or unixs: ftp://127.0.0.1:2379")]
    [InlineData("http://127.0.0.1:2379/", "URL must not contain a path: http://127.0.0.1:2379/")]
    [InlineData("http://127.0.0.1", "URL address does not have the form \"host:port\": http://127.0.0.1")]
    [InlineData("localhost:2379", "URL scheme must be http, https, unix, or unixs: localhost:2379")]
    public void WrongUrlsAreNamed(string url, string expected) => Assert.Equal(expected, UrlList.Parse([url], out _));

    [Fact]
    public void EveryDefaultIsValidAndEveryNameOnce()
    {
        Assert.Equal(FlagTable.All.Count, FlagTable.ByName.Count);
        foreach (Flag flag in FlagTable.All)
        {
            _ = FlagValue.DefaultOf(flag);
        }
    }

    private static CommandLine Parsed(params string[] words)
    {
        var line = new CommandLine();
        Assert.Equal(CommandLineEnd.Parsed, line.Parse(words));
        return line;
    }
}
