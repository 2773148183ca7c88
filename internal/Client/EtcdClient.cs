// The face of the client room: generated clients of all services over one balanced channel. etcdctl, the proxy, tests and
// bench use this and nothing below. Any thread.
using EtcdAot.Wire.Etcdserverpb;
using Google.Protobuf;
using Core = global::Grpc.Core;

namespace EtcdAot.Client;

/// <summary>A client of one cluster.</summary>
public sealed class EtcdClient : IDisposable
{
    private readonly IDisposable? _channel;

    /// <summary>A client over any invoker; tests use it with their own.</summary>
    public EtcdClient(EtcdClientOptions options, Core.CallInvoker invoker)
    {
        Options = options;
        Invoker = invoker;
        _channel = invoker as IDisposable;
        Kv = new KV.KVClient(invoker);
        Watch = new Watch.WatchClient(invoker);
        Lease = new Wire.Etcdserverpb.Lease.LeaseClient(invoker);
        Cluster = new Cluster.ClusterClient(invoker);
        Maintenance = new Maintenance.MaintenanceClient(invoker);
        Auth = new Wire.Etcdserverpb.Auth.AuthClient(invoker);
    }

    /// <summary>What it was built with.</summary>
    public EtcdClientOptions Options { get; }

    /// <summary>For generated clients beside the six (Lock, Election, Health).</summary>
    public Core.CallInvoker Invoker { get; }

    public KV.KVClient Kv { get; }

    public Watch.WatchClient Watch { get; }

    public Wire.Etcdserverpb.Lease.LeaseClient Lease { get; }

    public Cluster.ClusterClient Cluster { get; }

    public Maintenance.MaintenanceClient Maintenance { get; }

    public Wire.Etcdserverpb.Auth.AuthClient Auth { get; }

    /// <summary>A client that dials the options' endpoints, in the background, when the first call needs it.</summary>
    public static EtcdClient Create(EtcdClientOptions options) => new(options, new EtcdChannel(options));

    /// <summary>Authenticates when the options name a user and a password, and sends the token with every later call.
    /// Limited by the dial timeout. A server without authentication is no error.</summary>
    /// <exception cref="Core.RpcException">The server's refusal, or 4 when the time is over.</exception>
    public async Task LoginAsync(CancellationToken cancellation = default)
    {
        if (string.IsNullOrEmpty(Options.UserName) || string.IsNullOrEmpty(Options.Password))
        {
            return;
        }

        var request = new AuthenticateRequest
        {
            Name = ByteString.CopyFromUtf8(Options.UserName),
            Password = ByteString.CopyFromUtf8(Options.Password),
        };
        DateTime deadline = DateTime.UtcNow + Options.DialTimeout;
        try
        {
            AuthenticateResponse answer = await Auth.AuthenticateAsync(request, null, deadline, cancellation)
                .ConfigureAwait(false);
            if (Invoker is EtcdChannel channel)
            {
                channel.Token = answer.Token;
            }
        }
        catch (Core.RpcException e) when (e.Status.Detail == "etcdserver: authentication is not enabled")
        {
            // etcd's client goes on without a token (etcdctl §7).
        }
    }

    /// <summary>Closes the connections; running calls end with status 1.</summary>
    public void Dispose() => _channel?.Dispose();
}
