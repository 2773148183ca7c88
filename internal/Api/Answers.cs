// The common end of a unary call: header, fields, status, in one flush. Owned by: the I/O thread of the call.
using EtcdAot.Grpc;
using EtcdAot.Mvcc;
using EtcdAot.Server;
using EtcdAot.Wire;
using EtcdAot.Wire.Codecs;
using EtcdAot.Wire.Etcdserverpb;
using Google.Protobuf;

namespace EtcdAot.Api;

/// <summary>Sends answers.</summary>
internal static class Answers
{
    /// <summary>Header of an answer at a revision, with the term of this moment.</summary>
    public static AnswerHeader HeaderAt(this EtcdServer server, long revision)
    {
        return new AnswerHeader(server.ClusterId, server.MemberId, revision, server.Status.Term);
    }

    /// <summary>Replies and finishes; the fields are sent and gone. What is too long ends the call as gRPC ends it.</summary>
    public static void Send(Call call, AnswerHeader header, AnswerBuffer fields)
    {
        long size = header.FieldSize + fields.Size;
        if (size > fields.Limit)
        {
            call.Finish(new Status(RpcCode.ResourceExhausted,
                $"grpc: trying to send message larger than max ({size} vs. {fields.Limit})"));
        }
        else
        {
            Send(call, header, fields.WrittenSpan);
        }

        fields.Reset();
    }

    /// <summary>Replies and finishes.</summary>
    public static void Send(Call call, AnswerHeader header, ReadOnlySpan<byte> fields)
    {
        int headerSize = header.FieldSize;
        Span<byte> reply = call.BeginReply(headerSize + fields.Length);
        var writer = new ProtoWriter(reply);
        header.WriteField(ref writer);
        writer.Raw(fields);
        call.EndReply();
        call.Finish(Status.Ok);
    }

    /// <summary>The header of a cold answer.</summary>
    public static ResponseHeader MessageHeader(this EtcdServer server, long revision) => new()
    {
        ClusterId = server.ClusterId,
        MemberId = server.MemberId,
        Revision = revision,
        RaftTerm = server.Status.Term,
    };

    /// <summary>Replies with a generated message and finishes; cold methods only.</summary>
    public static void Send(Call call, IMessage message)
    {
        message.WriteTo(call.BeginReply(message.CalculateSize()));
        call.EndReply();
        call.Finish(Status.Ok);
    }

    /// <summary>True when the bytes are a message at all: requests without fields.</summary>
    public static bool IsMessage(ReadOnlySpan<byte> bytes)
    {
        var reader = new ProtoReader(bytes);
        while (reader.Next())
        {
        }

        return !reader.Failed;
    }
}

/// <summary>Store outcomes as clients see them.</summary>
internal static class ServerErrors
{
    public static EtcdError? Of(MvccStatus status) => TxnApplier.ErrorOf(status);
}
