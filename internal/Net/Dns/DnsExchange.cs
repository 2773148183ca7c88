// One question to the configured servers: datagram, time limit, next server, next round; a cut reply is asked for again
// by TCP. Owned by: the I/O thread of its loop.
using System.Buffers.Binary;
using EtcdAot.Sys;

namespace EtcdAot.Net.Dns;

/// <summary>Hears the end of an exchange; once.</summary>
internal interface IExchangeResult
{
    /// <param name="answer">The records, when there are some.</param>
    /// <param name="error">Else what went wrong, without the name: "no such host", "server misbehaving", "i/o timeout".</param>
    /// <param name="server">The last server asked.</param>
    void OnExchanged(DnsAnswer? answer, string error, NetworkAddress server);
}

internal sealed class DnsExchange : IPollTarget, IDialResult, IConnectionHandler
{
    internal const string NoSuchHost = "no such host";
    private const string Misbehaving = "server misbehaving";
    private const string Timeout = "i/o timeout";

    private readonly EpollLoop _loop;
    private readonly ResolverConfig _config;
    private readonly IRandomness _randomness;
    private readonly string _name;
    private readonly DnsType _type;
    private readonly IExchangeResult _result;
    private readonly List<byte> _received = [];
    private int _asked = -1;
    private ushort _id;
    private ISocket? _socket;
    private ulong _token;
    private LoopTimer? _timer;
    private Dialer? _dialer;
    private SocketConnection? _connection;
    private bool _over;

    internal DnsExchange(
        EpollLoop loop, ResolverConfig config, IRandomness randomness, string name, DnsType type, IExchangeResult result)
    {
        _loop = loop;
        _config = config;
        _randomness = randomness;
        _name = name;
        _type = type;
        _result = result;
    }

    private NetworkAddress Server => _config.Servers[Math.Max(0, _asked) % _config.Servers.Count];

    /// <summary>Begins; the result comes later, never from inside.</summary>
    internal void Start() => _loop.AtEndOfWake(new Next(this, Timeout));

    void IPollTarget.Drop() => _socket?.Dispose();

    void IPollTarget.OnReady(PollFlags ready)
    {
        Errno result = _socket!.Receive(_loop.ReceiveBuffer, out int received);
        if (result.Failed)
        {
            if (result != Errno.Again)
            {
                AskNext("read: " + result);
            }

            return;
        }

        Take(_loop.ReceiveBuffer.AsSpan(0, received), overTcp: false);
    }

    void IDialResult.OnConnected(SocketConnection connection)
    {
        _dialer = null;
        _connection = connection;
        connection.Handler = this;
        _received.Clear();
        Span<byte> query = connection.GetSpan(2 + DnsMessage.MaxQuery);
        int length = DnsMessage.WriteQuery(query[2..], _id, _name, _type);
        BinaryPrimitives.WriteUInt16BigEndian(query, (ushort)length);
        connection.Advance(2 + length);
    }

    void IDialResult.OnDialFailed(Errno reason, string text)
    {
        _dialer = null;
        AskNext("dial: " + reason);
    }

    void IConnectionHandler.OnBytes(ReadOnlySpan<byte> bytes)
    {
        // The length prefix bounds what is kept: 64 KiB.
        _received.AddRange(bytes[..Math.Min(bytes.Length, 2 + ushort.MaxValue - _received.Count)]);
        if (_received.Count < 2)
        {
            return;
        }

        int length = (_received[0] << 8) | _received[1];
        if (_received.Count >= 2 + length)
        {
            Take([.. _received.GetRange(2, length)], overTcp: true);
        }
    }

    void IConnectionHandler.OnDrained()
    {
    }

    void IConnectionHandler.OnClosed(Errno reason)
    {
        if (_connection is not null)
        {
            _connection = null;
            AskNext("EOF");
        }
    }

    private void Take(ReadOnlySpan<byte> packet, bool overTcp)
    {
        DnsVerdict verdict = DnsMessage.Read(packet, _id, _name, _type, out DnsAnswer answer);
        switch (verdict)
        {
            case DnsVerdict.Answered:
                Finish(answer, "");
                return;
            case DnsVerdict.NoSuchHost:
                Finish(null, NoSuchHost);
                return;
            case DnsVerdict.Truncated when !overTcp:
                LetGo();
                AskByTcp();
                return;
            case DnsVerdict.NotOurs when !overTcp:
                // A stray or forged datagram: the true one may still come.
                return;
            default:
                AskNext(Misbehaving);
                return;
        }
    }

    private void AskNext(string lastError)
    {
        if (_over)
        {
            return;
        }

        LetGo();
        if (++_asked >= _config.Servers.Count * _config.Attempts)
        {
            _asked--;
            Finish(null, lastError);
            return;
        }

        // Unpredictable, so that an answer cannot be forged blindly.
        _id = (ushort)_randomness.NextUInt64();
        if (_config.UseTcp)
        {
            AskByTcp();
        }
        else
        {
            AskByDatagram();
        }
    }

    private void AskByDatagram()
    {
        Span<byte> query = stackalloc byte[DnsMessage.MaxQuery];
        int length = DnsMessage.WriteQuery(query, _id, _name, _type);
        Errno result = _loop.Network.OpenDatagram(Server, out _socket);
        if (!result.Failed)
        {
            result = _loop.Register(_socket!, this, PollFlags.Read, out _token);
            if (result.Failed)
            {
                _socket!.Dispose();
                _socket = null;
            }
            else
            {
                result = _socket!.Send(query[..length], out _);
            }
        }

        // A failed send goes the way of a lost one, but at once; from a timer, so that the stack does not grow.
        long due = _loop.NowNanos + (result.Failed ? 0 : _config.TimeoutNanos);
        _timer = _loop.Schedule(due, new Next(this, result.Failed ? "write: " + result : Timeout));
    }

    private void AskByTcp()
    {
        _timer = _loop.Schedule(_loop.NowNanos + _config.TimeoutNanos, new Next(this, Timeout));
        _dialer = Dialer.Dial(_loop, [Server], _config.TimeoutNanos, this);
    }

    private void Finish(DnsAnswer? answer, string error)
    {
        if (_over)
        {
            return;
        }

        _over = true;
        LetGo();
        _result.OnExchanged(answer, error, Server);
    }

    private void LetGo()
    {
        _timer?.Cancel();
        _timer = null;
        _dialer?.Cancel();
        _dialer = null;
        SocketConnection? connection = _connection;
        _connection = null;
        connection?.Close(abort: true);
        if (_socket is not null)
        {
            _loop.Unregister(_socket, _token);
            _socket.Dispose();
            _socket = null;
        }
    }

    private sealed class Next(DnsExchange exchange, string error) : ILoopWork
    {
        public void Run() => exchange.AskNext(error);
    }
}
