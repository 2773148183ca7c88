// One member as a process: gives the actors their threads, opens the ports, binds the services, ends in order.
using EtcdAot.Api;
using EtcdAot.Api.Http;
using EtcdAot.Net;
using EtcdAot.Server;
using EtcdAot.Sys;

namespace EtcdAot.Cmd.Etcd;

/// <summary>A running member with its threads and ports.</summary>
internal sealed class MemberProcess
{
    private const int StopMillis = 20_000;

    private readonly EtcdServer _server;
    private readonly LoopGroup _loops;
    private readonly HostThread _core;
    private readonly HostThread _backend;
    private readonly List<Listener> _listeners = [];
    private readonly ClientPort _clientPort;

    private MemberProcess(
        EtcdServer server, LoopGroup loops, HostThread core, HostThread backend, ClientPort clientPort)
    {
        _server = server;
        _loops = loops;
        _core = core;
        _backend = backend;
        _clientPort = clientPort;
    }

    public EtcdServer Server => _server;

    /// <summary>Starts the threads. The ports come with <see cref="Serve"/>.</summary>
    public static MemberProcess Start(EtcdServer server, IClock clock, Action<Exception> onFailure)
    {
        HostThread core = Host("core", server.CoreActor, clock, onFailure);
        HostThread backend = Host("backend", server.BackendActor, clock, onFailure);
        Errno e = LoopGroup.Open(IoThreads(), LinuxNetwork.Instance, clock, new Limits(), onFailure, out LoopGroup? loops);
        if (e.Failed)
        {
            throw new InvalidOperationException("cannot open the I/O threads: " + e);
        }

        ProcessMetrics.AddTo(server.Metrics.Registry);
        var clientPort = new ClientPort(new ClientServices(server, HttpAccess.Open), clock);
        loops!.Start();
        backend.Start();
        core.Start();
        return new MemberProcess(server, loops, core, backend, clientPort);
    }

    /// <summary>Opens a client port. Null, or the error's text.</summary>
    public string? Serve(string address)
    {
        Errno e = Listener.Open(_loops.Loops, address, new ListenOptions(), _clientPort, 100_000,
            out Listener? listener, out string error);
        if (e.Failed)
        {
            return error;
        }

        _listeners.Add(listener!);
        listener!.Start();
        return null;
    }

    /// <summary>Stops taking requests, ends the threads, closes the files.</summary>
    public void Stop()
    {
        foreach (Listener listener in _listeners)
        {
            listener.Close();
        }

        _server.BeginStop();
        _loops.Dispose();
        _core.StopAndJoin(StopMillis);
        _backend.StopAndJoin(StopMillis);
        _server.Close();
    }

    // One I/O thread leaves the other core of a small machine to the core thread.
    private static int IoThreads() => Math.Max(1, Environment.ProcessorCount / 2);

    private static HostThread Host(string name, Actor actor, IClock clock, Action<Exception> onFailure)
    {
        Errno e = LinuxNetwork.Instance.OpenPoller(out IPoller? poller);
        if (e.Failed)
        {
            throw new InvalidOperationException("cannot open a poller: " + e);
        }

        return new HostThread(new ActorThread(name, poller!, clock, actor), onFailure);
    }
}
