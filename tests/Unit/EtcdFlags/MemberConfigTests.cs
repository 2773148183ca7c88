using EtcdAot.Cmd.Etcd.Flags;
using EtcdAot.Observe;
using EtcdAot.Server;

namespace EtcdAot.Tests.Unit.EtcdFlags;

/// <summary>Goal: checks, dependent defaults and what the server is told (server-config §5–§7).</summary>
public class MemberConfigTests
{
    [Theory]
    [InlineData("--advertise-client-urls is required when --listen-client-urls is set explicitly",
        "--listen-client-urls=http://127.0.0.1:1")]
    [InlineData("--heartbeat-interval must be >0 (set to 0ms)", "--heartbeat-interval=0")]
    [InlineData("--election-timeout[1000ms] should be at least as 5 times as --heartbeat-interval[300ms]",
        "--heartbeat-interval=300")]
    [InlineData("--election-timeout[60000ms] is too long, and should be set less than 50000ms", "--election-timeout=60000")]
    [InlineData("unknown auto-compaction-mode \"foo\"", "--auto-compaction-mode=foo")]
    [InlineData("expected IP in URL for binding (http://example.com:24012)", "--listen-peer-urls=http://example.com:24012")]
    [InlineData("--advertise-client-urls \"http://:24012\" must be \"host:port\" (unexpected empty host (http://:24012))",
        "--advertise-client-urls=http://:24012")]
    [InlineData("multiple discovery or bootstrap flags are set. Choose one of \"initial-cluster\", \"discovery\" or " +
        "\"discovery-srv\"", "--discovery=http://x", "--initial-cluster=a=http://x:1")]
    public void MistakesHaveTheirText(string expected, params string[] words) =>
        Assert.Equal(expected, Config(words).Validate(Log.None));

    [Fact]
    public void ANameAloneMakesTheInitialCluster()
    {
        MemberConfig config = Config("--name", "m1");
        Assert.Null(config.Validate(Log.None));
        Assert.Equal("m1=http://localhost:2380", config.InitialCluster);
        Assert.Equal("m1.etcd", config.DataDir);
    }

    [Fact]
    public void FlagsReachTheServer()
    {
        ServerOptions options = Config("--snapshot-count=0", "--backend-batch-interval=20ms", "--max-txn-ops=9",
            "--initial-cluster-state=existing", "--pre-vote=false", "--quota-backend-bytes=-1")
            .ToServerOptions(new Dictionary<string, IReadOnlyList<string>>());
        Assert.Equal(100_000UL, options.SnapshotCount);
        Assert.Equal(20, options.BackendBatchMillis);
        Assert.Equal(0, options.BackendBatchLimit);
        Assert.Equal(9, options.MaxTxnOps);
        Assert.False(options.NewCluster);
        Assert.False(options.PreVote);
        Assert.Equal(-1, options.QuotaBackendBytes);
    }

    [Fact]
    public void OnlyAnUnbuiltFlagAwayFromItsDefaultCounts()
    {
        var line = new CommandLine();
        line.Parse(["--enable-v2=false", "--metrics=basic", "--auto-compaction-retention", "0"]);
        Assert.Null(line.Values.FirstUnbuilt());
        line.Values.TrySet(FlagTable.ByName["enable-pprof"], "true");
        Assert.Equal("enable-pprof", line.Values.FirstUnbuilt()!.Name);
    }

    private static MemberConfig Config(params string[] words)
    {
        var line = new CommandLine();
        Assert.Equal(CommandLineEnd.Parsed, line.Parse(words));
        return new MemberConfig(line.Values, fromFile: false);
    }
}
