// Grant and revocation of leases before they are proposed (spec api-v3 §4). What the lessor refuses is decided where the
// entry is applied, the same on every member. Stateless; any I/O thread.
using EtcdAot.Server;
using EtcdAot.Wire;
using EtcdAot.Wire.Codecs;

namespace EtcdAot.Api;

/// <summary>Lease.LeaseGrant: an id of 0 becomes one of the server's.</summary>
internal sealed class LeaseGrantRules(EtcdServer server) : IProposedRules
{
    public RaftOp Op => RaftOp.LeaseGrant;

    public bool TryCheck(ReadOnlySpan<byte> message, out EtcdError? error)
    {
        error = server.QuotaAllows(RaftOp.LeaseGrant, message) ? null : EtcdError.NoSpace;
        return TryRead(message, out _, out _);
    }

    public ReadOnlySpan<byte> Body(ReadOnlySpan<byte> message, Span<byte> scratch)
    {
        _ = TryRead(message, out long ttl, out long id);
        while (id == 0)
        {
            id = (long)(server.Ids.Next() & long.MaxValue);
        }

        var writer = new ProtoWriter(scratch);
        writer.NonZero(1, (ulong)ttl);
        writer.NonZero(2, (ulong)id);
        return scratch[..writer.Position];
    }

    private static bool TryRead(ReadOnlySpan<byte> message, out long ttl, out long id)
    {
        ttl = 0;
        id = 0;
        var reader = new ProtoReader(message);
        while (reader.Next())
        {
            if (reader.Field == 1)
            {
                ttl = reader.ReadInt64();
            }
            else if (reader.Field == 2)
            {
                id = reader.ReadInt64();
            }
        }

        return !reader.Failed;
    }
}

/// <summary>Lease.LeaseRevoke.</summary>
internal sealed class LeaseRevokeRules : IProposedRules
{
    public RaftOp Op => RaftOp.LeaseRevoke;

    public bool TryCheck(ReadOnlySpan<byte> message, out EtcdError? error)
    {
        error = null;
        return LeaseIdField.TryRead(message, out _);
    }
}

/// <summary>Messages whose field 1 is a lease.</summary>
internal static class LeaseIdField
{
    /// <summary>False when the bytes are not a message.</summary>
    public static bool TryRead(ReadOnlySpan<byte> message, out long id)
    {
        id = 0;
        var reader = new ProtoReader(message);
        while (reader.Next())
        {
            if (reader.Field == 1)
            {
                id = reader.ReadInt64();
            }
        }

        return !reader.Failed;
    }
}
