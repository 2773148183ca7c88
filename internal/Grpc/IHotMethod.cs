// What a bound method implements, and the one place that sees every call (DESIGN 4.2). Everything here runs on the I/O
// thread of the call and must not block.
namespace EtcdAot.Grpc;

/// <summary>Serves the calls of one method. Whoever has been given a call owes it exactly one
/// <see cref="Call.Finish"/>, cancelled or not; until then the call is not reused.</summary>
public interface IHotMethod
{
    /// <summary>Makes a call object for the pool of a loop. A subclass may carry the method's own state.</summary>
    Call CreateCall() => new();

    /// <summary>False: each call gets a new object, because someone may keep it.</summary>
    bool ReusesCalls => true;

    /// <summary>A call with a request stream began; no message has arrived yet. Not called for the other shapes.</summary>
    void OnStart(Call call)
    {
    }

    /// <summary>A complete message, inflated. The span is dead after the call, unless <see cref="Call.Park"/> was called.
    /// Not called after <see cref="Call.Finish"/>.</summary>
    void OnMessage(ReadOnlySpan<byte> message, Call call);

    /// <summary>The client will send no more. Only for request streams, and never before their last message.</summary>
    void OnHalfClose(Call call)
    {
    }

    /// <summary>The caller is gone: reset, lost connection or deadline. Replies from here on go nowhere.</summary>
    void OnCancel(Call call)
    {
    }

    /// <summary>The call came back from another thread, once for each <see cref="Call.Hold"/>. It may be cancelled, and
    /// when it is finished this is not called.</summary>
    void OnCompletion(Call call)
    {
    }

    /// <summary>Replies that had waited for the client's window have left (<see cref="Call.QueuedBytes"/> is 0).</summary>
    void OnWritable(Call call)
    {
    }
}

/// <summary>Sees every call: learner check, require-leader, metrics. Called on the I/O thread of the call.</summary>
public interface ICallInterceptor
{
    /// <summary>Before the handler hears of the call. Anything but success refuses it with that status.</summary>
    Status OnStart(Call call);

    /// <summary>A message came in (its length without prefix, inflated).</summary>
    void OnReceived(Call call, int bytes);

    /// <summary>A message was handed to the transport.</summary>
    void OnSent(Call call, int bytes);

    /// <summary>The call's outcome is decided. Once for each call that <see cref="OnStart"/> saw.</summary>
    void OnEnd(Call call, in Status status);
}
