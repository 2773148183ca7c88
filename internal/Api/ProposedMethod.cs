// Every unary call that goes through the log (spec api-v3 §2.3–§2.6, §4, §5.2): check, encode the entry once, propose,
// answer when it is applied. What differs between them is a set of rules. Owned by: the I/O thread of the call.
using EtcdAot.Grpc;
using EtcdAot.Server;
using EtcdAot.Sys;
using EtcdAot.Wire;
using EtcdAot.Wire.Codecs;

namespace EtcdAot.Api;

/// <summary>What differs between methods that go through the log.</summary>
internal interface IProposedRules
{
    /// <summary>Operation in the log.</summary>
    RaftOp Op { get; }

    /// <summary>Checks before anything is proposed, in etcd's order. False when the bytes are not a message.</summary>
    bool TryCheck(ReadOnlySpan<byte> message, out EtcdError? error);

    /// <summary>Answers without the log when the request allows it, or parks the call until it can.</summary>
    bool TryAnswer(ReadOnlySpan<byte> message, ApiCall call, ApiLoop home) => false;

    /// <summary>The body to propose: the client's bytes, or others written into <paramref name="scratch"/>.</summary>
    ReadOnlySpan<byte> Body(ReadOnlySpan<byte> message, Span<byte> scratch) => message;

    /// <summary>Tells the proposal what its answer waits for.</summary>
    void Prepare(ReadOnlySpan<byte> message, Proposal proposal)
    {
    }
}

/// <summary>Serves one such method.</summary>
internal sealed class ProposedMethod(ApiLoops loops, IProposedRules rules) : ApiMethod(loops)
{
    private const int ScratchBytes = 64;

    protected override void OnMessage(ReadOnlySpan<byte> message, ApiCall call, ApiLoop home)
    {
        if (!rules.TryCheck(message, out EtcdError? error))
        {
            call.Finish(DecodeFault.Of(message, DecodeFault.RequestOf(rules.Op)));
        }
        else if (ReferenceEquals(error, EtcdError.NoSpace))
        {
            RaiseNoSpace(call, home);
        }
        else if (error is not null)
        {
            call.Finish(Status.From(error));
        }
        else if (!rules.TryAnswer(message, call, home))
        {
            Span<byte> scratch = stackalloc byte[ScratchBytes];
            ReadOnlySpan<byte> body = rules.Body(message, scratch);
            call.Proposal.Reset();
            rules.Prepare(message, call.Proposal);
            Propose(call, home, rules.Op, body);
        }
    }

    protected override void OnApplied(ApiCall call)
    {
        Proposal outcome = call.Proposal;
        var header = new AnswerHeader(Server.ClusterId, Server.MemberId, outcome.Revision, outcome.RaftTerm);
        Answers.Send(call, header, outcome.Body);
    }

    private void Propose(ApiCall call, ApiLoop home, RaftOp op, ReadOnlySpan<byte> body)
    {
        ulong id = Server.Ids.Next();
        int size = InternalRequestView.SizeOf(op, body.Length, id);
        if (size > Server.Options.MaxRequestBytes)
        {
            call.Finish(Status.From(EtcdError.RequestTooLarge));
            return;
        }

        SlabSlice entry = home.Arena.Rent(size, out Span<byte> bytes);
        InternalRequestView.Write(bytes, op, body, id);
        call.Proposal.Id = id;
        call.Proposal.Entry = entry;
        call.Propose();
    }

    // A request that finds the quota spent raises the alarm through the log before it is refused.
    private void RaiseNoSpace(ApiCall call, ApiLoop home)
    {
        Span<byte> alarm = stackalloc byte[32];
        var writer = new ProtoWriter(alarm);
        writer.NonZero(1, 1);
        writer.NonZero(2, Server.MemberId);
        writer.NonZero(3, (ulong)AlarmKind.NoSpace);
        call.Proposal.Reset();
        call.RaisesAlarm = true;
        Propose(call, home, RaftOp.Alarm, alarm[..writer.Position]);
    }
}
