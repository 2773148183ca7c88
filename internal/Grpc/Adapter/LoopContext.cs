// Brings the continuations of a Task-returning handler back to the loop of its call, so that handlers need no locks and
// touch the call only on its own thread. Any thread may post.
using EtcdAot.Net;

namespace EtcdAot.Grpc.Adapter;

/// <summary>A synchronization context that is one loop.</summary>
internal sealed class LoopContext(IoLoop loop) : SynchronizationContext
{
    /// <summary>True on the loop's thread, inside a handler or one of its continuations.</summary>
    internal bool IsCurrent => Current is LoopContext context && context.SameLoop(loop);

    public override void Post(SendOrPostCallback d, object? state) => loop.Post(new Continuation(this, d, state));

    public override void Send(SendOrPostCallback d, object? state)
    {
        throw new NotSupportedException("a handler never waits for its loop");
    }

    public override SynchronizationContext CreateCopy() => this;

    /// <summary>Runs on the loop's thread now, with this context current.</summary>
    internal void Run(Action action)
    {
        SynchronizationContext? outer = Current;
        SetSynchronizationContext(this);
        try
        {
            action();
        }
        finally
        {
            SetSynchronizationContext(outer);
        }
    }

    private bool SameLoop(IoLoop other) => ReferenceEquals(loop, other);

    private sealed class Continuation(LoopContext context, SendOrPostCallback callback, object? state) : ILoopWork
    {
        public void Run() => context.Run(() => callback(state));
    }
}
