// Header blocks and DATA of streams, receive windows, and the end of a connection in order (GOAWAY both ways).
using System.Buffers.Binary;
using System.Text;
using EtcdAot.Http.Hpack;

namespace EtcdAot.Http.H2;

public sealed partial class H2Connection
{
    private enum DrainState
    {
        None,
        Announced,
        Final,
    }

    private bool _settingsAcked;
    private long _connectionReceiveWindow;
    private long _connectionOwed;
    private long _validGeneration = -1;
    private RequestFields _validFields;
    private DrainState _drain;
    private bool _goAwayReceived;

    private static ReadOnlySpan<byte> DrainPing => [1, 6, 1, 8, 0, 3, 3, 9];

    /// <summary>Until the peer has acked our SETTINGS it may go by the default, when ours is smaller.</summary>
    private long FirstReceiveWindow => _settingsAcked
        ? _options.StreamWindow
        : Math.Max(_options.StreamWindow, H2Protocol.DefaultWindow);

    /// <summary>A drain deadline or the ack of its ping: the next step of a graceful shutdown.</summary>
    internal void DrainStep()
    {
        if (IsClosed)
        {
            return;
        }

        if (_drain == DrainState.Announced)
        {
            _drain = DrainState.Final;
            FrameWriter.GoAway(Transport, _lastPeerStreamId, H2Error.NoError, "graceful_stop"u8);
            if (_streams.Count == 0)
            {
                _deadlines.StartDrain(_options.DrainIdleNanos);
            }
        }
        else if (_streams.Count == 0)
        {
            Close();
        }
    }

    internal void Consume(H2Stream stream, int bytes)
    {
        Observe.Invariant.Check(bytes >= 0, "consumed bytes are counted upwards");
        if (stream.Closed || stream.RemoteEnded)
        {
            return; // nothing more can come, so credit would be waste
        }

        stream.Unconsumed -= bytes;
        TopUp(stream);
    }

    /// <summary>Brings the window back to its size less what is not consumed, once a quarter is missing.</summary>
    private void TopUp(H2Stream stream)
    {
        long missing = _options.StreamWindow - Math.Max(stream.Unconsumed, 0) - stream.ReceiveWindow;
        if (missing >= _options.StreamWindow / 4)
        {
            GiveCredit(stream, missing);
        }
    }

    internal void ExpectMessage(H2Stream stream, int bytes)
    {
        if (!stream.Closed && !stream.RemoteEnded)
        {
            GiveCredit(stream, bytes - stream.ReceiveWindow);
        }
    }

    private void OnSettingsAcked()
    {
        if (_settingsAcked)
        {
            return;
        }

        long change = _options.StreamWindow - FirstReceiveWindow;
        _settingsAcked = true;
        foreach (H2Stream? stream in _streams.Slots)
        {
            if (stream is not null)
            {
                stream.ReceiveWindow += change;
                TopUp(stream);
            }
        }
    }

    private void GiveCredit(H2Stream stream, long increment)
    {
        if (increment > 0)
        {
            stream.ReceiveWindow += increment;
            FrameWriter.WindowUpdate(Transport, stream.StreamId, (int)increment);
        }
    }

    private void CompleteBlock(uint streamId, ReadOnlySpan<byte> block)
    {
        HpackResult result = _decoder.Decode(block);
        if (result == HpackResult.Malformed)
        {
            Fail(H2Error.CompressionError);
            return;
        }

        bool endOfStream = (_blockFlags & FrameFlags.EndStream) != FrameFlags.None;
        if (_streams.Find(streamId) is { } stream)
        {
            OnBlockOfStream(stream, result, endOfStream);
        }
        else if (IsServer)
        {
            OnNewRequest(streamId, result, endOfStream);
        }
        else if (IsIdle(streamId))
        {
            Fail(H2Error.ProtocolError);
        }
    }

