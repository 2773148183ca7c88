// Header sets that answers are made of; the ones of a healthy call are built once. Immutable; any thread.
using System.Globalization;
using System.Text;
using EtcdAot.Http;

namespace EtcdAot.Grpc;

internal static class ReplyHeaders
{
    private static readonly byte[] StatusName = ":status"u8.ToArray();
    private static readonly byte[] TypeName = "content-type"u8.ToArray();
    private static readonly byte[] EncodingName = "grpc-encoding"u8.ToArray();
    private static readonly byte[] GrpcStatusName = "grpc-status"u8.ToArray();
    private static readonly byte[] GrpcMessageName = "grpc-message"u8.ToArray();
    private static readonly byte[] Ok = "200"u8.ToArray();
    private static readonly byte[] GzipName = "gzip"u8.ToArray();

    private static readonly HeaderSet Plain = new((StatusName, Ok), (TypeName, RequestHead.PlainContentType));

    private static readonly HeaderSet OkTrailers = new((GrpcStatusName, "0"u8.ToArray()), (GrpcMessageName, []));

    /// <summary>Headers before the first message.</summary>
    internal static HeaderSet Initial(byte[] contentType, MessageEncoding encoding)
    {
        if (encoding == MessageEncoding.Gzip)
        {
            return new HeaderSet((StatusName, Ok), (TypeName, contentType), (EncodingName, GzipName));
        }

        return ReferenceEquals(contentType, RequestHead.PlainContentType)
            ? Plain
            : new HeaderSet((StatusName, Ok), (TypeName, contentType));
    }

    /// <summary>Trailers after headers.</summary>
    internal static HeaderSet Trailers(in Status status)
    {
        return status.IsOk
            ? OkTrailers
            : new HeaderSet((GrpcStatusName, Code(status)), (GrpcMessageName, Message(status)));
    }

    /// <summary>The whole answer in one block, when no message was sent.</summary>
    internal static HeaderSet TrailersOnly(in Status status, int httpStatus, byte[] contentType)
    {
        byte[] http = httpStatus == 200 ? Ok : Encoding.ASCII.GetBytes(httpStatus.ToString(CultureInfo.InvariantCulture));
        return new HeaderSet(
            (StatusName, http), (TypeName, contentType), (GrpcStatusName, Code(status)),
            (GrpcMessageName, Message(status)));
    }

    private static byte[] Code(in Status status)
    {
        return Encoding.ASCII.GetBytes(((int)status.Code).ToString(CultureInfo.InvariantCulture));
    }

    private static byte[] Message(in Status status) => PercentEncoding.Encode(status.Text ?? "");
}
