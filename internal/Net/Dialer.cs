// Opens connections to other members without waiting: addresses are tried in order, each with its share of the time.
// Owned by: the I/O thread of the loop it dials on.
using EtcdAot.Sys;

namespace EtcdAot.Net;

/// <summary>Hears how a dial ended; exactly one of both is called, never from inside the dial call.</summary>
public interface IDialResult
{
    /// <summary>Connected; set the handler before returning.</summary>
    void OnConnected(SocketConnection connection);

    /// <summary>No address answered; the last one's reason and the original's text.</summary>
    void OnDialFailed(Errno reason, string text);
}

/// <summary>One attempt to connect.</summary>
public sealed class Dialer : IPollTarget
{
    private readonly EpollLoop _loop;
    private readonly IReadOnlyList<NetworkAddress> _addresses;
    private readonly long _deadline;
    private readonly IDialResult _result;
    private int _index = -1;
    private ISocket? _socket;
    private ulong _token;
    private LoopTimer? _timer;
    private bool _over;

    private Dialer(EpollLoop loop, IReadOnlyList<NetworkAddress> addresses, long deadline, IDialResult result)
    {
        _loop = loop;
        _addresses = addresses;
        _deadline = deadline;
        _result = result;
    }

    /// <summary>Begins; owner thread of the loop. The handle can cancel it.</summary>
    /// <param name="loop">Loop that will own the connection.</param>
    /// <param name="addresses">At least one.</param>
    /// <param name="timeoutNanos">For all of them together.</param>
    /// <param name="result">Hears the end.</param>
    public static Dialer Dial(
        EpollLoop loop, IReadOnlyList<NetworkAddress> addresses, long timeoutNanos, IDialResult result)
    {
        var dialer = new Dialer(loop, addresses, loop.NowNanos + timeoutNanos, result);
        loop.AtEndOfWake(new Step(dialer, NetError.DialDeadline));
        return dialer;
    }

    /// <summary>Gives up; nothing is called any more.</summary>
    public void Cancel()
    {
        _over = true;
        LetGo();
    }

    void IPollTarget.Drop() => _socket?.Dispose();

    void IPollTarget.OnReady(PollFlags ready)
    {
        Errno reason = _socket!.ConnectResult();
        if (reason.Failed)
        {
            TryNext(reason);
            return;
        }

        ISocket connected = _socket;
        _loop.Unregister(connected, _token);
        _socket = null;
        Finish(connected);
    }

    private void TryNext(Errno last)
    {
        if (_over)
        {
            return;
        }

        LetGo();
        long left = _deadline - _loop.NowNanos;
        while (++_index < _addresses.Count && left > 0)
        {
            Errno result = _loop.Network.Dial(_addresses[_index], out ISocket? socket);
            if (!result.Failed)
            {
                Finish(socket!);
                return;
            }

            if (result == Errno.InProgress)
            {
                Await(socket!, _loop.NowNanos + (left / (_addresses.Count - _index)));
                return;
            }

            last = result;
        }

        _over = true;
        NetworkAddress shown = _addresses[Math.Clamp(_index - 1, 0, _addresses.Count - 1)];
        _result.OnDialFailed(last, NetError.Dial(shown, last));
    }

    private void Await(ISocket socket, long due)
    {
        _socket = socket;
        Errno result = _loop.Register(socket, this, PollFlags.Write, out _token);
        if (result.Failed)
        {
            socket.Dispose();
            _socket = null;
            _loop.AtEndOfWake(new Step(this, result));
            return;
        }

        _timer = _loop.Schedule(due, new Step(this, NetError.DialDeadline));
    }

    private void Finish(ISocket connected)
    {
        _over = true;
        LetGo();
        Errno result = SocketConnection.Adopt(_loop, connected, owner: null, out SocketConnection? connection);
        if (result.Failed)
        {
            _result.OnDialFailed(result, NetError.Dial(_addresses[_index], result));
            return;
        }

        _result.OnConnected(connection!);
    }

    private void LetGo()
    {
        _timer?.Cancel();
        _timer = null;
        if (_socket is not null)
        {
            _loop.Unregister(_socket, _token);
            _socket.Dispose();
            _socket = null;
        }
    }

    private sealed class Step(Dialer dialer, Errno last) : ILoopWork
    {
        public void Run() => dialer.TryNext(last);
    }
}
