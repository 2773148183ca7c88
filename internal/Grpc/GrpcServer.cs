// The server kernel's entrance: looks at a request's head and makes a call of it, or refuses it. One for each listener;
// the method table is immutable once serving. Task-free; what belongs to a loop stands in GrpcLoop.
using EtcdAot.Http;
using EtcdAot.Http.H2;
using EtcdAot.Net;

namespace EtcdAot.Grpc;

/// <summary>Options of a server.</summary>
public sealed class GrpcServerOptions
{
    /// <summary>Largest message taken, in bytes: etcd's max-request-bytes + 512 KiB (api-v3 §1.2).</summary>
    public int MaxReceiveBytes { get; init; } = 2 * 1024 * 1024;

    /// <summary>Sees every call of a known method; null: nobody does.</summary>
    public ICallInterceptor? Interceptor { get; init; }
}

/// <summary>Serves gRPC on HTTP/2 streams.</summary>
public sealed class GrpcServer(GrpcServerOptions options) : IStreamAcceptor
{
    private GrpcLoop[] _loops = [];

    /// <summary>The methods; to be filled before the first request.</summary>
    public MethodTable Methods { get; } = new();

    /// <summary>What it was made with.</summary>
    public GrpcServerOptions Options { get; } = options;

    /// <summary>Binds a method.</summary>
    public void Bind(string service, string name, MethodShape shape, IHotMethod handler)
    {
        Methods.Add(new GrpcMethod(service, name, shape, handler));
    }

    public IStreamHandler OnRequest(HttpStream stream, HeaderBlock headers, bool endOfStream)
    {
        var head = new RequestHead(headers);
        if (head.IsForbidden)
        {
            stream.Reset(H2Error.ProtocolError);
            return RefusedStream.Instance;
        }

        if (head.HttpStatus != 200)
        {
            return Refuse(stream, head.Status, head.HttpStatus, RequestHead.PlainContentType);
        }

        byte[] contentType = head.ReplyContentType();
        GrpcMethod? method = Methods.Find(head.Path);
        if (method is null)
        {
            return Refuse(stream, Methods.Explain(head.Path), 200, contentType);
        }

        if (!head.TryGetEncoding(out MessageEncoding encoding, out Status status))
        {
            return Refuse(stream, status, 200, contentType);
        }

        GrpcLoop loop = LoopOf(stream.Transport.Loop);
        Call call = loop.Rent(method);
        if (!head.CopyMetadata(call.Metadata, out status))
        {
            call.Metadata.Clear();
            loop.Return(call);
            return Refuse(stream, status, 400, RequestHead.PlainContentType);
        }

        call.Begin(stream, contentType, encoding, head.TimeoutNanos, endOfStream);
        return call;
    }

    private static RefusedStream Refuse(HttpStream stream, in Status status, int httpStatus, byte[] contentType)
    {
        stream.SendHeaders(ReplyHeaders.TrailersOnly(status, httpStatus, contentType), endOfStream: true);
        return RefusedStream.Instance;
    }

    // A handful of loops, each found by a look through an array that is replaced when a new one shows up.
    private GrpcLoop LoopOf(IoLoop loop)
    {
        while (true)
        {
            GrpcLoop[] known = Volatile.Read(ref _loops);
            foreach (GrpcLoop one in known)
            {
                if (ReferenceEquals(one.Loop, loop))
                {
                    return one;
                }
            }

            GrpcLoop[] more = [.. known, new GrpcLoop(this, loop)];
            Interlocked.CompareExchange(ref _loops, more, known);
        }
    }

    /// <summary>Stands for a stream that has its answer; what may still arrive is nobody's.</summary>
    private sealed class RefusedStream : IStreamHandler
    {
        internal static readonly RefusedStream Instance = new();

        public void OnHeaders(HeaderBlock headers, bool endOfStream)
        {
        }

        public void OnData(ReadOnlySpan<byte> data, bool endOfStream)
        {
        }

        public void OnReset(uint errorCode, bool connectionLost)
        {
        }

        public void OnWritable()
        {
        }
    }
}

/// <summary>What the calls of one I/O thread share. Owned by that thread.</summary>
internal sealed class GrpcLoop(GrpcServer server, IoLoop loop)
{
    // Idle call objects a method: more come and go only in bursts that are paid for once.
    private const int KeptCalls = 1024;

    private readonly Stack<Call>?[] _idle = new Stack<Call>?[server.Methods.Methods.Count];

    internal IoLoop Loop { get; } = loop;

    internal GrpcServerOptions Options { get; } = server.Options;

    internal BufferPool Buffers { get; } = new();

    internal DeadlineHeap Deadlines { get; } = new(loop);

    internal Call Rent(GrpcMethod method)
    {
        if (_idle[method.Index] is { Count: > 0 } idle)
        {
            return idle.Pop();
        }

        Call call = method.Handler.CreateCall();
        call.Adopt(this, method);
        return call;
    }

    internal void Return(Call call)
    {
        if (!call.Method.Handler.ReusesCalls)
        {
            return;
        }

        Stack<Call> idle = _idle[call.Method.Index] ??= new Stack<Call>();
        if (idle.Count < KeptCalls)
        {
            idle.Push(call);
        }
    }
}
