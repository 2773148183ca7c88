// One member as a process: ports, threads, services, and their end in order (spec server-config §13).
// Start-up thread and main thread only.
using EtcdAot.Api;
using EtcdAot.Api.Http;
using EtcdAot.Cmd.Etcd.Flags;
using EtcdAot.Net;
using EtcdAot.Server;
using EtcdAot.Sys;

namespace EtcdAot.Cmd.Etcd;

/// <summary>Ports and threads of a member.</summary>
internal sealed class MemberProcess : IDisposable
{
    private const int StopMillis = 20_000;
    private const int PollMillis = 5;
    private const int ConnectionsMax = 100_000;

    private readonly LoopGroup _loops;
    private readonly Action<Exception> _onFailure;
    private readonly List<Listener> _peers = [];
    private readonly List<Listener> _clients = [];
    private readonly Late _clientPort = new();
    private readonly ManualResetEventSlim _ends = new();
    private EtcdServer? _server;
    private ClientPort? _accepting;
    private HostThread? _core;
    private HostThread? _backend;
    private HostThread? _log;

    private MemberProcess(LoopGroup loops, Action<Exception> onFailure)
    {
        _loops = loops;
        _onFailure = onFailure;
    }

    public static MemberProcess Open(Action<Exception> onFailure)
    {
        Errno e = LoopGroup.Open(IoThreads(), LinuxNetwork.Instance, SystemClock.Instance, new Limits(),
            onFailure,
            out LoopGroup? loops);
        if (e.Failed)
        {
            throw new InvalidOperationException("cannot open the I/O threads: " + e);
        }

        return new MemberProcess(loops!, onFailure);
    }

    /// <summary>Binds the peer ports. Null, or the error's text.</summary>
    public string? BindPeers(MemberConfig config) =>
        Bind(config, config.ListenPeerUrls, new PeerPort(), _peers);

    /// <summary>Binds the client ports; who connects waits until <see cref="ServeClients"/>.</summary>
    public string? BindClients(MemberConfig config) =>
        Bind(config, config.ListenClientUrls, _clientPort, _clients);

    /// <summary>Makes a member's services and takes peers; the member itself does not run yet.</summary>
    public void Serve(EtcdServer server, MemberConfig config)
    {
        _server = server;
        server.Connect(NoPeers.Instance, NoPeerCalls.Instance, _ends.Set);
        ProcessMetrics.AddTo(server.Metrics.Registry);
        CollectorMetrics.AddTo(server.Metrics.Registry);
        _accepting = new ClientPort(new ClientServices(server, HttpAccess.Open), config.ToH2Options(), SystemClock.Instance);
        _clientPort.Acceptor = _accepting;
        _loops.Start();
        foreach (Listener listener in _peers)
        {
            listener.Start();
        }
    }

    /// <summary>Starts the member's threads.</summary>
    public void Run()
    {
        _core = Host("core", _server!.CoreActor);
        _backend = Host("backend", _server.BackendActor);
        _log = Host("log", _server.LogActor);
        _log.Start();
        _backend.Start();
        _core.Start();
    }

    /// <summary>Takes clients.</summary>
    public void ServeClients()
    {
        foreach (Listener listener in _clients)
        {
            listener.Start();
        }
    }

    /// <summary>Set when the member has to stop because it was removed from its cluster; set by signals too.</summary>
    public ManualResetEventSlim Ends => _ends;

    /// <summary>Waits until the member has told its cluster of itself; false when it has to stop instead.</summary>
    public bool AwaitReady()
    {
        while (!_server!.IsReady)
        {
            if (_ends.Wait(PollMillis))
            {
                return false;
            }
        }

        return true;
    }

    /// <summary>Hands the leadership on. Null, or why that failed.</summary>
    public string? HandOver()
    {
        using var handover = new Handover();
        _server!.Hand(handover);
        handover.Ended.Wait();
        return handover.Error?.Text;
    }

    /// <summary>No new connections; calls in flight may end within <paramref name="graceMillis"/>.</summary>
    public void StopClients(long graceMillis)
    {
        foreach (Listener listener in _clients)
        {
            listener.Close();
        }

        _accepting!.Shutdown();
        long end = SystemClock.Instance.MonotonicNanos + (graceMillis * 1_000_000);
        while (_accepting.Open > 0 && SystemClock.Instance.MonotonicNanos < end)
        {
            Thread.Sleep(PollMillis);
        }
    }

    /// <summary>Ends the member: core, what it still has to answer, then files.</summary>
    /// <returns>False when a thread did not end in time (a disk that hangs): its files are then left as they are, as
    /// after a kill, because closing them beside it would mix two writers.</returns>
    public bool StopMember()
    {
        foreach (Listener listener in _peers)
        {
            listener.Close();
        }

        _server!.BeginStop();
        bool ended = _core!.StopAndJoin(StopMillis);
        _loops.Dispose();
        ended = _log!.StopAndJoin(StopMillis) && ended;
        ended = _backend!.StopAndJoin(StopMillis) && ended;
        if (ended)
        {
            _server.Close();
        }

        return ended;
    }

    /// <summary>Closes the ports of a start that failed.</summary>
    public void Dispose()
    {
        foreach (Listener listener in (Listener[])[.. _peers, .. _clients])
        {
            listener.Dispose();
        }

        _loops.Dispose();
        _ends.Dispose();
    }

    private string? Bind(MemberConfig config, IReadOnlyList<string> urls, IConnectionAcceptor acceptor,
        List<Listener> bound)
    {
        var options = new ListenOptions(ReusePort: config.SocketReusePort);
        foreach (string url in urls)
        {
            string address = UrlList.Address(url);
            if (UrlList.IsUnix(url))
            {
                // What an earlier life left behind would be "already in use".
                File.Delete(address);
                address = "unix:" + address;
            }

            Errno e = Listener.Open(_loops.Loops, address, options, acceptor, ConnectionsMax,
                out Listener? listener,
                out string error);
            if (e.Failed)
            {
                return error;
            }

            bound.Add(listener!);
        }

        return null;
    }

    // One I/O thread leaves the other core of a small machine to the core thread.
    private static int IoThreads() => Math.Max(1, Environment.ProcessorCount / 2);

    private HostThread Host(string name, Actor actor)
    {
        Errno e = LinuxNetwork.Instance.OpenPoller(out IPoller? poller);
        if (e.Failed)
        {
            throw new InvalidOperationException("cannot open a poller: " + e);
        }

        return new HostThread(new ActorThread(name, poller!, SystemClock.Instance, actor), _onFailure);
    }

    private sealed class Handover : LeaderTransfer, IDisposable
    {
        public ManualResetEventSlim Ended { get; } = new();

        public override void Run() => Ended.Set();

        public void Dispose() => Ended.Dispose();
    }

    // The ports are bound before there is a member to serve.
    private sealed class Late : IConnectionAcceptor
    {
        public IConnectionAcceptor? Acceptor { get; set; }

        public void OnAccepted(SocketConnection connection) => Acceptor!.OnAccepted(connection);
    }
}
