// The settings of a start with their checks (spec server-config §5, §6.1, §7): from flag values to what the
// server is told. Start-up thread only.
using System.Globalization;
using EtcdAot.Http.H2;
using EtcdAot.Observe;
using EtcdAot.Server;

namespace EtcdAot.Cmd.Etcd.Flags;

/// <summary>Checked settings.</summary>
internal sealed class MemberConfig
{
    private const int ElectionMillisMax = 50_000;

    private readonly FlagValues _values;
    private readonly bool _fromFile;

    /// <param name="values">The values.</param>
    /// <param name="fromFile">True when they come from a config file: listen without advertise is then no
    /// error.</param>
    public MemberConfig(FlagValues values, bool fromFile)
    {
        _values = values;
        _fromFile = fromFile;
        Name = values["name"].Text;
        DataDir = values["data-dir"].Text;
        ListenPeerUrls = values["listen-peer-urls"].Items;
        ListenClientUrls = values["listen-client-urls"].Items;
        AdvertisePeerUrls = values["initial-advertise-peer-urls"].Items;
        AdvertiseClientUrls = !fromFile && values.IsSet("listen-client-urls")
            && !values.IsSet("advertise-client-urls")
            ? [] : values["advertise-client-urls"].Items;
        DataDirDefaulted = DataDir.Length == 0;
        if (DataDirDefaulted)
        {
            DataDir = Name + ".etcd";
        }

        InitialCluster = values.IsSet("initial-cluster") ? values["initial-cluster"].Text
            : Name != "default" ? string.Join(',', AdvertisePeerUrls.Select(u => $"{Name}={u}"))
            : values["initial-cluster"].Text;
    }

    public string Name { get; }

    public string DataDir { get; }

    /// <summary>True when the directory's name was made up.</summary>
    public bool DataDirDefaulted { get; }

    public IReadOnlyList<string> ListenPeerUrls { get; }

    public IReadOnlyList<string> ListenClientUrls { get; }

    public IReadOnlyList<string> AdvertisePeerUrls { get; }

    public IReadOnlyList<string> AdvertiseClientUrls { get; }

    /// <summary>name=url,...</summary>
    public string InitialCluster { get; }

    public FlagValues Values => _values;

    /// <summary>True when the member must advertise and was not told what.</summary>
    public bool LacksAdvertise => AdvertiseClientUrls.Count == 0;

    public bool SocketReusePort => _values["socket-reuse-port"].IsTrue;

    public bool SocketReuseAddress => _values["socket-reuse-address"].IsTrue;

    /// <summary>As it is shown: a config file that does not name it leaves it empty.</summary>
    public string AutoCompactionMode =>
        _fromFile && !_values.IsSet("auto-compaction-mode") ? "" : _values["auto-compaction-mode"].Text;

    /// <summary>How connections of clients are kept alive and bounded.</summary>
    public H2Options ToH2Options() => new()
    {
        MaxConcurrentStreams = (uint)_values["max-concurrent-streams"].Number,
        PingMinNanos = Nanos("grpc-keepalive-min-time"),
        PingPolicyOn = Nanos("grpc-keepalive-min-time") > 0,
        KeepAliveIntervalNanos = Nanos("grpc-keepalive-interval"),
        KeepAliveTimeoutNanos = Nanos("grpc-keepalive-timeout"),
    };

    /// <summary>The checks of §5 from 4 on. Null, or the error's text. Writes the single-port
    /// warning.</summary>
    public string? Validate(Log log)
    {
        if (Problem("listen-peer-urls", ListenPeerUrls) is { } peer)
        {
            return peer;
        }

        if (Problem("listen-client-urls", ListenClientUrls) is { } client)
        {
            return client;
        }

        if (_values["listen-client-http-urls"].Items.Count == 0)
        {
            log.Warn("embed/config.go",
                "Running http and grpc server on single port. This is not recommended for production.")
                .Write();
        }

        return AdvertiseProblem("--initial-advertise-peer-urls", AdvertisePeerUrls)
            ?? AdvertiseProblem("--advertise-client-urls", AdvertiseClientUrls)
            ?? MethodProblem() ?? TickProblem()
            ?? (LacksAdvertise && !_fromFile
                ? "--advertise-client-urls is required when --listen-client-urls is set explicitly" : null)
            ?? (_values["auto-compaction-mode"].Text is "periodic" or "revision" or "" ? null
                : $"unknown auto-compaction-mode {GoQuote.Text(_values["auto-compaction-mode"].Text)}");
    }

