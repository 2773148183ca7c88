// Runs one transaction inside one write of the store (spec api-v3 §2.5): compares, checks along the taken path, then the
// operations in order. Owned by: core thread. Every member must come to the same outcome.
using EtcdAot.Mvcc;
using EtcdAot.Wire;
using EtcdAot.Wire.Codecs;

namespace EtcdAot.Server;

/// <summary>Why a transaction is refused before it is proposed (DESIGN 4.15).</summary>
/// <param name="Error">The error, unless one of the leases does not exist.</param>
/// <param name="Leases">Leases of puts that the original looks at before it finds that error.</param>
internal readonly record struct BadRange(EtcdError? Error, List<long>? Leases);

/// <summary>Applies transactions.</summary>
internal sealed class TxnApplier(ILeaseLedger leases)
{
    private readonly TxnPath _path = new();
    private readonly List<AnswerBuffer> _scratch = [];
    private EtcdError? _leftOut;

    /// <summary>Runs it. On an error other than a stripped range nothing has changed.</summary>
    /// <param name="message">Encoded TxnRequest, well formed.</param>
    /// <param name="write">The open write.</param>
    /// <param name="body">Gets the answer's fields behind the header; null when nobody waits.</param>
    /// <returns>The error to answer with. A range at a bad revision on the top level is stripped and the rest is done
    /// all the same, on every member and on replay (DESIGN 4.15). So is a put that passed the checks and fails when its turn
    /// comes: a deletion "from the key on" before it took the value that it was to keep. The original dies of such an
    /// entry, and again at each start.</returns>
    public EtcdError? Apply(ReadOnlySpan<byte> message, WriteTxn write, AnswerBuffer? body)
    {
        var txn = new TxnRequestView(message);
        _path.Evaluate(txn, new WriteReader(write));
        EtcdError? refused = Check(txn, write, topLevel: true, out EtcdError? stripped);
        if (refused is not null)
        {
            return refused;
        }

        _path.Rewind();
        _leftOut = null;
        Run(txn, write, stripped is null ? body : null, depth: 0);
        _scratch.ForEach(static one => one.Reset());
        return stripped ?? _leftOut;
    }

    /// <summary>Looks for a range of the taken path at a revision that the view does not have; Error is null when there
    /// is none.</summary>
    public static BadRange FindBadRange(ReadOnlySpan<byte> message, View view, RangeScratch scratch)
    {
        var path = new TxnPath();
        var txn = new TxnRequestView(message);
        path.Evaluate(txn, new ViewReader(view, scratch));
        EtcdError? error = FindBadRange(txn, view, path);
        if (error is null)
        {
            return default;
        }

        path.Rewind();
        var leases = new List<long>();
        return new BadRange(PutsMissingKey(txn, view, path, leases) ? EtcdError.KeyNotFound : error, leases);
    }

    // The original checks the puts of the whole path before any range of it: of each the key, then the lease.
    private static bool PutsMissingKey(TxnRequestView txn, View view, TxnPath path, List<long> leases)
    {
        foreach (ReadOnlySpan<byte> message in txn.Branch(path.Take()))
        {
            _ = RequestOpView.TryParse(message, out RequestOpView op);
            if (op.Kind == OpKind.Txn && PutsMissingKey(new TxnRequestView(op.Body), view, path, leases))
            {
                return true;
            }

            if (op.Kind == OpKind.Put)
            {
                _ = PutRequestView.TryParse(op.Body, out PutRequestView put);
                if ((put.IgnoreValue || put.IgnoreLease) && !view.TryGet(put.Key, view.Revision, out _))
                {
                    return true;
                }

                if (put.Lease != 0)
                {
                    leases.Add(put.Lease);
                }
            }
        }

        return false;
    }

    /// <summary>etcd's error for a store's status.</summary>
    public static EtcdError? ErrorOf(MvccStatus status) => status switch
    {
        MvccStatus.Ok => null,
        MvccStatus.Compacted => EtcdError.Compacted,
        MvccStatus.FutureRevision => EtcdError.FutureRevision,
        MvccStatus.KeyNotFound => EtcdError.KeyNotFound,
        _ => EtcdError.LeaseNotFound,
    };

    private static EtcdError? FindBadRange(TxnRequestView txn, View view, TxnPath path)
    {
        foreach (ReadOnlySpan<byte> message in txn.Branch(path.Take()))
        {
            _ = RequestOpView.TryParse(message, out RequestOpView op);
            EtcdError? error = null;
            if (op.Kind == OpKind.Txn)
            {
                error = FindBadRange(new TxnRequestView(op.Body), view, path);
            }
            else if (op.Kind == OpKind.Range)
            {
                _ = RangeRequestView.TryParse(op.Body, out RangeRequestView range);
                error = range.Revision == 0 ? null
                    : range.Revision > view.Revision ? EtcdError.FutureRevision
                    : range.Revision < view.CompactedRevision ? EtcdError.Compacted : null;
            }

            if (error is not null)
            {
                return error;
            }
        }

        return null;
    }

