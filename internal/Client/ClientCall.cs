// One attempt of a call on the client: sends frames, cuts the answer into messages, knows how it ended. State belongs to
// the channel's loop thread; Start, Write, Cancel and the tasks may be used from any.
using System.Buffers.Binary;
using System.Text;
using System.Threading.Channels;
using EtcdAot.Grpc;
using EtcdAot.Http;
using EtcdAot.Http.H2;
using EtcdAot.Net;
using EtcdAot.Wire;
using Core = global::Grpc.Core;

namespace EtcdAot.Client;

/// <summary>A message of the answer and the receive credit it holds until someone takes it.</summary>
internal readonly record struct Received(byte[] Payload, int Credit);

/// <summary>A running call below the generated types.</summary>
internal sealed class ClientCall(ChannelCore core, CallHead head, CancellationToken cancellation)
    : IStreamHandler, ILoopWork
{
    // A writer waits above this many unsent bytes.
    private const int QueuedLimit = 64 * 1024;

    // Transparent retries end somewhere: a server that refuses every stream is down.
    private const int RefusalsMax = 10;

    private readonly Channel<Received> _messages = Channel.CreateUnbounded<Received>(
        new UnboundedChannelOptions { SingleWriter = true });

    private readonly TaskCompletionSource<Status> _end = new(TaskCreationOptions.RunContinuationsAsynchronously);

    private readonly TaskCompletionSource<Core.Metadata> _headers =
        new(TaskCreationOptions.RunContinuationsAsynchronously);

    private readonly List<Outgoing> _unanswered = [];
    private HttpStream? _stream;
    private MessageReader _reader;
    private LoopTimer? _timer;
    private TaskCompletionSource? _writer;
    private CancellationTokenRegistration _registration;
    private bool _answered;
    private bool _ended;
    private int _refusals;

    private readonly record struct Outgoing(ReadOnlyMemory<byte> Payload, bool HasMessage, bool Last);

    /// <summary>How it ended; never fails.</summary>
    internal Task<Status> Completion => _end.Task;

    /// <summary>Response headers; empty when the call ended before them.</summary>
    internal Task<Core.Metadata> Headers => _headers.Task;

    /// <summary>Trailers, once ended.</summary>
    internal Core.Metadata Trailers { get; private set; } = [];

    internal string? RemoteAddress { get; private set; }

    internal string? LocalAddress { get; private set; }

    /// <summary>Begins; any thread.</summary>
    internal void Start() => core.Post(StartHere);

    /// <summary>Sends a message; completes when it has left our queue or fits well in it. Any thread.</summary>
    internal Task Write(ReadOnlyMemory<byte> payload, bool last)
    {
        var done = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        core.Post(() => WriteHere(new Outgoing(payload, true, last), done));
        return done.Task;
    }

    /// <summary>Ends the request stream; any thread.</summary>
    internal void CloseSend()
    {
        core.Post(() => WriteHere(new Outgoing(default, false, true), new TaskCompletionSource()));
    }

    /// <summary>Gives up; any thread.</summary>
    internal void Cancel() => core.Post(() => Abort(Status.Canceled));

    /// <summary>The next message; null at the end, whose status is in <see cref="Completion"/>.</summary>
    internal async ValueTask<byte[]?> Read(CancellationToken stop)
    {
        while (await _messages.Reader.WaitToReadAsync(stop).ConfigureAwait(false))
        {
            if (_messages.Reader.TryRead(out Received message))
            {
                core.Post(() => _stream?.Consume(message.Credit));
                return message.Payload;
            }
        }

        return null;
    }

    internal HeaderSet Head(Endpoint endpoint) => head.Fields(endpoint, core.Loop.NowNanos);

    internal void OnOpened(HttpStream stream, SubConnection sub)
    {
        _stream = stream;
        RemoteAddress = sub.Transport!.RemoteAddress;
        LocalAddress = sub.Transport.Local.ToString();
        foreach (Outgoing one in _unanswered.ToArray())
        {
            Send(one);
        }
    }

    /// <summary>The deadline.</summary>
    public void Run()
    {
        string? reason = _stream is null ? core.LatestError : null;
        Abort(reason is null
            ? Status.DeadlineExceeded
            : new Status(RpcCode.DeadlineExceeded, "latest balancer error: " + reason));
    }

    public void OnHeaders(HeaderBlock headers, bool endOfStream)
    {
        _answered = true;
        _unanswered.Clear();
        if (endOfStream)
        {
            _stream = null;
            Trailers = Copy(headers);
            End(TrailerStatus.Of(headers));
            return;
        }

        if (TrailerStatus.Refusal(headers) is { } refusal)
        {
            Abort(refusal);
            return;
        }

        _headers.TrySetResult(Copy(headers));
    }

    public void OnData(ReadOnlySpan<byte> data, bool endOfStream)
    {
        if (endOfStream)
        {
            _stream = null;
        }

        while (!_ended)
        {
            ReadStep step = _reader.Read(ref data, (uint)head.MaxReceiveBytes, core.Buffers, out ReadOnlySpan<byte> one);
            if (step == ReadStep.Message)
            {
                Take(one);
            }
            else if (step == ReadStep.Prefix)
            {
                _stream?.ExpectMessage(_reader.Missing);
            }
            else if (step == ReadStep.TooLarge)
            {
                Abort(new Status(RpcCode.ResourceExhausted, "grpc: received message larger than max " +
                    $"({_reader.Length} vs. {head.MaxReceiveBytes})"));
            }
            else
            {
                break;
            }
        }

        if (endOfStream)
        {
            End(new Status(RpcCode.Internal, "server closed the stream without sending trailers"));
        }
    }

    public void OnReset(uint errorCode, bool connectionLost)
    {
        _stream = null;
        bool unprocessed = !connectionLost && errorCode == H2Error.RefusedStream && !_answered;
        if (unprocessed && _refusals++ < RefusalsMax)
        {
            core.Begin(this);
            return;
        }

        End(connectionLost
            ? new Status(RpcCode.Unavailable, "error reading from server: EOF")
            : TrailerStatus.OfReset(errorCode));
    }

    public void OnWritable()
    {
        TaskCompletionSource? writer = _writer;
        _writer = null;
        writer?.TrySetResult();
    }

    /// <summary>Decides the outcome; later ones do not count.</summary>
    internal void End(in Status status)
    {
        if (_ended)
        {
            return;
        }

        _ended = true;
        core.Forget(this);
        _timer?.Cancel();
        _registration.Dispose();
        _reader.Next(core.Buffers);
        _unanswered.Clear();
        _headers.TrySetResult([]);
        _end.TrySetResult(status);
        _messages.Writer.TryComplete();
        OnWritable();
    }

    private void StartHere()
    {
        if (_ended)
        {
            return;
        }

        long now = core.Loop.NowNanos;
        if (head.DeadlineNanos <= now || cancellation.IsCancellationRequested)
        {
            Abort(cancellation.IsCancellationRequested ? Status.Canceled : Status.DeadlineExceeded);
            return;
        }

        if (head.DeadlineNanos != long.MaxValue)
        {
            _timer = core.Loop.Schedule(head.DeadlineNanos, this);
        }

        _registration = cancellation.Register(Cancel);
        core.Begin(this);
    }

    private void WriteHere(Outgoing one, TaskCompletionSource done)
    {
        if (_ended)
        {
            done.TrySetResult();
            return;
        }

        if (!_answered)
        {
            _unanswered.Add(one);
        }

        if (_stream is null)
        {
            done.TrySetResult();
            return;
        }

        Send(one);
        if (_stream is { QueuedBytes: > QueuedLimit })
        {
            _writer = done;
        }
        else
        {
            done.TrySetResult();
        }
    }

    private void Send(Outgoing one)
    {
        if (_stream is null)
        {
            return;
        }

        if (one.Payload.Length > head.MaxSendBytes)
        {
            // Found out as late as in the original, which asks for a connection first and names it in its log.
            Abort(new Status(RpcCode.ResourceExhausted,
                $"trying to send message larger than max ({one.Payload.Length} vs. {head.MaxSendBytes})"));
            return;
        }

        if (one.HasMessage)
        {
            Span<byte> frame = _stream.BeginData(MessageReader.PrefixLength + one.Payload.Length);
            frame[0] = 0;
            BinaryPrimitives.WriteInt32BigEndian(frame[1..], one.Payload.Length);
            one.Payload.Span.CopyTo(frame[MessageReader.PrefixLength..]);
        }
        else
        {
            _stream.BeginData(0);
        }

        _stream.EndData(one.Last);
    }

    private void Take(ReadOnlySpan<byte> message)
    {
        byte[] payload = message.ToArray();
        int credit = MessageReader.PrefixLength + message.Length;
        byte flag = _reader.Flag;
        _reader.Next(core.Buffers);
        if (flag == 1)
        {
            byte[]? inflated = Gzip.Inflate(payload, head.MaxReceiveBytes, out Status status);
            if (inflated is null)
            {
                Abort(status);
                return;
            }

            payload = inflated;
        }

        _messages.Writer.TryWrite(new Received(payload, credit));
    }

    private void Abort(in Status status)
    {
        HttpStream? stream = _stream;
        _stream = null;
        End(status);
        stream?.Reset(H2Error.Cancel);
    }

    private static Core.Metadata Copy(HeaderBlock headers)
    {
        var copy = new Core.Metadata();
        for (int i = 0; i < headers.Count; i++)
        {
            ReadOnlySpan<byte> name = headers.Name(i);
            if (!IncomingMetadata.IsTransport(name) && !name.EndsWith("-bin"u8))
            {
                copy.Add(Encoding.ASCII.GetString(name), Encoding.UTF8.GetString(headers.Value(i)));
            }
        }

        return copy;
    }
}
