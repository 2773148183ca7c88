// A real server over loopback for client tests: reactor, HTTP/2, kernel, and small services.
using EtcdAot.Grpc;
using EtcdAot.Grpc.Adapter;
using EtcdAot.Http.H2;
using EtcdAot.Net;
using EtcdAot.Sys;
using EtcdAot.Wire.Etcdserverpb;
using Google.Protobuf;
using Core = global::Grpc.Core;

namespace EtcdAot.Tests.Unit.Client;

internal sealed class LoopbackServer : IConnectionAcceptor, IDisposable
{
    private readonly LoopGroup _group;
    private readonly Listener _listener;
    private readonly GrpcServer _server = new(new GrpcServerOptions());

    public LoopbackServer(string at = "127.0.0.1:0")
    {
        var binder = new ServiceBinder(_server);
        KV.BindService(binder, Kv);
        Watch.BindService(binder, new WatchService());
        Maintenance.BindService(binder, new MaintenanceService());
        _server.Bind("test.Client", "Sum", MethodShape.ClientStreaming, new Sum());
        Assert.False(LoopGroup.Open(
            1, LinuxNetwork.Instance, SystemClock.Instance, Limits.Default, _ => { }, out LoopGroup? group).Failed);
        _group = group!;
        _listener = OpenListener(at);
        _group.Start();
        _listener.Start();
    }

    public KvService Kv { get; } = new();

    public string Address => _listener.Address.ToString();

    /// <summary>Connections accepted so far, in order.</summary>
    public List<H2Connection> Accepted { get; } = [];

    public void OnAccepted(SocketConnection connection)
    {
        Accepted.Add(H2Connection.Server(connection, _server, new H2Options()));
    }

    /// <summary>Does something on the server's loop and waits for it.</summary>
    public Task OnLoop(Action action)
    {
        var done = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        _group.Loops[0].Post(new Work(action, done));
        return done.Task;
    }

    private sealed class Work(Action action, TaskCompletionSource done) : ILoopWork
    {
        public void Run()
        {
            action();
            done.SetResult();
        }
    }

    public void Dispose() => _group.Dispose();

    private Listener OpenListener(string where)
    {
        Listener.Open(_group.Loops, where, ListenOptions.Default, this, 1000, out Listener? listener, out string error);
        Assert.Equal("", error);
        return listener!;
    }

    internal sealed class KvService : KV.KVBase
    {
        public int Failures { get; set; }

        public int Calls { get; private set; }

        public string? LastToken { get; private set; }

        public override Task<RangeResponse> Range(RangeRequest request, Core.ServerCallContext context)
        {
            Calls++;
            LastToken = context.RequestHeaders.GetValue("token");
            if (Failures-- > 0)
            {
                throw new Core.RpcException(new Core.Status(Core.StatusCode.Unavailable, "etcdserver: leader changed"));
            }

            var response = new RangeResponse { Count = request.Key.Length };
            response.Kvs.Add(new EtcdAot.Wire.Mvccpb.KeyValue { Key = request.Key, Value = request.Key });
            return Task.FromResult(response);
        }

        public override Task<PutResponse> Put(PutRequest request, Core.ServerCallContext context)
        {
            Calls++;
            throw new Core.RpcException(new Core.Status(Core.StatusCode.Unavailable, "etcdserver: leader changed"));
        }

        public override async Task<CompactionResponse> Compact(CompactionRequest request, Core.ServerCallContext context)
        {
            await Task.Delay(Timeout.Infinite, context.CancellationToken);
            return new CompactionResponse();
        }
    }

    private sealed class WatchService : Watch.WatchBase
    {
        public override async Task Watch(Core.IAsyncStreamReader<WatchRequest> requestStream,
            Core.IServerStreamWriter<WatchResponse> responseStream, Core.ServerCallContext context)
        {
            while (await requestStream.MoveNext(CancellationToken.None))
            {
                await responseStream.WriteAsync(
                    new WatchResponse { WatchId = requestStream.Current.CancelRequest.WatchId },
                    context.CancellationToken);
            }
        }
    }

    private sealed class MaintenanceService : Maintenance.MaintenanceBase
    {
        public override async Task Snapshot(SnapshotRequest request,
            Core.IServerStreamWriter<SnapshotResponse> responseStream, Core.ServerCallContext context)
        {
            ByteString blob = ByteString.CopyFrom(new byte[64 * 1024]);
            for (ulong i = 100; i > 0; i--)
            {
                await responseStream.WriteAsync(new SnapshotResponse { RemainingBytes = i - 1, Blob = blob });
            }
        }
    }

    /// <summary>Adds up the lengths of what it gets.</summary>
    private sealed class Sum : IHotMethod
    {
        public Call CreateCall() => new SumCall();

        public void OnMessage(ReadOnlySpan<byte> message, Call call) => ((SumCall)call).Total += message.Length;

        public void OnHalfClose(Call call)
        {
            call.Reply([(byte)((SumCall)call).Total]);
            call.Finish(EtcdAot.Grpc.Status.Ok);
        }

        public void OnCancel(Call call) => call.Finish(EtcdAot.Grpc.Status.Canceled);

        private sealed class SumCall : Call
        {
            public int Total { get; set; }

            protected override void OnReuse() => Total = 0;
        }
    }
}
