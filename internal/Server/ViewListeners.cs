// Loops that must hear of publications because watchers live on them (DESIGN 4.12). Loops without watchers are not woken.
// Owned by: any (interlocked); announced by the core thread.
using EtcdAot.Net;

namespace EtcdAot.Server;

/// <summary>Something on a loop that follows the published revision. At most one call is on its way.</summary>
public abstract class ViewListener : ILoopWork
{
    private int _told;

    /// <summary>Loop on which <see cref="OnPublished"/> is called.</summary>
    public abstract IoLoop Loop { get; }

    /// <summary>Called by the loop.</summary>
    public void Run()
    {
        // The exchange is a fence: a publication after it tells again, one before it is seen by the view taken now.
        _ = Interlocked.Exchange(ref _told, 0);
        OnPublished();
    }

    /// <summary>The revision has moved, once or many times.</summary>
    protected abstract void OnPublished();

    /// <summary>True when nothing is on its way: enqueue it.</summary>
    internal bool TryTell() => Interlocked.Exchange(ref _told, 1) == 0;
}

/// <summary>The listeners of a member.</summary>
internal sealed class ViewListeners
{
    private ViewListener[] _all = [];
    private long _announced;

    public void Add(ViewListener listener)
    {
        ViewListener[] all;
        do
        {
            all = Volatile.Read(ref _all);
        }
        while (Interlocked.CompareExchange(ref _all, [.. all, listener], all) != all);
    }

    public void Remove(ViewListener listener)
    {
        ViewListener[] all;
        do
        {
            all = Volatile.Read(ref _all);
        }
        while (Interlocked.CompareExchange(ref _all, [.. all.Where(l => l != listener)], all) != all);
    }

    /// <summary>Core thread, after a publication: tells everybody when the revision has moved.</summary>
    public void Announce(long revision, Completions completions)
    {
        if (revision == _announced)
        {
            return;
        }

        // Whoever is added after this look takes its view later than the publication: both sides have passed a fence.
        Interlocked.MemoryBarrier();
        _announced = revision;
        foreach (ViewListener listener in Volatile.Read(ref _all))
        {
            if (listener.TryTell())
            {
                completions.Tell(listener);
            }
        }
    }
}
