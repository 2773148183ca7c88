// The operations of the key space and of alarms, one method each: what they change and the fields they answer with.
using EtcdAot.Mvcc;
using EtcdAot.Observe;
using EtcdAot.Sys;
using EtcdAot.Wire;
using EtcdAot.Wire.Codecs;

namespace EtcdAot.Server;

internal sealed partial class Applier
{
    private const ulong AlarmGet = 0;
    private const ulong AlarmActivate = 1;
    private const ulong AlarmDeactivate = 2;

    private readonly AnswerBuffer _previous = new();

    /// <summary>Proposes that this member's db is full, once.</summary>
    private void ProposeNoSpace(RaftLoop loop)
    {
        if (_alarmProposed)
        {
            return;
        }

        Span<byte> alarm = stackalloc byte[32];
        var writer = new ProtoWriter(alarm);
        writer.NonZero(1, AlarmActivate);
        writer.NonZero(2, _memberId);
        writer.NonZero(3, (ulong)AlarmKind.NoSpace);
        _alarmProposed = loop.ProposeOwn(EncodeOwn(RaftOp.Alarm, alarm[..writer.Position]));
    }

    // An alarm may get lost on its way into the log. Whoever waits for it is not kept for ever: that the db is full is true
    // without it.
    private void GoOnWithAlarm(long now, RaftLoop loop)
    {
        if (_awaitingAlarm.Count == 0)
        {
            return;
        }

        if (now - _awaitingAlarm[0].Proposal.StartNanos >= _requestTimeoutNanos)
        {
            _alarmProposed = false;
            AnswerAwaitingAlarm(loop);
        }
        else
        {
            ProposeNoSpace(loop);
        }
    }

    private void AnswerAwaitingAlarm(RaftLoop loop)
    {
        foreach ((Proposal waiting, EtcdError? error) in _awaitingAlarm)
        {
            loop.OnRequestApplied(waiting, error);
        }

        _awaitingAlarm.Clear();
    }

    /// <summary>An entry of the member itself, with one count.</summary>
    public SlabSlice EncodeOwn(RaftOp op, ReadOnlySpan<byte> body)
    {
        ulong id = _ids.Next();
        NativeSlab slab = NativeSlab.Allocate(InternalRequestView.SizeOf(op, body.Length, id));
        InternalRequestView.Write(slab.Span, op, body, id);
        return new SlabSlice(slab, 0, slab.Length);
    }

    private EtcdError? ApplyPut(in InternalRequestView request, Proposal? proposal)
    {
        bool read = PutRequestView.TryParse(request.Body, out PutRequestView put);
        Invariant.Check(read, "a committed put can be read");
        put.PrevKv &= proposal is not null;
        WriteTxn write = _store.BeginWrite();
        MvccStatus status = write.Put(put, out ReadOnlySpan<byte> previous);
        if (!previous.IsEmpty)
        {
            AnswerEncoding.Bytes(proposal!.Body, 2, previous);
        }

        write.End();
        return TxnApplier.ErrorOf(status) ?? SpentQuota(request);
    }

    private EtcdError? ApplyDelete(ReadOnlySpan<byte> body, Proposal? proposal)
    {
        bool read = DeleteRangeRequestView.TryParse(body, out DeleteRangeRequestView delete);
        Invariant.Check(read, "a committed delete can be read");
        var sink = new KeyValueFieldSink(_previous, 3);
        WriteTxn write = _store.BeginWrite();
        long deleted = write.DeleteRange(
            new KeyRange(delete.Key, delete.RangeEnd), delete.PrevKv && proposal is not null, ref sink);
        write.End();
        if (proposal is not null)
        {
            AnswerEncoding.NonZero(proposal.Body, 2, (ulong)deleted);
            proposal.Body.Append(_previous);
        }

        _previous.Reset();

        return null;
    }

    // The one look at all of it: what walks the txn from here on need not look again.
    private EtcdError? ApplyTxn(in InternalRequestView request, Proposal? proposal)
    {
        Invariant.Check(TxnRequestView.IsWellFormed(request.Body, TxnRequestView.DepthMax, out _),
            "a committed txn can be read, and is nested no deeper than TxnRequestView.DepthMax");
        WriteTxn write = _store.BeginWrite();
        EtcdError? error = _txn.Apply(request.Body, write, proposal?.Body);
        write.End();
        return error ?? SpentQuota(request);
    }

    private EtcdError? ApplyCompaction(ReadOnlySpan<byte> body)
    {
        long revision = 0;
        var reader = new ProtoReader(body);
        while (reader.Next())
        {
            if (reader.Field == 1)
            {
                revision = reader.ReadInt64();
            }
        }

        return TxnApplier.ErrorOf(_store.Compact(revision));
    }

    private EtcdError? ApplyAlarm(ReadOnlySpan<byte> body, Proposal? proposal, RaftLoop loop)
    {
        ulong action = 0;
        ulong member = 0;
        ulong kind = 0;
        var reader = new ProtoReader(body);
        while (reader.Next())
        {
            switch (reader.Field)
            {
                case 1:
                    action = reader.ReadVarint();
                    break;
                case 2:
                    member = reader.ReadVarint();
                    break;
                case 3:
                    kind = reader.ReadVarint();
                    break;
                default:
                    break;
            }
        }

        var alarm = new ActiveAlarm(member, (AlarmKind)kind);
        switch (action)
        {
            case AlarmGet:
                foreach (ActiveAlarm active in _alarms.Active)
                {
                    if (kind == 0 || active.Kind == alarm.Kind)
                    {
                        AnswerWith(active, proposal);
                    }
                }

                break;
            case AlarmActivate when kind != 0:
                Activate(alarm, proposal, loop);
                break;
            case AlarmDeactivate:
                Deactivate(alarm, proposal);
                break;
            default:
                break;
        }

        return null;
    }

    private void Activate(ActiveAlarm alarm, Proposal? proposal, RaftLoop loop)
    {
        if (_alarms.Activate(alarm, _backend))
        {
            _log.Warn("etcdserver/apply.go", "alarm raised").With("alarm", NameOf(alarm.Kind))
                .With("from", alarm.MemberId.ToString("x")).Write();
        }

        AnswerWith(alarm, proposal);
        if (alarm.Kind == AlarmKind.NoSpace)
        {
            _alarmProposed = false;
            AnswerAwaitingAlarm(loop);
        }
    }

    private void Deactivate(ActiveAlarm alarm, Proposal? proposal)
    {
        if (_alarms.Deactivate(alarm, _backend))
        {
            AnswerWith(alarm, proposal);
            _log.Warn("etcdserver/apply.go", "alarm disarmed").With("alarm", NameOf(alarm.Kind))
                .With("from", alarm.MemberId.ToString("x")).Write();
        }
    }

    private static void AnswerWith(ActiveAlarm alarm, Proposal? proposal)
    {
        if (proposal is not null)
        {
            AnswerEncoding.Bytes(proposal.Body, 2, Alarms.Encode(alarm));
        }
    }

    /// <summary>The name as logs and Status.errors have it.</summary>
    internal static string NameOf(AlarmKind kind) => kind switch
    {
        AlarmKind.NoSpace => "NOSPACE",
        AlarmKind.Corrupt => "CORRUPT",
        _ => kind.ToString(),
    };

    // What is over the quota at apply is done all the same; its proposer hears of the full db.
    private EtcdError? SpentQuota(in InternalRequestView request)
    {
        return _quota.Allows(_backend.SizeBytes, Quota.CostOf(request.Op, request.Body)) ? null : EtcdError.NoSpace;
    }
}
