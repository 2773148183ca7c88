// The balancer: round robin over the endpoints that are ready; calls wait while none is, as the original's clients do
// (etcdctl §8). Owns the one background thread. Everything but Open, Post and Dispose runs on the loop thread.
using EtcdAot.Grpc;
using EtcdAot.Http;
using EtcdAot.Http.H2;
using EtcdAot.Net;
using EtcdAot.Net.Dns;
using EtcdAot.Sys;

namespace EtcdAot.Client;

/// <summary>Connections of a channel and the calls that wait for one.</summary>
internal sealed class ChannelCore : IDisposable
{
    // The original raises smaller ping times to this (etcdctl §8).
    private static readonly TimeSpan SmallestKeepAlive = TimeSpan.FromSeconds(10);

    private readonly LoopGroup _group;
    private readonly SubConnection[] _subs;
    private readonly List<ClientCall> _waiting = [];
    private readonly bool _tls;
    private int _next;
    private bool _pumping;
    private bool _pumpAgain;

    internal ChannelCore(EtcdClientOptions options)
    {
        Errno opened = LoopGroup.Open(
            1, LinuxNetwork.Instance, SystemClock.Instance, Limits.Default, OnBroken, out LoopGroup? group);
        if (opened.Failed)
        {
            throw new IOException("client: cannot open an event loop: " + opened);
        }

        _group = group!;
        Loop = _group.Loops[0];
        Resolver = new Resolver(Loop, LinuxDisk.Instance, Randomness, new ResolverPlaces());
        DialTimeoutNanos = Nanos(options.DialTimeout > TimeSpan.Zero ? options.DialTimeout : TimeSpan.FromSeconds(20));
        TimeSpan keepAlive = options.KeepAliveTime;
        HttpOptions = H2Options.ClientDefaults with
        {
            KeepAliveIntervalNanos = keepAlive > TimeSpan.Zero
                ? Nanos(keepAlive < SmallestKeepAlive ? SmallestKeepAlive : keepAlive) : 0,
            KeepAliveTimeoutNanos = Nanos(options.KeepAliveTimeout),
        };
        Endpoint[] endpoints = [.. options.Endpoints.Select(Endpoint.Parse)];
        _tls = endpoints.Length > 0 && endpoints[0].Tls == true;
        _subs = [.. endpoints.Select(e => new SubConnection(this, e))];
        _group.Start();
    }

    internal EpollLoop Loop { get; }

    internal Resolver Resolver { get; }

    internal IRandomness Randomness { get; } = new SystemRandomness();

    internal H2Options HttpOptions { get; }

    internal long DialTimeoutNanos { get; }

    internal BufferPool Buffers { get; } = new();

    internal bool IsClosed { get; private set; }

    internal int EndpointCount => _subs.Length;

    /// <summary>Runs an action on the loop thread; any thread.</summary>
    internal void Post(Action action) => Loop.Post(new Work(action));

    /// <summary>The scheme of the first endpoint decides for all (etcdctl §5).</summary>
    internal bool WantsTls(Endpoint endpoint) => _tls || endpoint.Tls == true;

    /// <summary>Gives the call a connection, now or when one is ready.</summary>
    internal void Begin(ClientCall call)
    {
        if (IsClosed)
        {
            call.End(new Status(Wire.RpcCode.Canceled, "grpc: the client connection is closing"));
            return;
        }

        if (!TryOpen(call))
        {
            _waiting.Add(call);
            ConnectAll();
        }
    }

    internal void Forget(ClientCall call) => _waiting.Remove(call);

    /// <summary>Why nothing is ready, for a call whose time ran out while it waited.
    /// It stands until the connection is ready, also while the next attempt is on its way.</summary>
    internal string? LatestError => Array.Find(_subs, static s => s.LastError is not null)?.LastError;

    /// <summary>A connection changed: waiting calls are tried again.</summary>
    internal void OnChange()
    {
        // Opening a stream may itself change a connection, so a change inside the pass asks for another one.
        _pumpAgain = true;
        if (_pumping || IsClosed)
        {
            return;
        }

        _pumping = true;
        while (_pumpAgain)
        {
            _pumpAgain = false;
            foreach (ClientCall call in _waiting.ToArray())
            {
                if (_waiting.Contains(call) && TryOpen(call))
                {
                    _waiting.Remove(call);
                }
            }

            ConnectAll();
        }

        _pumping = false;
    }

    public void Dispose()
    {
        using var closed = new ManualResetEventSlim();
        Post(() =>
        {
            CloseAll();
            closed.Set();
        });
        closed.Wait(TimeSpan.FromSeconds(1));
        _group.Dispose();
    }

    private void CloseAll()
    {
        IsClosed = true;
        foreach (ClientCall call in _waiting.ToArray())
        {
            call.End(new Status(Wire.RpcCode.Canceled, "grpc: the client connection is closing"));
        }

        foreach (SubConnection sub in _subs)
        {
            sub.Close();
        }
    }

    private bool TryOpen(ClientCall call)
    {
        for (int i = 0; i < _subs.Length; i++)
        {
            SubConnection sub = _subs[_next++ % _subs.Length];
            if (sub.State != SubState.Ready)
            {
                continue;
            }

            HttpStream? stream = sub.Connection!.Open(call.Head(sub.Endpoint), endOfStream: false, call);
            if (stream is not null)
            {
                call.OnOpened(stream, sub);
                return true;
            }
        }

        return false;
    }

    private void ConnectAll()
    {
        foreach (SubConnection sub in _subs)
        {
            if (sub.State == SubState.Idle)
            {
                sub.Connect();
            }
        }
    }

    private static long Nanos(TimeSpan span) => span.Ticks * 100;

    private static void OnBroken(Exception e)
    {
        Environment.FailFast("client: broken invariant", e);
    }

    private sealed class Work(Action action) : ILoopWork
    {
        public void Run() => action();
    }
}
