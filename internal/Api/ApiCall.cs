// The state that every hot unary call carries: its proposal and its read waiter are its completion slots (DESIGN 3).
// Owned by: the I/O thread of the call; the core has one of the slots while the call is held.
using EtcdAot.Grpc;
using EtcdAot.Server;

namespace EtcdAot.Api;

/// <summary>A call of the hot services.</summary>
internal sealed class ApiCall : Call
{
    public ApiCall()
    {
        Proposal = new CallProposal(this);
        Waiter = new IndexWaiter(this);
    }

    public Proposal Proposal { get; }

    public ReadWaiter Waiter { get; }

    /// <summary>The loop's state; set on first use.</summary>
    public ApiLoop? Home { get; private set; }

    /// <summary>True while the core has one of the slots.</summary>
    public bool IsAway { get; private set; }

    /// <summary>True once the read index of this call is applied.</summary>
    public bool IndexReached { get; set; }

    /// <summary>The proposal is the NOSPACE alarm that this refused request raises.</summary>
    public bool RaisesAlarm { get; set; }

    public ApiLoop AtHome(ApiLoops loops) => Home ??= loops.Of(Loop);

    /// <summary>Parks the message until the read index is applied; the message then comes again.</summary>
    public void AwaitIndex()
    {
        Park();
        GoAway();
        Home!.AwaitIndex(Waiter);
    }

    /// <summary>Hands the proposal to the core.</summary>
    public void Propose()
    {
        GoAway();
        Home!.Propose(Proposal);
    }

    /// <summary>Asks the core about leases; who owns the question sets the proposal's error and runs this call.</summary>
    public void Ask(LeaseQuestion question)
    {
        GoAway();
        Home!.Ask(question);
    }

    /// <summary>The slot came back.</summary>
    public void ComeBack() => IsAway = false;

    protected override void OnReuse()
    {
        IndexReached = false;
        RaisesAlarm = false;
        IsAway = false;
        Proposal.Body.Reset();
    }

    private void GoAway()
    {
        IsAway = true;
        Hold();
    }

    private sealed class CallProposal(Call call) : Proposal
    {
        public override void Run() => call.Run();
    }

    private sealed class IndexWaiter(Call call) : ReadWaiter
    {
        public override void Run() => call.Run();
    }
}

/// <summary>What the hot unary methods have in common: cancellation, and the return from the core.</summary>
internal abstract class ApiMethod(ApiLoops loops) : IHotMethod
{
    protected ApiLoops Loops { get; } = loops;

    protected EtcdServer Server => Loops.Server;

    public Call CreateCall() => new ApiCall();

    public void OnMessage(ReadOnlySpan<byte> message, Call call)
    {
        var mine = (ApiCall)call;
        OnMessage(message, mine, mine.AtHome(Loops));
    }

    public void OnCompletion(Call call)
    {
        var mine = (ApiCall)call;
        mine.ComeBack();
        bool parked = call.IsParked;
        Wire.EtcdError? error = parked ? mine.Waiter.Error : mine.Proposal.Error;

        // Whatever became of the alarm, its request hears of the full db.
        error = mine.RaisesAlarm ? Wire.EtcdError.NoSpace : error;
        if (call.IsEnded || error is not null)
        {
            call.Finish(Status.From(error));
        }
        else if (parked)
        {
            mine.IndexReached = true;
            call.Resume();
        }
        else
        {
            OnApplied(mine);
        }
    }

    public void OnCancel(Call call)
    {
        // A call whose slot is with the core is finished when the slot comes back.
        if (!((ApiCall)call).IsAway)
        {
            call.Finish(Status.Canceled);
        }
    }

    /// <summary>A message came, or came again with its read index applied.</summary>
    protected abstract void OnMessage(ReadOnlySpan<byte> message, ApiCall call, ApiLoop home);

    /// <summary>The proposal of the call has been applied.</summary>
    protected virtual void OnApplied(ApiCall call)
    {
    }
}
