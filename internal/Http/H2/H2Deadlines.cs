// The clock side of an HTTP/2 connection: one timer for handshake, keepalive and shutdown. Owned by: the I/O thread of
// the connection. Costs a store per read; the timer runs when the nearest deadline may be due and looks again.
using EtcdAot.Net;

namespace EtcdAot.Http.H2;

/// <summary>Deadlines of one connection.</summary>
internal sealed class H2Deadlines(H2Connection connection, H2Options options) : ILoopWork
{
    private const long Never = long.MaxValue;

    private LoopTimer? _timer;
    private long _timerDue = Never;
    private long _lastHeard;
    private long _handshakeDue = Never;
    private long _drainDue = Never;
    private long _pingSent = -1; // when the keepalive ping that is out was sent; -1 for none
    private bool _stopped;

    private bool KeepAliveOn => options.KeepAliveIntervalNanos > 0 && options.KeepAliveTimeoutNanos > 0;

    /// <summary>Begins the handshake's deadline and keepalive.</summary>
    public void Start()
    {
        _lastHeard = connection.NowNanos;
        _handshakeDue = _lastHeard + options.HandshakeNanos;
        Arm();
    }

    /// <summary>Bytes came from the peer.</summary>
    public void Heard()
    {
        _lastHeard = connection.NowNanos;
        if (_pingSent >= 0)
        {
            _pingSent = -1;
            Arm();
        }
    }

    /// <summary>SETTINGS came.</summary>
    public void HandshakeDone()
    {
        _handshakeDue = Never;
    }

    /// <summary>Calls <see cref="H2Connection.DrainStep"/> after so long; replaces an earlier such deadline.</summary>
    public void StartDrain(long nanos)
    {
        _drainDue = connection.NowNanos + nanos;
        Arm();
    }

    public void Stop()
    {
        _stopped = true;
        _timer?.Cancel();
        _timer = null;
        _timerDue = Never;
    }

    public void Run()
    {
        _timer = null;
        _timerDue = Never;
        if (_stopped)
        {
            return;
        }

        long now = connection.NowNanos;
        if (now >= _handshakeDue || (_pingSent >= 0 && now >= _pingSent + options.KeepAliveTimeoutNanos))
        {
            connection.Close();
            return;
        }

        if (now >= _drainDue)
        {
            _drainDue = Never;
            connection.DrainStep();
        }

        if (KeepAliveOn && _pingSent < 0 && now >= _lastHeard + options.KeepAliveIntervalNanos)
        {
            KeepAlive(now);
        }

        Arm();
    }

    private void KeepAlive(long now)
    {
        if (options.KeepAliveNeedsStream && connection.ActiveStreams == 0)
        {
            _lastHeard = now; // looked at again one interval later
            return;
        }

        _pingSent = now;
        connection.SendKeepAlivePing();
    }

    private void Arm()
    {
        if (_stopped)
        {
            return;
        }

        long due = Math.Min(_handshakeDue, _drainDue);
        if (KeepAliveOn)
        {
            due = Math.Min(due, _pingSent >= 0
                ? _pingSent + options.KeepAliveTimeoutNanos
                : _lastHeard + options.KeepAliveIntervalNanos);
        }

        if (due >= _timerDue)
        {
            return;
        }

        _timer?.Cancel();
        _timer = due == Never ? null : connection.Transport.Loop.Schedule(due, this);
        _timerDue = due;
    }
}
