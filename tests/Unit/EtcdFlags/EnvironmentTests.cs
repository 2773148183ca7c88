using System.Text;
using EtcdAot.Cmd.Etcd.Flags;
using EtcdAot.Observe;
using EtcdAot.Sys;

namespace EtcdAot.Tests.Unit.EtcdFlags;

/// <summary>Goal: variables fill what the command line left open; shadowed ones end the start, unknown ones are told
/// (server-config §2). Method: the log lines of made-up environments.</summary>
public class EnvironmentTests
{
    private readonly Lines _lines = new();

    [Fact]
    public void UsedUnknownAndSpecialOnesAreToldInOrder()
    {
        var values = new FlagValues();
        Assert.Equal(EnvironmentEnd.Taken,
            Apply(values, "ETCD_FOO=bar", "ETCD_SNAPSHOT_COUNT=7", "ETCD_NAME=n", "ETCD_DATA_DIR=", "ETCD_VERSION=v3.3.7"));
        Assert.Equal("n", values["name"].Text);
        Assert.Equal(7, values["snapshot-count"].Number);
        Assert.Equal(5, _lines.All.Count);
        Assert.Contains("cannot set special environment variable\",\"key\":\"ETCD_VERSION\",\"value\":\"v3.3.7\"", _lines.All[0], StringComparison.Ordinal);
        Assert.Contains("\"variable-name\":\"ETCD_NAME\",\"variable-value\":\"n\"", _lines.All[1], StringComparison.Ordinal);
        Assert.Contains("ETCD_SNAPSHOT_COUNT", _lines.All[2], StringComparison.Ordinal);
        Assert.Contains("\"environment-variable\":\"ETCD_FOO=bar\"", _lines.All[3], StringComparison.Ordinal);
        Assert.Contains("\"environment-variable\":\"ETCD_DATA_DIR=\"", _lines.All[4], StringComparison.Ordinal);
    }

    [Fact]
    public void AnEmptyVariableUnderAFlagIsFatal()
    {
        var line = new CommandLine();
        line.Parse(["--name", "x"]);
        Assert.Equal(EnvironmentEnd.Shadowed, Apply(line.Values, "ETCD_NAME="));
        Assert.Contains("\"level\":\"fatal\"", _lines.All[0], StringComparison.Ordinal);
        Assert.Contains("or disable flag))\",\"environment-variable\":\"ETCD_NAME\"", _lines.All[0], StringComparison.Ordinal);
    }

    [Fact]
    public void OfSeveralBadValuesTheLastIsReported()
    {
        var environment = new FlagEnvironment(["ETCD_SNAPSHOT_COUNT=abc", "ETCD_MAX_WALS=x"],
            new Log(SystemClock.Instance, _lines));
        Assert.Equal(EnvironmentEnd.BadValue, environment.Apply(new FlagValues()));
        Assert.Equal("invalid value \"abc\" for ETCD_SNAPSHOT_COUNT: parse error", environment.Problem);
    }

    private EnvironmentEnd Apply(FlagValues values, params string[] entries) =>
        new FlagEnvironment(entries, new Log(SystemClock.Instance, _lines)).Apply(values);

    private sealed class Lines : ILogSink
    {
        public List<string> All { get; } = [];

        public void WriteLine(ReadOnlySpan<byte> utf8) => All.Add(Encoding.UTF8.GetString(utf8));
    }
}
