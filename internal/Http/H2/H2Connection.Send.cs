// What leaves an HTTP/2 connection: header blocks, DATA under flow control, the queues of streams that must wait, and
// the client's opening of streams. Straight into the output buffer when windows allow; no allocation then.
using EtcdAot.Observe;

namespace EtcdAot.Http.H2;

public sealed partial class H2Connection
{
    private readonly SendPool _sendPool = new();
    private long _connectionSendWindow = H2Protocol.DefaultWindow;
    private long _peerStreamWindow = H2Protocol.DefaultWindow;
    private uint _peerHeaderListMax = uint.MaxValue;
    private uint _peerStreamsMax = uint.MaxValue;
    private uint _nextStreamId = 1;
    private bool _capacityAwaited;
    private WaitList _waiting;

    // Between BeginData and EndData: who writes, and where.
    private H2Stream? _openStream;
    private Memory<byte> _openOutput; // frame in the output buffer; empty when the payload goes to the queue
    private SendPart? _openPart;

    /// <summary>Turns given so far; for tests.</summary>
    internal long Turns { get; private set; }

    /// <summary>Client: true while the server takes another stream.</summary>
    public bool CanOpen => !IsClosed && !IsServer && !_goAwayReceived && _nextStreamId <= H2Protocol.StreamIdMax
        && (uint)_streams.Count < _peerStreamsMax;

    /// <summary>Client: opens a stream and sends its headers. Null when the connection is closed, going away, or at
    /// the server's limit; then <see cref="IH2Events.OnCapacity"/> tells when to try again.</summary>
    public HttpStream? Open(HeaderSet headers, bool endOfStream, IStreamHandler handler)
    {
        if (!CanOpen)
        {
            _capacityAwaited = true;
            return null;
        }

        H2Stream stream = RentStream();
        stream.Start(_nextStreamId, _peerStreamWindow, FirstReceiveWindow);
        _nextStreamId += 2;
        stream.Handler = handler;
        _streams.Add(stream);
        // Ids must leave in order, so the opening block never waits behind a queue.
        stream.LocalEnding = endOfStream;
        WriteHeaders(stream, headers, endOfStream);
        return stream;
    }

    internal void SendHeaders(H2Stream stream, HeaderSet fields, bool endOfStream)
    {
        if (stream.Closed || stream.LocalEnding)
        {
            return;
        }

        Invariant.Check(_openStream is null, "EndData comes before the next headers");
        if (fields.ListSize > _peerHeaderListMax)
        {
            IStreamHandler? handler = stream.Handler;
            ResetByUser(stream, H2Error.InternalError);
            handler?.OnReset(H2Error.InternalError, connectionLost: false);
            return;
        }

        Ending(stream, endOfStream);
        if (stream.Queue.IsEmpty && !Transport.IsCongested)
        {
            WriteHeaders(stream, fields, endOfStream);
            return;
        }

        SendPart part = _sendPool.RentPart();
        part.Headers = fields;
        part.EndStream = endOfStream;
        Enqueue(stream, part);
    }

    internal Span<byte> BeginData(H2Stream stream, int length)
    {
        Invariant.Check(_openStream is null && length >= 0, "EndData comes before the next BeginData");
        _openStream = stream;
        if (!stream.Closed && stream.Queue.IsEmpty && length <= H2Protocol.FramePayloadMax
            && length <= stream.SendWindow && length <= _connectionSendWindow && !Transport.IsCongested)
        {
            int size = H2Protocol.FrameHeaderSize + length;
            _openOutput = Transport.GetMemory(size)[..size];
            return _openOutput.Span[H2Protocol.FrameHeaderSize..];
        }

        _openPart = _sendPool.RentPart();
        _openPart.Buffer = _sendPool.RentBuffer(length);
        _openPart.End = length;
        return _openPart.Buffer.AsSpan(0, length);
    }