    private void OnNewRequest(uint streamId, HpackResult result, bool endOfStream)
    {
        if ((streamId & 1) == 0 || streamId <= _highestPeerStreamId)
        {
            Fail(H2Error.ProtocolError, Encoding.ASCII.GetBytes(IllegalStreamText(streamId)));
            return;
        }

        _highestPeerStreamId = streamId;
        if (_drain == DrainState.Final)
        {
            return; // the final GOAWAY told that it will have no answer
        }

        _lastPeerStreamId = streamId;
        if (result == HpackResult.ListTooLarge)
        {
            Refuse(streamId, H2Error.FrameSizeError);
            return;
        }

        if ((uint)_streams.Count >= _options.MaxConcurrentStreams)
        {
            Refuse(streamId, H2Error.RefusedStream);
            return;
        }

        DecodedHeaders headers = _decoder.Headers;
        if (headers.Generation != _validGeneration)
        {
            _validFields = HeaderRules.CheckRequest(headers);
            _validGeneration = headers.Generation;
        }

        bool bodyMissing = endOfStream && _validFields.ContentLength > 0;
        if (!_validFields.Valid || _blockSelfDependent || bodyMissing)
        {
            Refuse(streamId, H2Error.ProtocolError);
            return;
        }

        H2Stream stream = RentStream();
        stream.Start(streamId, _peerStreamWindow, FirstReceiveWindow);
        stream.RemoteEnded = endOfStream;
        stream.ContentLeft = _validFields.ContentLength;
        _streams.Add(stream);
        IStreamHandler handler = _acceptor!.OnRequest(stream, headers, endOfStream);
        if (!stream.Closed && !stream.LocalEnding)
        {
            stream.Handler = handler;
        }
    }

    private string IllegalStreamText(uint streamId)
    {
        var names = new List<string>();
        void Name(FrameFlags flag, string name)
        {
            if ((_blockFlags & flag) != FrameFlags.None)
            {
                names.Add(name);
            }
        }

        Name(FrameFlags.EndStream, "END_STREAM");
        Name(FrameFlags.EndHeaders, "END_HEADERS");
        Name(FrameFlags.Padded, "PADDED");
        Name(FrameFlags.Priority, "PRIORITY");
        string flags = names.Count == 0 ? "" : " flags=" + string.Join('|', names);
        return $"received an illegal stream id: {streamId}. headers frame: "
            + $"[FrameHeader HEADERS{flags} stream={streamId} len={_blockFrameLength}]";
    }

    private void OnBlockOfStream(H2Stream stream, HpackResult result, bool endOfStream)
    {
        DecodedHeaders headers = _decoder.Headers;
        if (stream.RemoteEnded)
        {
            FailStream(stream, H2Error.StreamClosed);
            return;
        }

        if (result == HpackResult.ListTooLarge)
        {
            FailStream(stream, H2Error.FrameSizeError);
            return;
        }

        bool trailers = IsServer || stream.HeadersSeen;
        bool valid = trailers
            ? endOfStream && HeaderRules.CheckTrailers(headers) && stream.ContentLeft <= 0
            : HeaderRules.CheckResponse(headers);
        if (!valid || _blockSelfDependent)
        {
            FailStream(stream, H2Error.ProtocolError);
            return;
        }

        if (!trailers && HeaderRules.IsInformational(headers))
        {
            if (endOfStream)
            {
                FailStream(stream, H2Error.ProtocolError);
            }

            return;
        }

        stream.HeadersSeen = true;
        IStreamHandler? handler = stream.Handler;
        EndRemote(stream, endOfStream);
        handler?.OnHeaders(headers, endOfStream);
        CloseIfEnded(stream);
    }

