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
        BadRange bad = TxnApplier.FindBadRange(message, view, home.RangeScratch);
        if (bad.Error is null && readOnly)
        {
            home.Answer.Reset();
            new ReadOnlyTxn(home.RangeScratch).Run(txn, view, home.Answer);
        }

        long revision = view.Revision;
        home.EndRead();
        if (bad.Error is not null)
        {
            Refuse(call, readOnly ? null : server.Alarms.Refusal(RaftOp.Txn, message), bad);
        }
        else if (readOnly)
        {
            Answers.Send(call, server.HeaderAt(revision), home.Answer);
        }

        return bad.Error is not null || readOnly;
    }

    // Nothing is proposed, but the error is the one that applying would have found first.
    private static void Refuse(ApiCall call, EtcdError? alarm, in BadRange bad)
    {
        if (alarm is null && bad.Leases!.Count > 0)
        {
            call.Ask(new TxnRefusal(call, bad).Question);
        }
        else
        {
            call.Finish(Status.From(alarm ?? bad.Error));
        }
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

/// <summary>A refused txn that waits to hear whether its leases exist.</summary>
internal sealed class TxnRefusal : Net.ILoopWork
{
    private readonly ApiCall _call;
    private readonly EtcdError? _error;

    public TxnRefusal(ApiCall call, in BadRange bad)
    {
        _call = call;
        _error = bad.Error;
        Question = new LeaseExistence(this, bad.Leases!);
    }

    public LeaseExistence Question { get; }

    public void Run()
    {
        _call.Proposal.Error = Question.Error ?? (Question.AllExist ? _error : EtcdError.LeaseNotFound);
        _call.Run();
    }
}