    internal void EndData(H2Stream stream, bool endOfStream)
    {
        Memory<byte> output = _openOutput;
        SendPart? part = _openPart;
        Invariant.Check(_openStream is null || ReferenceEquals(_openStream, stream), "BeginData and EndData are a pair");
        bool begun = _openStream is not null;
        _openStream = null;
        _openOutput = default;
        _openPart = null;
        if (stream.Closed || stream.LocalEnding)
        {
            if (part is not null)
            {
                _sendPool.Return(part);
            }

            return;
        }

        Ending(stream, endOfStream);
        if (output.Length > 0)
        {
            FinishFrame(stream, output.Span, endOfStream);
            return;
        }

        if (!begun && stream.Queue.IsEmpty && !Transport.IsCongested)
        {
            const int size = H2Protocol.FrameHeaderSize;
            FinishFrame(stream, Transport.GetSpan(size)[..size], endOfStream);
            return;
        }

        part ??= _sendPool.RentPart();
        part.EndStream = endOfStream;
        Enqueue(stream, part);
    }

    /// <summary>RST_STREAM by the rooms above: drops what is queued. After the server's end was accepted it does nothing,
    /// since that end takes care of itself.</summary>
    internal void ResetByUser(H2Stream stream, uint errorCode)
    {
        if (stream.Closed || (IsServer && stream.LocalEnding))
        {
            return;
        }

        if (ReferenceEquals(_openStream, stream) && _openPart is not null)
        {
            _sendPool.Return(_openPart);
        }

        if (ReferenceEquals(_openStream, stream))
        {
            _openStream = null;
            _openPart = null;
            _openOutput = default;
        }

        FrameWriter.RstStream(Transport, stream.StreamId, errorCode);
        CloseStream(stream);
    }

    internal void SendKeepAlivePing() => FrameWriter.Ping(Transport, new byte[8], ack: false);

    /// <summary>A final frame is accepted: on the server side the handler has said its last word.</summary>
    private void Ending(H2Stream stream, bool endOfStream)
    {
        if (endOfStream)
        {
            stream.LocalEnding = true;
            stream.Handler = IsServer ? null : stream.Handler;
        }
    }

    private void Enqueue(H2Stream stream, SendPart part)
    {
        stream.Queue.Enqueue(part);
        Pump(stream);
        if (!stream.Closed && !stream.Queue.IsEmpty)
        {
            stream.Waited = true;
            TakeOrLeaveTurn(stream);
        }
    }

    // Only who could send if the connection's window let it has turns: else each small credit of a peer with very many
    // streams would walk over all of them.
    private void TakeOrLeaveTurn(H2Stream stream)
    {
        if (stream.Queue.Head is { } part && (!NeedsWindow(part) || stream.SendWindow > 0))
        {
            _waiting.Add(stream);
        }
        else
        {
            _waiting.Remove(stream);
        }
    }

    private static bool NeedsWindow(SendPart part) => part.Headers is null && part.Length > 0;

    private void WriteHeaders(H2Stream stream, HeaderSet fields, bool endOfStream)
    {
        _pingPolicy.Reset();
        FrameFlags end = endOfStream ? FrameFlags.EndStream : FrameFlags.None;
        if (fields.EncodedSizeMax <= H2Protocol.FramePayloadMax)
        {
            Span<byte> frame = Transport.GetSpan(H2Protocol.FrameHeaderSize + fields.EncodedSizeMax);
            int length = _encoder.Encode(fields, frame[H2Protocol.FrameHeaderSize..]);
            FrameWriter.Header(frame, length, FrameType.Headers, end | FrameFlags.EndHeaders, stream.StreamId);
            Transport.Advance(H2Protocol.FrameHeaderSize + length);
        }
        else
        {
            WriteLongHeaders(stream, fields, end);
        }

        if (endOfStream)
        {
            LocalEnd(stream);
        }
    }

    private void WriteLongHeaders(H2Stream stream, HeaderSet fields, FrameFlags end)
    {
        byte[] block = _sendPool.RentBuffer(fields.EncodedSizeMax);
        int length = _encoder.Encode(fields, block);
        FrameType type = FrameType.Headers;
        for (int at = 0; at < length || type == FrameType.Headers;)
        {
            int n = Math.Min(length - at, H2Protocol.FramePayloadMax);
            Span<byte> frame = Transport.GetSpan(H2Protocol.FrameHeaderSize + n);
            FrameFlags last = at + n == length ? FrameFlags.EndHeaders : FrameFlags.None;
            FrameWriter.Header(frame, n, type, last | end, stream.StreamId);
            block.AsSpan(at, n).CopyTo(frame[H2Protocol.FrameHeaderSize..]);
            Transport.Advance(H2Protocol.FrameHeaderSize + n);
            at += n;
            type = FrameType.Continuation;
            end = FrameFlags.None;
        }

        _sendPool.ReturnBuffer(block);
    }

