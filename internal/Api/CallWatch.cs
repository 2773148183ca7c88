// Sees every gRPC call of the client ports: counts it, and refuses one that asks for a leader when there is none (spec
// api-v3 §1.6, §10). Counting comes first, so that refused calls count too. Any I/O thread; interlocked words only.
using EtcdAot.Grpc;
using EtcdAot.Observe;
using EtcdAot.Server;
using EtcdAot.Wire;

namespace EtcdAot.Api;

/// <summary>Metrics and require-leader.</summary>
internal sealed class CallWatch : ICallInterceptor
{
    private const int Codes = 17;

    private readonly ApiLoops _loops;
    private readonly EtcdServer _server;
    private readonly Counter _receivedBytes;
    private readonly Counter _sentBytes;
    private long[] _started = [];
    private long[] _received = [];
    private long[] _sent = [];
    private long[] _handled = [];

    public CallWatch(ApiLoops loops)
    {
        EtcdServer server = loops.Server;
        _loops = loops;
        _server = server;
        _receivedBytes = server.Metrics.Registry.Counter(
            "etcd_network_client_grpc_received_bytes_total",
            "The total number of bytes received from grpc clients.");
        _sentBytes = server.Metrics.Registry.Counter(
            "etcd_network_client_grpc_sent_bytes_total", "The total number of bytes sent to grpc clients.");
    }

    /// <summary>All methods are bound: makes their series.</summary>
    public void Attach(MethodTable table)
    {
        int count = table.Methods.Count;
        (_started, _received, _sent) = (new long[count], new long[count], new long[count]);
        _handled = new long[count * Codes];
        GrpcMethod[] methods = [.. table.Methods
            .OrderBy(static m => m.Name, StringComparer.Ordinal)
            .ThenBy(static m => m.Service, StringComparer.Ordinal)];
        Add("grpc_server_started_total", "Total number of RPCs started on the server.", methods, _started);
        Add("grpc_server_msg_received_total", "Total number of RPC stream messages received on the server.",
            methods, _received);
        Add("grpc_server_msg_sent_total", "Total number of gRPC stream messages sent by the server.",
            methods, _sent);
        AddHandled(methods);
    }

    public Status OnStart(Call call)
    {
        Interlocked.Increment(ref _started[call.Method.Index]);
        if (_server.IsLearner && !IsForLearners(call.Method))
        {
            return Status.From(EtcdError.NotSupportedForLearner);
        }

        if (!call.Metadata.RequiresLeader)
        {
            return Status.Ok;
        }

        if (_server.Status.Leader == 0)
        {
            return Status.From(EtcdError.NoLeader);
        }

        if (call.Method.Shape != MethodShape.Unary)
        {
            _loops.Of(call.Loop).Guard.Add(call);
        }

        return Status.Ok;
    }

    // Of ranges the serializable ones only, which the method itself sees (spec cluster §3.8).
    private static bool IsForLearners(GrpcMethod method) => method.Name is "Status" or "Range" or "Snapshot";

    public void OnReceived(Call call, int bytes)
    {
        Interlocked.Increment(ref _received[call.Method.Index]);
        _receivedBytes.Add(bytes);
    }

    public void OnSent(Call call, int bytes)
    {
        Interlocked.Increment(ref _sent[call.Method.Index]);
        _sentBytes.Add(bytes);
    }

    public void OnEnd(Call call, in Status status)
    {
        int code = Math.Clamp((int)status.Code, 0, Codes - 1);
        Interlocked.Increment(ref _handled[(call.Method.Index * Codes) + code]);
    }

    private void Add(string name, string help, GrpcMethod[] methods, long[] values)
    {
        _server.Metrics.Registry.Labeled(name, "counter", help, text =>
        {
            foreach (GrpcMethod method in methods)
            {
                text.Sample(LabelsOf(method), Volatile.Read(ref values[method.Index]));
            }
        });
    }

    private void AddHandled(GrpcMethod[] methods)
    {
        (string Name, int Code)[] codes = [.. Enumerable.Range(0, Codes)
            .Select(static code => (NameOf(code), code)).OrderBy(static c => c.Item1, StringComparer.Ordinal)];
        _server.Metrics.Registry.Labeled("grpc_server_handled_total", "counter",
            "Total number of RPCs completed on the server, regardless of success or failure.", text =>
            {
                foreach ((string name, int code) in codes)
                {
                    foreach (GrpcMethod method in methods)
                    {
                        text.Sample($"grpc_code=\"{name}\"," + LabelsOf(method),
                            Volatile.Read(ref _handled[(method.Index * Codes) + code]));
                    }
                }
            });
    }

    private static string NameOf(int code) => Status.GoName((RpcCode)code);

    private static string LabelsOf(GrpcMethod method)
    {
        string type = method.Shape switch
        {
            MethodShape.Unary => "unary",
            MethodShape.ServerStreaming => "server_stream",
            MethodShape.ClientStreaming => "client_stream",
            _ => "bidi_stream",
        };
        return $"grpc_method=\"{method.Name}\",grpc_service=\"{method.Service}\",grpc_type=\"{type}\"";
    }
}
