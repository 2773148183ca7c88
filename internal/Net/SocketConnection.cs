// A Connection over a socket: output gathers in pooled segments and leaves in one send per flush. Reads are taken at
// once, whatever the output does: bounds on input are the protocol's (windows), never an unread socket (DESIGN 3).
// Owned by: the I/O thread of its loop.
using EtcdAot.Observe;
using EtcdAot.Sys;

namespace EtcdAot.Net;

/// <summary>Hears of the end of connections that it let in.</summary>
internal interface IConnectionOwner
{
    void OnConnectionGone();
}

/// <summary>A TCP or unix stream.</summary>
public sealed class SocketConnection : Connection, IPollTarget
{
    private readonly EpollLoop _loop;
    private readonly ISocket _socket;
    private readonly IConnectionOwner? _owner;
    private readonly OutputQueue _output;
    private State _state = State.Open;
    private PollFlags _interest = PollFlags.Read;
    private ulong _token;
    private bool _dirty;
    private bool _congested;
    private bool _told;
    private int _drained;
    private LoopTimer? _linger;
    private string? _remoteText;

    private SocketConnection(EpollLoop loop, ISocket socket, IConnectionOwner? owner)
    {
        _loop = loop;
        _socket = socket;
        _owner = owner;
        _output = new OutputQueue(loop.Segments);
    }

    private enum State
    {
        Open,

        /// <summary>Own close: what is unsent leaves first.</summary>
        Flushing,

        /// <summary>FIN sent, the peer's is waited for.</summary>
        Draining,

        /// <summary>The peer ended its side and the handler knows; what is unsent still leaves.</summary>
        PeerEnded,
        Closed,
    }

    /// <inheritdoc/>
    public override IoLoop Loop => _loop;

    /// <inheritdoc/>
    public override string RemoteAddress => _remoteText ??= _socket.RemoteAddress.ToString();

    /// <summary>Peer.</summary>
    public NetworkAddress Remote => _socket.RemoteAddress;

    /// <summary>This end.</summary>
    public NetworkAddress Local => _socket.LocalAddress;

    /// <inheritdoc/>
    public override long UnsentBytes => _output.Bytes;

    /// <inheritdoc/>
    public override bool IsCongested => _congested;

    /// <summary>Takes a connected socket over; on the loop's thread. The caller sets the handler before it returns to
    /// the loop. On failure the socket is closed.</summary>
    internal static Errno Adopt(EpollLoop loop, ISocket socket, IConnectionOwner? owner, out SocketConnection? connection)
    {
        var adopted = new SocketConnection(loop, socket, owner);
        Errno result = loop.Register(socket, adopted, PollFlags.Read, out adopted._token);
        if (result.Failed)
        {
            socket.Dispose();
            connection = null;
            return result;
        }

        loop.CountConnection(1);
        connection = adopted;
        return Errno.Ok;
    }

    /// <inheritdoc/>
    public override Span<byte> GetSpan(int sizeHint = 0) => _output.GetSpan(sizeHint);

    /// <inheritdoc/>
    public override Memory<byte> GetMemory(int sizeHint = 0) => _output.GetMemory(sizeHint);

    /// <inheritdoc/>
    public override void Advance(int count)
    {
        if (_state != State.Open)
        {
            // Written too late: nobody will read it.
            return;
        }

        _output.Advance(count);
        _congested |= _output.Bytes > _loop.Limits.HighWater;
        MarkDirty();
    }

    /// <inheritdoc/>
    public override void Close(bool abort = false)
    {
        if (_state == State.Closed)
        {
            return;
        }

        if (abort)
        {
            Release();
            _loop.AtEndOfWake(new Notice(this, Errno.ConnectionAborted));
        }
        else if (_state == State.Open)
        {
            _state = State.Flushing;
            StartLinger();
            MarkDirty();
        }
    }

    /// <summary>Sends what gathered; at the end of a wake.</summary>
    internal void Flush()
    {
        _dirty = false;
        // While the kernel's buffer is full, the poller says when to go on.
        if (_state is not (State.Closed or State.Draining) && !_interest.HasFlag(PollFlags.Write))
        {
            SendUnsent();
        }
    }

    void IPollTarget.OnReady(PollFlags ready)
    {
        if (ready.HasFlag(PollFlags.Write) && _state is not (State.Closed or State.Draining))
        {
            SendUnsent();
        }

        if ((!ready.HasFlag(PollFlags.Read) && !ready.HasFlag(PollFlags.Error)) || _state == State.Closed)
        {
            return;
        }

        if (_interest.HasFlag(PollFlags.Read))
        {
            ReceiveReady();
        }
        else if (ready.HasFlag(PollFlags.Error))
        {
            Errno reason = _socket.ConnectResult();
            Destroy(reason.Failed ? reason : Errno.ConnectionReset);
        }
    }

