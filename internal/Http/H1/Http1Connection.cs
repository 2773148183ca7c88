// One HTTP/1 connection, serving side (RFC 9112): bytes in → handler calls, answers out in the order of the requests.
// Owned by: the I/O thread of the transport's loop. Never throws for what a peer sends; every buffer is bounded.
using System.Text;
using EtcdAot.Net;
using EtcdAot.Sys;

namespace EtcdAot.Http.H1;

/// <summary>Reads requests and lets a handler answer them, one at a time.</summary>
public sealed class Http1Connection : IConnectionHandler, ILoopWork
{
    private enum State
    {
        Head,
        Body,
        Answering,
    }

    private readonly IHttp1Handler _handler;
    private readonly IClock _clock;
    private readonly long _headTimeoutNanos;
    private readonly Action? _onClosed;
    private byte[] _input = [];
    private int _inputLength;
    private int _scanned; // of the head that is coming in, from the start of the input
    private State _state;
    private Http1BodyReader _body;
    private IHttp1Exchange? _exchange;
    private Http1Response? _response;
    private bool _continueOwed; // the client waits for 100 Continue
    private long _discarded;
    private bool _processing;
    private IConnectionHandler? _raw;
    private LoopTimer? _headTimer;

    /// <summary>Serves a connection. A request head that takes longer than <paramref name="headTimeoutNanos"/>
    /// (0: no limit) closes it. <paramref name="onClosed"/> is called once at the end; after an upgrade the new
    /// handler hears of the end instead.</summary>
    public Http1Connection(
        Connection transport, IHttp1Handler handler, IClock clock, long headTimeoutNanos = 0, Action? onClosed = null)
    {
        Transport = transport;
        _handler = handler;
        _clock = clock;
        _headTimeoutNanos = headTimeoutNanos;
        _onClosed = onClosed;
        transport.Handler = this;
        ArmHeadTimer();
    }

    /// <summary>The byte stream under this connection.</summary>
    public Connection Transport { get; }

    /// <summary>Nothing is read or answered any more.</summary>
    public bool IsClosed { get; private set; }

    /// <summary>No answer is owed: it can be closed in order at any time.</summary>
    public bool IsIdle => _state == State.Head && _inputLength == 0;

    internal long WallUnixNanos => _clock.WallUnixNanos;

    /// <summary>A body that nobody reads would have to be waited for: the answer announces the end instead.</summary>
    internal bool MustCloseAfterAnswer => _continueOwed || (_exchange is null && _body.State == BodyState.Open
        && _body.Left != long.MaxValue && _body.Left > Http1Limits.DiscardedBodyMax);

    /// <inheritdoc/>
    public void OnBytes(ReadOnlySpan<byte> bytes)
    {
        if (IsClosed)
        {
            return;
        }

        if (_inputLength == 0)
        {
            Keep(bytes[Process(bytes)..]);
            return;
        }

        Keep(bytes);
        ProcessKept();
    }

    /// <inheritdoc/>
    public void OnDrained()
    {
        _exchange?.OnWritable();
        ProcessKept();
    }

    /// <inheritdoc/>
    public void OnClosed(Errno reason) => End();

    /// <summary>Closes after what is unsent has left; the running exchange hears OnLost.</summary>
    public void Close()
    {
        if (!IsClosed)
        {
            Transport.Close();
            End();
        }
    }

    /// <summary>The head's time is over.</summary>
    public void Run()
    {
        _headTimer = null;
        if (_state == State.Head)
        {
            Close();
        }
    }

    internal void AnswerEnded(Http1Response response)
    {
        if (!response.KeepAlive)
        {
            _exchange = null;
            Close();
            return;
        }

        // The rest of a body that the handler did not wait for is thrown away.
        _exchange = null;
        _response = null;
        if (_state == State.Answering)
        {
            _state = State.Head;
            ProcessKept();
        }
    }

    internal void HandOver(IConnectionHandler raw)
    {
        _raw = raw;
        _exchange = null;
        _response = null;
        StopHeadTimer();
        Transport.Handler = raw;
        if (!_processing)
        {
            byte[] rest = _input.AsSpan(0, _inputLength).ToArray();
            _inputLength = 0;
            PassOn(rest);
        }
    }

    private void PassOn(ReadOnlySpan<byte> rest)
    {
        IsClosed = true;
        if (rest.Length > 0)
        {
            _raw!.OnBytes(rest);
        }
    }

    private void End()
    {
        if (IsClosed)
        {
            return;
        }

        IsClosed = true;
        StopHeadTimer();
        IHttp1Exchange? exchange = _exchange;
        bool answered = _response is null || _response.IsEnded;
        _response?.Lose();
        _response = null;
        _exchange = null;
        if (!answered)
        {
            exchange?.OnLost();
        }

        _onClosed?.Invoke();
    }

    private void ProcessKept()
    {
        if (_processing || IsClosed)
        {
            return;
        }

        int used = Process(_input.AsSpan(0, _inputLength));
        _input.AsSpan(used, _inputLength - used).CopyTo(_input);
        _inputLength -= used;
    }