    private EtcdError? Check(TxnRequestView txn, WriteTxn write, bool topLevel, out EtcdError? stripped)
    {
        stripped = null;
        foreach (ReadOnlySpan<byte> message in txn.Branch(_path.Take()))
        {
            _ = RequestOpView.TryParse(message, out RequestOpView op);
            EtcdError? error = null;
            switch (op.Kind)
            {
                case OpKind.Range:
                    _ = RangeRequestView.TryParse(op.Body, out RangeRequestView range);
                    error = ErrorOf(write.CheckRange(range.Revision));
                    if (topLevel)
                    {
                        stripped ??= error;
                        error = null;
                    }

                    break;
                case OpKind.Put:
                    error = CheckPut(op.Body, write);
                    break;
                case OpKind.Txn:
                    error = Check(new TxnRequestView(op.Body), write, topLevel: false, out _);
                    break;
                default:
                    break;
            }

            if (error is not null)
            {
                return error;
            }
        }

        return null;
    }

    private EtcdError? CheckPut(ReadOnlySpan<byte> body, WriteTxn write)
    {
        // A put on its own is checked the other way round.
        _ = PutRequestView.TryParse(body, out PutRequestView put);
        return (put.IgnoreValue || put.IgnoreLease) && !write.Exists(put.Key) ? EtcdError.KeyNotFound
            : put.Lease != 0 && !leases.Exists(put.Lease) ? EtcdError.LeaseNotFound : null;
    }

    private void Run(TxnRequestView txn, WriteTxn write, AnswerBuffer? body, int depth)
    {
        bool succeeded = _path.Take();
        if (body is not null)
        {
            AnswerEncoding.NonZero(body, 2, succeeded ? 1UL : 0);
        }

        foreach (ReadOnlySpan<byte> message in txn.Branch(succeeded))
        {
            _ = RequestOpView.TryParse(message, out RequestOpView op);
            AnswerBuffer? inner = body is null ? null : Scratch(2 * depth);
            RunOp(op, write, inner, depth);
            if (body is not null)
            {
                AppendResponse(body, op.Kind, inner!, depth);
            }
        }
    }

    private void RunOp(in RequestOpView op, WriteTxn write, AnswerBuffer? inner, int depth)
    {
        switch (op.Kind)
        {
            case OpKind.Range:
                RunRange(op.Body, write, inner);
                break;
            case OpKind.Put:
                RunPut(op.Body, write, inner);
                break;
            case OpKind.DeleteRange:
                RunDelete(op.Body, write, inner, Scratch((2 * depth) + 1));
                break;
            case OpKind.Txn:
                if (inner is not null)
                {
                    AnswerEncoding.Bytes(inner, 1, default);
                }

                Run(new TxnRequestView(op.Body), write, inner, depth + 1);
                break;
            default:
                break;
        }
    }

    private static void RunRange(ReadOnlySpan<byte> request, WriteTxn write, AnswerBuffer? inner)
    {
        if (inner is null)
        {
            return;
        }

        _ = RangeRequestView.TryParse(request, out RangeRequestView range);
        AnswerEncoding.InnerHeader(inner, write.Revision);
        var sink = new KeyValueFieldSink(inner, 2);
        RangeResult result = write.Range(range, ref sink);
        AnswerEncoding.RangeEnd(inner, result);
    }

    private void RunPut(ReadOnlySpan<byte> request, WriteTxn write, AnswerBuffer? inner)
    {
        _ = PutRequestView.TryParse(request, out PutRequestView put);
        MvccStatus status = write.Put(put, out ReadOnlySpan<byte> previous);

        // A delete of this very txn may have taken the key of a put that keeps its value. We propose no such txn, but a log
        // may hold one that the original committed and died of: such a put puts nothing, on every member and at replay.
        _leftOut ??= ErrorOf(status);
        if (inner is not null)
        {
            AnswerEncoding.InnerHeader(inner, write.Revision);
            if (!previous.IsEmpty)
            {
                AnswerEncoding.Bytes(inner, 2, previous);
            }
        }
    }

    private static void RunDelete(
        ReadOnlySpan<byte> request, WriteTxn write, AnswerBuffer? inner, AnswerBuffer previous)
    {
        _ = DeleteRangeRequestView.TryParse(request, out DeleteRangeRequestView delete);
        var sink = new KeyValueFieldSink(previous, 3);
        long deleted = write.DeleteRange(new KeyRange(delete.Key, delete.RangeEnd),
            delete.PrevKv && inner is not null, ref sink);
        if (inner is not null)
        {
            AnswerEncoding.InnerHeader(inner, write.Revision);
            AnswerEncoding.NonZero(inner, 2, (ulong)deleted);
            inner.Append(previous);
        }
    }

    private void AppendResponse(AnswerBuffer body, OpKind kind, AnswerBuffer inner, int depth)
    {
        // ResponseOp{oneof} wraps the answer; its field numbers are those of RequestOp.
        AnswerBuffer wrapped = Scratch((2 * depth) + 1);
        if (kind != OpKind.None)
        {
            AnswerEncoding.Message(wrapped, (int)kind, inner);
        }

        AnswerEncoding.Message(body, 3, wrapped);
    }

    private AnswerBuffer Scratch(int level)
    {
        while (_scratch.Count <= level)
        {
            _scratch.Add(new AnswerBuffer());
        }

        _scratch[level].Reset();
        return _scratch[level];
    }
}
