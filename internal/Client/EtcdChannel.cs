// The CallInvoker under the generated clients. Any thread.
using Core = global::Grpc.Core;

namespace EtcdAot.Client;

/// <summary>A balanced channel to a cluster.</summary>
public sealed class EtcdChannel(EtcdClientOptions options) : Core.CallInvoker, IDisposable
{
    /// <summary>Sent with every call under the key <c>token</c> when not null.</summary>
    public string? Token { get; set; } = options.Token;

    public override TResponse BlockingUnaryCall<TRequest, TResponse>(
        Core.Method<TRequest, TResponse> method, string? host, Core.CallOptions options, TRequest request)
    {
        throw NotConnected();
    }

    public override Core.AsyncUnaryCall<TResponse> AsyncUnaryCall<TRequest, TResponse>(
        Core.Method<TRequest, TResponse> method, string? host, Core.CallOptions options, TRequest request)
    {
        throw NotConnected();
    }

    public override Core.AsyncServerStreamingCall<TResponse> AsyncServerStreamingCall<TRequest, TResponse>(
        Core.Method<TRequest, TResponse> method, string? host, Core.CallOptions options, TRequest request)
    {
        throw NotConnected();
    }

    public override Core.AsyncClientStreamingCall<TRequest, TResponse> AsyncClientStreamingCall<TRequest, TResponse>(
        Core.Method<TRequest, TResponse> method, string? host, Core.CallOptions options)
    {
        throw NotConnected();
    }

    public override Core.AsyncDuplexStreamingCall<TRequest, TResponse> AsyncDuplexStreamingCall<TRequest, TResponse>(
        Core.Method<TRequest, TResponse> method, string? host, Core.CallOptions options)
    {
        throw NotConnected();
    }

    public void Dispose()
    {
    }

    private static Core.RpcException NotConnected()
    {
        return new Core.RpcException(new Core.Status(Core.StatusCode.Unavailable, "no transport in this build"));
    }
}