    /// <summary>Header and bookkeeping of a DATA frame whose payload already stands behind its header.</summary>
    private void FinishFrame(H2Stream stream, Span<byte> frame, bool endOfStream)
    {
        int length = frame.Length - H2Protocol.FrameHeaderSize;
        FrameFlags flags = endOfStream ? FrameFlags.EndStream : FrameFlags.None;
        FrameWriter.Header(frame, length, FrameType.Data, flags, stream.StreamId);
        Transport.Advance(frame.Length);
        stream.SendWindow -= length;
        _connectionSendWindow -= length;
        _pingPolicy.Reset();
        if (endOfStream)
        {
            LocalEnd(stream);
        }
    }

    private void LocalEnd(H2Stream stream)
    {
        stream.LocalEnded = true;
        if (!stream.RemoteEnded && IsServer)
        {
            // A final answer before the request's end: the client may stop sending (api-v3 §1.1).
            FrameWriter.RstStream(Transport, stream.StreamId, H2Error.NoError);
            CloseStream(stream);
        }
        else if (stream.RemoteEnded)
        {
            CloseStream(stream);
        }
    }

    /// <summary>Gives every waiting stream its turn, a frame each, until nothing moves any more.</summary>
    /// <param name="dataOnly">Only the connection's window has grown: stops where it is used up.</param>
    private void PumpAll(bool dataOnly = false)
    {
        bool moved = true;
        while (moved && !Transport.IsCongested && !IsClosed)
        {
            moved = false;
            H2Stream? last = _waiting.Tail;
            while (_waiting.Head is { } stream && !IsClosed)
            {
                if (dataOnly && _connectionSendWindow <= 0 && stream.Queue.Head is { } part && NeedsWindow(part))
                {
                    return;
                }

                _waiting.Remove(stream);
                moved |= Turn(stream);
                if (ReferenceEquals(stream, last))
                {
                    break;
                }
            }
        }
    }

    private bool Turn(H2Stream stream)
    {
        Turns++;
        bool moved = SendOne(stream);
        if (!stream.Closed && stream.Queue.Head is { Headers: not null })
        {
            moved |= SendOne(stream); // trailers leave with their last data
        }

        if (!stream.Closed)
        {
            TakeOrLeaveTurn(stream);
        }

        TellWritable(stream);
        return moved;
    }

    /// <summary>Sends all that may leave of one stream.</summary>
    private void Pump(H2Stream stream)
    {
        while (!stream.Closed && !Transport.IsCongested && SendOne(stream))
        {
        }
    }

    private void TellWritable(H2Stream stream)
    {
        if (stream.Waited && !stream.Closed && stream.Queue.IsEmpty)
        {
            stream.Waited = false;
            stream.Handler?.OnWritable();
        }
    }

    /// <summary>Sends one frame of the queue; false when there is none or it has to wait.</summary>
    private bool SendOne(H2Stream stream)
    {
        if (stream.Queue.Head is not { } part || Transport.IsCongested)
        {
            return false;
        }

        if (part.Headers is { } headers)
        {
            bool end = part.EndStream;
            _sendPool.Return(stream.Queue.Dequeue());
            WriteHeaders(stream, headers, end);
            return true;
        }

        int length = part.Length;
        long allowed = Math.Min(Math.Min(stream.SendWindow, _connectionSendWindow), H2Protocol.FramePayloadMax);
        // A window may stand below zero (RFC 9113 §6.9.2); an empty DATA frame needs none of it.
        int n = (int)Math.Clamp(allowed, 0, length);
        if (n == 0 && length > 0)
        {
            return false;
        }

        Span<byte> frame = Transport.GetSpan(H2Protocol.FrameHeaderSize + n)[..(H2Protocol.FrameHeaderSize + n)];
        part.Buffer.AsSpan(part.Start, n).CopyTo(frame[H2Protocol.FrameHeaderSize..]);
        stream.Queue.TakeBytes(n);
        bool endOfStream = false;
        if (n == length)
        {
            endOfStream = part.EndStream;
            _sendPool.Return(stream.Queue.Dequeue());
        }

        FinishFrame(stream, frame, endOfStream);
        return true;
    }
}
