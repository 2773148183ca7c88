// What the peer's frames mean: dispatch, checks of RFC 9113 §6 and the stricter of the original's two stacks where
// api-v3 §1.3 calls that safe. Errors of the connection end in Fail, errors of a stream in FailStream.
using System.Buffers.Binary;

namespace EtcdAot.Http.H2;

public sealed partial class H2Connection
{
    private uint _lastPeerStreamId; // highest that was or could have been served: GOAWAY tells it
    private uint _highestPeerStreamId; // highest seen, those after the final GOAWAY included
    private uint _blockStream; // stream whose header block is being continued; 0 for none
    private FrameFlags _blockFlags;
    private bool _blockSelfDependent;
    private int _blockFrameLength;
    private int _blockContinuations;
    private byte[] _block = [];
    private int _blockLength;
    private long _resetCredit;
    private long _resetCreditAt;
    private int _answersUnread;

    private void ProcessFrame(ReadOnlySpan<byte> frame)
    {
        var type = (FrameType)frame[3];
        var flags = (FrameFlags)frame[4];
        uint streamId = BinaryPrimitives.ReadUInt32BigEndian(frame[5..]) & H2Protocol.StreamIdMax;
        ReadOnlySpan<byte> payload = frame[H2Protocol.FrameHeaderSize..];
        if (!_settingsSeen && type != FrameType.Settings)
        {
            Fail(H2Error.ProtocolError);
            return;
        }

        if (_blockStream != 0 && (type != FrameType.Continuation || streamId != _blockStream))
        {
            Fail(H2Error.ProtocolError);
            return;
        }

        switch (type)
        {
            case FrameType.Data:
                OnData(flags, streamId, payload);
                break;
            case FrameType.Headers:
                OnHeaders(flags, streamId, payload);
                break;
            case FrameType.Continuation:
                OnContinuation(flags, payload);
                break;
            case FrameType.Priority:
                OnPriority(streamId, payload);
                break;
            case FrameType.RstStream:
                OnRstStream(streamId, payload);
                break;
            case FrameType.Settings:
                OnSettings(flags, streamId, payload);
                break;
            case FrameType.Ping:
                OnPing(flags, streamId, payload);
                break;
            case FrameType.GoAway:
                OnGoAway(streamId, payload);
                break;
            case FrameType.WindowUpdate:
                OnWindowUpdate(streamId, payload);
                break;
            case FrameType.PushPromise:
                Fail(H2Error.ProtocolError);
                break;
            default:
                break; // unknown types are ignored (RFC 9113 §4.1)
        }
    }

    private bool IsIdle(uint streamId)
    {
        if (IsServer)
        {
            return (streamId & 1) == 0 || streamId > _highestPeerStreamId;
        }

        return (streamId & 1) == 0 || streamId >= _nextStreamId;
    }

    /// <summary>A stream error: RST_STREAM, and the handler hears of it.</summary>
    private void FailStream(H2Stream stream, uint errorCode)
    {
        IStreamHandler? handler = stream.Handler;
        if (!MayAnswer())
        {
            return;
        }

        FrameWriter.RstStream(Transport, stream.StreamId, errorCode);
        CloseStream(stream);
        handler?.OnReset(errorCode, connectionLost: false);
    }

    /// <summary>Refuses a stream that never came to be.</summary>
    private void Refuse(uint streamId, uint errorCode)
    {
        if (MayAnswer())
        {
            FrameWriter.RstStream(Transport, streamId, errorCode);
        }
    }

    /// <summary>Counts answers that pile up because the peer does not read; cuts it when there are too many.</summary>
    private bool MayAnswer()
    {
        if (Transport.IsCongested && ++_answersUnread > _options.AnswersUnreadMax)
        {
            Close(abort: true);
        }

        return !IsClosed;
    }

