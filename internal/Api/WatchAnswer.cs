// etcdserverpb.WatchResponse as it is sent (spec api-v3 §3): {1 header, 2 watch_id, 3 created, 4 canceled,
// 5 compact_revision, 6 cancel_reason, 7 fragment, 11 events}. Lives on the stack; the I/O thread of the stream.
using EtcdAot.Grpc;
using EtcdAot.Wire.Codecs;

namespace EtcdAot.Api;

/// <summary>One response of a watch stream.</summary>
internal ref struct WatchAnswer(AnswerHeader header, long watchId)
{
    private readonly AnswerHeader _header = header;
    private readonly long _watchId = watchId;

    public bool Created;
    public bool Canceled;
    public long CompactRevision;
    public ReadOnlySpan<byte> CancelReason;
    public bool Fragment;

    /// <summary>Events as field 11, one behind the other.</summary>
    public ReadOnlySpan<byte> Events;

    /// <summary>Encoded bytes.</summary>
    public readonly int Size => _header.FieldSize + ProtoWriter.SizeOfNonZero(2, (ulong)_watchId)
        + (Created ? 2 : 0) + (Canceled ? 2 : 0) + ProtoWriter.SizeOfNonZero(5, (ulong)CompactRevision)
        + ProtoWriter.SizeOfNonEmpty(6, CancelReason.Length) + (Fragment ? 2 : 0) + Events.Length;

    /// <summary>Queues the response as one message.</summary>
    public readonly void Send(Call call)
    {
        var writer = new ProtoWriter(call.BeginReply(Size));
        _header.WriteField(ref writer);
        writer.NonZero(2, (ulong)_watchId);
        writer.NonZero(3, Created ? 1UL : 0);
        writer.NonZero(4, Canceled ? 1UL : 0);
        writer.NonZero(5, (ulong)CompactRevision);
        writer.NonEmpty(6, CancelReason);
        writer.NonZero(7, Fragment ? 1UL : 0);
        writer.Raw(Events);
        call.EndReply();
    }
}
