// Finds a put with ignore_value or ignore_lease whose key an earlier operation of the same txn has deleted. A client can
// send it with a deletion up to the open end, which the overlap check takes for empty (spec api-v3 §2.5). The original
// checks such a put on the state before the txn, fails in the middle of it, and crashes, again at each start (tried on
// 3.5.30); so it must not reach the log, and what a log holds must not end this member. Pure; any thread.
using EtcdAot.Mvcc;
using EtcdAot.Wire.Codecs;

namespace EtcdAot.Server;

/// <summary>Looks along the taken path of a txn.</summary>
internal ref struct LostKey
{
    private List<(byte[] Key, byte[] End, bool IsPut)>? _done;
    private bool _found;

    /// <summary>True when running the path would come to such a put.</summary>
    /// <param name="txn">Well formed.</param>
    /// <param name="path">Evaluated, at its beginning.</param>
    public static bool IsPut(TxnRequestView txn, TxnPath path)
    {
        if (!IsPossible(txn))
        {
            return false;
        }

        var walk = new LostKey { _done = [] };
        walk.Walk(txn, path);
        return walk._found;
    }

    /// <summary>False for all but a few: it takes a deletion and a put that keeps something.</summary>
    public static bool IsPossible(TxnRequestView txn)
    {
        bool deletes = false;
        bool keeps = false;
        Scan(txn, ref deletes, ref keeps);
        return deletes && keeps;
    }

    private static void Scan(TxnRequestView txn, ref bool deletes, ref bool keeps)
    {
        for (int branch = 0; branch < 2; branch++)
        {
            foreach (ReadOnlySpan<byte> message in txn.Branch(branch == 0))
            {
                _ = RequestOpView.TryParse(message, out RequestOpView op);
                if (op.Kind == OpKind.Txn)
                {
                    Scan(new TxnRequestView(op.Body), ref deletes, ref keeps);
                }
                else if (op.Kind == OpKind.DeleteRange)
                {
                    deletes = true;
                }
                else if (op.Kind == OpKind.Put)
                {
                    _ = PutRequestView.TryParse(op.Body, out PutRequestView put);
                    keeps |= put.IgnoreValue || put.IgnoreLease;
                }
            }
        }
    }

    private void Walk(TxnRequestView txn, TxnPath path)
    {
        foreach (ReadOnlySpan<byte> message in txn.Branch(path.Take()))
        {
            _ = RequestOpView.TryParse(message, out RequestOpView op);
            if (op.Kind == OpKind.Txn)
            {
                Walk(new TxnRequestView(op.Body), path);
            }
            else if (op.Kind == OpKind.DeleteRange)
            {
                _ = DeleteRangeRequestView.TryParse(op.Body, out DeleteRangeRequestView delete);
                _done!.Add((delete.Key.ToArray(), delete.RangeEnd.ToArray(), false));
            }
            else if (op.Kind == OpKind.Put)
            {
                _ = PutRequestView.TryParse(op.Body, out PutRequestView put);
                _found |= (put.IgnoreValue || put.IgnoreLease) && IsDeleted(put.Key);
                _done!.Add((put.Key.ToArray(), [], true));
            }
        }
    }

    private readonly bool IsDeleted(ReadOnlySpan<byte> key)
    {
        for (int i = _done!.Count - 1; i >= 0; i--)
        {
            (byte[] start, byte[] end, bool isPut) = _done[i];
            if (new KeyRange(start, end).Contains(key))
            {
                return !isPut;
            }
        }

        return false;
    }
}
