// One I/O thread: waits for sockets, runs what arrived to completion, then posted work, due timers, the end-of-wake
// work, and flushes every connection that was written to, once. Owned by: its I/O thread, but Post, Enqueue, Wake and
// Stop are for any. It must never block but in the poller's wait.
using EtcdAot.Observe;
using EtcdAot.Sys;

namespace EtcdAot.Net;

/// <summary>Something that waits for a socket on a loop.</summary>
internal interface IPollTarget
{
    void OnReady(PollFlags ready);

    /// <summary>The loop goes away: let go of the socket, tell nobody.</summary>
    void Drop();
}

/// <summary>The loop over a poller (epoll, or the simulator's).</summary>
public sealed class EpollLoop : IoLoop, IThreadBody, IDisposable
{
    private readonly INetwork _network;
    private readonly IClock _clock;
    private readonly IPoller _poller;
    private readonly Mailbox<ILoopWork> _posted = new();
    private readonly TimerHeap _timers = new();
    private readonly PollTargets _targets = new();
    private List<SocketConnection> _dirty = [];
    private List<SocketConnection> _flushing = [];
    private List<ILoopWork> _endOfWake = [];
    private List<ILoopWork> _ending = [];
    private long _now;
    private long _budgetEnd;
    private long _epoch;
    private int _asleep;
    private int _stopping;
    private int _connections;
    private bool _disposed;

    private EpollLoop(string name, INetwork network, IClock clock, IPoller poller, Limits limits)
    {
        Name = name;
        Limits = limits;
        _network = network;
        _clock = clock;
        _poller = poller;
        _now = clock.MonotonicNanos;
        ReceiveBuffer = GC.AllocateUninitializedArray<byte>(limits.ReceiveBuffer, pinned: true);
    }

    /// <summary>Name of the thread.</summary>
    public string Name { get; }

    /// <summary>The network under this loop.</summary>
    public INetwork Network => _network;

    /// <inheritdoc/>
    public override long NowNanos => _now;

    /// <summary>Odd while a wake runs, even while the loop waits; a change means that a wake has ended since. Whoever
    /// reclaims what a wake may still read compares two looks (DESIGN 4.10). Any thread.</summary>
    public long Epoch => Volatile.Read(ref _epoch);

    /// <summary>Connections that live on this loop; a hint for spreading them. Any thread.</summary>
    public int Connections => Volatile.Read(ref _connections);

    internal Limits Limits { get; }

    internal byte[] ReceiveBuffer { get; }

    internal SegmentPool Segments { get; } = new();

    /// <summary>Opens the poller.</summary>
    public static Errno Open(string name, INetwork network, IClock clock, Limits limits, out EpollLoop? loop)
    {
        Errno result = network.OpenPoller(out IPoller? poller);
        loop = result.Failed ? null : new EpollLoop(name, network, clock, poller!, limits);
        return result;
    }

    /// <inheritdoc/>
    public override void Post(ILoopWork work)
    {
        _posted.Post(work);
        Wake();
    }

    /// <inheritdoc/>
    public override void Enqueue(ILoopWork work) => _posted.Post(work);

    /// <inheritdoc/>
    public override void Wake()
    {
        // Only a sleeping loop needs the system call. The exchange is a full fence: the loop sets the flag before it
        // looks into the mailbox a last time, so one of both sees the other.
        if (Interlocked.CompareExchange(ref _asleep, 0, 1) == 1)
        {
            _poller.Wake();
        }
    }

    /// <inheritdoc/>
    public override void AtEndOfWake(ILoopWork work) => _endOfWake.Add(work);

    /// <inheritdoc/>
    public override LoopTimer Schedule(long dueNanos, ILoopWork work) => _timers.Add(dueNanos, work);

    /// <summary>Blocks and serves until <see cref="Stop"/>.</summary>
    public void Run()
    {
        while (Volatile.Read(ref _stopping) == 0)
        {
            RunOnce(long.MaxValue);
        }

        // What was posted before Stop is still done and sent: the last answers are among it.
        RunOnce(0);
    }

    /// <inheritdoc/>
    public void Stop()
    {
        Volatile.Write(ref _stopping, 1);
        // Without looking at the flag: the loop may be about to sleep.
        _poller.Wake();
    }

