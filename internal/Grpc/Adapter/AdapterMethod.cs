// A generated method as the kernel sees it. Immutable; its calls belong to their loops.
using global::Grpc.Core;

namespace EtcdAot.Grpc.Adapter;

/// <summary>Starts the handler of an adapted call and feeds it.</summary>
internal sealed class AdapterMethod<TRequest, TResponse>(
    Method<TRequest, TResponse> method, Func<AdapterCall<TRequest, TResponse>, Task> serve) : IHotMethod
    where TRequest : class
    where TResponse : class
{
    /// <summary>Handlers may keep the context, so a call object serves once.</summary>
    public bool ReusesCalls => false;

    internal Marshaller<TRequest> Requests => method.RequestMarshaller;

    internal Marshaller<TResponse> Responses => method.ResponseMarshaller;

    public Call CreateCall() => new AdapterCall<TRequest, TResponse>(this, serve);

    public void OnStart(Call call) => Own(call).Start();

    public void OnMessage(ReadOnlySpan<byte> message, Call call) => Own(call).Take(message);

    public void OnHalfClose(Call call) => Own(call).HalfClose();

    public void OnCancel(Call call) => Own(call).Cancel();

    public void OnWritable(Call call) => Own(call).Drained();

    private static AdapterCall<TRequest, TResponse> Own(Call call) => (AdapterCall<TRequest, TResponse>)call;
}
