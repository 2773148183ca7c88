// Typed ends of a streaming call. One reader and one writer at a time, as gRPC demands.
using EtcdAot.Grpc;
using EtcdAot.Grpc.Adapter;
using Core = global::Grpc.Core;

namespace EtcdAot.Client;

/// <summary>Reads the answer's messages.</summary>
internal sealed class StreamReader<TRequest, TResponse>(
    EtcdChannel channel, Core.Method<TRequest, TResponse> method, ClientCall call) : Core.IAsyncStreamReader<TResponse>
    where TRequest : class
    where TResponse : class
{
    private bool _reported;

    public TResponse Current { get; private set; } = null!;

    public async Task<bool> MoveNext(CancellationToken cancellationToken)
    {
        byte[]? message = await call.Read(cancellationToken).ConfigureAwait(false);
        if (message is not null)
        {
            Current = method.ResponseMarshaller.ContextualDeserializer(new PayloadReader(message));
            return true;
        }

        Status status = await call.Completion.ConfigureAwait(false);
        if (status.IsOk)
        {
            return false;
        }

        // Only a stream that never began is worth a word: the original says nothing of one that broke later.
        if (!_reported && call.RemoteAddress is null && status.Code != Wire.RpcCode.Canceled)
        {
            _reported = true;
            channel.ReportFailure(call, isStream: true, 0, status);
        }

        throw EtcdChannel.Failure(status);
    }

    /// <summary>The one message of a client-streaming call.</summary>
    internal async Task<TResponse> Single()
    {
        if (!await MoveNext(CancellationToken.None).ConfigureAwait(false))
        {
            throw EtcdChannel.Failure(new Status(Wire.RpcCode.Internal, "cardinality violation: no response message"));
        }

        TResponse only = Current;
        await MoveNext(CancellationToken.None).ConfigureAwait(false);
        return only;
    }
}

/// <summary>Writes the request's messages.</summary>
internal sealed class StreamWriter<TRequest, TResponse>(
    Core.Method<TRequest, TResponse> method, ClientCall call) : Core.IClientStreamWriter<TRequest>
    where TRequest : class
    where TResponse : class
{
    public Core.WriteOptions? WriteOptions { get; set; }

    public async Task WriteAsync(TRequest message)
    {
        await call.Write(PayloadWriter.Write(method.RequestMarshaller, message), last: false).ConfigureAwait(false);
        if (call.Completion.IsCompleted)
        {
            throw EtcdChannel.Failure(await call.Completion.ConfigureAwait(false));
        }
    }

    /// <summary>A cancelled wait leaves the message on its way: it may still be sent.</summary>
    public Task WriteAsync(TRequest message, CancellationToken cancellationToken)
    {
        return cancellationToken.IsCancellationRequested
            ? Task.FromCanceled(cancellationToken) : WriteAsync(message).WaitAsync(cancellationToken);
    }

    public Task CompleteAsync()
    {
        call.CloseSend();
        return Task.CompletedTask;
    }
}
