// A put that keeps the key's value or lease behind a delete of every key from some key on, which takes that key away
// first. etcd does not see that such a delete covers the put, commits both and dies of it, at every start again (spec
// api-v3 §2.5, trap 11); so it must never reach the log. Pure. Any thread.
using EtcdAot.Wire;
using EtcdAot.Wire.Codecs;

namespace EtcdAot.Api;

/// <summary>Finds puts that could not find their key, on any way through a transaction.</summary>
internal static class TxnMissingPuts
{
    /// <summary>KeyNotFound when there is one. The message is well formed.</summary>
    public static EtcdError? Check(TxnRequestView txn)
    {
        byte[]? lowest = null;
        return Walk(txn, ref lowest) ? EtcdError.KeyNotFound : null;
    }

    // Whichever branch ran, what follows is behind its deletes.
    private static bool Walk(TxnRequestView txn, ref byte[]? lowest)
    {
        byte[]? other = lowest;
        if (Walk(txn.Success, ref lowest) || Walk(txn.Failure, ref other))
        {
            return true;
        }

        lowest = Lower(lowest, other);
        return false;
    }

    private static bool Walk(RepeatedMessages ops, ref byte[]? lowest)
    {
        foreach (ReadOnlySpan<byte> message in ops)
        {
            _ = RequestOpView.TryParse(message, out RequestOpView op);
            switch (op.Kind)
            {
                case OpKind.DeleteRange:
                    _ = DeleteRangeRequestView.TryParse(op.Body, out DeleteRangeRequestView delete);
                    bool fromKey = delete.RangeEnd.SequenceEqual("\0"u8);
                    lowest = fromKey ? Lower(lowest, delete.Key.ToArray()) : lowest;
                    break;
                case OpKind.Put when lowest is not null:
                    _ = PutRequestView.TryParse(op.Body, out PutRequestView put);
                    if ((put.IgnoreValue || put.IgnoreLease) && put.Key.SequenceCompareTo(lowest) >= 0)
                    {
                        return true;
                    }

                    break;
                case OpKind.Txn:
                    if (Walk(new TxnRequestView(op.Body), ref lowest))
                    {
                        return true;
                    }

                    break;
                default:
                    break;
            }
        }

        return false;
    }

    private static byte[]? Lower(byte[]? a, byte[]? b)
    {
        return a is null ? b : b is null ? a : a.AsSpan().SequenceCompareTo(b) <= 0 ? a : b;
    }
}
