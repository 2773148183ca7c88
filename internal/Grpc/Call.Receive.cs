// One call on the server: what arrives. Messages are handed over in place; a parked message keeps its receive credit, so
// that the client's window is the bound (DESIGN 3, "Who may wait"). Owned by: the I/O thread of its connection.
using EtcdAot.Http;
using EtcdAot.Observe;
using EtcdAot.Wire;

namespace EtcdAot.Grpc;

public partial class Call
{
    private MessageReader _reader;
    private bool _messageTaken;
    private bool _parkAsked;
    private bool _parked;
    private bool _resuming;
    private byte[]? _parkedMessage;
    private int _parkedLength;
    private int _parkedCredit;
    private byte[]? _pending;
    private int _pendingLength;

    /// <summary>Says, inside <see cref="IHotMethod.OnMessage"/>, that this message cannot be taken now. It keeps its
    /// receive credit, later ones wait behind it, and <see cref="Resume"/> hands it over again.</summary>
    public void Park()
    {
        Invariant.Check(!_finished, "a finished call is not parked");
        _parkAsked = true;
    }

    /// <summary>True while a message is parked.</summary>
    public bool IsParked => _parked;

    /// <summary>Hands the parked message over again, then those behind it. Outside the handler's callbacks of this call,
    /// or the hand-over happens when the outermost returns.</summary>
    public void Resume()
    {
        if (!_parked || _resuming)
        {
            return;
        }

        Enter();
        _resuming = true;
        _parked = false;
        if (!_ended)
        {
            HandOver(_parkedMessage.AsSpan(0, _parkedLength), _parkedCredit);
        }

        _resuming = false;
        if (!_parked)
        {
            ReleaseParked();
            PumpPending();
        }

        Exit();
    }

    /// <summary>Trailers of the client: ends the request stream (api-v3 §1.1 lets either answer stand).</summary>
    public void OnHeaders(HeaderBlock headers, bool endOfStream)
    {
        if (endOfStream)
        {
            OnData(default, endOfStream: true);
        }
    }

    public void OnData(ReadOnlySpan<byte> data, bool endOfStream)
    {
        Enter();
        _remoteClosed |= endOfStream;
        if (_ended || _messageTaken)
        {
            Discard(data.Length);
        }
        else if (_parked)
        {
            KeepPending(data);
        }
        else
        {
            Pump(data);
        }

        Exit();
    }

    private void Pump(ReadOnlySpan<byte> data)
    {
        while (!_ended && !_parked && !_messageTaken)
        {
            ReadStep step = _reader.Read(
                ref data, (uint)_home.Options.MaxReceiveBytes, _home.Buffers, out ReadOnlySpan<byte> message);
            switch (step)
            {
                case ReadStep.Message:
                    Deliver(message);
                    continue;
                case ReadStep.Prefix:
                    _stream!.ExpectMessage(_reader.Missing);
                    continue;
                case ReadStep.TooLarge:
                    Fail(new Status(RpcCode.ResourceExhausted, "grpc: received message larger than max " +
                        $"({_reader.Length} vs. {_home.Options.MaxReceiveBytes})"));
                    continue;
                default:
                    break;
            }

            break;
        }

        if (_parked)
        {
            KeepPending(data);
        }
        else if (_ended || _messageTaken)
        {
            Discard(data.Length);
        }
        else if (_remoteClosed)
        {
            EndOfMessages();
        }
    }

    private void Deliver(ReadOnlySpan<byte> message)
    {
        int credit = MessageReader.PrefixLength + message.Length;
        if (!TryDecode(message, out ReadOnlySpan<byte> payload, out Status status))
        {
            Consume(credit);
            _reader.Next(_home.Buffers);
            Fail(status);
            return;
        }

        _home.Options.Interceptor?.OnReceived(this, payload.Length);
        HandOver(payload, credit);
        _reader.Next(_home.Buffers);
    }

    private bool TryDecode(ReadOnlySpan<byte> message, out ReadOnlySpan<byte> payload, out Status status)
    {
        payload = message;
        status = Status.Ok;
        if (_reader.Flag == 0)
        {
            return true;
        }

        if (_reader.Flag != 1)
        {
            status = new Status(RpcCode.Internal, $"grpc: received unexpected payload format {_reader.Flag}");
            return false;
        }

        if (Encoding == MessageEncoding.Identity)
        {
            status = new Status(RpcCode.Internal, "grpc: compressed flag set with identity or empty encoding");
            return false;
        }

        byte[]? inflated = Gzip.Inflate(message, _home.Options.MaxReceiveBytes, out status);
        payload = inflated;
        return inflated is not null;
    }

    private void HandOver(ReadOnlySpan<byte> payload, int credit)
    {
        _parkAsked = false;
        _handlerKnows = true;
        Method.Handler.OnMessage(payload, this);
        if (_parkAsked && !_ended)
        {
            _parked = true;
            KeepParked(payload, credit);
            return;
        }

        // A unary call has what it wants: everything behind its first message is ignored.
        _messageTaken = Method.TakesOneMessage;
        Consume(credit);
    }

    private void EndOfMessages()
    {
        if (Method.TakesOneMessage)
        {
            Fail(new Status(RpcCode.Unknown, _reader.IsInsideMessage ? "unexpected EOF" : "EOF"));
        }
        else if (_reader.IsInsideMessage)
        {
            Fail(new Status(RpcCode.Internal, "unexpected EOF"));
        }
        else
        {
            Method.Handler.OnHalfClose(this);
        }
    }

    private void KeepParked(ReadOnlySpan<byte> payload, int credit)
    {
        if (_parkedMessage is null)
        {
            _parkedMessage = _home.Buffers.Rent(payload.Length);
            payload.CopyTo(_parkedMessage);
            _parkedLength = payload.Length;
            _parkedCredit = credit;
        }
    }

    private void KeepPending(ReadOnlySpan<byte> data)
    {
        if (data.IsEmpty)
        {
            return;
        }

        int needed = _pendingLength + data.Length;
        if (_pending is null || _pending.Length < needed)
        {
            byte[] larger = _home.Buffers.Rent(Math.Max(needed, 2 * _pendingLength));
            _pending.AsSpan(0, _pendingLength).CopyTo(larger);
            ReleasePending();
            _pending = larger;
        }

        data.CopyTo(_pending.AsSpan(_pendingLength));
        _pendingLength = needed;
    }

    private void PumpPending()
    {
        byte[]? pending = _pending;
        int length = _pendingLength;
        _pending = null;
        _pendingLength = 0;
        if (_ended || _messageTaken)
        {
            Discard(length);
        }
        else if (length > 0 || _remoteClosed)
        {
            Pump(pending.AsSpan(0, length));
        }

        if (pending is not null)
        {
            _home.Buffers.Return(pending);
        }
    }

    private void Discard(int bytes)
    {
        if (bytes > 0)
        {
            Consume(bytes);
        }
    }

    private void Consume(int bytes) => _stream?.Consume(bytes);

    private void ReleaseParked()
    {
        if (_parkedMessage is not null)
        {
            _home.Buffers.Return(_parkedMessage);
            _parkedMessage = null;
        }
    }

    private void ReleasePending()
    {
        if (_pending is not null)
        {
            _home.Buffers.Return(_pending);
            _pending = null;
        }
    }

    private void ReleaseReceived()
    {
        ReleaseParked();
        ReleasePending();
        _pendingLength = 0;
        _reader.Next(_home.Buffers);
        _messageTaken = false;
        _parked = false;
        _parkAsked = false;
        _resuming = false;
    }
}
