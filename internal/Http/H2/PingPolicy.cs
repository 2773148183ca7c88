// Counts client pings that come too often (api-v3 §1.3 "Client pings"). Owned by: the connection's I/O thread. Pure.
namespace EtcdAot.Http.H2;

/// <summary>Strikes of one connection.</summary>
internal sealed class PingPolicy(H2Options options)
{
    private long _lastPing;
    private bool _pingSeen;
    private bool _reset;
    private int _strikes;

    /// <summary>HEADERS or DATA were sent: strikes are forgotten and the next ping is free.</summary>
    public void Reset() => _reset = true;

    /// <summary>A ping came; true when it is one too many.</summary>
    public bool OnPing(long nowNanos, bool streamsOpen)
    {
        if (!options.PingPolicyOn)
        {
            return false;
        }

        if (_reset || !_pingSeen)
        {
            _strikes = _reset ? 0 : _strikes;
            _reset = false;
        }
        else if (nowNanos - _lastPing < (streamsOpen ? options.PingMinNanos : options.PingMinIdleNanos))
        {
            _strikes++;
        }

        _pingSeen = true;
        _lastPing = nowNanos;
        return _strikes > options.PingStrikesMax;
    }
}
