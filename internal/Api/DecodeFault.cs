// Why the bytes of a request are not a message, in the words that etcd's generated decoder sends (api-v3 §1.1). Walked
// only after a decoder has refused the bytes, so it may be slow; never throws. Any thread.
using EtcdAot.Grpc;
using EtcdAot.Wire;
using EtcdAot.Wire.Codecs;
using EtcdAot.Wire.Etcdserverpb;
using Google.Protobuf.Reflection;

namespace EtcdAot.Api;

/// <summary>Finds the first fault of a message.</summary>
internal ref struct DecodeFault
{
    private const string Cut = "unexpected EOF";
    private const string Overflow = "proto: integer overflow";
    private const string NegativeLength = "proto: negative length found during unmarshaling";
    private const int MaxVarintShift = 63;
    private const int MaxDepth = 100;

    private readonly ReadOnlySpan<byte> _bytes;
    private int _at;
    private string? _fault;

    private DecodeFault(ReadOnlySpan<byte> bytes) => _bytes = bytes;

    /// <summary>The status of a unary request that is no such message.</summary>
    public static Status Of(ReadOnlySpan<byte> bytes, MessageDescriptor message) =>
        Of(Find(bytes, message, 0) ?? Cut);

    /// <summary>The same with the decoder's words.</summary>
    public static Status Of(string fault) => new(RpcCode.Internal, "grpc: error unmarshalling request: " + fault);

    /// <summary>The status of a message that is none on a stream, be it of requests or of answers.</summary>
    public static Status OnStream(ReadOnlySpan<byte> bytes, MessageDescriptor message) =>
        OnStream(Find(bytes, message, 0) ?? Cut);

    /// <summary>The same with the decoder's words.</summary>
    public static Status OnStream(string fault) =>
        new(RpcCode.Internal, "grpc: failed to unmarshal the received message: " + fault);

    /// <summary>The request message of an operation that goes through the log.</summary>
    public static MessageDescriptor RequestOf(RaftOp op) => op switch
    {
        RaftOp.Put => PutRequest.Descriptor,
        RaftOp.DeleteRange => DeleteRangeRequest.Descriptor,
        RaftOp.Txn => TxnRequest.Descriptor,
        RaftOp.Compaction => CompactionRequest.Descriptor,
        RaftOp.LeaseGrant => LeaseGrantRequest.Descriptor,
        RaftOp.LeaseRevoke => LeaseRevokeRequest.Descriptor,
        _ => AlarmRequest.Descriptor,
    };

    private static string? Find(ReadOnlySpan<byte> bytes, MessageDescriptor message, int depth)
    {
        var walk = new DecodeFault(bytes);
        while (walk._fault is null && walk._at < bytes.Length)
        {
            walk.Field(message, depth);
        }

        return walk._fault;
    }

    private void Field(MessageDescriptor message, int depth)
    {
        ulong tag = Varint();
        int number = (int)(tag >> 3);
        int type = (int)(tag & 7);
        if (_fault is not null)
        {
            return;
        }

        if (type == 4)
        {
            _fault = $"proto: {message.Name}: wiretype end group for non-group";
        }
        else if (number <= 0)
        {
            _fault = $"proto: {message.Name}: illegal tag {number} (wire type {tag})";
        }
        else if (message.FindFieldByNumber(number) is not { } field)
        {
            Skip(type);
        }
        else if (type != WireTypeOf(field) && !(type == 2 && field.IsRepeated && field.FieldType == FieldType.Enum))
        {
            _fault = $"proto: wrong wireType = {type} for field {GoName(field.Name)}";
        }
        else if (type == 0)
        {
            Varint();
        }
        else
        {
            ReadOnlySpan<byte> body = Bytes();
            if (_fault is null && field.FieldType == FieldType.Message && depth < MaxDepth)
            {
                _fault = Find(body, field.MessageType, depth + 1);
            }
        }
    }

    // Every field of the client's requests is a varint or has a length.
    private static int WireTypeOf(FieldDescriptor field) =>
        field.FieldType is FieldType.Bytes or FieldType.String or FieldType.Message ? 2 : 0;

    private ulong Varint()
    {
        ulong value = 0;
        for (int shift = 0; shift <= MaxVarintShift; shift += 7)
        {
            if (_at >= _bytes.Length)
            {
                _fault = Cut;
                return 0;
            }

            byte b = _bytes[_at++];
            value |= (ulong)(b & 0x7F) << shift;
            if (b < 0x80)
            {
                return value;
            }
        }

        _fault = Overflow;
        return 0;
    }

    private ReadOnlySpan<byte> Bytes()
    {
        long length = (long)Varint();
        if (_fault is not null)
        {
            return default;
        }

        if (length < 0 || length > long.MaxValue - _at)
        {
            _fault = NegativeLength;
            return default;
        }

        if (length > _bytes.Length - _at)
        {
            _fault = Cut;
            return default;
        }

        _at += (int)length;
        return _bytes.Slice(_at - (int)length, (int)length);
    }

    // An unknown field; the tags inside a group are looked at for their wire type alone.
    private void Skip(int type)
    {
        int groups = 0;
        do
        {
            switch (type)
            {
                case 0:
                    Varint();
                    break;
                case 1:
                    Move(8);
                    break;
                case 2:
                    Bytes();
                    break;
                case 3:
                    groups++;
                    break;
                case 4:
                    groups--;
                    break;
                case 5:
                    Move(4);
                    break;
                default:
                    _fault ??= $"proto: illegal wireType {type}";
                    break;
            }

            type = _fault is null && groups > 0 ? (int)(Varint() & 7) : type;
        }
        while (_fault is null && groups > 0);
    }

    private void Move(int bytes)
    {
        if (bytes > _bytes.Length - _at)
        {
            _fault = Cut;
            return;
        }

        _at += bytes;
    }

    // range_end is RangeEnd, peerURLs is PeerURLs, ID stays.
    private static string GoName(string name)
    {
        string[] words = name.Split('_');
        for (int i = 0; i < words.Length; i++)
        {
            words[i] = char.ToUpperInvariant(words[i][0]) + words[i][1..];
        }

        return string.Concat(words);
    }
}
