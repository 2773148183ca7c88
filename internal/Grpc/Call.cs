// One call on the server: its life. It is the stream's handler, the pooled per-call state, and the work item that other
// threads post back (DESIGN 3: a request brings its completion slot). Owned by: the I/O thread of its connection; only
// posting it to Loop is allowed elsewhere. Receiving is in Call.Receive.cs, replying in Call.Reply.cs.
using EtcdAot.Http;
using EtcdAot.Net;
using EtcdAot.Observe;

namespace EtcdAot.Grpc;

/// <summary>A call being served. Reused when <see cref="IHotMethod.ReusesCalls"/>: nobody may touch it after
/// <see cref="Finish"/> but under a <see cref="Hold"/>.</summary>
public partial class Call : IStreamHandler, ILoopWork
{
    private GrpcLoop _home = null!;
    private HttpStream? _stream;
    private string _remoteAddress = "";
    private bool _handlerKnows;
    private bool _finished;
    private bool _ended;
    private bool _remoteClosed;
    private int _holds;
    private bool _abandonOwed;
    private int _depth;

    /// <summary>The method called.</summary>
    public GrpcMethod Method { get; private set; } = null!;

    /// <summary>The loop that owns the call: other threads post the call to it.</summary>
    public IoLoop Loop => _home.Loop;

    /// <summary>Request metadata.</summary>
    public IncomingMetadata Metadata { get; } = new();

    /// <summary>Monotonic time at which the call expires, <see cref="long.MaxValue"/> for never.</summary>
    public long DeadlineNanos { get; private set; } = long.MaxValue;

    /// <summary>Peer as text, "127.0.0.1:4711".</summary>
    public string RemoteAddress => _remoteAddress;

    /// <summary>Grows by one with each use of this object: tells a call from an earlier one.</summary>
    public uint Generation { get; private set; }

    /// <summary>True when the caller is gone or the outcome is decided: replies go nowhere.</summary>
    public bool IsEnded => _ended;

    /// <summary>True when the call ended otherwise than by <see cref="Finish"/>.</summary>
    public bool IsCancelled { get; private set; }

    /// <summary>How messages of this call are encoded, both ways.</summary>
    public MessageEncoding Encoding { get; private set; }

    internal int HeapIndex { get; set; } = -1;

    /// <summary>Ends the call; exactly once, also when it is cancelled. On the wire the status counts only when nothing
    /// has ended the call before.</summary>
    public void Finish(in Status status)
    {
        Invariant.Check(_handlerKnows && !_finished, "a call is finished once, by the handler that was given it");
        Enter();
        _finished = true;
        if (!_ended)
        {
            End(status);
        }

        Exit();
    }

    /// <summary>Says that another thread gets the call and will post it to <see cref="Loop"/> exactly once: until then
    /// it is not reused, not even when finished. Each hold gives one <see cref="IHotMethod.OnCompletion"/>.</summary>
    public void Hold() => _holds++;

    /// <summary>The call came back from another thread.</summary>
    public void Run()
    {
        Invariant.Check(_holds > 0, "a call is posted back only after it was held");
        _holds--;
        Enter();
        if (_abandonOwed)
        {
            _abandonOwed = false;
            Abandon();
        }
        else if (!_finished)
        {
            Method.Handler.OnCompletion(this);
        }

        Exit();
    }

    /// <summary>Clears what a subclass added, before the object serves its next call.</summary>
    protected virtual void OnReuse()
    {
    }

    internal void Adopt(GrpcLoop home, GrpcMethod method)
    {
        _home = home;
        Method = method;
    }

    internal void Begin(
        HttpStream stream, byte[] contentType, MessageEncoding encoding, long timeoutNanos, bool endOfStream)
    {
        Generation++;
        _stream = stream;
        _remoteAddress = stream.Transport.RemoteAddress;
        _contentType = contentType;
        Encoding = encoding;
        _remoteClosed = endOfStream;
        Enter();
        Admit(timeoutNanos);
        if (endOfStream && !_ended)
        {
            EndOfMessages();
        }

        Exit();
    }

    private void Admit(long timeoutNanos)
    {
        Status verdict = _home.Options.Interceptor?.OnStart(this) ?? Status.Ok;
        if (!verdict.IsOk)
        {
            Fail(verdict);
            return;
        }

        // 1 ns is over before anything could run, as in the original.
        if (timeoutNanos <= 1)
        {
            Fail(Status.DeadlineExceeded);
            return;
        }

        long now = _home.Loop.NowNanos;
        if (timeoutNanos < long.MaxValue - now)
        {
            DeadlineNanos = now + timeoutNanos;
            _home.Deadlines.Add(this);
        }

        if (!Method.TakesOneMessage)
        {
            _handlerKnows = true;
            Method.Handler.OnStart(this);
        }
    }

    /// <summary>The deadline passed.</summary>
    internal void Expire() => Break(Status.DeadlineExceeded);

    /// <summary>Ends the call with a status against its handler's will, which hears that it is cancelled. Loop thread.
    /// </summary>
    public void Break(in Status status)
    {
        Enter();
        Fail(status);
        Exit();
    }

    public void OnReset(uint errorCode, bool connectionLost)
    {
        Enter();
        _stream = null;
        if (!_ended)
        {
            _ended = true;
            _home.Deadlines.Remove(this);
            _home.Options.Interceptor?.OnEnd(this, Status.Canceled);
            EndForHandler();
        }

        Exit();
    }

    public void OnWritable()
    {
        Enter();
        if (!_ended)
        {
            Method.Handler.OnWritable(this);
        }

        Exit();
    }

    /// <summary>Ends the call from the kernel's side, with a status for the client.</summary>
    private void Fail(in Status status)
    {
        if (!_ended)
        {
            End(status);
            Abandon();
        }
    }

    // The handler is in the middle of a reply when the peer cannot take its headers: it hears of the end afterwards.
    private void EndForHandler()
    {
        if (_sendingHeaders)
        {
            _abandonOwed = true;
            Hold();
            Loop.Post(this);
        }
        else
        {
            Abandon();
        }
    }

    private void Abandon()
    {
        IsCancelled = true;
        if (!_handlerKnows)
        {
            _finished = true;
        }
        else if (!_finished)
        {
            Method.Handler.OnCancel(this);
        }
    }

    private void End(in Status status)
    {
        _ended = true;
        _home.Deadlines.Remove(this);
        _home.Options.Interceptor?.OnEnd(this, status);
        if (_stream is null)
        {
            return;
        }

        // With its end the stream hears and tells nothing more; HTTP cuts a request that goes on by RST_STREAM(NO_ERROR).
        _stream.SendHeaders(
            _headersSent ? ReplyHeaders.Trailers(status) : ReplyHeaders.TrailersOnly(status, 200, _contentType),
            endOfStream: true);
        _stream = null;
    }

    private void Enter() => _depth++;

    private void Exit()
    {
        _depth--;
        if (_depth == 0 && _finished && _holds == 0 && _stream is null)
        {
            Release();
        }
    }

    private void Release()
    {
        Invariant.Check(HeapIndex < 0, "a call that ended has no deadline");
        ReleaseReceived();
        ReleaseReply();
        OnReuse();
        Metadata.Clear();
        DeadlineNanos = long.MaxValue;
        IsCancelled = false;
        _handlerKnows = false;
        _finished = false;
        _ended = false;
        _remoteClosed = false;
        _home.Return(this);
    }
}
