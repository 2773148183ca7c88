// KV.Txn before it is proposed (spec api-v3 §2.5): quota, structure, duplicate keys; read-only ones are answered from the
// view. Owned by: the I/O thread of the call.
using EtcdAot.Grpc;
using EtcdAot.Mvcc;
using EtcdAot.Server;
using EtcdAot.Wire;
using EtcdAot.Wire.Codecs;

namespace EtcdAot.Api;

/// <summary>KV.Txn.</summary>
internal sealed class TxnRules(EtcdServer server) : IProposedRules
{
    public RaftOp Op => RaftOp.Txn;

    public bool TryCheck(ReadOnlySpan<byte> message, out EtcdError? error)
    {
        error = null;

        // One level more than the operations allow: what lies deeper is refused as too many operations, not as garbage.
        int levels = (int)Math.Min(server.Options.MaxTxnOps + 2L, TxnRequestView.DepthMax);
        if (!TxnRequestView.IsWellFormed(message, levels, out bool tooDeep))
        {
            error = tooDeep ? EtcdError.TooManyOps : null;
            return tooDeep;
        }

        if (!server.QuotaAllows(RaftOp.Txn, message))
        {
            error = EtcdError.NoSpace;
            return true;
        }

        var txn = new TxnRequestView(message);
        error = CheckStructure(txn, server.Options.MaxTxnOps)
            ?? TxnOverlap.Check(txn.Success) ?? TxnOverlap.Check(txn.Failure) ?? TxnMissingPuts.Check(txn);
        return true;
    }

    public bool TryAnswer(ReadOnlySpan<byte> message, ApiCall call, ApiLoop home)
    {
        var txn = new TxnRequestView(message);
        bool readOnly = IsReadOnly(txn, out bool serializable, out bool hasRevision);
        if (!readOnly && !hasRevision)
        {
            return false;
        }

        if (!serializable && !call.IndexReached && !server.CanReadNow)
        {
            call.AwaitIndex();
            return true;
        }

        View view = home.BeginRead();
        EtcdError? error = TxnApplier.FindBadRange(message, view, home.RangeScratch);
        if (error is null && readOnly)
        {
            home.Answer.Reset();
            new ReadOnlyTxn(home.RangeScratch).Run(txn, view, home.Answer);
        }

        long revision = view.Revision;
        home.EndRead();
        if (error is not null)
        {
            call.Finish(Status.From(error));
        }
        else if (readOnly)
        {
            Answers.Send(call, server.HeaderAt(revision), home.Answer);
        }

        return error is not null || readOnly;
    }

    // Every level may hold as many operations as the level above left of the limit.
    private static EtcdError? CheckStructure(TxnRequestView txn, int maxOps)
    {
        int ops = Math.Max(txn.Compares.Count(), Math.Max(txn.Success.Count(), txn.Failure.Count()));
        if (ops > maxOps)
        {
            return EtcdError.TooManyOps;
        }

        foreach (ReadOnlySpan<byte> message in txn.Compares)
        {
            _ = CompareView.TryParse(message, out CompareView compare);
            if (compare.Key.IsEmpty)
            {
                return EtcdError.EmptyKey;
            }
        }

        return CheckOps(txn.Success, maxOps - ops) ?? CheckOps(txn.Failure, maxOps - ops);
    }

    private static EtcdError? CheckOps(RepeatedMessages ops, int left)
    {
        foreach (ReadOnlySpan<byte> message in ops)
        {
            _ = RequestOpView.TryParse(message, out RequestOpView op);
            EtcdError? error = CheckOp(op, left);
            if (error is not null)
            {
                return error;
            }
        }

        return null;
    }

    private static EtcdError? CheckOp(in RequestOpView op, int left)
    {
        switch (op.Kind)
        {
            case OpKind.Range:
                _ = RangeRequestView.TryParse(op.Body, out RangeRequestView range);
                return RangeMethod.Check(range);
            case OpKind.Put:
                _ = PutRequestView.TryParse(op.Body, out PutRequestView put);
                return PutRules.Check(put);
            case OpKind.DeleteRange:
                _ = DeleteRangeRequestView.TryParse(op.Body, out DeleteRangeRequestView delete);
                return DeleteRangeRules.Check(delete);
            case OpKind.Txn:
                return CheckStructure(new TxnRequestView(op.Body), left);
            default:
                return EtcdError.KeyNotFound;
        }
    }

