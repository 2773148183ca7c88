// The head of a request: which of its fields make it a gRPC call, and how it is refused when they do not, in the words of
// the original's own HTTP/2 (api-v3 §1.1, column C). A ref struct over the header block; dead with it.
using EtcdAot.Http;
using EtcdAot.Observe;
using EtcdAot.Wire;

namespace EtcdAot.Grpc;

internal ref struct RequestHead
{
    internal static readonly byte[] PlainContentType = "application/grpc"u8.ToArray();

    private readonly HeaderBlock _headers;
    private ReadOnlySpan<byte> _method;
    private ReadOnlySpan<byte> _contentType;
    private ReadOnlySpan<byte> _encoding;
    private bool _typeIsValid;
    private int _authorities;
    private int _hosts;

    internal RequestHead(HeaderBlock headers)
    {
        _headers = headers;
        TimeoutNanos = long.MaxValue;
        HttpStatus = 200;
        for (int i = 0; i < headers.Count; i++)
        {
            Take(headers.Name(i), headers.Value(i));
        }

        Judge();
    }

    internal ReadOnlySpan<byte> Path { get; private set; }

    /// <summary>Relative timeout, <see cref="long.MaxValue"/> for none.</summary>
    internal long TimeoutNanos { get; private set; }

    /// <summary>200, or what the request is refused with.</summary>
    internal int HttpStatus { get; private set; }

    /// <summary>Why it is refused.</summary>
    internal Status Status { get; private set; }

    /// <summary>True for a field that HTTP/2 forbids and that the original answers with a stream error.</summary>
    internal bool IsForbidden { get; private set; }

    /// <summary>The request's content type in the form in which it is echoed: a subtype always behind '+'.</summary>
    internal readonly byte[] ReplyContentType()
    {
        if (_contentType.Length == PlainContentType.Length)
        {
            return PlainContentType;
        }

        byte[] echo = _contentType.ToArray();
        echo[PlainContentType.Length] = (byte)'+';
        return echo;
    }

    internal readonly bool TryGetEncoding(out MessageEncoding encoding, out Status status)
    {
        status = Status.Ok;
        encoding = MessageEncoding.Identity;
        if (_encoding.IsEmpty || _encoding.SequenceEqual("identity"u8))
        {
            return true;
        }

        if (_encoding.SequenceEqual("gzip"u8))
        {
            encoding = MessageEncoding.Gzip;
            return true;
        }

        status = new Status(RpcCode.Unimplemented,
            "grpc: Decompressor is not installed for grpc-encoding " + GoQuote.Bytes(_encoding));
        return false;
    }

    internal readonly bool CopyMetadata(IncomingMetadata metadata, out Status status)
    {
        for (int i = 0; i < _headers.Count; i++)
        {
            ReadOnlySpan<byte> name = _headers.Name(i);
            if (IncomingMetadata.IsTransport(name) || metadata.Add(name, _headers.Value(i), out int badAt))
            {
                continue;
            }

            status = new Status(RpcCode.Internal,
                $"malformed binary metadata {GoQuote.Bytes(_headers.Value(i))} in header {GoQuote.Bytes(name)}: " +
                $"illegal base64 data at input byte {badAt}");
            return false;
        }

        status = Status.Ok;
        return true;
    }

    private void Take(ReadOnlySpan<byte> name, ReadOnlySpan<byte> value)
    {
        switch (name.Length)
        {
            case 4 when name.SequenceEqual("host"u8):
                _hosts++;
                break;
            case 5 when name.SequenceEqual(":path"u8):
                Path = value;
                break;
            case 7 when name.SequenceEqual(":method"u8):
                _method = value;
                break;
            case 10 when name.SequenceEqual(":authority"u8):
                _authorities++;
                break;
            case 10 when name.SequenceEqual("connection"u8):
                IsForbidden = true;
                break;
            case 12 when name.SequenceEqual("content-type"u8) && !_typeIsValid:
                _contentType = value;
                _typeIsValid = IsGrpc(value);
                break;
            case 12 when name.SequenceEqual("grpc-timeout"u8):
                TakeTimeout(value);
                break;
            case 13 when name.SequenceEqual("grpc-encoding"u8):
                _encoding = value;
                break;
            default:
                break;
        }
    }

    private void TakeTimeout(ReadOnlySpan<byte> value)
    {
        if (GrpcTimeout.TryParse(value, out long nanos, out string error))
        {
            TimeoutNanos = nanos;
        }
        else
        {
            Refuse(400, RpcCode.Internal, "malformed grpc-timeout: " + error);
        }
    }

    private void Judge()
    {
        if (_hosts > 1)
        {
            Refuse(400, RpcCode.Internal, $"num values of :authority: {_authorities}, num values of host: {_hosts}, " +
                "both must only have 1 value as per HTTP/2 spec");
        }
        else if (!_typeIsValid)
        {
            Refuse(415, RpcCode.InvalidArgument,
                $"invalid gRPC request content-type {GoQuote.Bytes(_contentType)}");
        }
        else if (HttpStatus == 200 && !_method.SequenceEqual("POST"u8))
        {
            Refuse(405, RpcCode.Internal,
                $"Received a HEADERS frame with :method {GoQuote.Bytes(_method)} which should be POST");
        }
    }

    private void Refuse(int httpStatus, RpcCode code, string text)
    {
        HttpStatus = httpStatus;
        Status = new Status(code, text);
    }

    private static bool IsGrpc(ReadOnlySpan<byte> type)
    {
        return type.StartsWith(PlainContentType) &&
            (type.Length == PlainContentType.Length || type[PlainContentType.Length] is (byte)'+' or (byte)';');
    }
}
