// One HTTP/2 connection, server or client side (RFC 9113), as a state machine: bytes in → calls of handlers, frames out
// into the transport's buffer. Owned by: the I/O thread of the transport's loop. Never waits, never throws for what a
// peer sends. This file: life and frame boundaries; .Receive: what frames mean; .Send: what leaves.
using EtcdAot.Http.Hpack;
using EtcdAot.Net;
using EtcdAot.Observe;
using EtcdAot.Sys;

namespace EtcdAot.Http.H2;

/// <summary>An HTTP/2 connection.</summary>
/// <remarks>
/// Life of a stream, as its handler sees it. Server: after SendHeaders or EndData with endOfStream the handler hears
/// nothing more and the stream must not be used again; what is queued still leaves, and a request that has not ended is
/// cut by RST_STREAM(NO_ERROR). Client: nothing comes after the headers or data with endOfStream. Both: nothing comes
/// after OnReset or one's own Reset. Calls on a stream that has ended are ignored until the next wake of the connection,
/// later they would reach the stream's next life.
/// </remarks>
public sealed partial class H2Connection : IConnectionHandler
{
    private const int StreamsPooledMax = 1024;

    private readonly H2Options _options;
    private readonly IH2Events? _events;
    private readonly IStreamAcceptor? _acceptor; // null on the client side
    private readonly HpackDecoder _decoder;
    private readonly HpackEncoder _encoder = new();
    private readonly StreamTable _streams = new();
    private readonly Stack<H2Stream> _freeStreams = new();
    private readonly Stack<H2Stream> _retiredStreams = new();
    private readonly H2Deadlines _deadlines;
    private readonly PingPolicy _pingPolicy;
    private byte[] _held = [];
    private int _heldLength;
    private bool _prefaceSeen;
    private bool _settingsSeen;
    private bool _closedTold;

    private H2Connection(Connection transport, IStreamAcceptor? acceptor, H2Options options, IH2Events? events)
    {
        Invariant.Check(options.ConnectionWindow >= H2Protocol.DefaultWindow, "a connection window only grows");
        Transport = transport;
        _acceptor = acceptor;
        _options = options;
        _events = events;
        _decoder = new HpackDecoder(HpackEncoder.TableCapacityMax, options.HeaderListMax);
        _deadlines = new H2Deadlines(this, options);
        _pingPolicy = new PingPolicy(options);
        _connectionReceiveWindow = options.ConnectionWindow;
        _resetCredit = options.ResetBurst;
        _resetCreditAt = transport.Loop.NowNanos;
        transport.Handler = this;
    }

    /// <summary>The byte stream under this connection.</summary>
    public Connection Transport { get; }

    /// <summary>Streams that are open, queued ends included.</summary>
    public int ActiveStreams => _streams.Count;

    /// <summary>No frame is taken or sent any more.</summary>
    public bool IsClosed { get; private set; }

    internal bool IsServer => _acceptor is not null;

    internal bool IsSettled => _settingsSeen;

    internal long NowNanos => Transport.Loop.NowNanos;

    /// <summary>The serving side; speaks once the client's preface is in.</summary>
    public static H2Connection Server(
        Connection transport, IStreamAcceptor acceptor, H2Options options, IH2Events? events = null)
    {
        var connection = new H2Connection(transport, acceptor, options, events);
        connection._deadlines.Start();
        return connection;
    }

    /// <summary>The calling side; sends preface and SETTINGS at once. Streams may be opened before
    /// <see cref="IH2Events.OnReady"/>.</summary>
    public static H2Connection Client(Connection transport, H2Options options, IH2Events? events = null)
    {
        var connection = new H2Connection(transport, acceptor: null, options, events) { _prefaceSeen = true };
        H2Protocol.Preface.CopyTo(transport.GetSpan(H2Protocol.Preface.Length));
        transport.Advance(H2Protocol.Preface.Length);
        connection.SendFirstSettings();
        connection._deadlines.Start();
        return connection;
    }

    /// <inheritdoc/>
    public void OnBytes(ReadOnlySpan<byte> bytes)
    {
        ReuseRetired();
        _deadlines.Heard();
        while (!IsClosed && bytes.Length > 0)
        {
            if (_heldLength > 0)
            {
                bytes = bytes[Hold(bytes)..];
                int wanted = UnitLength(_held.AsSpan(0, _heldLength));
                if (wanted > 0 && _heldLength == wanted)
                {
                    _heldLength = 0;
                    ProcessUnit(_held.AsSpan(0, wanted));
                }

                continue;
            }

            int length = UnitLength(bytes);
            if (length < 0)
            {
                return;
            }

            if (bytes.Length < length)
            {
                Hold(bytes);
                return;
            }

            ProcessUnit(bytes[..length]);
            bytes = bytes[length..];
        }
    }

    /// <inheritdoc/>
    public void OnDrained()
    {
        if (!IsClosed)
        {
            _answersUnread = 0;
            PumpAll();
        }
    }

    /// <inheritdoc/>
    public void OnClosed(Errno reason) => End(H2Error.Cancel, reason);

    /// <summary>Graceful shutdown, as the original's (api-v3 §1.3): GOAWAY that refuses nothing and a PING; on its ack,
    /// or after 5 s, the final GOAWAY. FIN when no stream is left. The owner bounds the whole by <see cref="Close"/>.
    /// </summary>
    public void Shutdown()
    {
        if (IsClosed || !IsServer || _drain != DrainState.None)
        {
            return;
        }

        _drain = DrainState.Announced;
        FrameWriter.GoAway(Transport, H2Protocol.StreamIdMax, H2Error.NoError, "graceful_stop"u8);
        FrameWriter.Ping(Transport, DrainPing, ack: false);
        _deadlines.StartDrain(_options.DrainPingNanos);
    }

