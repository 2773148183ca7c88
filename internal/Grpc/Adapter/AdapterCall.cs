// One call served by a Task-returning handler: reader, writer and context at once. Its state belongs to the I/O thread;
// a handler that has left the loop is brought back by posting.
using EtcdAot.Wire;
using global::Grpc.Core;

namespace EtcdAot.Grpc.Adapter;

#pragma warning disable CA1001 // The context is disposed where the handler ends.
/// <summary>Bridges messages to a handler, with backpressure both ways.</summary>
internal sealed class AdapterCall<TRequest, TResponse>(
    AdapterMethod<TRequest, TResponse> method, Func<AdapterCall<TRequest, TResponse>, Task> serve)
#pragma warning restore CA1001
    : Call, IAsyncStreamReader<TRequest>, IServerStreamWriter<TResponse>
    where TRequest : class
    where TResponse : class
{
    // A writer waits above this; the same as the initial window, so that a client that reads never starves.
    private const int QueuedReplyLimit = 64 * 1024;

    private LoopContext _loop = null!;
    private AdapterContext? _context;
    private TRequest? _next;
    private Status _readError;
    private bool _halfClosed;
    private TaskCompletionSource<bool>? _reader;
    private TaskCompletionSource? _writer;

    internal AdapterContext Context => _context!;

    public TRequest Current { get; private set; } = null!;

    public WriteOptions? WriteOptions { get; set; }

    internal void Start()
    {
        _loop = new LoopContext(Loop);
        _context = new AdapterContext(this);
        _loop.Run(() => _ = ServeAsync());
    }

    private async Task ServeAsync()
    {
        Status status;
        try
        {
            await serve(this).ConfigureAwait(true);
            status = new Status((RpcCode)Context.Status.StatusCode, Context.Status.Detail);
        }
        catch (RpcException e)
        {
            status = new Status((RpcCode)e.StatusCode, e.Status.Detail);
        }
        catch (OperationCanceledException)
        {
            status = Status.Canceled;
        }
        catch (Exception e)
        {
            // As in the original, an error without a status is Unknown with its bare text.
            status = new Status(RpcCode.Unknown, e.Message);
        }

        Finish(status);
        Context.Dispose();
    }

    /// <summary>The one request of a unary or server-streaming call.</summary>
    internal async Task<TRequest> ReadSingle()
    {
        await MoveNext(CancellationToken.None).ConfigureAwait(true);
        return Current;
    }

    public Task<bool> MoveNext(CancellationToken cancellationToken)
    {
        return _loop.IsCurrent ? MoveNextHere(cancellationToken) : Elsewhere(() => MoveNextHere(cancellationToken));
    }

    public Task WriteAsync(TResponse message)
    {
        ReadOnlyMemory<byte> payload = PayloadWriter.Write(method.Responses, message);
        return _loop.IsCurrent ? WriteHere(payload) : Elsewhere(async () =>
        {
            await WriteHere(payload).ConfigureAwait(true);
            return true;
        });
    }

    /// <summary>A cancelled wait leaves the message on its way: it may still be sent.</summary>
    public Task WriteAsync(TResponse message, CancellationToken cancellationToken)
    {
        return cancellationToken.IsCancellationRequested
            ? Task.FromCanceled(cancellationToken) : WriteAsync(message).WaitAsync(cancellationToken);
    }

    /// <summary>A message came; the second one that nobody has asked for is parked.</summary>
    internal void Take(ReadOnlySpan<byte> message)
    {
        if (_context is null)
        {
            Start();
        }

        if (_next is not null)
        {
            Park();
            return;
        }

        try
        {
            _next = method.Requests.ContextualDeserializer(new PayloadReader(message.ToArray()));
        }
        catch (Google.Protobuf.InvalidProtocolBufferException)
        {
            _readError = Method.TakesOneMessage ? Status.UndecodableRequest : Status.UndecodableMessage;
        }

        Wake();
    }

    internal void HalfClose()
    {
        _halfClosed = true;
        Wake();
    }

    internal void Cancel()
    {
        _readError = Status.Canceled;
        _next = null;
        Wake();
        Drained();
        Context.Cancel();
    }

    internal void Drained()
    {
        TaskCompletionSource? writer = _writer;
        _writer = null;
        writer?.SetResult();
    }

    private Task<bool> MoveNextHere(CancellationToken cancellation)
    {
        if (cancellation.IsCancellationRequested)
        {
            return Task.FromCanceled<bool>(cancellation);
        }

        // A read whose waiter was cancelled is still under way; the next one joins it.
        _reader ??= new TaskCompletionSource<bool>(TaskCreationOptions.RunContinuationsAsynchronously);
        Task<bool> result = _reader.Task;
        Wake();
        return cancellation.CanBeCanceled && !result.IsCompleted ? result.WaitAsync(cancellation) : result;
    }

    private void Wake()
    {
        TaskCompletionSource<bool>? reader = _reader;
        if (reader is null)
        {
            return;
        }

        if (_next is not null)
        {
            Current = _next;
            _next = null;
            _reader = null;
            reader.SetResult(true);
            Resume();
        }
        else if (!_readError.IsOk)
        {
            _reader = null;
            reader.SetException(new RpcException(new global::Grpc.Core.Status(
                (StatusCode)_readError.Code, _readError.Text ?? "")));
        }
        else if (_halfClosed)
        {
            _reader = null;
            reader.SetResult(false);
        }
    }

    private Task WriteHere(ReadOnlyMemory<byte> payload)
    {
        if (IsEnded)
        {
            return Task.FromException(new RpcException(new global::Grpc.Core.Status(
                StatusCode.Cancelled, "the call has ended")));
        }

        Reply(payload.Span);
        if (QueuedBytes <= QueuedReplyLimit || Method.Shape is MethodShape.Unary or MethodShape.ClientStreaming)
        {
            return Task.CompletedTask;
        }

        _writer = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        return _writer.Task;
    }

    private Task<bool> Elsewhere(Func<Task<bool>> action)
    {
        var done = new TaskCompletionSource<bool>(TaskCreationOptions.RunContinuationsAsynchronously);
        _loop.Post(state => _ = Relay(action, done), null);
        return done.Task;
    }

    private static async Task Relay(Func<Task<bool>> action, TaskCompletionSource<bool> done)
    {
        try
        {
            done.SetResult(await action().ConfigureAwait(true));
        }
        catch (Exception e)
        {
            done.SetException(e);
        }
    }
}
