using EtcdAot.Client;
using EtcdAot.Wire.Etcdserverpb;
using Google.Protobuf;
using Grpc.Net.Client;
using Core = global::Grpc.Core;

namespace EtcdAot.Tests.Unit.Client;

/// <summary>Goal: generated clients work over our channel in all shapes, with deadlines, cancellation, retries, failover
/// and the texts of the original's clients; and an independent client judges our server. Over real loopback.</summary>
public sealed class ClientTests : IDisposable
{
    private readonly LoopbackServer _server = new();

    public void Dispose() => _server.Dispose();

    [Fact]
    public async Task UnaryAndToken()
    {
        using EtcdClient client = Connect(_server.Address, token: "abc");
        RangeResponse answer = await client.Kv.RangeAsync(Key("hello"), deadline: In(5));
        Assert.Equal("hello", answer.Kvs[0].Value.ToStringUtf8());
        Assert.Equal("abc", _server.Kv.LastToken);
    }

    [Fact]
    public async Task ManyCallsAtOnceDoNotMix()
    {
        using EtcdClient client = Connect(_server.Address);
        await Parallel.ForAsync(0, 500, async (i, stop) =>
        {
            string key = new('k', i);
            RangeResponse answer = await client.Kv.RangeAsync(Key(key), deadline: In(10), cancellationToken: stop);
            Assert.Equal(key, answer.Kvs[0].Value.ToStringUtf8());
        });
    }

    [Fact]
    public async Task LargeMessagesBothWays()
    {
        var failed = new List<FailedAttempt>();
        using EtcdClient client = Connect(_server.Address, onFailed: failed.Add);
        RangeResponse answer = await client.Kv.RangeAsync(Key(new string('x', 1_500_000)), deadline: In(10));
        Assert.Equal(1_500_000, answer.Kvs[0].Value.Length);
        Core.RpcException e = await Fails(client.Kv.RangeAsync(Key(new string('x', 2_200_000)), deadline: In(10)));
        Assert.StartsWith("trying to send message larger than max (2200", e.Status.Detail, StringComparison.Ordinal);
        Assert.Equal(_server.Address, Assert.Single(failed).RemoteAddress);
    }

    [Fact]
    public async Task ServerStreamAndDuplex()
    {
        using EtcdClient client = Connect(_server.Address);
        using Core.AsyncServerStreamingCall<SnapshotResponse> snapshot =
            client.Maintenance.Snapshot(new SnapshotRequest(), deadline: In(10));
        int messages = 0;
        while (await snapshot.ResponseStream.MoveNext(CancellationToken.None))
        {
            messages++;
        }

        Assert.Equal(100, messages);
        Assert.Equal(Core.StatusCode.OK, snapshot.GetStatus().StatusCode);

        using var patience = new CancellationTokenSource();
        using Core.AsyncDuplexStreamingCall<WatchRequest, WatchResponse> watch = client.Watch.Watch(deadline: In(10));
        for (long id = 1; id <= 3; id++)
        {
            await watch.RequestStream.WriteAsync(
                new WatchRequest { CancelRequest = new WatchCancelRequest { WatchId = id } }, patience.Token);
            Assert.True(await watch.ResponseStream.MoveNext(CancellationToken.None));
            Assert.Equal(id, watch.ResponseStream.Current.WatchId);
        }

        await watch.RequestStream.CompleteAsync();
        Assert.False(await watch.ResponseStream.MoveNext(CancellationToken.None));
    }

    [Fact]
    public async Task TheEndOfAConnectionThatWasLeftDoesNotTouchTheNewOne()
    {
        using EtcdClient client = Connect(_server.Address);
        using Core.AsyncDuplexStreamingCall<WatchRequest, WatchResponse> watch = client.Watch.Watch(deadline: In(10));
        await watch.RequestStream.WriteAsync(new WatchRequest { CancelRequest = new WatchCancelRequest { WatchId = 1 } });
        Assert.True(await watch.ResponseStream.MoveNext(CancellationToken.None));

        // GOAWAY: the stream stays on the old connection, the next call makes a new one; then the old one closes.
        await _server.OnLoop(() => _server.Accepted[0].Shutdown());
        await client.Kv.RangeAsync(Key("b"), deadline: In(5));
        await _server.OnLoop(() => _server.Accepted[0].Close());
        await Assert.ThrowsAnyAsync<Exception>(() => watch.ResponseStream.MoveNext(CancellationToken.None));
        for (int i = 0; i < 20; i++)
        {
            await client.Kv.RangeAsync(Key("c"), deadline: In(5));
        }

        Assert.Equal(2, _server.Accepted.Count);
    }

