// Every limit of the HTTP/1 side, in one place, each as the original's server has it (api-v3 §1.8). Constants.
namespace EtcdAot.Http.H1;

/// <summary>Limits of an HTTP/1 connection.</summary>
internal static class Http1Limits
{
    /// <summary>Request line and headers, bytes (1 MiB and a buffer's slack); above: 431.</summary>
    public const int HeadMax = (1 << 20) + 4096;

    /// <summary>What is read of a body that nobody wants before the connection is closed instead.</summary>
    public const int DiscardedBodyMax = 256 * 1024;

    /// <summary>An answer up to this size that ends in one go has a Content-Length; a larger one is chunked.</summary>
    public const int LengthKnownMax = 2048;

    /// <summary>Line that begins a chunk, extensions included; above: 400.</summary>
    public const int ChunkLineMax = 4096;

    /// <summary>Trailer section of a chunked body.</summary>
    public const int TrailersMax = 64 * 1024;

    /// <summary>Requests that wait while an earlier one is being answered, bytes; above it the peer is cut.</summary>
    public const int PipelinedMax = 2 * 1024 * 1024;
}
