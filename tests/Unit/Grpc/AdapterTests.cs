using EtcdAot.Grpc.Adapter;
using EtcdAot.Http;
using EtcdAot.Wire.Etcdserverpb;
using Google.Protobuf;
using Core = global::Grpc.Core;

namespace EtcdAot.Tests.Unit.Grpc;

/// <summary>Goal: generated service bases of all four shapes run on the kernel, with backpressure, exceptions as status,
/// and cancellation. Over the fake stream, so that every order of events is ours.</summary>
public class AdapterTests
{
    private readonly FakeLoop _loop = new();
    private readonly EtcdAot.Grpc.GrpcServer _server = new(new EtcdAot.Grpc.GrpcServerOptions());
    private readonly Impl _impl = new();

    public AdapterTests()
    {
        var binder = new ServiceBinder(_server);
        KV.BindService(binder, new KvImpl(_impl));
        Watch.BindService(binder, new WatchImpl(_impl));
        Maintenance.BindService(binder, new MaintenanceImpl());
    }

    [Fact]
    public void UnaryAfterAnAwaitOnAnotherThread()
    {
        (FakeStream stream, IStreamHandler handler) = Begin("/etcdserverpb.KV/Put");
        handler.OnData(Frame(new PutRequest { Key = ByteString.CopyFromUtf8("k") }), true);
        Assert.Equal("", stream.Line);
        _impl.Gate.SetResult();
        WaitFor(() => stream.Ended);
        var answer = PutResponse.Parser.ParseFrom(stream.Messages[0].AsSpan(5).ToArray());
        Assert.Equal(1, answer.Header.Revision);
        Assert.EndsWith("T(grpc-status=0 grpc-message=)", stream.Line, StringComparison.Ordinal);
    }

    [Fact]
    public void ExceptionsBecomeStatus()
    {
        Assert.Contains("grpc-status=5 grpc-message=etcdserver: requested lease not found", Fail("rpc"), StringComparison.Ordinal);
        Assert.Contains("grpc-status=2 grpc-message=boom", Fail("other"), StringComparison.Ordinal);
        (FakeStream stream, IStreamHandler handler) = Begin("/etcdserverpb.KV/Range");
        handler.OnData([0, 0, 0, 0, 2, 0x0a, 0x05], true);
        WaitFor(() => stream.Ended);
        Assert.Contains("grpc-status=13 grpc-message=grpc: error unmarshalling request: unexpected EOF", stream.Line,
            StringComparison.Ordinal);
    }

    [Fact]
    public void ServerStreamWaitsForTheClientsWindow()
    {
        (FakeStream stream, IStreamHandler handler) = Begin("/etcdserverpb.Maintenance/Snapshot");
        stream.Queued = 1 << 20;
        handler.OnData(Frame(new SnapshotRequest()), true);
        WaitFor(() => stream.Messages.Count == 1);
        Thread.Sleep(20);
        _loop.Drain();
        Assert.Single(stream.Messages);
        stream.Queued = 0;
        handler.OnWritable();
        WaitFor(() => stream.Ended);
        Assert.Equal(3, stream.Messages.Count);
    }

    [Fact]
    public void DuplexEchoesInOrderAndSeesTheHalfClose()
    {
        (FakeStream stream, IStreamHandler handler) = Begin("/etcdserverpb.Watch/Watch");
        byte[] two = [.. Frame(Cancel(1)), .. Frame(Cancel(2)), .. Frame(Cancel(3))];
        handler.OnData(two, false);
        WaitFor(() => stream.Messages.Count == 3);
        Assert.Equal(two.Length, stream.Consumed);
        handler.OnData(Frame(Cancel(4)), true);
        WaitFor(() => stream.Ended);
        Assert.Equal([1L, 2, 3, 4], stream.Messages.Select(m => WatchResponse.Parser.ParseFrom(m.AsSpan(5).ToArray()).WatchId));
    }

    [Fact]
    public void CancellationReachesTheHandler()
    {
        (FakeStream stream, IStreamHandler handler) = Begin("/etcdserverpb.Watch/Watch");
        _loop.Drain();
        handler.OnReset(8, false);
        WaitFor(() => _impl.Cancelled);
        Assert.Equal("", stream.Line);
    }

    private string Fail(string key)
    {
        (FakeStream stream, IStreamHandler handler) = Begin("/etcdserverpb.KV/Range");
        handler.OnData(Frame(new RangeRequest { Key = ByteString.CopyFromUtf8(key) }), true);
        WaitFor(() => stream.Ended);
        return stream.Line;
    }

    private static WatchRequest Cancel(long id)
    {
        return new WatchRequest { CancelRequest = new WatchCancelRequest { WatchId = id } };
    }

    private (FakeStream, IStreamHandler) Begin(string path)
    {
        var stream = new FakeStream(_loop);
        return (stream, _server.OnRequest(stream, FakeHeaders.Request(path), false));
    }

    private static byte[] Frame(IMessage message)
    {
        byte[] bytes = message.ToByteArray();
        return [0, 0, 0, (byte)(bytes.Length >> 8), (byte)bytes.Length, .. bytes];
    }

    private void WaitFor(Func<bool> condition)
    {
        for (int i = 0; i < 2000 && !condition(); i++)
        {
            _loop.Drain();
            Thread.Sleep(i < 10 ? 0 : 1);
        }

        Assert.True(condition(), "the handler did not get there");
    }

    private sealed class Impl
    {
        public TaskCompletionSource Gate { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public bool Cancelled { get; set; }
    }

    private sealed class KvImpl(Impl shared) : KV.KVBase
    {
        public override async Task<PutResponse> Put(PutRequest request, Core.ServerCallContext context)
        {
            await shared.Gate.Task.ConfigureAwait(false);
            await Task.Run(() => { });
            return new PutResponse { Header = new ResponseHeader { Revision = request.Key.Length } };
        }

        public override Task<RangeResponse> Range(RangeRequest request, Core.ServerCallContext context)
        {
            throw request.Key.ToStringUtf8() == "rpc"
                ? new Core.RpcException(new Core.Status(Core.StatusCode.NotFound, "etcdserver: requested lease not found"))
                : new InvalidOperationException("boom");
        }
    }

    private sealed class WatchImpl(Impl shared) : Watch.WatchBase
    {
        public override async Task Watch(Core.IAsyncStreamReader<WatchRequest> requestStream,
            Core.IServerStreamWriter<WatchResponse> responseStream, Core.ServerCallContext context)
        {
            context.CancellationToken.Register(() => shared.Cancelled = true);
            while (await requestStream.MoveNext(CancellationToken.None))
            {
                await responseStream.WriteAsync(
                    new WatchResponse { WatchId = requestStream.Current.CancelRequest.WatchId });
            }
        }
    }

    private sealed class MaintenanceImpl : Maintenance.MaintenanceBase
    {
        public override async Task Snapshot(SnapshotRequest request,
            Core.IServerStreamWriter<SnapshotResponse> responseStream, Core.ServerCallContext context)
        {
            for (ulong i = 0; i < 3; i++)
            {
                await responseStream.WriteAsync(new SnapshotResponse { RemainingBytes = i });
            }
        }
    }
}