    [Fact]
    public async Task ClientStream()
    {
        using EtcdClient client = Connect(_server.Address);
        Core.Marshaller<byte[]> bytes = Core.Marshallers.Create(b => b, b => b);
        var sum = new Core.Method<byte[], byte[]>(Core.MethodType.ClientStreaming, "test.Client", "Sum", bytes, bytes);
        using Core.AsyncClientStreamingCall<byte[], byte[]> call =
            client.Invoker.AsyncClientStreamingCall(sum, null, new Core.CallOptions(deadline: In(5)));
        await call.RequestStream.WriteAsync([1, 2, 3]);
        await call.RequestStream.WriteAsync([4]);
        await call.RequestStream.CompleteAsync();
        Assert.Equal([4], await call.ResponseAsync);
    }

    [Fact]
    public async Task DeadlineAndCancellation()
    {
        using EtcdClient client = Connect(_server.Address);
        Core.RpcException e = await Fails(
            client.Kv.CompactAsync(new CompactionRequest(), deadline: DateTime.UtcNow.AddMilliseconds(100)));
        Assert.Equal(Core.StatusCode.DeadlineExceeded, e.StatusCode);
        Assert.Equal("context deadline exceeded", e.Status.Detail);

        using var stop = new CancellationTokenSource();
        Core.AsyncUnaryCall<CompactionResponse> call =
            client.Kv.CompactAsync(new CompactionRequest(), cancellationToken: stop.Token);
        await stop.CancelAsync();
        e = await Fails(call);
        Assert.Equal(Core.StatusCode.Cancelled, e.StatusCode);
    }

    [Fact]
    public async Task ReadsAreRepeatedWritesAreNot()
    {
        var failed = new List<FailedAttempt>();
        using EtcdClient client = Connect(_server.Address, onFailed: failed.Add);
        _server.Kv.Failures = 3;
        await client.Kv.RangeAsync(Key("k"), deadline: In(5));
        Assert.Equal(4, _server.Kv.Calls);
        Assert.Equal([0, 1, 2], failed.Select(f => f.Attempt));
        Assert.Equal("rpc error: code = Unavailable desc = etcdserver: leader changed", failed[0].Error);
        Assert.Equal(_server.Address, failed[0].RemoteAddress);
        await Fails(client.Kv.PutAsync(new PutRequest(), deadline: In(5)));
        Assert.Equal(5, _server.Kv.Calls);
    }

    [Fact]
    public async Task AStreamThatNeverBeganIsReportedOneThatBreaksIsNot()
    {
        var failed = new List<FailedAttempt>();
        using var server = new LoopbackServer();
        using EtcdClient client = Connect(server.Address, onFailed: failed.Add);
        using Core.AsyncDuplexStreamingCall<WatchRequest, WatchResponse> watch = client.Watch.Watch(deadline: In(10));
        await watch.RequestStream.WriteAsync(new WatchRequest { CancelRequest = new WatchCancelRequest { WatchId = 7 } });
        Assert.True(await watch.ResponseStream.MoveNext(CancellationToken.None));
        server.Dispose();
        Core.RpcException e = await Assert.ThrowsAsync<Core.RpcException>(
            () => watch.ResponseStream.MoveNext(CancellationToken.None));
        Assert.Equal(Core.StatusCode.Unavailable, e.StatusCode);
        Assert.Empty(failed);
        using Core.AsyncDuplexStreamingCall<WatchRequest, WatchResponse> late =
            client.Watch.Watch(deadline: DateTime.UtcNow.AddMilliseconds(200));
        await Assert.ThrowsAsync<Core.RpcException>(() => late.ResponseStream.MoveNext(CancellationToken.None));
        Assert.True(Assert.Single(failed).IsStream);
    }

    [Fact]
    public async Task ADeadEndpointIsSkippedAndAloneItsReasonIsTold()
    {
        using (EtcdClient client = EtcdClient.Create(
            new EtcdClientOptions { Endpoints = ["127.0.0.1:1", "http://" + _server.Address + "/x"] }))
        {
            for (int i = 0; i < 4; i++)
            {
                await client.Kv.RangeAsync(Key("k"), deadline: In(5));
            }
        }

        using EtcdClient alone = Connect("127.0.0.1:1");
        Core.RpcException e = await Fails(
            alone.Kv.RangeAsync(Key("k"), deadline: DateTime.UtcNow.AddMilliseconds(200)));
        Assert.Equal(Core.StatusCode.DeadlineExceeded, e.StatusCode);
        Assert.Equal("latest balancer error: connection error: desc = \"transport: Error while dialing: dial tcp " +
            "127.0.0.1:1: connect: connection refused\"", e.Status.Detail);
    }

