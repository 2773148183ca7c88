// The I/O thread of a simulated member: what is posted runs in a later wake, the end of a wake in the same one.
using EtcdAot.Net;

namespace EtcdAot.Tests.Simulation.Members;

/// <summary>A loop on the machine's time.</summary>
internal sealed class SimLoop(Life life) : IoLoop
{
    private readonly Queue<ILoopWork> _posted = new();
    private readonly List<ILoopWork> _atEnd = [];
    private bool _wakes;
    private bool _stopped;

    public override long NowNanos => life.Machine.MonotonicNanos;

    public override void Post(ILoopWork work)
    {
        _posted.Enqueue(work);
        Wake();
    }

    public override void Enqueue(ILoopWork work) => _posted.Enqueue(work);

    public override void Wake()
    {
        if (_wakes || _stopped)
        {
            return;
        }

        _wakes = true;
        Machine machine = life.Machine;
        machine.At(machine.LocalNow + machine.Dice.Between(1_000, 60_000), life, RunWake);
    }

    public override void AtEndOfWake(ILoopWork work) => _atEnd.Add(work);

    public override LoopTimer Schedule(long dueNanos, ILoopWork work)
    {
        var timer = new Timer(work);
        Machine machine = life.Machine;
        long wait = Math.Max(0, dueNanos - machine.MonotonicNanos);
        machine.At(machine.LocalNow + wait, life, () =>
        {
            timer.Work?.Run();
            EndWake();
        });
        return timer;
    }

    /// <summary>Runs what is posted, for an end in order.</summary>
    public void Drain()
    {
        while (_posted.TryDequeue(out ILoopWork? work))
        {
            work.Run();
        }

        EndWake();
    }

    /// <summary>Nothing more runs.</summary>
    public void Stop() => _stopped = true;

    private void RunWake()
    {
        _wakes = false;
        if (_stopped)
        {
            return;
        }

        for (int n = _posted.Count; n > 0; n--)
        {
            _posted.Dequeue().Run();
        }

        EndWake();
        if (_posted.Count > 0)
        {
            Wake();
        }
    }

    private void EndWake()
    {
        for (int i = 0; i < _atEnd.Count; i++)
        {
            _atEnd[i].Run();
        }

        _atEnd.Clear();
    }

    private sealed class Timer(ILoopWork work) : LoopTimer
    {
        public ILoopWork? Work { get; private set; } = work;

        public override void Cancel() => Work = null;
    }
}

/// <summary>A delegate as work.</summary>
internal sealed class LoopAction(Action run) : ILoopWork
{
    public void Run() => run();
}
