// Message compression, which only clients that ask for it get (api-v3 §1.4). Off the hot path.
using System.IO.Compression;

namespace EtcdAot.Grpc;

/// <summary>How messages of a call are encoded.</summary>
public enum MessageEncoding
{
    Identity,
    Gzip,
}

internal static class Gzip
{
    /// <summary>Inflates a message.</summary>
    /// <param name="compressed">A gzip stream.</param>
    /// <param name="limit">Largest result in bytes.</param>
    /// <param name="status">Why it failed: corrupt (13) or too large (8).</param>
    internal static byte[]? Inflate(ReadOnlySpan<byte> compressed, int limit, out Status status)
    {
        status = Status.Ok;
        using var input = new MemoryStream(compressed.ToArray(), writable: false);
        using var gzip = new GZipStream(input, CompressionMode.Decompress);
        using var output = new MemoryStream();
        byte[] chunk = new byte[16 * 1024];
        try
        {
            for (int n = gzip.Read(chunk); n > 0; n = gzip.Read(chunk))
            {
                output.Write(chunk, 0, n);
                if (output.Length > limit)
                {
                    status = new Status(Wire.RpcCode.ResourceExhausted,
                        $"grpc: received message after decompression larger than max {limit}");
                    return null;
                }
            }
        }
        catch (InvalidDataException)
        {
            status = Corrupt;
            return null;
        }

        // The framework takes an input that stops early for a complete one, so its trailer is checked here.
        if (!TrailerMatches(compressed, output))
        {
            status = Corrupt;
            return null;
        }

        return output.ToArray();
    }

    /// <summary>Deflates a message into a gzip stream.</summary>
    internal static byte[] Deflate(ReadOnlySpan<byte> message)
    {
        using var output = new MemoryStream();
        using (var gzip = new GZipStream(output, CompressionLevel.Fastest, leaveOpen: true))
        {
            gzip.Write(message);
        }

        return output.ToArray();
    }

    private static readonly Status Corrupt = new(
        Wire.RpcCode.Internal, "grpc: failed to decompress the message: unexpected EOF");

    private static bool TrailerMatches(ReadOnlySpan<byte> compressed, MemoryStream inflated)
    {
        return compressed.Length >= 18 &&
            System.Buffers.Binary.BinaryPrimitives.ReadUInt32LittleEndian(compressed[^4..]) ==
            (uint)inflated.Length;
    }
}