    /// <summary>One wake: waits at most so long, then does everything that is ready.</summary>
    public void RunOnce(long maxWaitNanos)
    {
        ReadOnlySpan<PollEvent> events = _poller.Wait(BeginSleep(maxWaitNanos));
        EndSleep();
        foreach (PollEvent e in events)
        {
            if (_targets.TryGet(e.Token, out IPollTarget? target))
            {
                target!.OnReady(e.Ready);
                SpendBudget();
            }
        }

        RunPosted();
        while (_timers.TryTake(_now, out ILoopWork? due))
        {
            due!.Run();
            SpendBudget();
        }

        RunEndOfWake();
        FlushDirty();
    }

    /// <summary>Lets go of all sockets and the poller; after <see cref="Run"/> has returned. Handlers are not told.</summary>
    public void Dispose()
    {
        if (!_disposed)
        {
            _disposed = true;
            _targets.DropAll();
            _poller.Dispose();
        }
    }

    internal Errno Register(ISocket socket, IPollTarget target, PollFlags interest, out ulong token)
    {
        token = _targets.Add(target);
        Errno result = _poller.Add(socket, token, interest);
        if (result.Failed)
        {
            _targets.Remove(token);
        }

        return result;
    }

    internal void Modify(ISocket socket, ulong token, PollFlags interest)
    {
        Errno result = _poller.Modify(socket, token, interest);
        Invariant.Check(!result.Failed, "a registered socket can be modified in its poller");
    }

    internal void Unregister(ISocket socket, ulong token)
    {
        _targets.Remove(token);
        Errno result = _poller.Remove(socket);
        Invariant.Check(!result.Failed, "a registered socket can be removed from its poller");
    }

    internal void MarkDirty(SocketConnection connection) => _dirty.Add(connection);

    internal void CountConnection(int change) => Interlocked.Add(ref _connections, change);

    private long BeginSleep(long maxWaitNanos)
    {
        Interlocked.Exchange(ref _asleep, 1);
        if (_posted.HasMessages || _dirty.Count > 0 || _endOfWake.Count > 0 || Volatile.Read(ref _stopping) != 0)
        {
            return 0;
        }

        long wait = maxWaitNanos;
        if (_timers.NextDueNanos != long.MaxValue)
        {
            wait = Math.Clamp(_timers.NextDueNanos - _clock.MonotonicNanos, 0, maxWaitNanos);
        }

        return wait == long.MaxValue ? -1 : wait;
    }

    private void EndSleep()
    {
        Volatile.Write(ref _asleep, 0);
        Interlocked.Increment(ref _epoch);
        _now = _clock.MonotonicNanos;
        _budgetEnd = _now + Limits.WakeBudgetNanos;
    }

    private void RunPosted()
    {
        if (!_posted.HasMessages)
        {
            return;
        }

        Span<ILoopWork> works = _posted.TakeAll();
        foreach (ILoopWork work in works)
        {
            work.Run();
            SpendBudget();
        }

        _posted.Release(works.Length);
    }

    private void RunEndOfWake()
    {
        if (_endOfWake.Count == 0)
        {
            return;
        }

        (_endOfWake, _ending) = (_ending, _endOfWake);
        foreach (ILoopWork work in _ending)
        {
            work.Run();
        }

        _ending.Clear();
    }

    /// <summary>A long wake sends what it has, so that the first reply does not wait for the last request.</summary>
    private void SpendBudget()
    {
        long now = _clock.MonotonicNanos;
        if (now >= _budgetEnd)
        {
            RunEndOfWake();
            FlushConnections();
            _now = now;
            _budgetEnd = now + Limits.WakeBudgetNanos;
        }
    }

    private void FlushDirty()
    {
        FlushConnections();
        Interlocked.Increment(ref _epoch);
    }

    /// <summary>What is written while this runs leaves in the next wake, which comes at once: no connection that
    /// produces as fast as its peer reads can hold the loop.</summary>
    private void FlushConnections()
    {
        if (_dirty.Count == 0)
        {
            return;
        }

        (_dirty, _flushing) = (_flushing, _dirty);
        foreach (SocketConnection connection in _flushing)
        {
            connection.Flush();
        }

        _flushing.Clear();
    }
}
