// Log lines of the program itself at start and stop, in the original's words and fields (facts log-golden).
// Stateless.
using EtcdAot.Cmd.Etcd.Flags;
using EtcdAot.Observe;
using EtcdAot.Server;

namespace EtcdAot.Cmd.Etcd;

/// <summary>Lines.</summary>
internal static class StartLines
{
    private const long DefaultQuota = 2L << 30;

    /// <summary>What the member is started with.</summary>
    public static void Starting(Log log, MemberConfig config, ServerOptions options, bool initialized)
    {
        FlagValues values = config.Values;
        long quota = options.QuotaBackendBytes == 0 ? DefaultQuota : options.QuotaBackendBytes;
        log.Info("embed/etcd.go", "starting an etcd server")
            .With("etcd-version", EtcdVersion.Server).With("git-sha", HelpText.BuildId)
            .With("go-version", "none").With("go-os", "linux").With("go-arch", HelpText.Architecture)
            .With("max-cpu-set", Environment.ProcessorCount)
            .With("max-cpu-available", Environment.ProcessorCount)
            .With("member-initialized", initialized).With("name", config.Name)
            .With("data-dir", config.DataDir)
            .With("wal-dir", options.WalDir).With("wal-dir-dedicated", options.WalDir)
            .With("member-dir", options.MemberDir)
            .With("force-new-cluster", options.ForceNewCluster)
            .With("heartbeat-interval", Millis(options.TickMillis))
            .With("election-timeout", Millis(options.ElectionMillis))
            .With("initial-election-tick-advance", values["initial-election-tick-advance"].IsTrue)
            .With("snapshot-count", options.SnapshotCount).With("max-wals", options.MaxWals)
            .With("max-snapshots", options.MaxSnapshots)
            .With("snapshot-catchup-entries", options.SnapshotCatchupEntries)
            .With("initial-advertise-peer-urls", config.AdvertisePeerUrls)
            .With("listen-peer-urls", config.ListenPeerUrls)
            .With("advertise-client-urls", config.AdvertiseClientUrls)
            .With("listen-client-urls", config.ListenClientUrls)
            .With("listen-metrics-urls", values["listen-metrics-urls"].Items)
            .With("cors", values["cors"].Items).With("host-whitelist", values["host-whitelist"].Items)
            .With("initial-cluster", initialized ? "" : config.InitialCluster)
            .With("initial-cluster-state", values["initial-cluster-state"].Text)
            .With("initial-cluster-token", initialized ? "" : options.InitialClusterToken)
            .With("quota-backend-bytes", quota).With("max-request-bytes", options.MaxRequestBytes)
            .With("max-concurrent-streams", (ulong)values["max-concurrent-streams"].Number)
            .With("pre-vote", options.PreVote).With("initial-corrupt-check", false)
            .With("corrupt-check-time-interval", "0s").With("compact-check-time-enabled", false)
            .With("compact-check-time-interval", GoDuration.Text(config.Nanos("experimental-compact-hash-check-time")))
            .With("auto-compaction-mode", config.AutoCompactionMode).With("auto-compaction-retention", "0s")
            .With("auto-compaction-interval", "0s").With("discovery-url", "").With("discovery-proxy", "")
            .With("downgrade-check-interval",
                GoDuration.Text(config.Nanos("experimental-downgrade-check-time"))).Write();
    }

    /// <summary>The ports as they are served.</summary>
    public static void Serving(Log log, MemberConfig config, ulong memberId)
    {
        log.Info("embed/etcd.go", "now serving peer/client/metrics")
            .With("local-member-id", memberId.ToString("x"))
            .With("initial-advertise-peer-urls", config.AdvertisePeerUrls)
            .With("listen-peer-urls", config.ListenPeerUrls)
            .With("advertise-client-urls", config.AdvertiseClientUrls)
            .With("listen-client-urls", config.ListenClientUrls)
            .With("listen-metrics-urls", config.Values["listen-metrics-urls"].Items).Write();
        PerPort(log, "embed/etcd.go", "serving peer traffic", config.ListenPeerUrls);
        PerPort(log, "embed/etcd.go", "cmux::serve", config.ListenPeerUrls);
    }

    /// <summary>The client ports have begun to answer.</summary>
    public static void Ready(Log log, MemberConfig config)
    {
        log.Info("embed/serve.go", "ready to serve client requests").Write();
        StatusChanged(log);
        foreach (string url in config.ListenClientUrls)
        {
            log.Info("embed/serve.go", "serving client traffic insecurely; this is strongly discouraged!")
                .With("traffic", "grpc+http").With("address", UrlList.Address(url)).Write();
        }
    }

    /// <summary>The health service's change.</summary>
    public static void StatusChanged(Log log) => log.Info("v3rpc/health.go", "grpc service status changed")
        .With("service", "").With("status", "SERVING").Write();

    /// <summary>"closing etcd server" or "closed etcd server".</summary>
    public static void Closing(Log log, string message, MemberConfig config) =>
        log.Info("embed/etcd.go", message)
        .With("name", config.Name).With("data-dir", config.DataDir)
        .With("advertise-peer-urls", config.AdvertisePeerUrls)
        .With("advertise-client-urls", config.AdvertiseClientUrls).Write();

    /// <summary>A client port has ended.</summary>
    public static void ClientsStopped(Log log, MemberConfig config)
    {
        foreach (string message in (string[])["stopping", "stopped"])
        {
            foreach (string url in config.ListenClientUrls)
            {
                string network = UrlList.IsUnix(url) ? "unix" : "tcp";
                log.Warn("embed/serve.go", message + " insecure grpc server due to error")
                    .WithError($"accept {network} {UrlList.Address(url)}: use of closed network connection")
                    .Write();
            }
        }
    }

    /// <summary>A line for each port.</summary>
    public static void PerPort(Log log, string caller, string message, IReadOnlyList<string> urls)
    {
        foreach (string url in urls)
        {
            log.Info(caller, message).With("address", UrlList.Address(url)).Write();
        }
    }

    private static string Millis(int millis) => GoDuration.Text(millis * 1_000_000L);
}
