// Lease.LeaseKeepAlive (spec api-v3 §4): one answer for each request, in order. Renewals go to the core in batches that
// clock themselves: what comes in while one is away leaves as the next. Owned by: the I/O thread of the call.
using EtcdAot.Grpc;
using EtcdAot.Server;
using EtcdAot.Wire;
using EtcdAot.Wire.Codecs;
using EtcdAot.Wire.Etcdserverpb;

namespace EtcdAot.Api;

/// <summary>A stream of renewals.</summary>
internal sealed class KeepAliveCall : Call
{
    public KeepAliveCall()
    {
        Away = new LeaseRenewals(this);
        Next = new LeaseRenewals(this);
    }

    /// <summary>With the core while <see cref="IsAway"/>.</summary>
    public LeaseRenewals Away { get; private set; }

    /// <summary>Gathers what comes in meanwhile.</summary>
    public LeaseRenewals Next { get; private set; }

    public bool IsAway { get; set; }

    public bool IsHalfClosed { get; set; }

    /// <summary>The gathered ones become the batch to send.</summary>
    public void Swap() => (Away, Next) = (Next, Away);

    protected override void OnReuse()
    {
        Away.Clear();
        Next.Clear();
        IsAway = false;
        IsHalfClosed = false;
    }
}

/// <summary>Serves Lease.LeaseKeepAlive.</summary>
internal sealed class LeaseKeepAliveMethod(ApiLoops loops) : IHotMethod
{
    /// <summary>Renewals that one stream may have waiting before its next message is parked.</summary>
    private const int MaxWaiting = 4096;

    public Call CreateCall() => new KeepAliveCall();

    public void OnMessage(ReadOnlySpan<byte> message, Call call)
    {
        var mine = (KeepAliveCall)call;
        if (mine.Next.Count >= MaxWaiting)
        {
            call.Park();
        }
        else if (!LeaseIdField.TryRead(message, out long id))
        {
            call.Finish(DecodeFault.OnStream(message, LeaseKeepAliveRequest.Descriptor));
        }
        else
        {
            mine.Next.Add(id);
            Send(mine);
        }
    }

    public void OnHalfClose(Call call)
    {
        var mine = (KeepAliveCall)call;
        mine.IsHalfClosed = true;
        if (!mine.IsAway)
        {
            call.Finish(Status.Ok);
        }
    }

    // A batch that is with the core comes back to nobody: the call is held until then, and not reused.
    public void OnCancel(Call call) => call.Finish(Status.Canceled);

    public void OnCompletion(Call call)
    {
        var mine = (KeepAliveCall)call;
        mine.IsAway = false;
        LeaseRenewals done = mine.Away;
        EtcdError? error = done.Error;
        Answer(call, done);
        if (error is not null)
        {
            call.Finish(Status.From(error));
            return;
        }

        if (done.Count > 0)
        {
            // The rest waits behind a lease that is being revoked, and what came in since waits behind the rest.
            SendAway(mine);
            return;
        }

        Send(mine);
        if (!mine.IsHalfClosed)
        {
            call.Resume();
        }
        else if (!mine.IsAway)
        {
            call.Finish(Status.Ok);
        }
    }

    private void Answer(Call call, LeaseRenewals done)
    {
        var header = new AnswerHeader(loops.Server.ClusterId, loops.Server.MemberId, done.Revision, done.RaftTerm);
        for (int i = 0; i < done.Answered; i++)
        {
            ulong id = (ulong)done.IdOf(i);
            ulong ttl = (ulong)done.TtlOf(i);
            int size = header.FieldSize + ProtoWriter.SizeOfNonZero(2, id) + ProtoWriter.SizeOfNonZero(3, ttl);
            var writer = new ProtoWriter(call.BeginReply(size));
            header.WriteField(ref writer);
            writer.NonZero(2, id);
            writer.NonZero(3, ttl);
            call.EndReply();
        }

        done.DropAnswered();
    }

    private void Send(KeepAliveCall call)
    {
        if (!call.IsAway && call.Next.Count > 0)
        {
            call.Swap();
            SendAway(call);
        }
    }

    private void SendAway(KeepAliveCall call)
    {
        call.IsAway = true;
        call.Hold();
        loops.Of(call.Loop).Ask(call.Away);
    }
}
