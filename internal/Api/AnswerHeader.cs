// etcdserverpb.ResponseHeader as the answers carry it (spec api-v3 §2.7). Immutable; any thread.
using EtcdAot.Wire.Codecs;

namespace EtcdAot.Api;

/// <summary>Who answers, and at which revision and term.</summary>
/// <param name="ClusterId">Cluster.</param>
/// <param name="MemberId">Answering member.</param>
/// <param name="Revision">Store revision; 0 is left out.</param>
/// <param name="RaftTerm">Current term.</param>
internal readonly record struct AnswerHeader(ulong ClusterId, ulong MemberId, long Revision, ulong RaftTerm)
{
    /// <summary>Bytes of the header as field 1 of an answer.</summary>
    public int FieldSize => ProtoWriter.SizeOfBytes(1, Size);

    private int Size => ProtoWriter.SizeOfNonZero(1, ClusterId) + ProtoWriter.SizeOfNonZero(2, MemberId)
        + ProtoWriter.SizeOfNonZero(3, (ulong)Revision) + ProtoWriter.SizeOfNonZero(4, RaftTerm);

    /// <summary>Writes the header as field 1.</summary>
    public void WriteField(ref ProtoWriter writer)
    {
        writer.BytesHeader(1, Size);
        writer.NonZero(1, ClusterId);
        writer.NonZero(2, MemberId);
        writer.NonZero(3, (ulong)Revision);
        writer.NonZero(4, RaftTerm);
    }
}