    // A nested txn makes it a write. Without any range it counts as serializable.
    private static bool IsReadOnly(TxnRequestView txn, out bool serializable, out bool hasRevision)
    {
        serializable = true;
        hasRevision = false;
        bool readOnly = true;
        for (int branch = 0; branch < 2; branch++)
        {
            foreach (ReadOnlySpan<byte> message in txn.Branch(branch == 0))
            {
                _ = RequestOpView.TryParse(message, out RequestOpView op);
                if (op.Kind == OpKind.Range)
                {
                    _ = RangeRequestView.TryParse(op.Body, out RangeRequestView range);
                    serializable &= range.Serializable;
                    hasRevision |= range.Revision != 0;
                }
                else
                {
                    readOnly = false;
                    hasRevision |= op.Kind == OpKind.Txn && HasRevision(new TxnRequestView(op.Body));
                }
            }
        }

        // A write is checked after a read index, whatever its ranges say (DESIGN 4.15).
        serializable &= readOnly;
        return readOnly;
    }

    private static bool HasRevision(TxnRequestView txn)
    {
        _ = IsReadOnly(txn, out _, out bool hasRevision);
        return hasRevision;
    }
}

/// <summary>Duplicate keys of a branch (spec api-v3 §2.5): puts against puts and deletes, nested ones included.</summary>
internal static class TxnOverlap
{
    /// <summary>Checks one branch with everything nested in it.</summary>
    public static EtcdError? Check(RepeatedMessages ops)
    {
        var puts = new HashSet<byte[]>(ByteArrayEquality.Instance);
        var deletes = new List<(byte[] Start, byte[] End)>();
        return Collect(ops, puts, deletes);
    }

    private static EtcdError? Collect(
        RepeatedMessages ops, HashSet<byte[]> puts, List<(byte[] Start, byte[] End)> deletes)
    {
        foreach (ReadOnlySpan<byte> message in ops)
        {
            _ = RequestOpView.TryParse(message, out RequestOpView op);
            if (op.Kind == OpKind.DeleteRange)
            {
                _ = DeleteRangeRequestView.TryParse(op.Body, out DeleteRangeRequestView delete);
                deletes.Add((delete.Key.ToArray(), delete.RangeEnd.ToArray()));
            }
        }

        foreach (ReadOnlySpan<byte> message in ops)
        {
            _ = RequestOpView.TryParse(message, out RequestOpView op);
            if (op.Kind == OpKind.Txn && AddNested(new TxnRequestView(op.Body), puts, deletes) is { } error)
            {
                return error;
            }
        }

        foreach (ReadOnlySpan<byte> message in ops)
        {
            _ = RequestOpView.TryParse(message, out RequestOpView op);
            if (op.Kind == OpKind.Put)
            {
                _ = PutRequestView.TryParse(op.Body, out PutRequestView put);
                byte[] key = put.Key.ToArray();
                if (IsDeleted(key, deletes) || !puts.Add(key))
                {
                    return EtcdError.DuplicateKey;
                }
            }
        }

        return null;
    }

    // Only one branch of a nested txn runs, so the same key may stand in both.
    private static EtcdError? AddNested(
        TxnRequestView txn, HashSet<byte[]> puts, List<(byte[] Start, byte[] End)> deletes)
    {
        var successPuts = new HashSet<byte[]>(ByteArrayEquality.Instance);
        var successDeletes = new List<(byte[] Start, byte[] End)>();
        EtcdError? error = Collect(txn.Success, successPuts, successDeletes);
        if (error is not null)
        {
            return error;
        }

        var failurePuts = new HashSet<byte[]>(ByteArrayEquality.Instance);
        var failureDeletes = new List<(byte[] Start, byte[] End)>();
        error = Collect(txn.Failure, failurePuts, failureDeletes);
        if (error is not null)
        {
            return error;
        }

        foreach (byte[] key in successPuts)
        {
            if (puts.Contains(key) || IsDeleted(key, deletes))
            {
                return EtcdError.DuplicateKey;
            }
        }

        foreach (byte[] key in failurePuts)
        {
            if ((puts.Contains(key) && !successPuts.Contains(key)) || IsDeleted(key, deletes))
            {
                return EtcdError.DuplicateKey;
            }
        }

        puts.UnionWith(successPuts);
        puts.UnionWith(failurePuts);
        deletes.AddRange(successDeletes);
        deletes.AddRange(failureDeletes);
        return null;
    }

    // The end "\0" is taken literally here: such a range is empty (spec api-v3 §2.5).
    private static bool IsDeleted(ReadOnlySpan<byte> key, List<(byte[] Start, byte[] End)> deletes)
    {
        foreach ((byte[] start, byte[] end) in deletes)
        {
            bool covered = end.Length == 0
                ? key.SequenceEqual(start)
                : key.SequenceCompareTo(start) >= 0 && key.SequenceCompareTo(end) < 0;
            if (covered)
            {
                return true;
            }
        }

        return false;
    }

    private sealed class ByteArrayEquality : IEqualityComparer<byte[]>
    {
        public static readonly ByteArrayEquality Instance = new();

        public bool Equals(byte[]? x, byte[]? y) => x.AsSpan().SequenceEqual(y);

        public int GetHashCode(byte[] obj) => (int)Sys.Crc32C.Append(0, obj);
    }
}