    /// <summary>What the member is told; the named cluster must have been parsed.</summary>
    public ServerOptions ToServerOptions(IReadOnlyDictionary<string, IReadOnlyList<string>> initialCluster) =>
        new()
        {
            Name = Name,
            DataDir = DataDir,
            WalDir = _values["wal-dir"].Text,
            AdvertisePeerUrls = AdvertisePeerUrls,
            AdvertiseClientUrls = AdvertiseClientUrls,
            InitialCluster = initialCluster,
            InitialClusterToken = _values["initial-cluster-token"].Text,
            NewCluster = _values["initial-cluster-state"].Text != "existing",
            TickMillis = Int("heartbeat-interval"),
            ElectionMillis = Int("election-timeout"),
            PreVote = _values["pre-vote"].IsTrue,
            InitialElectionTickAdvance = _values["initial-election-tick-advance"].IsTrue,
            StrictReconfigCheck = _values["strict-reconfig-check"].IsTrue,
            ForceNewCluster = _values["force-new-cluster"].IsTrue,
            SnapshotCount = _values["snapshot-count"].Number == 0 ? 100_000
            : (ulong)_values["snapshot-count"].Number,
            SnapshotCatchupEntries = (ulong)_values["experimental-snapshot-catchup-entries"].Number,
            MaxWals = Int("max-wals"),
            MaxSnapshots = Int("max-snapshots"),
            QuotaBackendBytes = (long)_values["quota-backend-bytes"].Number,
            MaxRequestBytes = Int("max-request-bytes"),
            MaxTxnOps = Int("max-txn-ops"),
            BackendBatchMillis = Millis("backend-batch-interval", 0),
            BackendBatchLimit = Math.Max(0, Int("backend-batch-limit")),
            UnsafeNoFsync = _values["unsafe-no-fsync"].IsTrue,

            // The peer port answers nothing yet.
            ReachesPeers = false,
            CompactionBatchLimit = Int("experimental-compaction-batch-limit") is var batch && batch > 0
            ? batch : 1000,
            CompactionSleepMillis = Millis("experimental-compaction-sleep-interval", 10),
            WatchProgressNotifyMillis = Millis("experimental-watch-progress-notify-interval", 600_000),
        };

    public long Nanos(string name) => (long)_values[name].Number;

    private int Millis(string name, int otherwise)
    {
        long nanos = Nanos(name);
        return nanos <= 0 ? otherwise : (int)Math.Clamp(nanos / 1_000_000, 1, int.MaxValue);
    }

    private int Int(string name) => (int)Int128.Clamp(_values[name].Number, int.MinValue, int.MaxValue);

    private static string? Problem(string flag, IReadOnlyList<string> urls)
    {
        foreach (string url in urls)
        {
            if (UrlList.BindProblem(url) is { } problem)
            {
                return problem;
            }
        }

        return urls.Count == 0 ? $"--{flag} names no URL" : null;
    }

    private static string? AdvertiseProblem(string flag, IReadOnlyList<string> urls)
    {
        foreach (string url in urls)
        {
            if (UrlList.AdvertiseProblem(url) is { } problem)
            {
                return $"{flag} {GoQuote.Text(url)} must be \"host:port\" ({problem})";
            }
        }

        return null;
    }

    private string? MethodProblem()
    {
        int methods = 0;
        foreach (string name in (string[])["initial-cluster", "discovery", "discovery-srv"])
        {
            methods += _values.IsSet(name) && _values[name].Text.Length > 0 ? 1 : 0;
        }

        return methods > 1
            ? "multiple discovery or bootstrap flags are set. Choose one of \"initial-cluster\", " +
            "\"discovery\" or \"discovery-srv\"" : null;
    }

    private string? TickProblem()
    {
        Int128 tick = _values["heartbeat-interval"].Number;
        Int128 election = _values["election-timeout"].Number;
        return tick == 0 ? "--heartbeat-interval must be >0 (set to 0ms)"
            : election == 0 ? "--election-timeout must be >0 (set to 0ms)"
            : 5 * tick > election ? string.Create(CultureInfo.InvariantCulture,
                $"--election-timeout[{election}ms] should be at least as 5 times as " +
                $"--heartbeat-interval[{tick}ms]")
            : election > ElectionMillisMax ? string.Create(CultureInfo.InvariantCulture,
                $"--election-timeout[{election}ms] is too long, and should be set less than " +
                $"{ElectionMillisMax}ms")
            : null;
    }
}