    /// <summary>Ends the connection: bare FIN after what is unsent, no trailers. Handlers hear OnReset.</summary>
    public void Close(bool abort = false)
    {
        if (!IsClosed)
        {
            Transport.Close(abort);
            End(H2Error.Cancel, Errno.Ok);
        }
    }

    /// <summary>A connection error: GOAWAY, then the end (RFC 9113 §5.4.1).</summary>
    internal void Fail(uint errorCode, ReadOnlySpan<byte> debugData = default)
    {
        if (!IsClosed)
        {
            FrameWriter.GoAway(Transport, _lastPeerStreamId, errorCode, debugData);
            Transport.Close();
            End(errorCode, Errno.Ok);
        }
    }

    private void End(uint errorCode, Errno reason)
    {
        IsClosed = true;
        _deadlines.Stop();
        while (_streams.Any() is { } stream)
        {
            IStreamHandler? handler = stream.Handler;
            CloseStream(stream);
            handler?.OnReset(errorCode, connectionLost: true);
        }

        if (!_closedTold)
        {
            _closedTold = true;
            _events?.OnClosed(reason);
        }
    }

    /// <summary>Copies what the unit at the front still lacks; returns the number of bytes taken.</summary>
    private int Hold(ReadOnlySpan<byte> bytes)
    {
        int taken = 0;
        while (taken < bytes.Length)
        {
            int wanted = _heldLength == 0 ? UnitLength(bytes) : UnitLength(_held.AsSpan(0, _heldLength));
            if (wanted <= _heldLength)
            {
                return taken; // complete, or an error that closed the connection
            }

            if (_held.Length < wanted)
            {
                Array.Resize(ref _held, wanted <= 256 ? 256 : H2Protocol.FrameHeaderSize + H2Protocol.FramePayloadMax);
            }

            int step = Math.Min(wanted - _heldLength, bytes.Length - taken);
            bytes.Slice(taken, step).CopyTo(_held.AsSpan(_heldLength));
            _heldLength += step;
            taken += step;
        }

        return taken;
    }

    /// <summary>Length of the preface or frame that begins here, as far as can be told; -1 when it was an error.</summary>
    private int UnitLength(ReadOnlySpan<byte> front)
    {
        if (!_prefaceSeen)
        {
            int n = Math.Min(front.Length, H2Protocol.Preface.Length);
            if (front[..n].SequenceEqual(H2Protocol.Preface[..n]))
            {
                return H2Protocol.Preface.Length;
            }

            Close();
            return -1;
        }

        if (front.Length < H2Protocol.FrameHeaderSize)
        {
            return H2Protocol.FrameHeaderSize;
        }

        int payload = (front[0] << 16) | (front[1] << 8) | front[2];
        if (payload > H2Protocol.FramePayloadMax)
        {
            Fail(H2Error.FrameSizeError);
            return -1;
        }

        return H2Protocol.FrameHeaderSize + payload;
    }

    private void ProcessUnit(ReadOnlySpan<byte> unit)
    {
        if (_prefaceSeen)
        {
            ProcessFrame(unit);
            return;
        }

        _prefaceSeen = true;
        SendFirstSettings();
    }

    private void SendFirstSettings()
    {
        Span<(SettingId, uint)> settings = stackalloc (SettingId, uint)[4];
        int n = 0;
        settings[n++] = (SettingId.MaxFrameSize, H2Protocol.FramePayloadMax);
        if (!IsServer)
        {
            settings[n++] = (SettingId.EnablePush, 0);
        }
        else if (_options.MaxConcurrentStreams != uint.MaxValue)
        {
            settings[n++] = (SettingId.MaxConcurrentStreams, _options.MaxConcurrentStreams);
        }

        if (_options.StreamWindow != H2Protocol.DefaultWindow)
        {
            settings[n++] = (SettingId.InitialWindowSize, (uint)_options.StreamWindow);
        }

        FrameWriter.Settings(Transport, settings[..n]);
        if (_options.ConnectionWindow > H2Protocol.DefaultWindow)
        {
            FrameWriter.WindowUpdate(Transport, 0, _options.ConnectionWindow - H2Protocol.DefaultWindow);
        }
    }

    private H2Stream RentStream() => _freeStreams.Count > 0 ? _freeStreams.Pop() : new H2Stream(this);

    /// <summary>Takes the stream out of the table; it is reused no earlier than in the next wake.</summary>
    private void CloseStream(H2Stream stream)
    {
        if (stream.Closed)
        {
            return;
        }

        stream.Closed = true;
        stream.Handler = null;
        while (!stream.Queue.IsEmpty)
        {
            _sendPool.Return(stream.Queue.Dequeue());
        }

        _streams.Remove(stream.StreamId);
        _waiting.Remove(stream);
        if (_retiredStreams.Count < StreamsPooledMax)
        {
            _retiredStreams.Push(stream);
        }

        AfterStreamEnd();
    }

    private void ReuseRetired()
    {
        while (_retiredStreams.Count > 0 && _freeStreams.Count < StreamsPooledMax)
        {
            _freeStreams.Push(_retiredStreams.Pop());
        }
    }

    private void AfterStreamEnd()
    {
        if (IsClosed)
        {
            return;
        }

        if (_capacityAwaited && CanOpen)
        {
            _capacityAwaited = false;
            _events?.OnCapacity();
        }

        if (_streams.Count == 0 && (_drain == DrainState.Final || _goAwayReceived))
        {
            _deadlines.StartDrain(0);
        }
    }
}
