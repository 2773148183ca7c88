// The pump of production: one thread that steps its actors whenever one was woken or is due (DESIGN 4.1). A wake of a
// running thread costs one interlocked exchange, of a sleeping one a write to its poller.
namespace EtcdAot.Sys;

/// <summary>Steps actors on a thread of its own.</summary>
public sealed class ActorThread : IThreadBody, IActorHost
{
    private readonly IPoller _poller;
    private readonly IClock _clock;
    private readonly Actor[] _actors;
    private int _pending;
    private int _sleeping;
    private volatile bool _stopping;

    /// <param name="name">Thread name.</param>
    /// <param name="poller">What the thread sleeps on.</param>
    /// <param name="clock">Time handed to the steps.</param>
    /// <param name="actors">Stepped in this order.</param>
    public ActorThread(string name, IPoller poller, IClock clock, params Actor[] actors)
    {
        Name = name;
        _poller = poller;
        _clock = clock;
        _actors = actors;
        foreach (Actor actor in actors)
        {
            actor.Attach(this);
        }
    }

    /// <inheritdoc/>
    public string Name { get; }

    /// <inheritdoc/>
    public void Run()
    {
        while (!_stopping)
        {
            Interlocked.Exchange(ref _pending, 0);
            long due = long.MaxValue;
            foreach (Actor actor in _actors)
            {
                due = Math.Min(due, actor.Step(_clock.MonotonicNanos));
            }

            Sleep(due);
        }

        // What was handed in before Stop is still looked at: the last answers are among it.
        foreach (Actor actor in _actors)
        {
            _ = actor.Step(_clock.MonotonicNanos);
        }
    }

    /// <inheritdoc/>
    public void Stop()
    {
        _stopping = true;
        Wake();
    }

    /// <inheritdoc/>
    public void Wake()
    {
        // Pairs with Sleep: each side writes its own word before it reads the other's.
        if (Interlocked.Exchange(ref _pending, 1) == 0 && Volatile.Read(ref _sleeping) == 1)
        {
            _poller.Wake();
        }
    }

    private void Sleep(long due)
    {
        long wait = due == long.MaxValue ? -1 : due - _clock.MonotonicNanos;
        if (due != long.MaxValue && wait <= 0)
        {
            return;
        }

        Interlocked.Exchange(ref _sleeping, 1);
        if (Volatile.Read(ref _pending) == 0)
        {
            _poller.Wait(wait);
        }

        Volatile.Write(ref _sleeping, 0);
    }
}
