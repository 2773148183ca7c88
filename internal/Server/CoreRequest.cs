// A request that the core serves without the log, with its own completion slot. Owned in turn: I/O thread → core → I/O
// thread.
using EtcdAot.Net;
using EtcdAot.Wire;

namespace EtcdAot.Server;

/// <summary>Handed in through <see cref="EtcdServer.Hand"/>; run once on its loop when it is done.</summary>
public abstract class CoreRequest : ICoreWork, ILoopWork
{
    /// <summary>Loop that gets the completion; null: <see cref="Run"/> is called on the core thread.</summary>
    public IoLoop? Loop { get; set; }

    /// <summary>Monotonic time of arrival at the core.</summary>
    public long StartNanos { get; internal set; }

    /// <summary>Null: done.</summary>
    public EtcdError? Error { get; set; }

    internal RaftLoop? Core { get; set; }

    /// <summary>Called by the core.</summary>
    public abstract void RunOnCore();

    /// <summary>Called by the loop with the outcome.</summary>
    public abstract void Run();
}
