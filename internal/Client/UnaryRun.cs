// A unary call with its retries, as the original's client does them (etcdctl §8): reads are repeated on Unavailable,
// writes are not once they may have reached a server.
using EtcdAot.Grpc;
using EtcdAot.Grpc.Adapter;
using EtcdAot.Wire;
using Core = global::Grpc.Core;

namespace EtcdAot.Client;

/// <summary>Runs attempts until one settles the call.</summary>
internal sealed class UnaryRun<TRequest, TResponse>(
    EtcdChannel channel, Core.Method<TRequest, TResponse> method, Core.CallOptions options)
    where TRequest : class
    where TResponse : class
{
    private readonly CancellationTokenSource _stop =
        CancellationTokenSource.CreateLinkedTokenSource(options.CancellationToken);

    private readonly TaskCompletionSource<Core.Metadata> _headers =
        new(TaskCreationOptions.RunContinuationsAsynchronously);

    private Status? _status;

    internal Task<Core.Metadata> Headers => _headers.Task;

    internal Core.Metadata Trailers { get; private set; } = [];

    internal Core.Status Status => _status is { } status
        ? EtcdChannel.ToCore(status)
        : throw new InvalidOperationException("the call has not ended");

    internal void Cancel()
    {
        try
        {
            _stop.Cancel();
        }
        catch (ObjectDisposedException)
        {
            // It has ended: there is nothing left to cancel.
        }
    }

    internal async Task<TResponse> RunAsync(TRequest request)
    {
        try
        {
            return await RunAttempts(request).ConfigureAwait(false);
        }
        finally
        {
            // Nobody may wait for headers of a call that could not even be opened.
            _headers.TrySetResult([]);
            _stop.Dispose();
        }
    }

    private async Task<TResponse> RunAttempts(TRequest request)
    {
        ReadOnlyMemory<byte> payload = PayloadWriter.Write(method.RequestMarshaller, request);
        for (int attempt = 0; ; attempt++)
        {
            ClientCall call = channel.Open(method, options, _stop.Token);
            call.Start();
            await call.Write(payload, last: true).ConfigureAwait(false);
            byte[]? message = await call.Read(CancellationToken.None).ConfigureAwait(false);
            Status status = await call.Completion.ConfigureAwait(false);
            if (status.IsOk && message is null)
            {
                status = new Status(RpcCode.Internal, "cardinality violation: no response message");
            }

            if (!status.IsOk)
            {
                channel.ReportFailure(call, isStream: false, attempt, status);
                if (RetryPolicy.Repeats(method.FullName, status.Code, attempt) &&
                    await Pause(attempt).ConfigureAwait(false))
                {
                    continue;
                }
            }

            return Settle(call, status, message);
        }
    }

    private TResponse Settle(ClientCall call, Status status, byte[]? message)
    {
        _status = status;
        Trailers = call.Trailers;
        _headers.TrySetResult(call.Headers.IsCompletedSuccessfully ? call.Headers.Result : []);
        return status.IsOk
            ? method.ResponseMarshaller.ContextualDeserializer(new PayloadReader(message!))
            : throw EtcdChannel.Failure(status);
    }

    /// <summary>Waits before the next attempt; false when the call's own time is over.</summary>
    private async Task<bool> Pause(int attempt)
    {
        TimeSpan pause = RetryPolicy.Pause(attempt, channel.EndpointCount);
        if (options.Deadline is { } deadline && DateTime.UtcNow + pause >= deadline.ToUniversalTime())
        {
            return false;
        }

        try
        {
            await Task.Delay(pause, _stop.Token).ConfigureAwait(false);
            return true;
        }
        catch (OperationCanceledException)
        {
            return false;
        }
    }
}

/// <summary>Which calls are repeated, and when.</summary>
internal static class RetryPolicy
{
    internal const int AttemptsMax = 100;

    // Calls that change nothing: repeating one is never seen.
    private static readonly HashSet<string> ReadOnly =
    [
        "/etcdserverpb.KV/Range", "/etcdserverpb.Lease/LeaseTimeToLive", "/etcdserverpb.Lease/LeaseLeases",
        "/etcdserverpb.Cluster/MemberList", "/etcdserverpb.Maintenance/Status", "/etcdserverpb.Maintenance/Hash",
        "/etcdserverpb.Maintenance/HashKV", "/etcdserverpb.Auth/UserGet", "/etcdserverpb.Auth/UserList",
        "/etcdserverpb.Auth/RoleGet", "/etcdserverpb.Auth/RoleList", "/etcdserverpb.Auth/AuthStatus",
    ];

    internal static bool Repeats(string method, RpcCode code, int attempt)
    {
        return code == RpcCode.Unavailable && attempt + 1 < AttemptsMax && ReadOnly.Contains(method);
    }

    /// <summary>25 ms ± 10 %, none until a quorum of endpoints has been tried in turn.</summary>
    internal static TimeSpan Pause(int attempt, int endpoints)
    {
        int quorum = (endpoints / 2) + 1;
        return (attempt + 1) % quorum != 0
            ? TimeSpan.Zero
            : TimeSpan.FromMilliseconds(25 * (0.9 + (0.2 * Random.Shared.NextDouble())));
    }
}
