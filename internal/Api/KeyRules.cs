// Checks of the writes of service KV before they are proposed (spec api-v3 §2.3–§2.6), in etcd's order: quota first, then
// the request itself. Stateless; any I/O thread.
using EtcdAot.Server;
using EtcdAot.Wire;
using EtcdAot.Wire.Codecs;

namespace EtcdAot.Api;

/// <summary>KV.Put.</summary>
internal sealed class PutRules(EtcdServer server) : IProposedRules
{
    public RaftOp Op => RaftOp.Put;

    public bool TryCheck(ReadOnlySpan<byte> message, out EtcdError? error)
    {
        error = null;
        if (!PutRequestView.TryParse(message, out PutRequestView put))
        {
            return false;
        }

        error = server.QuotaAllows(RaftOp.Put, message) ? Check(put) : EtcdError.NoSpace;
        return true;
    }

    /// <summary>Checks that need no state; also those of puts inside a txn.</summary>
    internal static EtcdError? Check(in PutRequestView put)
    {
        return put.Key.IsEmpty ? EtcdError.EmptyKey
            : put.IgnoreValue && !put.Value.IsEmpty ? EtcdError.ValueProvided
            : put.IgnoreLease && put.Lease != 0 ? EtcdError.LeaseProvided : null;
    }
}

/// <summary>KV.DeleteRange.</summary>
internal sealed class DeleteRangeRules : IProposedRules
{
    public RaftOp Op => RaftOp.DeleteRange;

    public bool TryCheck(ReadOnlySpan<byte> message, out EtcdError? error)
    {
        bool read = DeleteRangeRequestView.TryParse(message, out DeleteRangeRequestView delete);
        error = Check(delete);
        return read;
    }

    internal static EtcdError? Check(in DeleteRangeRequestView delete)
    {
        return delete.Key.IsEmpty ? EtcdError.EmptyKey : null;
    }
}

/// <summary>KV.Compact. Compaction to a bad revision is decided where it is applied.</summary>
internal sealed class CompactRules : IProposedRules
{
    public RaftOp Op => RaftOp.Compaction;

    public bool TryCheck(ReadOnlySpan<byte> message, out EtcdError? error)
    {
        error = null;
        return TryRead(message, out _, out _);
    }

    public void Prepare(ReadOnlySpan<byte> message, Proposal proposal)
    {
        _ = TryRead(message, out _, out bool physical);
        proposal.WaitForPhysicalCompaction = physical;
    }

    private static bool TryRead(ReadOnlySpan<byte> message, out long revision, out bool physical)
    {
        revision = 0;
        physical = false;
        var reader = new ProtoReader(message);
        while (reader.Next())
        {
            if (reader.Field == 1)
            {
                revision = reader.ReadInt64();
            }
            else if (reader.Field == 2)
            {
                physical = reader.ReadBool();
            }
        }

        return !reader.Failed;
    }
}
