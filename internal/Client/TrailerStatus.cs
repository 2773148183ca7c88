// How an answer ended, read from its trailers, its HTTP status or its RST_STREAM code, in the words of the original's
// client library. Pure functions.
using System.Globalization;
using System.Text;
using EtcdAot.Grpc;
using EtcdAot.Http;
using EtcdAot.Observe;
using EtcdAot.Wire;

namespace EtcdAot.Client;

internal static class TrailerStatus
{
    private static readonly string[] ResetNames =
    [
        "NO_ERROR", "PROTOCOL_ERROR", "INTERNAL_ERROR", "FLOW_CONTROL_ERROR", "SETTINGS_TIMEOUT", "STREAM_CLOSED",
        "FRAME_SIZE_ERROR", "REFUSED_STREAM", "CANCEL", "COMPRESSION_ERROR", "CONNECT_ERROR", "ENHANCE_YOUR_CALM",
        "INADEQUATE_SECURITY", "HTTP_1_1_REQUIRED",
    ];

    /// <summary>Status of the block that ends a stream.</summary>
    internal static Status Of(HeaderBlock headers)
    {
        if (!headers.TryGet("grpc-status"u8, out ReadOnlySpan<byte> code))
        {
            return Refusal(headers) ?? new Status(RpcCode.Internal, "server closed the stream without sending trailers");
        }

        if (!int.TryParse(code, NumberStyles.None, CultureInfo.InvariantCulture, out int number))
        {
            return new Status(RpcCode.Internal, "malformed grpc-status: " + GoQuote.Bytes(code));
        }

        headers.TryGet("grpc-message"u8, out ReadOnlySpan<byte> message);
        return new Status((RpcCode)number, PercentEncoding.Decode(message));
    }

    /// <summary>Not null when the headers are no gRPC answer.</summary>
    internal static Status? Refusal(HeaderBlock headers)
    {
        headers.TryGet(":status"u8, out ReadOnlySpan<byte> http);
        headers.TryGet("content-type"u8, out ReadOnlySpan<byte> type);
        if (type.StartsWith("application/grpc"u8))
        {
            return null;
        }

        string status = Encoding.ASCII.GetString(http);
        RpcCode code = status switch
        {
            "400" => RpcCode.Internal,
            "401" => RpcCode.Unauthenticated,
            "403" => RpcCode.PermissionDenied,
            "404" => RpcCode.Unimplemented,
            "429" or "502" or "503" or "504" => RpcCode.Unavailable,
            _ => RpcCode.Unknown,
        };
        string text = http.SequenceEqual("200"u8)
            ? ""
            : $"unexpected HTTP status code received from server: {status}; ";
        return new Status(code,
            $"{text}transport: received unexpected content-type {GoQuote.Bytes(type)}");
    }

    /// <summary>Status of a stream that the server reset.</summary>
    internal static Status OfReset(uint errorCode)
    {
        RpcCode code = errorCode switch
        {
            7 => RpcCode.Unavailable,
            8 => RpcCode.Canceled,
            11 => RpcCode.ResourceExhausted,
            12 => RpcCode.PermissionDenied,
            _ => RpcCode.Internal,
        };
        string name = errorCode < ResetNames.Length ? ResetNames[errorCode] : $"{errorCode}";
        return new Status(code, "stream terminated by RST_STREAM with error code: " + name);
    }
}
