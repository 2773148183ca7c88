// The second half of the flag table: monitoring, logging, tracing, proxy, experimental and dead flags.
using static EtcdAot.Cmd.Etcd.Flags.FlagKind;
using static EtcdAot.Cmd.Etcd.Flags.FlagSection;

namespace EtcdAot.Cmd.Etcd.Flags;

internal static partial class FlagTable
{
    private static Flag[] OtherFlags() =>
    [
        Later(new("enable-pprof", Bool, "false", Monitoring, "Serve profiles under /debug/pprof/.")),
        Later(new("metrics", Text, "basic", Monitoring, "'extensive' adds histograms of the gRPC calls.")),
        Later(new("listen-metrics-urls", Urls, "", Monitoring, "More URLs for /metrics and /health.")),
        new("logger", Text, "zap", Logging, "Form of the log; only zap exists."),
        new("log-outputs", TextList, "default", Logging,
            "Where the log goes: default, stderr, stdout or file names."),
        new("log-level", Text, "info", Logging,
            "Least level that is written: debug, info, warn, error, panic, fatal."),
        Later(new("enable-log-rotation", Bool, "false", Logging, "Rotate the one log file.")),
        new("log-rotation-config-json", Text, RotationDefault, Logging,
            "When and how the log file is rotated."),
        Later(new("experimental-enable-distributed-tracing", Bool, "false", Tracing, "Send traces.")),
        new(Tracer + "address", Text, "localhost:4317", Tracing, "Where traces go."),
        new(Tracer + "service-name", Text, "etcd", Tracing, "Service name on traces."),
        new(Tracer + "instance-id", Text, "", Tracing, "Instance id on traces."),
        new(Tracer + "sampling-rate", Int, "0", Tracing, "Traces taken per million."),
        Later(new("proxy", Choice, "off", Proxy, "Be a v2 proxy: off, readonly or on (deprecated).")
            { Choices = ["off", "on", "readonly"] }),
        new("proxy-failure-wait", Uint, "5000", Proxy, "Milliseconds that a failed endpoint rests."),
        new("proxy-refresh-interval", Uint, "30000", Proxy,
            "Milliseconds between refreshes of the endpoints."),
        new("proxy-dial-timeout", Uint, "1000", Proxy, "Milliseconds for a dial."),
        new("proxy-write-timeout", Uint, "5000", Proxy, "Milliseconds for a write."),
        new("proxy-read-timeout", Uint, "0", Proxy, "Milliseconds for a read."),
    ];

    private const string RotationDefault =
        """{"maxsize": 100, "maxage": 0, "maxbackups": 0, "localtime": false, "compress": false}""";

    private static Flag[] ExperimentalFlags() =>
    [
        Later(new("experimental-initial-corrupt-check", Bool, "false", Experimental,
            "Compare with the peers before serving.")),
        Later(new("experimental-corrupt-check-time", Duration, "0s", Experimental,
            "Time between comparisons of the members.")),
        Later(new("experimental-compact-hash-check-enabled", Bool, "false", Experimental,
            "Compare hashes of compactions.")),
        new("experimental-compact-hash-check-time", Duration, "1m0s", Experimental,
            "Time between these comparisons.")
            { ShownDefault = "1m" },
        Later(new("experimental-enable-v2v3", Text, "", Experimental,
            "Serve v2 from the v3 keys under a prefix.")),
        Later(new("experimental-enable-lease-checkpoint", Bool, "false", Experimental,
            "Share what leases have left to live.")),
        Later(new("experimental-enable-lease-checkpoint-persist", Bool, "false", Experimental,
            "Write that to disk too.")),
        new("experimental-compaction-batch-limit", Int, "0", Experimental,
            "Revisions removed by one step of a compaction.")
            { ShownDefault = "1000" },
        new("experimental-compaction-sleep-interval", Duration, "0s", Experimental,
            "Pause between these steps.")
            { ShownDefault = "10ms" },
        Later(new("experimental-peer-skip-client-san-verification", Bool, "false", Experimental,
            "Do not look at peers' names.")
            { YamlKey = "" }),
        new("experimental-watch-progress-notify-interval", Duration, "0s", Experimental,
            "Time between progress notices of a watch.")
            { ShownDefault = "10m" },
        new("experimental-downgrade-check-time", Duration, "5s", Experimental,
            "Time between looks at a downgrade."),
        Later(new("experimental-memory-mlock", Bool, "false", Experimental, "Keep the database in memory.")),
        Later(new("experimental-warning-apply-duration", Duration, "100ms", Experimental,
            "Time of an apply that is warned about.")),
        new("experimental-txn-mode-write-with-shared-buffer", Bool, "true", Experimental,
            "Let write transactions share a buffer."),
        Later(new("experimental-bootstrap-defrag-threshold-megabytes", Uint, "0", Experimental,
            "Defragment at start when it frees more.")),
        Later(new("experimental-stop-grpc-service-on-defrag", Bool, "false", Experimental,
            "Report not serving while defragmenting.")),
        new("experimental-snapshot-catchup-entries", Uint64, "5000", Hidden,
            "Entries kept in memory for slow followers.")
            { YamlKey = "experimental-snapshot-catch-up-entries" },
        new("force-new-cluster", Bool, "false", Unsafe, "Make this member a cluster of its own."),
        new("unsafe-no-fsync", Bool, "false", Unsafe, "Never sync to disk; data may vanish."),
        new("config-file", Text, "", Hidden, "Settings from a file.") { YamlKey = "" },
        new("version", Bool, "false", Hidden, "Print the version.") { YamlKey = "" },
    ];

    private static Flag[] DeadFlags() => Array.ConvertAll<string, Flag>(
        [
            "cluster-active-size", "cluster-remove-delay", "cluster-sync-interval", "config", "force",
                "max-result-buffer",
            "max-retry-attempts", "peer-heartbeat-interval", "peer-election-timeout", "retry-interval",
                "snapshot", "v", "vv",
            "test.coverprofile", "test.outputdir",
        ],
        static name => new Flag(name, Dead, "", Hidden, ""));
}
