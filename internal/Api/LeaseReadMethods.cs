// Lease.LeaseTimeToLive and Lease.LeaseLeases (spec api-v3 §4): the core answers, the I/O thread encodes.
// Owned by: the I/O thread of the call.
using EtcdAot.Grpc;
using EtcdAot.Server;
using EtcdAot.Wire.Codecs;
using EtcdAot.Wire.Etcdserverpb;
using Google.Protobuf.Reflection;

namespace EtcdAot.Api;

/// <summary>A call that asks the lessor one thing.</summary>
internal sealed class LeaseCall : Call
{
    public LeaseCall(Func<Call, LeaseQuestion> make)
    {
        Question = make(this);
    }

    public LeaseQuestion Question { get; }

    protected override void OnReuse() => Question.Error = null;
}

/// <summary>What both have in common.</summary>
internal abstract class LeaseReadMethod(ApiLoops loops) : IHotMethod
{
    public abstract Call CreateCall();

    public void OnMessage(ReadOnlySpan<byte> message, Call call)
    {
        var mine = (LeaseCall)call;
        if (!TryRead(message, mine.Question))
        {
            call.Finish(DecodeFault.Of(message, Request));
            return;
        }

        call.Hold();
        loops.Of(call.Loop).Ask(mine.Question);
    }

    public void OnCancel(Call call) => call.Finish(Status.Canceled);

    public void OnCompletion(Call call)
    {
        LeaseQuestion answered = ((LeaseCall)call).Question;
        if (answered.Error is not null)
        {
            call.Finish(Status.From(answered.Error));
            return;
        }

        AnswerBuffer fields = loops.Of(call.Loop).Answer;
        fields.Reset();
        Encode(answered, fields);
        var header = new AnswerHeader(
            loops.Server.ClusterId, loops.Server.MemberId, answered.Revision, answered.RaftTerm);
        Answers.Send(call, header, fields);
    }

    /// <summary>The request message, for the words of a refusal.</summary>
    protected abstract MessageDescriptor Request { get; }

    protected abstract bool TryRead(ReadOnlySpan<byte> message, LeaseQuestion question);

    protected abstract void Encode(LeaseQuestion answered, AnswerBuffer fields);
}

/// <summary>Serves Lease.LeaseTimeToLive {1 ID, 2 keys}.</summary>
internal sealed class LeaseTimeToLiveMethod(ApiLoops loops) : LeaseReadMethod(loops)
{
    protected override MessageDescriptor Request => LeaseTimeToLiveRequest.Descriptor;

    public override Call CreateCall() => new LeaseCall(static owner => new LeaseTimeToLive(owner));

    protected override bool TryRead(ReadOnlySpan<byte> message, LeaseQuestion question)
    {
        var asked = (LeaseTimeToLive)question;
        asked.Id = 0;
        asked.WantsKeys = false;
        var reader = new ProtoReader(message);
        while (reader.Next())
        {
            if (reader.Field == 1)
            {
                asked.Id = reader.ReadInt64();
            }
            else if (reader.Field == 2)
            {
                asked.WantsKeys = reader.ReadBool();
            }
        }

        return !reader.Failed;
    }

    protected override void Encode(LeaseQuestion answered, AnswerBuffer fields)
    {
        var answer = (LeaseTimeToLive)answered;
        AnswerEncoding.NonZero(fields, 2, (ulong)answer.Id);
        AnswerEncoding.NonZero(fields, 3, (ulong)answer.Ttl);
        AnswerEncoding.NonZero(fields, 4, (ulong)answer.GrantedTtl);
        foreach (byte[] key in answer.Keys)
        {
            AnswerEncoding.Bytes(fields, 5, key);
        }
    }
}

/// <summary>Serves Lease.LeaseLeases.</summary>
internal sealed class LeaseLeasesMethod(ApiLoops loops) : LeaseReadMethod(loops)
{
    protected override MessageDescriptor Request => LeaseLeasesRequest.Descriptor;

    public override Call CreateCall() => new LeaseCall(static owner => new LeaseListing(owner));

    protected override bool TryRead(ReadOnlySpan<byte> message, LeaseQuestion question)
    {
        var reader = new ProtoReader(message);
        while (reader.Next())
        {
        }

        return !reader.Failed;
    }

    protected override void Encode(LeaseQuestion answered, AnswerBuffer fields)
    {
        Span<byte> status = stackalloc byte[11];
        foreach (long id in ((LeaseListing)answered).Ids)
        {
            var writer = new ProtoWriter(status);
            writer.NonZero(1, (ulong)id);
            AnswerEncoding.Bytes(fields, 2, status[..writer.Position]);
        }
    }
}
