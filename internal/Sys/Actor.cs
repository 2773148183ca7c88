// An object with a life of its own: a mailbox and Step. In production a host thread pumps it, in the simulator one
// thread pumps all actors in an order drawn from the seed (DESIGN 4.1). Posting never waits for room: bounds are kept at
// the entrance, where a request brings its own completion slot.
namespace EtcdAot.Sys;

/// <summary>What pumps an actor and can be woken for it.</summary>
public interface IActorHost
{
    /// <summary>Makes the host call <see cref="Actor.Step"/> soon; callable from any thread.</summary>
    void Wake();
}

/// <summary>Base of everything that reacts to messages and time.</summary>
public abstract class Actor
{
    private IActorHost? _host;

    /// <summary>Name for logs and the thread page.</summary>
    public abstract string Name { get; }

    /// <summary>Binds the actor to its pump; once, before the first post.</summary>
    public void Attach(IActorHost host) => _host = host;

    /// <summary>Takes what is in the mailbox and does what is due. Never blocks but on its own disk.</summary>
    /// <param name="nowNanos">Monotonic time of this step.</param>
    /// <returns>Monotonic time at which it wants to be stepped again, <see cref="long.MaxValue"/> for never.</returns>
    public abstract long Step(long nowNanos);

    /// <summary>Asks the host for a step; any thread.</summary>
    protected void WakeUp() => _host?.Wake();
}
