// The connection to one endpoint: dials, watches, dials again after a growing pause. Owned by: the channel's loop thread.
using EtcdAot.Http.H2;
using EtcdAot.Net;
using EtcdAot.Net.Dns;
using EtcdAot.Sys;

namespace EtcdAot.Client;

internal enum SubState
{
    Idle,
    Connecting,
    Ready,
    Failed,
}

/// <summary>One endpoint of a channel.</summary>
internal sealed class SubConnection(ChannelCore core, Endpoint endpoint)
    : IDialResult, IHostResult, ILoopWork
{
    private const long FirstPause = 1_000_000_000;
    private const long LongestPause = 120_000_000_000;

    private long _pause;
    private LoopTimer? _timer;
    private Dialer? _dialer;

    internal Endpoint Endpoint { get; } = endpoint;

    internal SubState State { get; private set; }

    internal H2Connection? Connection { get; private set; }

    internal SocketConnection? Transport { get; private set; }

    /// <summary>Why the last attempt failed, in Go's words.</summary>
    internal string? LastError { get; private set; }

    internal void Connect()
    {
        if (State is SubState.Connecting or SubState.Ready)
        {
            return;
        }

        State = SubState.Connecting;
        if (Endpoint.Error is not null)
        {
            Fail(Endpoint.Error);
        }
        else if (core.WantsTls(Endpoint))
        {
            Fail("authentication handshake failed: TLS is not available", dialing: false);
        }
        else if (Endpoint.UnixPath is not null)
        {
            Dial([NetworkAddress.Unix(Endpoint.UnixPath)]);
        }
        else if (Endpoint.Host.Length == 0)
        {
            Dial([NetworkAddress.Loopback(Endpoint.Port)]);
        }
        else if (NetworkAddress.TryParseIp(Endpoint.Host, Endpoint.Port, out NetworkAddress address))
        {
            Dial([address]);
        }
        else
        {
            core.Resolver.LookupHost(Endpoint.Host, this);
        }
    }

    internal void Close()
    {
        _timer?.Cancel();
        _dialer?.Cancel();
        Connection?.Close();
    }

    public void OnHost(IReadOnlyList<NetworkAddress> addresses, string error)
    {
        if (core.IsClosed)
        {
            return;
        }

        if (addresses.Count == 0)
        {
            Fail("dial tcp: " + error);
            return;
        }

        Dial([.. addresses.Select(a => a.WithPort(Endpoint.Port))]);
    }

    public void OnConnected(SocketConnection connection)
    {
        _dialer = null;
        Transport = connection;
        Connection = H2Connection.Client(connection, core.HttpOptions, new Life(this, connection));
    }

    public void OnDialFailed(Errno reason, string text)
    {
        _dialer = null;
        Fail(text);
    }

    /// <summary>The pause is over.</summary>
    public void Run()
    {
        _timer = null;
        if (State == SubState.Failed && !core.IsClosed)
        {
            Connect();
        }
    }

    private void Changed() => core.OnChange();

    private void Leave()
    {
        Connection = null;
        Transport = null;
        State = SubState.Idle;
        core.OnChange();
    }

    private void Dial(IReadOnlyList<NetworkAddress> addresses)
    {
        _dialer = Dialer.Dial(core.Loop, addresses, core.DialTimeoutNanos, this);
    }

    private void Fail(string text, bool dialing = true)
    {
        string prefix = dialing ? "transport: Error while dialing: " : "transport: ";
        LastError = $"connection error: desc = \"{prefix}{text}\"";
        State = SubState.Failed;
        _pause = _pause == 0 ? FirstPause : Math.Min(LongestPause, _pause * 16 / 10);
        long jitter = _pause / 5;
        long pause = _pause - jitter + (long)(core.Randomness.NextUInt64() % (ulong)(2 * jitter));
        _timer = core.Loop.Schedule(core.Loop.NowNanos + pause, this);
        core.OnChange();
    }

    /// <summary>Hears one connection. After a GOAWAY the endpoint has another, and what the old one still says is not
    /// about that.</summary>
    private sealed class Life(SubConnection owner, SocketConnection transport) : IH2Events
    {
        private bool IsCurrent => ReferenceEquals(owner.Transport, transport);

        public void OnReady()
        {
            if (IsCurrent)
            {
                owner.State = SubState.Ready;
                owner._pause = 0;
                owner.LastError = null;
                owner.Changed();
            }
        }

        public void OnGoAway(uint errorCode, ReadOnlySpan<byte> debugData)
        {
            // It serves what is open; new calls go elsewhere, and a new connection is made.
            if (IsCurrent && owner.State == SubState.Ready)
            {
                owner.Leave();
            }
        }

        public void OnCapacity() => owner.Changed();

        public void OnClosed(Errno reason)
        {
            if (!IsCurrent)
            {
                return;
            }

            if (owner.State == SubState.Connecting)
            {
                owner.Connection = null;
                owner.Fail("error reading server preface: " + (reason.Failed ? reason.ToString() : "EOF"), dialing: false);
            }
            else if (owner.State == SubState.Ready)
            {
                owner.Leave();
            }
        }
    }
}
