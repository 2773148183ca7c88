// The CallInvoker under the generated clients: types and retries above, bytes and connections below (ChannelCore).
// Any thread.
using EtcdAot.Grpc;
using EtcdAot.Grpc.Adapter;
using EtcdAot.Sys;
using Core = global::Grpc.Core;

namespace EtcdAot.Client;

/// <summary>A balanced channel to a cluster. Calls wait for a connection until their deadline.</summary>
public sealed class EtcdChannel : Core.CallInvoker, IDisposable
{
    private readonly EtcdClientOptions _options;
    private readonly ChannelCore? _core;

    /// <exception cref="IOException">No event loop could be opened.</exception>
    public EtcdChannel(EtcdClientOptions options)
    {
        _options = options;
        Token = options.Token;
        _core = options.Endpoints.Count == 0 ? null : new ChannelCore(options);
    }

    /// <summary>Sent with every call under the key <c>token</c> when not null.</summary>
    public string? Token { get; set; }

    public override TResponse BlockingUnaryCall<TRequest, TResponse>(
        Core.Method<TRequest, TResponse> method, string? host, Core.CallOptions options, TRequest request)
    {
        using Core.AsyncUnaryCall<TResponse> call = AsyncUnaryCall(method, host, options, request);
        return call.ResponseAsync.GetAwaiter().GetResult();
    }

    public override Core.AsyncUnaryCall<TResponse> AsyncUnaryCall<TRequest, TResponse>(
        Core.Method<TRequest, TResponse> method, string? host, Core.CallOptions options, TRequest request)
    {
        var run = new UnaryRun<TRequest, TResponse>(this, method, options);
        Task<TResponse> response = run.RunAsync(request);
        return new Core.AsyncUnaryCall<TResponse>(
            response, run.Headers, () => run.Status, () => run.Trailers, run.Cancel);
    }

    public override Core.AsyncServerStreamingCall<TResponse> AsyncServerStreamingCall<TRequest, TResponse>(
        Core.Method<TRequest, TResponse> method, string? host, Core.CallOptions options, TRequest request)
    {
        ReadOnlyMemory<byte> payload = PayloadWriter.Write(method.RequestMarshaller, request);
        ClientCall call = Open(method, options, options.CancellationToken);
        call.Start();
        _ = call.Write(payload, last: true);
        return new Core.AsyncServerStreamingCall<TResponse>(
            Reader(method, call), call.Headers, () => StatusOf(call), () => call.Trailers, call.Cancel);
    }

    public override Core.AsyncClientStreamingCall<TRequest, TResponse> AsyncClientStreamingCall<TRequest, TResponse>(
        Core.Method<TRequest, TResponse> method, string? host, Core.CallOptions options)
    {
        ClientCall call = Open(method, options, options.CancellationToken);
        call.Start();
        return new Core.AsyncClientStreamingCall<TRequest, TResponse>(
            new StreamWriter<TRequest, TResponse>(method, call), Reader(method, call).Single(), call.Headers,
            () => StatusOf(call), () => call.Trailers, call.Cancel);
    }

    public override Core.AsyncDuplexStreamingCall<TRequest, TResponse> AsyncDuplexStreamingCall<TRequest, TResponse>(
        Core.Method<TRequest, TResponse> method, string? host, Core.CallOptions options)
    {
        ClientCall call = Open(method, options, options.CancellationToken);
        call.Start();
        return new Core.AsyncDuplexStreamingCall<TRequest, TResponse>(
            new StreamWriter<TRequest, TResponse>(method, call), Reader(method, call), call.Headers,
            () => StatusOf(call), () => call.Trailers, call.Cancel);
    }

    public void Dispose() => _core?.Dispose();

    internal int EndpointCount => _options.Endpoints.Count;

    /// <summary>A call that has not started. The deadline is taken over from wall to monotonic time here.</summary>
    internal ClientCall Open<TRequest, TResponse>(
        Core.Method<TRequest, TResponse> method, in Core.CallOptions options, CancellationToken cancellation)
    {
        if (_core is null)
        {
            throw Failure(new Status(Wire.RpcCode.Unavailable, "etcdclient: no available endpoints"));
        }

        long deadline = long.MaxValue;
        if (options.Deadline is { } at && at != DateTime.MaxValue)
        {
            long left = (at.ToUniversalTime() - DateTime.UtcNow).Ticks;
            long now = SystemClock.Instance.MonotonicNanos;
            deadline = left > long.MaxValue / 200 ? long.MaxValue : now + (left * 100);
        }

        var head = new CallHead(
            method.FullName, deadline, options.Headers, Token, _options.MaxSendBytes, _options.MaxReceiveBytes);
        return new ClientCall(_core, head, cancellation);
    }

    internal void ReportFailure(ClientCall call, bool isStream, int attempt, in Status status)
    {
        _options.OnFailedAttempt?.Invoke(new FailedAttempt(
            isStream, attempt, call.RemoteAddress, call.LocalAddress, false, status.ToString()));
    }

    internal static Core.RpcException Failure(in Status status) => new(ToCore(status));

    internal static Core.Status ToCore(in Status status) => new((Core.StatusCode)status.Code, status.Text ?? "");

    private static Core.Status StatusOf(ClientCall call)
    {
        return call.Completion.IsCompletedSuccessfully
            ? ToCore(call.Completion.Result)
            : throw new InvalidOperationException("the call has not ended");
    }

    private StreamReader<TRequest, TResponse> Reader<TRequest, TResponse>(
        Core.Method<TRequest, TResponse> method, ClientCall call)
        where TRequest : class
        where TResponse : class
    {
        return new StreamReader<TRequest, TResponse>(this, method, call);
    }
}
