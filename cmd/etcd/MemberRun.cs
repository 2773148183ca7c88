// One life of a member, from checked settings to the end of the process: ports, member, ready, signal, stop
// (spec server-config §5, §12, §13). Main thread.
using EtcdAot.Cmd.Etcd.Flags;
using EtcdAot.Observe;
using EtcdAot.Server;
using EtcdAot.Sys;
using Microsoft.Extensions.Hosting.Systemd;

namespace EtcdAot.Cmd.Etcd;

/// <summary>Runs a member.</summary>
internal sealed class MemberRun(
    MemberConfig config, IReadOnlyDictionary<string, IReadOnlyList<string>> cluster, Log log)
{
    private const string Main = "etcdmain/etcd.go";

    private readonly ServerOptions _options = config.ToServerOptions(cluster);
    private bool _initialized;

    /// <summary>Runs and returns the exit code, unless a signal ends the process.</summary>
    public int Run()
    {
        if (config.DataDirDefaulted)
        {
            log.Warn(Main, "'data-dir' was empty; using default").With("data-dir", config.DataDir).Write();
        }

        var directory = new DataDirectory(LinuxDisk.Instance, log);
        if (directory.Classify(config.DataDir, out _initialized) is { } unusable)
        {
            log.Fatal(Main, "failed to list data directory").With("dir", config.DataDir).WithError(unusable)
                .Write();
            return 1;
        }

        if (_initialized)
        {
            log.Info(Main, "server has been already initialized").With("data-dir", config.DataDir)
                .With("dir-type", "member").Write();
        }

        _ = config.Validate(log);
        using MemberProcess process = MemberProcess.Open(OnBroken);
        return Bind(process) is { } error ? Fail(error) : Open(process);
    }

    private string? Bind(MemberProcess process)
    {
        if (config.SocketReusePort || config.SocketReuseAddress)
        {
            log.Info("embed/etcd.go", "configuring socket options").With("reuse-address", config.SocketReuseAddress)
                .With("reuse-port", config.SocketReusePort).Write();
        }

        log.Info("embed/etcd.go", "configuring peer listeners").With("listen-peer-urls", config.ListenPeerUrls).Write();
        if (Secure(config.ListenPeerUrls) is { } peer)
        {
            return $"cannot listen on TLS for {UrlList.Address(peer)}: " +
                "KeyFile and CertFile are not presented";
        }

        if (process.BindPeers(config) is { } error)
        {
            log.Error("embed/etcd.go", "creating peer listener failed").WithError(error).Write();
            return error;
        }

        log.Info("embed/etcd.go", "configuring client listeners")
            .With("listen-client-urls", config.ListenClientUrls).Write();
        return Secure(config.ListenClientUrls) is { } client
            ? "TLS key/cert (--cert-file, --key-file) must be provided for client url " +
                $"{client} with HTTPS scheme"
            : process.BindClients(config);
    }

    private static string? Secure(IReadOnlyList<string> urls) =>
        urls.FirstOrDefault(static u => UrlList.Scheme(u) is "https" or "unixs");

    private int Open(MemberProcess process)
    {
        StartLines.Starting(log, config, _options, MemberStart.HasLog(_options, LinuxDisk.Instance));
        var seams = new MemberSeams(LinuxDisk.Instance, SystemClock.Instance, SystemRandomness.Instance,
            ProcessExit.Instance, log, static nanos => Thread.Sleep((int)(nanos / 1_000_000)));
        StartFailure? failure = new MemberStart(_options, seams).Open(out EtcdServer? server);
        if (failure is { Message: "discovery failed" })
        {
            return Fail(failure.Error);
        }

        if (failure is not null)
        {
            LogLine line = failure.IsPanic ? log.Panic(Main, failure.Message) : log.Fatal(Main, failure.Message);
            line.WithError(failure.Error).Write();
            return failure.IsPanic ? 2 : 1;
        }

        process.Serve(server!, config);
        StartLines.StatusChanged(log);
        StartLines.Serving(log, config, server!.MemberId);
        process.Run();
        if (!process.AwaitReady())
        {
            StopMember(process);
            log.Fatal(Main, "listener failed").WithError("server is stopping").Write();
            return 1;
        }

        process.ServeClients();
        int number = Signals.AwaitStop(NotifyReady, process.Ends);
        return number == 0 ? StopRemoved(process) : Stop(process, server, number);
    }

    private void NotifyReady()
    {
        StartLines.Ready(log, config);
        log.Info("etcdmain/main.go", "notifying init daemon").Write();
        new SystemdNotifier().Notify(ServiceState.Ready);
        log.Info("etcdmain/main.go", "successfully notified init daemon").Write();
    }

    private int Stop(MemberProcess process, EtcdServer server, int number)
    {
        log.Info("osutil/interrupt_unix.go", "received signal; shutting down")
            .With("signal", Signals.Name(number)).Write();
        StartLines.Closing(log, "closing etcd server", config);
        bool alone = server.Members.Members.Count(static m => !m.IsLearner) == 1;
        if (!alone)
        {
            HandOver(process, server);
        }

        process.StopClients(_options.RequestTimeoutNanos / 1_000_000);
        if (alone)
        {
            log.Info("etcdserver/server.go", "skipped leadership transfer for single voting member cluster")
                .With("local-member-id", server.MemberId.ToString("x"))
                .With("current-leader-member-id", server.Status.Leader.ToString("x")).Write();
        }

        StartLines.ClientsStopped(log, config);
        StartLines.PerPort(log, "embed/etcd.go", "stopping serving peer traffic", config.ListenPeerUrls);
        StopMember(process);
        StartLines.PerPort(log, "embed/etcd.go", "stopped serving peer traffic", config.ListenPeerUrls);
        StartLines.Closing(log, "closed etcd server", config);
        return Signals.EndBy(number);
    }

    // Clients are still served: what they ask meanwhile goes on to the next leader.
    private void HandOver(MemberProcess process, EtcdServer server)
    {
        if (server.Status.Leader != server.MemberId)
        {
            log.Info("etcdserver/server.go", "skipped leadership transfer; local server is not leader")
                .With("local-member-id", server.MemberId.ToString("x"))
                .With("current-leader-member-id", server.Status.Leader.ToString("x")).Write();
        }
        else if (process.HandOver() is { } error)
        {
            log.Warn("etcdserver/server.go", "leadership transfer failed")
                .With("local-member-id", server.MemberId.ToString("x")).WithError(error).Write();
        }
    }

    // Said by the server itself: it was removed from its cluster.
    private int StopRemoved(MemberProcess process)
    {
        process.StopClients(0);
        StopMember(process);
        return 0;
    }

    private void StopMember(MemberProcess process)
    {
        if (!process.StopMember())
        {
            log.Error("etcdmain/etcd.go", "a thread of the member did not end in time; its files are left as they are")
                .Write();
        }
    }

    private int Fail(string error)
    {
        StartLines.Closing(log, "closing etcd server", config);
        StartLines.Closing(log, "closed etcd server", config);
        if (!_initialized)
        {
            log.Warn(Main, "failed to start etcd").WithError(error).Write();
        }

        log.Fatal(Main, "discovery failed").WithError(error).Write();
        return 1;
    }

    private void OnBroken(Exception e)
    {
        log.Panic(Main, "broken invariant").WithError(e.ToString()).Write();
        Environment.Exit(2);
    }
}
