// What the head of a request says, apart from the connection it leaves on. Immutable; any thread.
using System.Text;
using EtcdAot.Grpc;
using EtcdAot.Http;
using Core = global::Grpc.Core;

namespace EtcdAot.Client;

/// <summary>Path, deadline and metadata of a call.</summary>
/// <param name="Path">"/etcdserverpb.KV/Range".</param>
/// <param name="DeadlineNanos">Monotonic, <see cref="long.MaxValue"/> for none.</param>
/// <param name="Metadata">The caller's own.</param>
/// <param name="Token">Auth token, null for none.</param>
/// <param name="MaxSendBytes">Largest message of the request.</param>
/// <param name="MaxReceiveBytes">Largest message of the answer.</param>
internal sealed record CallHead(
    string Path, long DeadlineNanos, Core.Metadata? Metadata, string? Token, int MaxSendBytes, int MaxReceiveBytes)
{
    internal HeaderSet Fields(Endpoint endpoint, long nowNanos)
    {
        var fields = new List<(byte[], byte[])>
        {
            (Method, Post), (Scheme, Http), (PathName, Encoding.UTF8.GetBytes(Path)),
            (Authority, Encoding.UTF8.GetBytes(endpoint.Authority)), (ContentType, Grpc), (UserAgent, Agent),
            (Te, Trailers),
        };
        if (DeadlineNanos != long.MaxValue)
        {
            fields.Add((Timeout, GrpcTimeout.Format(DeadlineNanos - nowNanos)));
        }

        fields.Add((ApiVersion, Version));
        if (Token is not null)
        {
            fields.Add((TokenName, Encoding.UTF8.GetBytes(Token)));
        }

        foreach (Core.Metadata.Entry entry in Metadata ?? [])
        {
            byte[] value = entry.IsBinary
                ? Encoding.ASCII.GetBytes(Convert.ToBase64String(entry.ValueBytes).TrimEnd('='))
                : Encoding.UTF8.GetBytes(entry.Value);
            fields.Add((Encoding.ASCII.GetBytes(entry.Key), value));
        }

        return new HeaderSet([.. fields]);
    }

    private static readonly byte[] Method = ":method"u8.ToArray();
    private static readonly byte[] Post = "POST"u8.ToArray();
    private static readonly byte[] Scheme = ":scheme"u8.ToArray();
    private static readonly byte[] Http = "http"u8.ToArray();
    private static readonly byte[] PathName = ":path"u8.ToArray();
    private static readonly byte[] Authority = ":authority"u8.ToArray();
    private static readonly byte[] ContentType = "content-type"u8.ToArray();
    private static readonly byte[] Grpc = "application/grpc"u8.ToArray();
    private static readonly byte[] UserAgent = "user-agent"u8.ToArray();
    private static readonly byte[] Agent = "etcd-aot"u8.ToArray();
    private static readonly byte[] Te = "te"u8.ToArray();
    private static readonly byte[] Trailers = "trailers"u8.ToArray();
    private static readonly byte[] Timeout = "grpc-timeout"u8.ToArray();
    private static readonly byte[] ApiVersion = "client-api-version"u8.ToArray();
    private static readonly byte[] Version = "3.5"u8.ToArray();
    private static readonly byte[] TokenName = "token"u8.ToArray();
}