    private void OnData(FrameFlags flags, uint streamId, ReadOnlySpan<byte> payload)
    {
        int length = payload.Length;
        if (streamId == 0 || !TryUnpad(flags, ref payload))
        {
            Fail(H2Error.ProtocolError);
            return;
        }

        _connectionReceiveWindow -= length;
        if (_connectionReceiveWindow < 0)
        {
            Fail(H2Error.FlowControlError);
            return;
        }

        CreditConnection(length);
        if (_streams.Find(streamId) is not { } stream)
        {
            if (IsIdle(streamId))
            {
                Fail(H2Error.ProtocolError);
            }

            return; // late data of a stream that was answered or reset is normal
        }

        if (stream.RemoteEnded)
        {
            FailStream(stream, H2Error.StreamClosed);
            return;
        }

        stream.ReceiveWindow -= length;
        stream.Unconsumed += length;
        if (stream.ReceiveWindow < 0)
        {
            FailStream(stream, H2Error.FlowControlError);
            return;
        }

        bool endOfStream = (flags & FrameFlags.EndStream) != FrameFlags.None;
        if (stream.ContentLeft >= 0)
        {
            stream.ContentLeft -= payload.Length;
            if (stream.ContentLeft < 0 || (endOfStream && stream.ContentLeft > 0))
            {
                FailStream(stream, H2Error.ProtocolError);
                return;
            }
        }

        Deliver(stream, payload, length - payload.Length, endOfStream);
    }

    private void Deliver(H2Stream stream, ReadOnlySpan<byte> payload, int padding, bool endOfStream)
    {
        if (!IsServer && !stream.HeadersSeen)
        {
            FailStream(stream, H2Error.ProtocolError);
            return;
        }

        IStreamHandler? handler = stream.Handler;
        EndRemote(stream, endOfStream);
        if (handler is null)
        {
            Consume(stream, payload.Length + padding);
        }
        else
        {
            if (padding > 0)
            {
                Consume(stream, padding);
            }

            if (payload.Length > 0 || endOfStream)
            {
                handler.OnData(payload, endOfStream);
            }
        }

        CloseIfEnded(stream);
    }

    private void EndRemote(H2Stream stream, bool endOfStream)
    {
        if (endOfStream)
        {
            stream.RemoteEnded = true;
            stream.Handler = IsServer ? stream.Handler : null;
        }
    }

    private void CloseIfEnded(H2Stream stream)
    {
        if (stream.RemoteEnded && stream.LocalEnded)
        {
            CloseStream(stream);
        }
    }

    private void CreditConnection(int length)
    {
        _connectionOwed += length;
        if (_connectionOwed >= _options.ConnectionWindow / 4)
        {
            FrameWriter.WindowUpdate(Transport, 0, (int)_connectionOwed);
            _connectionReceiveWindow += _connectionOwed;
            _connectionOwed = 0;
        }
    }

    private void OnGoAway(uint streamId, ReadOnlySpan<byte> payload)
    {
        if (streamId != 0 || payload.Length < 8)
        {
            Fail(streamId != 0 ? H2Error.ProtocolError : H2Error.FrameSizeError);
            return;
        }

        if (IsServer)
        {
            return; // api-v3 §1.3: new streams are still served
        }

        uint last = BinaryPrimitives.ReadUInt32BigEndian(payload) & H2Protocol.StreamIdMax;
        uint code = BinaryPrimitives.ReadUInt32BigEndian(payload[4..]);
        _goAwayReceived = true;
        RefuseAbove(last);
        _events?.OnGoAway(code, payload[8..]);
        if (!IsClosed && _streams.Count == 0)
        {
            _deadlines.StartDrain(0);
        }
    }

    private void RefuseAbove(uint lastStreamId)
    {
        var refused = new List<H2Stream>();
        foreach (H2Stream? stream in _streams.Slots)
        {
            if (stream is not null && stream.StreamId > lastStreamId)
            {
                refused.Add(stream);
            }
        }

        foreach (H2Stream stream in refused)
        {
            if (!stream.Closed)
            {
                IStreamHandler? handler = stream.Handler;
                CloseStream(stream);
                handler?.OnReset(H2Error.RefusedStream, connectionLost: false);
            }
        }
    }
}