    private void Keep(ReadOnlySpan<byte> bytes)
    {
        if (IsClosed || bytes.Length == 0)
        {
            return;
        }

        if (_inputLength + (long)bytes.Length > Http1Limits.PipelinedMax)
        {
            Transport.Close(abort: true);
            End();
            return;
        }

        if (_input.Length - _inputLength < bytes.Length)
        {
            Array.Resize(ref _input, Math.Max(_input.Length * 2, _inputLength + bytes.Length));
        }

        bytes.CopyTo(_input.AsSpan(_inputLength));
        _inputLength += bytes.Length;
    }

    /// <summary>Takes requests and bodies from the input; returns the bytes used.</summary>
    private int Process(ReadOnlySpan<byte> input)
    {
        _processing = true;
        int at = 0;
        while (!IsClosed && _raw is null && _state != State.Answering)
        {
            // A peer that does not read its answers gets no more of them: its requests wait, up to their bound.
            if (_state == State.Head && Transport.IsCongested)
            {
                break;
            }

            int used = _state == State.Head ? ReadHead(input[at..]) : ReadBody(input[at..]);
            at += used;
            if (used == 0 && _state != State.Answering && !BodyJustEnded())
            {
                break;
            }
        }

        _processing = false;
        if (_raw is not null && !IsClosed)
        {
            PassOn(input[at..]);
            return input.Length;
        }

        return IsClosed ? input.Length : at;
    }

    private int ReadHead(ReadOnlySpan<byte> input)
    {
        int length = Http1HeadParser.HeadLength(input, _scanned);
        if (length == 0 ? input.Length > Http1Limits.HeadMax : length > Http1Limits.HeadMax)
        {
            Refuse(Http1Error.HeadTooLarge);
            return input.Length;
        }

        if (length == 0)
        {
            // A first line that is none of HTTP/1's never becomes a head.
            int line = _scanned == 0 ? input.IndexOf((byte)'\n') : -1;
            if (line >= 0 && !Http1HeadParser.IsRequestLine(input[..line]))
            {
                Refuse(Http1Error.BadRequest);
                return input.Length;
            }

            _scanned = input.Length;
            if (input.Length > 0 && _headTimer is null)
            {
                ArmHeadTimer();
            }

            return 0;
        }

        _scanned = 0;
        StopHeadTimer();
        BeginRequest(input[..length].ToArray());
        return length;
    }

    private void BeginRequest(byte[] head)
    {
        var request = new Http1Request { RemoteAddress = Transport.RemoteAddress };
        Http1Error error = Http1HeadParser.Parse(head, request);
        if (error.IsError)
        {
            Refuse(error);
            return;
        }

        _state = State.Body;
        _body.Begin(request.ContentLength);
        _discarded = 0;
        _exchange = null;
        _continueOwed = false;
        var response = new Http1Response(this, request);
        _response = response;
        if (request.MinorVersion >= 1 && request.Header("expect") is { Length: > 0 })
        {
            if (!request.HasToken("expect", "100-continue"))
            {
                response.SetHeader("Connection", "close");
                response.Status = 417;
                response.End();
                return;
            }

            _continueOwed = request.ContentLength != 0;
        }

        IHttp1Exchange? exchange = _handler.OnRequest(request, response);
        if (IsClosed || _raw is not null || response.IsEnded)
        {
            return;
        }

        _exchange = exchange;
        if (exchange is not null && _continueOwed)
        {
            _continueOwed = false;
            ReadOnlySpan<byte> answer = "HTTP/1.1 100 Continue\r\n\r\n"u8;
            answer.CopyTo(Transport.GetSpan(answer.Length));
            Transport.Advance(answer.Length);
        }
    }

    private int ReadBody(ReadOnlySpan<byte> input)
    {
        int used = _body.Read(input, out ReadOnlySpan<byte> payload);
        if (payload.Length > 0 && _exchange is not null)
        {
            _exchange.OnData(payload);
        }
        else if (_exchange is null && (_discarded += used) > Http1Limits.DiscardedBodyMax && _response is null)
        {
            Close();
        }

        if (_body.State == BodyState.Malformed)
        {
            BreakBody();
        }

        return used;
    }

    /// <summary>Moves on when the body is complete; false when more bytes are needed.</summary>
    private bool BodyJustEnded()
    {
        if (_state != State.Body || _body.State != BodyState.Done || IsClosed || _raw is not null)
        {
            return false;
        }

        _state = _response is null ? State.Head : State.Answering;
        if (_state == State.Answering)
        {
            _exchange?.OnEnd();
        }

        return true;
    }

    private void BreakBody()
    {
        if (_response is { HeadersSent: false })
        {
            IHttp1Exchange? exchange = _exchange;
            _response.Lose();
            _exchange = null;
            exchange?.OnLost();
            Refuse(Http1Error.BadRequest);
            return;
        }

        Close();
    }

    private void Refuse(Http1Error error)
    {
        if (!IsClosed)
        {
            byte[] answer = Encoding.Latin1.GetBytes(error.Text());
            answer.CopyTo(Transport.GetSpan(answer.Length));
            Transport.Advance(answer.Length);
            Close();
        }
    }

    private void ArmHeadTimer()
    {
        if (_headTimeoutNanos > 0)
        {
            _headTimer = Transport.Loop.Schedule(Transport.Loop.NowNanos + _headTimeoutNanos, this);
        }
    }

    private void StopHeadTimer()
    {
        _headTimer?.Cancel();
        _headTimer = null;
    }
}
