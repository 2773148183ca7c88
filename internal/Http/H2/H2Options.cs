// Every limit of an HTTP/2 connection, in one place. Immutable once a connection has it; any thread may share one.
namespace EtcdAot.Http.H2;

/// <summary>Limits and timing of a connection; the defaults are a server's (api-v3 §1.3).</summary>
public sealed record H2Options
{
    private const long Second = 1_000_000_000;

    /// <summary>Streams that the peer may have open; above it RST_STREAM(REFUSED_STREAM). The default says nothing.</summary>
    public uint MaxConcurrentStreams { get; init; } = uint.MaxValue;

    /// <summary>Receive window of each stream, bytes: enough that a usual request never waits for a round trip;
    /// what a stream can make us hold beside its announced message.</summary>
    public int StreamWindow { get; init; } = 256 * 1024;

    /// <summary>Receive window of the connection, bytes; given back as bytes arrive, so that one slow stream never
    /// stops the others.</summary>
    public int ConnectionWindow { get; init; } = 2 * 1024 * 1024;

    /// <summary>Largest list of received fields (name + value + 32 each). Above: RST_STREAM(FRAME_SIZE_ERROR).
    /// The original has 16 MiB in clear text and this number with TLS.</summary>
    public int HeaderListMax { get; init; } = 1048896;

    /// <summary>CONTINUATION frames of one block; the original tolerates 20,000 tiny ones, has no bound at all.</summary>
    public int ContinuationsMax { get; init; } = 32768;

    /// <summary>Resets a peer may send at once, regained at a tenth per second: far above what cancelled calls
    /// need, low enough to end an endless flood (GOAWAY ENHANCE_YOUR_CALM).</summary>
    public int ResetBurst { get; init; } = 100_000;

    /// <summary>Answers to PING, SETTINGS and bad frames written while the peer does not read; then it is cut.</summary>
    public int AnswersUnreadMax { get; init; } = 10_000;

    /// <summary>Server: client pings sooner than this after one another are strikes (--grpc-keepalive-min-time).</summary>
    public long PingMinNanos { get; init; } = 5 * Second;

    /// <summary>Server: the same while no stream is open.</summary>
    public long PingMinIdleNanos { get; init; } = 7200 * Second;

    /// <summary>Server: strikes that are let pass.</summary>
    public int PingStrikesMax { get; init; } = 2;

    /// <summary>False: client pings are never counted (a shared TLS port).</summary>
    public bool PingPolicyOn { get; init; } = true;

    /// <summary>A ping after so long without a frame from the peer; 0 for never.</summary>
    public long KeepAliveIntervalNanos { get; init; } = 7200 * Second;

    /// <summary>Silence after that ping that ends the connection; 0 turns keepalive off.</summary>
    public long KeepAliveTimeoutNanos { get; init; } = 20 * Second;

    /// <summary>Client: keepalive only while streams are open.</summary>
    public bool KeepAliveNeedsStream { get; init; }

    /// <summary>A preface without SETTINGS is closed after this.</summary>
    public long HandshakeNanos { get; init; } = 120 * Second;

    /// <summary>Longest wait for the ack of a graceful shutdown's ping.</summary>
    public long DrainPingNanos { get; init; } = 5 * Second;

    /// <summary>From the final GOAWAY to FIN on a connection without streams.</summary>
    public long DrainIdleNanos { get; init; } = Second;

    /// <summary>Defaults of a client: no keepalive of its own, a larger stream window for large ranges.</summary>
    public static H2Options ClientDefaults { get; } = new()
    {
        StreamWindow = 1024 * 1024,
        ConnectionWindow = 4 * 1024 * 1024,
        KeepAliveIntervalNanos = 0,
        KeepAliveNeedsStream = true,
        HandshakeNanos = 20 * Second,
    };
}

/// <summary>What a connection tells its owner. All calls come on the I/O thread.</summary>
public interface IH2Events
{
    /// <summary>The peer's first SETTINGS are in.</summary>
    void OnReady()
    {
    }

    /// <summary>Client: the server will take no new streams; those above its last id were reset as refused.</summary>
    void OnGoAway(uint errorCode, ReadOnlySpan<byte> debugData)
    {
    }

    /// <summary>Client: a stream can be opened again after <see cref="H2Connection.Open"/> had refused one.</summary>
    void OnCapacity()
    {
    }

    /// <summary>The connection is over, for whatever reason. Called once, after the streams have heard it.</summary>
    void OnClosed(Sys.Errno reason);
}
