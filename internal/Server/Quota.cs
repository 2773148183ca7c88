// Space quota (spec storage §4.7, api-v3 §2.8): costs of requests against the db's high-water mark. Immutable; any thread.
using EtcdAot.Wire.Codecs;

namespace EtcdAot.Server;

/// <summary>Decides whether a request still fits.</summary>
/// <param name="Bytes">Limit; negative for none.</param>
public readonly record struct Quota(long Bytes)
{
    /// <summary>The default, and what 0 means.</summary>
    public const long DefaultBytes = 2L << 30;

    private const int LeaseCost = 64;
    private const int PutOverhead = 256;

    /// <summary>From --quota-backend-bytes.</summary>
    public static Quota FromFlag(long bytes) => new(bytes == 0 ? DefaultBytes : bytes);

    /// <summary>True when the request may go on; cost 0 always may.</summary>
    public bool Allows(long dbBytes, long cost) => cost == 0 || Bytes < 0 || dbBytes + cost < Bytes;

    /// <summary>Cost in bytes of an operation's encoded request.</summary>
    public static long CostOf(RaftOp op, ReadOnlySpan<byte> body)
    {
        switch (op)
        {
            case RaftOp.Put:
                return CostOfPut(body);
            case RaftOp.Txn:
                return CostOfTxn(new TxnRequestView(body));
            case RaftOp.LeaseGrant:
                return LeaseCost;
            default:
                return 0;
        }
    }

    private static long CostOfPut(ReadOnlySpan<byte> body)
    {
        return PutRequestView.TryParse(body, out PutRequestView put)
            ? PutOverhead + put.Key.Length + put.Value.Length : 0;
    }

    private static long CostOfTxn(TxnRequestView txn)
    {
        return Math.Max(CostOfOps(txn.Success), CostOfOps(txn.Failure));
    }

    // Nested transactions count since 3.5.33.
    private static long CostOfOps(RepeatedMessages ops)
    {
        long cost = 0;
        foreach (ReadOnlySpan<byte> message in ops)
        {
            if (RequestOpView.TryParse(message, out RequestOpView op))
            {
                cost += op.Kind switch
                {
                    OpKind.Put => CostOfPut(op.Body),
                    OpKind.Txn => CostOfTxn(new TxnRequestView(op.Body)),
                    _ => 0,
                };
            }
        }

        return cost;
    }
}