    private void OnHeaders(FrameFlags flags, uint streamId, ReadOnlySpan<byte> payload)
    {
        int frameLength = payload.Length;
        if (streamId == 0 || !TryUnpad(flags, ref payload))
        {
            Fail(H2Error.ProtocolError);
            return;
        }

        bool selfDependent = false;
        if ((flags & FrameFlags.Priority) != FrameFlags.None)
        {
            if (payload.Length < 5)
            {
                Fail(H2Error.FrameSizeError);
                return;
            }

            uint dependency = BinaryPrimitives.ReadUInt32BigEndian(payload) & H2Protocol.StreamIdMax;
            selfDependent = dependency == streamId;
            payload = payload[5..];
        }

        _blockFlags = flags;
        _blockSelfDependent = selfDependent;
        _blockFrameLength = frameLength;
        if ((flags & FrameFlags.EndHeaders) != FrameFlags.None)
        {
            CompleteBlock(streamId, payload);
            return;
        }

        _blockStream = streamId;
        _blockContinuations = 0;
        _blockLength = 0;
        AppendToBlock(payload);
    }

    private void OnContinuation(FrameFlags flags, ReadOnlySpan<byte> payload)
    {
        // A block is never longer than its list, but for waste; the slack lets a list just above the limit end in an
        // error of its stream alone.
        if (_blockStream == 0 || ++_blockContinuations > _options.ContinuationsMax
            || (long)_blockLength + payload.Length > (long)_options.HeaderListMax + H2Protocol.FramePayloadMax)
        {
            Fail(H2Error.ProtocolError);
            return;
        }

        AppendToBlock(payload);
        if ((flags & FrameFlags.EndHeaders) == FrameFlags.None)
        {
            return;
        }

        uint streamId = _blockStream;
        _blockStream = 0;
        CompleteBlock(streamId, _block.AsSpan(0, _blockLength));
        _block = _block.Length > 64 * 1024 ? [] : _block;
    }

    private void AppendToBlock(ReadOnlySpan<byte> payload)
    {
        if (_block.Length - _blockLength < payload.Length)
        {
            Array.Resize(ref _block, Math.Max(_block.Length * 2, _blockLength + payload.Length));
        }

        payload.CopyTo(_block.AsSpan(_blockLength));
        _blockLength += payload.Length;
    }

    private static bool TryUnpad(FrameFlags flags, ref ReadOnlySpan<byte> payload)
    {
        if ((flags & FrameFlags.Padded) == FrameFlags.None)
        {
            return true;
        }

        if (payload.Length == 0 || payload[0] >= payload.Length)
        {
            return false;
        }

        payload = payload.Slice(1, payload.Length - 1 - payload[0]);
        return true;
    }

    private void OnPriority(uint streamId, ReadOnlySpan<byte> payload)
    {
        if (streamId == 0)
        {
            Fail(H2Error.ProtocolError);
        }
        else if (payload.Length != 5)
        {
            Fail(H2Error.FrameSizeError);
        }
        else if ((BinaryPrimitives.ReadUInt32BigEndian(payload) & H2Protocol.StreamIdMax) == streamId)
        {
            if (_streams.Find(streamId) is { } stream)
            {
                FailStream(stream, H2Error.ProtocolError);
            }
            else
            {
                Refuse(streamId, H2Error.ProtocolError);
            }
        }
    }

    private void OnRstStream(uint streamId, ReadOnlySpan<byte> payload)
    {
        if (payload.Length != 4)
        {
            Fail(H2Error.FrameSizeError);
            return;
        }

        if (streamId == 0 || IsIdle(streamId))
        {
            Fail(H2Error.ProtocolError);
            return;
        }

        if (!TakeResetCredit())
        {
            Fail(H2Error.EnhanceYourCalm);
            return;
        }

        if (_streams.Find(streamId) is { } stream)
        {
            IStreamHandler? handler = stream.Handler;
            CloseStream(stream);
            handler?.OnReset(BinaryPrimitives.ReadUInt32BigEndian(payload), connectionLost: false);
        }
    }

    private bool TakeResetCredit()
    {
        if (!IsServer || --_resetCredit >= 0)
        {
            return true;
        }

        long elapsedMicros = Math.Min((NowNanos - _resetCreditAt) / 1000, 10_000_000);
        _resetCredit = Math.Min(_options.ResetBurst, elapsedMicros * _options.ResetBurst / 10_000_000) - 1;
        _resetCreditAt = NowNanos;
        return _resetCredit >= 0;
    }