    void IPollTarget.Drop()
    {
        _told = true;
        Release();
    }

    private void ReceiveReady()
    {
        byte[] buffer = _loop.ReceiveBuffer;
        int taken = 0;
        while (true)
        {
            Errno result = _socket.Receive(buffer, out int received);
            if (result.Failed)
            {
                if (result != Errno.Again)
                {
                    Destroy(result);
                }

                return;
            }

            if (received == 0)
            {
                OnPeerEnded();
                return;
            }

            Deliver(buffer.AsSpan(0, received));
            taken += received;
            // A short read means that the kernel has no more: the failed read is saved. What is left over budget is
            // reported again by the next wait.
            if (_state == State.Closed || received < buffer.Length || taken >= _loop.Limits.ReadBudget)
            {
                return;
            }
        }
    }

    private void Deliver(ReadOnlySpan<byte> bytes)
    {
        if (_state == State.Open)
        {
            Invariant.Check(Handler is not null, "a connection has a handler before its first read");
            Handler.OnBytes(bytes);
            return;
        }

        _drained += bytes.Length;
        if (_drained > _loop.Limits.DrainBytes)
        {
            Destroy(Errno.ConnectionAborted);
        }
    }

    private void OnPeerEnded()
    {
        switch (_state)
        {
            case State.Open:
                Tell(Errno.Ok);
                if (_state == State.Closed)
                {
                    return;
                }

                if (_output.Bytes == 0)
                {
                    Release();
                    return;
                }

                _state = State.PeerEnded;
                StartLinger();
                SetInterest(_interest & ~PollFlags.Read);
                MarkDirty();
                return;
            case State.Flushing:
                SetInterest(_interest & ~PollFlags.Read);
                return;
            default:
                Destroy(Errno.Ok);
                return;
        }
    }

    private void SendUnsent()
    {
        while (_output.Bytes > 0)
        {
            Errno result = _output.SendOnce(_socket, out bool all);
            if (result.Failed && result != Errno.Again)
            {
                Destroy(result);
                return;
            }

            if (!all)
            {
                SetInterest(_interest | PollFlags.Write);
                ReportDrained();
                return;
            }
        }

        SetInterest(_interest & ~PollFlags.Write);
        switch (_state)
        {
            case State.Open:
                ReportDrained();
                return;
            case State.Flushing when _interest.HasFlag(PollFlags.Read):
                _state = State.Draining;
                // It fails only when the peer has reset; the poller reports that too.
                _ = _socket.ShutdownSend();
                return;
            default:
                Destroy(Errno.Ok);
                return;
        }
    }

    private void ReportDrained()
    {
        if (_congested && _output.Bytes <= _loop.Limits.LowWater)
        {
            _congested = false;
            if (_state == State.Open)
            {
                Handler?.OnDrained();
            }
        }
    }

    private void SetInterest(PollFlags interest)
    {
        if (interest != _interest)
        {
            _interest = interest;
            _loop.Modify(_socket, _token, interest);
        }
    }

    private void MarkDirty()
    {
        if (!_dirty)
        {
            _dirty = true;
            _loop.MarkDirty(this);
        }
    }

    private void StartLinger()
    {
        _linger ??= _loop.Schedule(_loop.NowNanos + _loop.Limits.LingerNanos, new Linger(this));
    }

    /// <summary>Frees everything and tells the handler.</summary>
    private void Destroy(Errno reason)
    {
        Release();
        Tell(reason);
    }

    private void Release()
    {
        if (_state == State.Closed)
        {
            return;
        }

        _state = State.Closed;
        _linger?.Cancel();
        _output.Clear();
        _loop.Unregister(_socket, _token);
        _socket.Dispose();
        _loop.CountConnection(-1);
        _owner?.OnConnectionGone();
    }

    private void Tell(Errno reason)
    {
        if (!_told)
        {
            _told = true;
            Handler?.OnClosed(reason);
        }
    }

    private sealed class Notice(SocketConnection connection, Errno reason) : ILoopWork
    {
        public void Run() => connection.Tell(reason);
    }

    private sealed class Linger(SocketConnection connection) : ILoopWork
    {
        public void Run() => connection.Destroy(Errno.TimedOut);
    }
}
