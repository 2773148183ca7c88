// A listening socket: lives on the first of several loops and deals the connections out to the one with the fewest.
// Owned by: the I/O thread of the first loop; Open, Start, Close and the counters are for any thread.
using EtcdAot.Observe;
using EtcdAot.Sys;

namespace EtcdAot.Net;

/// <summary>Gets new connections, on the thread of the loop that owns them, and sets their handler.</summary>
public interface IConnectionAcceptor
{
    void OnAccepted(SocketConnection connection);
}

/// <summary>Accepts connections until it is closed. Connections live on after that.</summary>
public sealed class Listener : IPollTarget, IConnectionOwner, IDisposable
{
    private readonly IReadOnlyList<EpollLoop> _loops;
    private readonly ISocket _socket;
    private readonly IConnectionAcceptor _acceptor;
    private readonly int _maxConnections;
    private ulong _token;
    private bool _registered;
    private bool _closed;
    private bool _paused;
    private int _live;

    private Listener(IReadOnlyList<EpollLoop> loops, ISocket socket, IConnectionAcceptor acceptor, int maxConnections)
    {
        _loops = loops;
        _socket = socket;
        _acceptor = acceptor;
        _maxConnections = maxConnections;
    }

    /// <summary>Where it listens, with the port that the kernel chose for port 0.</summary>
    public NetworkAddress Address => _socket.LocalAddress;

    /// <summary>Connections that it let in and that still live. Any thread.</summary>
    public int LiveConnections => Volatile.Read(ref _live);

    /// <summary>Binds and listens; nothing is accepted before <see cref="Start"/>.</summary>
    /// <param name="loops">Loops that share the connections.</param>
    /// <param name="where">"host:port" with an IP literal, "localhost" or nothing as host; or "unix:" and a path.</param>
    /// <param name="options">Socket options.</param>
    /// <param name="acceptor">Gets the connections.</param>
    /// <param name="maxConnections">Above so many live ones, new ones wait in the kernel.</param>
    /// <param name="listener">The listener.</param>
    /// <param name="error">The original's text when it failed.</param>
    public static Errno Open(
        IReadOnlyList<EpollLoop> loops,
        string where,
        ListenOptions options,
        IConnectionAcceptor acceptor,
        int maxConnections,
        out Listener? listener,
        out string error)
    {
        listener = null;
        error = "";
        bool unix = where.StartsWith("unix:", StringComparison.Ordinal);
        string shown = unix ? where["unix:".Length..] : where;
        NetworkAddress address = NetworkAddress.Unix(shown);
        if (!unix && !TryParse(where, out address))
        {
            error = $"listen tcp: address {where}: not an IP address and port";
            return Errno.Invalid;
        }

        Errno result = loops[0].Network.Listen(address, options, out ISocket? socket, out NetworkStep step);
        if (result.Failed)
        {
            error = NetError.Listen(address.Network, shown, step, result);
            return result;
        }

        listener = new Listener(loops, socket!, acceptor, maxConnections);
        return Errno.Ok;
    }

    /// <summary>Parses "host:port" for listening: an IP literal, "localhost", or nothing for every address.</summary>
    public static bool TryParse(string text, out NetworkAddress address)
    {
        address = default;
        if (!NetworkAddress.TrySplitHostPort(text, out string host, out int port))
        {
            return false;
        }

        switch (host)
        {
            case "":
                address = NetworkAddress.Any(port);
                return true;
            case "localhost":
                address = NetworkAddress.Loopback(port);
                return true;
            default:
                return NetworkAddress.TryParseIp(host, port, out address);
        }
    }

    /// <summary>Begins to accept.</summary>
    public void Start() => _loops[0].Post(new Command(this, Verb.Start));

    /// <summary>Ends listening; the socket is closed when this returns to the loop. A unix socket's file goes.</summary>
    public void Close() => _loops[0].Post(new Command(this, Verb.Close));

    /// <summary>Closes a listener that was never started, or whose loop has ended.</summary>
    public void Dispose() => _socket.Dispose();

    void IPollTarget.Drop() => _socket.Dispose();

    void IPollTarget.OnReady(PollFlags ready)
    {
        EpollLoop home = _loops[0];
        for (int i = 0; i < home.Limits.AcceptsPerWake; i++)
        {
            if (LiveConnections >= _maxConnections)
            {
                Pause();
                return;
            }

            Errno result = _socket.Accept(out ISocket? accepted);
            if (result.Failed)
            {
                OnAcceptFailed(result);
                return;
            }

            Interlocked.Increment(ref _live);
            EpollLoop target = FewestConnections();
            var arrival = new Arrival(this, target, accepted!);
            if (target == home)
            {
                arrival.Run();
            }
            else
            {
                target.Post(arrival);
            }
        }
    }

    void IConnectionOwner.OnConnectionGone()
    {
        if (Interlocked.Decrement(ref _live) == _maxConnections - 1)
        {
            _loops[0].Post(new Command(this, Verb.Resume));
        }
    }

    private EpollLoop FewestConnections()
    {
        EpollLoop best = _loops[0];
        int fewest = int.MaxValue;
        foreach (EpollLoop loop in _loops)
        {
            int count = loop.Connections;
            if (count < fewest)
            {
                best = loop;
                fewest = count;
            }
        }

        return best;
    }

    private void OnAcceptFailed(Errno reason)
    {
        // A connection that died in the queue is the next one's matter. Without descriptors or memory the listener
        // would be reported again at once: it rests.
        if (reason != Errno.Again && reason != Errno.ConnectionAborted)
        {
            Pause();
            EpollLoop home = _loops[0];
            home.Schedule(home.NowNanos + home.Limits.AcceptPauseNanos, new Command(this, Verb.Resume));
        }
    }

    /// <summary>A connection that goes meanwhile posts its resume to this very loop, so it comes after the pause.</summary>
    private void Pause()
    {
        _paused = true;
        _loops[0].Modify(_socket, _token, PollFlags.None);
    }

    private void Execute(Verb verb)
    {
        switch (verb)
        {
            case Verb.Start when !_registered && !_closed:
                Errno result = _loops[0].Register(_socket, this, PollFlags.Read, out _token);
                Invariant.Check(!result.Failed, "a new listener can be added to its poller");
                _registered = true;
                return;
            case Verb.Resume when _paused && !_closed && LiveConnections < _maxConnections:
                _paused = false;
                _loops[0].Modify(_socket, _token, PollFlags.Read);
                return;
            case Verb.Close when !_closed:
                _closed = true;
                if (_registered)
                {
                    _loops[0].Unregister(_socket, _token);
                }

                _socket.Dispose();
                return;
            default:
                return;
        }
    }

    private enum Verb
    {
        Start,
        Resume,
        Close,
    }

    private sealed class Command(Listener listener, Verb verb) : ILoopWork
    {
        public void Run() => listener.Execute(verb);
    }

    private sealed class Arrival(Listener listener, EpollLoop loop, ISocket socket) : ILoopWork
    {
        public void Run()
        {
            if (SocketConnection.Adopt(loop, socket, listener, out SocketConnection? connection).Failed)
            {
                ((IConnectionOwner)listener).OnConnectionGone();
                return;
            }

            listener._acceptor.OnAccepted(connection!);
        }
    }
}
