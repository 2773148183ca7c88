// The ServerCallContext of an adapted call. Owned by: the I/O thread of the call; handlers read it from wherever they run.
using global::Grpc.Core;

namespace EtcdAot.Grpc.Adapter;

/// <summary>Context handed to generated service bases.</summary>
public sealed class AdapterContext : ServerCallContext, IDisposable
{
    private readonly CancellationTokenSource _cancelled = new();
    private readonly DateTime _deadline;
    private Metadata? _headers;

    internal AdapterContext(Call call)
    {
        Call = call;
        if (call.DeadlineNanos == long.MaxValue)
        {
            _deadline = DateTime.MaxValue;
        }
        else
        {
            long remaining = call.DeadlineNanos - call.Loop.NowNanos;
            _deadline = DateTime.UtcNow.AddTicks(Math.Min(remaining / 100, TimeSpan.FromDays(36500).Ticks));
        }
    }

    /// <summary>The kernel's call: metadata without copies, loop, deadline on the loop's clock.</summary>
    public Call Call { get; }

    protected override string MethodCore => Call.Method.FullName;

    protected override string HostCore => "";

    protected override string PeerCore => Call.RemoteAddress;

    protected override DateTime DeadlineCore => _deadline;

    protected override Metadata RequestHeadersCore => _headers ??= CopyHeaders();

    protected override CancellationToken CancellationTokenCore => _cancelled.Token;

    /// <summary>etcd sends no trailers of its own (api-v3 §1.1): frozen and empty.</summary>
    protected override Metadata ResponseTrailersCore => Metadata.Empty;

    protected override global::Grpc.Core.Status StatusCore { get; set; }

    protected override WriteOptions? WriteOptionsCore { get; set; }

    protected override AuthContext AuthContextCore => new(null, []);

    /// <summary>Cancels <see cref="ServerCallContext.CancellationToken"/>.</summary>
    internal void Cancel() => _cancelled.Cancel();

    public void Dispose() => _cancelled.Dispose();

    protected override ContextPropagationToken CreatePropagationTokenCore(ContextPropagationOptions? options)
    {
        throw new NotSupportedException("calls are not propagated");
    }

    /// <summary>Sends the headers early. etcd sends no response metadata of its own, so none is taken.</summary>
    protected override Task WriteResponseHeadersAsyncCore(Metadata responseHeaders)
    {
        if (responseHeaders.Count != 0)
        {
            throw new NotSupportedException("etcd sends no response metadata (api-v3 §1.1)");
        }

        Call.SendHeaders();
        return Task.CompletedTask;
    }

    private Metadata CopyHeaders()
    {
        var copy = new Metadata();
        IncomingMetadata from = Call.Metadata;
        for (int i = 0; i < from.Count; i++)
        {
            string name = System.Text.Encoding.ASCII.GetString(from.Name(i));
            if (name.EndsWith("-bin", StringComparison.Ordinal))
            {
                copy.Add(name, from.Value(i).ToArray());
            }
            else
            {
                copy.Add(name, System.Text.Encoding.UTF8.GetString(from.Value(i)));
            }
        }

        return copy;
    }
}