    [Theory]
    [InlineData("a:1", "a:1", null, null)]
    [InlineData("http://h:2379/x?y", "h:2379", false, null)]
    [InlineData("https://h:2379", "h:2379", true, null)]
    [InlineData("[::1]:5", "[::1]:5", null, null)]
    [InlineData("", "", null, "dial tcp: missing address")]
    [InlineData("localhost", "localhost", null, "dial tcp: address localhost: missing port in address")]
    [InlineData("a:b:1", "a:b:1", null, "dial tcp: address a:b:1: too many colons in address")]
    [InlineData("a:99999", "a:99999", null, "dial tcp: address 99999: invalid port")]
    [InlineData("a:-1", "a:-1", null, "dial tcp: address -1: invalid port")]
    [InlineData("a:+1", "a:+1", null, null)]
    [InlineData("a:", "a:", null, null)]
    [InlineData("a:1/x", "a:1/x", null, "dial tcp: lookup tcp/1/x: unknown port")]
    [InlineData("[::1", "[::1", null, "dial tcp: address [::1: missing ']' in address")]
    [InlineData("[::1]", "[::1]", null, "dial tcp: address [::1]: missing port in address")]
    [InlineData("[::1]x:1", "[::1]x:1", null, "dial tcp: address [::1]x:1: missing port in address")]
    [InlineData("[a]:b:1", "[a]:b:1", null, "dial tcp: address [a]:b:1: too many colons in address")]
    [InlineData("a]:1", "a]:1", null, "dial tcp: address a]:1: unexpected ']' in address")]
    [InlineData("a[:1", "a[:1", null, "dial tcp: address a[:1: unexpected '[' in address")]
    [InlineData("HTTP://u:p@h:1#x", "h:1", false, null)]
    [InlineData("http://[::1]:1/", "[::1]:1", false, null)]
    [InlineData("http://[::1]", "[::1]", false, "dial tcp: address [::1]: missing port in address")]
    [InlineData("http://[::1", "http://[::1", null, "dial tcp: address http://[::1: too many colons in address")]
    [InlineData("http://[h]:1", "http://[h]:1", null, "dial tcp: address http://[h]:1: too many colons in address")]
    [InlineData("http://h:x", "http://h:x", null, "dial tcp: address http://h:x: too many colons in address")]
    [InlineData("http://a b:1", "http://a b:1", null, "dial tcp: address http://a b:1: too many colons in address")]
    [InlineData("unix:", "", false, "dial unix: missing address")]
    [InlineData("unix:///a?b", "/a", false, null)]
    public void Endpoints(string text, string address, bool? tls, string? error)
    {
        Endpoint endpoint = Endpoint.Parse(text);
        Assert.Equal((address, tls, error), (endpoint.Address, endpoint.Tls, endpoint.Error));
    }

    [Fact]
    public async Task UnixSockets()
    {
        string path = Path.Combine(Path.GetTempPath(), $"c{Environment.ProcessId}.sock");
        using var server = new LoopbackServer("unix:" + path);
        using EtcdClient client = Connect("unix://" + path);
        await client.Kv.RangeAsync(Key("k"), deadline: In(5));
        Assert.Equal("/a/b", Endpoint.Parse("unix:/a/b").UnixPath);
        Assert.Equal("rel", Endpoint.Parse("unix://rel").UnixPath);
        File.Delete(path);
    }

    [Fact]
    public async Task AnIndependentClientAgrees()
    {
        using GrpcChannel channel = GrpcChannel.ForAddress("http://" + _server.Address);
        var kv = new KV.KVClient(channel);
        RangeResponse answer = await kv.RangeAsync(Key("hello"), deadline: In(10));
        Assert.Equal(5, answer.Count);
        Core.RpcException e = await Fails(kv.PutAsync(new PutRequest(), deadline: In(10)));
        Assert.Equal("etcdserver: leader changed", e.Status.Detail);
        e = await Fails(new EtcdAot.Wire.Etcdserverpb.Lease.LeaseClient(channel).LeaseGrantAsync(new LeaseGrantRequest(), deadline: In(10)));
        Assert.Equal("unknown service etcdserverpb.Lease", e.Status.Detail);
        using Core.AsyncDuplexStreamingCall<WatchRequest, WatchResponse> watch =
            new Watch.WatchClient(channel).Watch(deadline: In(10));
        await watch.RequestStream.WriteAsync(new WatchRequest { CancelRequest = new WatchCancelRequest { WatchId = 7 } });
        Assert.True(await watch.ResponseStream.MoveNext(CancellationToken.None));
        Assert.Equal(7, watch.ResponseStream.Current.WatchId);
        await watch.RequestStream.CompleteAsync();
        Assert.False(await watch.ResponseStream.MoveNext(CancellationToken.None));
    }

    private static EtcdClient Connect(string address, string? token = null, Action<FailedAttempt>? onFailed = null)
    {
        return EtcdClient.Create(
            new EtcdClientOptions { Endpoints = [address], Token = token, OnFailedAttempt = onFailed });
    }

    private static RangeRequest Key(string key) => new() { Key = ByteString.CopyFromUtf8(key) };

    private static DateTime In(int seconds) => DateTime.UtcNow.AddSeconds(seconds);

    private static Task<Core.RpcException> Fails<T>(Core.AsyncUnaryCall<T> call)
    {
        return Assert.ThrowsAsync<Core.RpcException>(() => call.ResponseAsync);
    }
}