    private void OnSettings(FrameFlags flags, uint streamId, ReadOnlySpan<byte> payload)
    {
        bool ack = (flags & FrameFlags.Ack) != FrameFlags.None;
        if (streamId != 0)
        {
            Fail(H2Error.ProtocolError);
            return;
        }

        if (payload.Length % 6 != 0 || (ack && payload.Length != 0))
        {
            Fail(H2Error.FrameSizeError);
            return;
        }

        if (ack)
        {
            OnSettingsAcked();
        }

        bool first = !_settingsSeen;
        _settingsSeen = true;
        if (!ack)
        {
            for (; payload.Length > 0; payload = payload[6..])
            {
                uint error = ApplySetting((SettingId)BinaryPrimitives.ReadUInt16BigEndian(payload),
                    BinaryPrimitives.ReadUInt32BigEndian(payload[2..]));
                if (error != H2Error.NoError)
                {
                    Fail(error);
                    return;
                }
            }

            if (!MayAnswer())
            {
                return;
            }

            FrameWriter.SettingsAck(Transport);
            PumpAll();
        }

        if (first)
        {
            _deadlines.HandshakeDone();
            _events?.OnReady();
        }
    }

    private uint ApplySetting(SettingId id, uint value)
    {
        switch (id)
        {
            case SettingId.HeaderTableSize:
                _encoder.SetPeerTableSize(value);
                return H2Error.NoError;
            case SettingId.EnablePush:
                return value > 1 ? H2Error.ProtocolError : H2Error.NoError;
            case SettingId.MaxConcurrentStreams:
                _peerStreamsMax = value;
                return H2Error.NoError;
            case SettingId.InitialWindowSize:
                return value > H2Protocol.WindowMax ? H2Error.FlowControlError : ChangeStreamWindows(value);
            case SettingId.MaxFrameSize:
                return value is < 16384 or > 16777215 ? H2Error.ProtocolError : H2Error.NoError;
            case SettingId.MaxHeaderListSize:
                _peerHeaderListMax = value;
                return H2Error.NoError;
            default:
                return H2Error.NoError;
        }
    }

    private uint ChangeStreamWindows(uint value)
    {
        long change = value - _peerStreamWindow;
        _peerStreamWindow = value;
        foreach (H2Stream? stream in _streams.Slots)
        {
            if (stream is null)
            {
                continue;
            }

            stream.SendWindow += change;
            if (stream.SendWindow > H2Protocol.WindowMax)
            {
                return H2Error.FlowControlError;
            }

            TakeOrLeaveTurn(stream);
        }

        return H2Error.NoError;
    }

    private void OnPing(FrameFlags flags, uint streamId, ReadOnlySpan<byte> payload)
    {
        if (streamId != 0)
        {
            Fail(H2Error.ProtocolError);
            return;
        }

        if (payload.Length != 8)
        {
            Fail(H2Error.FrameSizeError);
            return;
        }

        if ((flags & FrameFlags.Ack) != FrameFlags.None)
        {
            if (_drain == DrainState.Announced && payload.SequenceEqual(DrainPing))
            {
                DrainStep();
            }

            return;
        }

        if (!MayAnswer())
        {
            return;
        }

        FrameWriter.Ping(Transport, payload, ack: true);
        if (IsServer && _pingPolicy.OnPing(NowNanos, _streams.Count > 0))
        {
            Fail(H2Error.EnhanceYourCalm, "too_many_pings"u8);
        }
    }

    private void OnWindowUpdate(uint streamId, ReadOnlySpan<byte> payload)
    {
        if (payload.Length != 4)
        {
            Fail(H2Error.FrameSizeError);
            return;
        }

        long increment = BinaryPrimitives.ReadUInt32BigEndian(payload) & H2Protocol.WindowMax;
        if (streamId == 0)
        {
            _connectionSendWindow += increment;
            if (increment == 0 || _connectionSendWindow > H2Protocol.WindowMax)
            {
                Fail(increment == 0 ? H2Error.ProtocolError : H2Error.FlowControlError);
                return;
            }

            PumpAll(dataOnly: true);
            return;
        }

        if (_streams.Find(streamId) is not { } stream)
        {
            if (IsIdle(streamId))
            {
                Fail(H2Error.ProtocolError);
            }

            return;
        }

        stream.SendWindow += increment;
        if (increment == 0 || stream.SendWindow > H2Protocol.WindowMax)
        {
            FailStream(stream, increment == 0 ? H2Error.ProtocolError : H2Error.FlowControlError);
            return;
        }

        Pump(stream);
        if (!stream.Closed)
        {
            TakeOrLeaveTurn(stream);
        }

        TellWritable(stream);
    }
}
