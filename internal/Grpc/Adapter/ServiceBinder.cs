// Binds generated service bases to the kernel: KV.BindService(binder, implementation). Handlers start on the loop of their
// call and come back to it after each await; what may block belongs on a worker lane, not here.
using global::Grpc.Core;

namespace EtcdAot.Grpc.Adapter;

/// <summary>Takes the generated methods into a server's table.</summary>
public sealed class ServiceBinder(GrpcServer server) : ServiceBinderBase
{
    public override void AddMethod<TRequest, TResponse>(
        Method<TRequest, TResponse> method, UnaryServerMethod<TRequest, TResponse>? handler)
    {
        Bind(method, MethodShape.Unary, async call =>
        {
            TRequest request = await call.ReadSingle().ConfigureAwait(true);
            TResponse response = await handler!(request, call.Context).ConfigureAwait(true);
            await call.WriteAsync(response).ConfigureAwait(true);
        });
    }

    public override void AddMethod<TRequest, TResponse>(
        Method<TRequest, TResponse> method, ServerStreamingServerMethod<TRequest, TResponse>? handler)
    {
        Bind(method, MethodShape.ServerStreaming, async call =>
        {
            TRequest request = await call.ReadSingle().ConfigureAwait(true);
            await handler!(request, call, call.Context).ConfigureAwait(true);
        });
    }

    public override void AddMethod<TRequest, TResponse>(
        Method<TRequest, TResponse> method, ClientStreamingServerMethod<TRequest, TResponse>? handler)
    {
        Bind(method, MethodShape.ClientStreaming, async call =>
        {
            TResponse response = await handler!(call, call.Context).ConfigureAwait(true);
            await call.WriteAsync(response).ConfigureAwait(true);
        });
    }

    public override void AddMethod<TRequest, TResponse>(
        Method<TRequest, TResponse> method, DuplexStreamingServerMethod<TRequest, TResponse>? handler)
    {
        Bind(method, MethodShape.Duplex, call => handler!(call, call, call.Context));
    }

    private void Bind<TRequest, TResponse>(
        Method<TRequest, TResponse> method, MethodShape shape, Func<AdapterCall<TRequest, TResponse>, Task> serve)
        where TRequest : class
        where TResponse : class
    {
        server.Bind(method.ServiceName, method.Name, shape,
            new AdapterMethod<TRequest, TResponse>(method, serve));
    }
}
