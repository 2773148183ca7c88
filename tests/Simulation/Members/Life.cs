// One life of a member: the real EtcdServer on the machine's seams, its two actors and one I/O loop pumped as the seed
// says, the real services behind in-memory streams. It dies with an exception out of a seam; then only its memory is freed.
using System.Diagnostics.CodeAnalysis;
using EtcdAot.Api;
using EtcdAot.Api.Http;
using EtcdAot.Observe;
using EtcdAot.Server;
using EtcdAot.Sys;
using EtcdAot.Tests.Simulation.Disk;
using EtcdAot.Tests.Simulation.World;

namespace EtcdAot.Tests.Simulation.Members;

/// <summary>A running member.</summary>
internal sealed class Life(Machine machine, int number) : IFatalExit
{
    private readonly List<SimStream> _streams = [];
    private ActorPump? _core;
    private ActorPump? _backend;

    public Machine Machine => machine;

    /// <summary>Steps that wait for the disk now.</summary>
    public int Waits { get; set; }

    /// <summary>How it ended; null while it lives.</summary>
    public LifeEndedException? End { get; set; }

    /// <summary>Which of the machine's lives.</summary>
    public int Number => number;

    /// <summary>The member, once it is open.</summary>
    public EtcdServer? Server { get; private set; }

    /// <summary>What its client port serves.</summary>
    public ClientServices? Services { get; private set; }

    /// <summary>The I/O thread.</summary>
    public SimLoop? Loop { get; private set; }

    /// <summary>Highest revision that the history has seen of this life.</summary>
    public long SeenRevision { get; set; }

    /// <summary>True once it was seen to answer linearizable reads.</summary>
    public bool IsCurrent { get; set; }

    /// <summary>Opens the files; afterwards the actors run.</summary>
    public StartFailure? Open()
    {
        var seams = new MemberSeams(
            machine.Disk, machine, machine.Dice.Fork(), this, new Log(machine, machine), machine.Spend);
        StartFailure? failure = new MemberStart(machine.Options, seams).Open(out EtcdServer? server);
        if (failure is not null)
        {
            return failure;
        }

        Server = server!;
        Loop = new SimLoop(this);
        Services = new ClientServices(Server, HttpAccess.Open);
        _core = new ActorPump(this, Server.CoreActor, () => machine.OnCoreStep?.Invoke(this));
        _backend = new ActorPump(this, Server.BackendActor, static () => { });
        _core.Wake();
        _backend.Wake();
        return null;
    }

    /// <summary>Lets something happen on the loop's thread.</summary>
    public void Join(SimStream stream) => _streams.Add(stream);

    /// <summary>The stream has ended.</summary>
    public void Leave(SimStream stream) => _streams.Remove(stream);

    /// <summary>One more step of each actor, for an end in order.</summary>
    public void StepAll()
    {
        _core!.StepNow();
        _backend!.StepNow();
        _core.StepNow();
    }

    /// <summary>The end in order.</summary>
    public void Close()
    {
        Server!.BeginStop();
        StepAll();
        Loop!.Drain();
        Loop.Stop();
        Break();
        _core!.Stop();
        _backend!.Stop();
        Server.Close();
        Services!.Abandon();
    }

    /// <summary>Whoever talked with this life hears that the connection is lost.</summary>
    public void Break()
    {
        foreach (SimStream stream in _streams.ToArray())
        {
            stream.Lose();
        }

        _streams.Clear();
    }

    /// <summary>Gives the memory of a dead life back.</summary>
    public void Free()
    {
        Loop?.Stop();
        Services?.Abandon();
        Server?.Abandon();
        Server = null;
        Services = null;
    }

    [DoesNotReturn]
    public void Exit(int exitCode, string reason) => throw new LifeEndedException(LifeEnd.FatalExit, reason);
}

/// <summary>Steps one actor when it was woken or is due, some drawn time later.</summary>
internal sealed class ActorPump : IActorHost
{
    private readonly Life _life;
    private readonly Actor _actor;
    private readonly Action _afterStep;
    private long _scheduled = long.MaxValue;
    private bool _steps;
    private bool _woken;
    private bool _stopped;

    public ActorPump(Life life, Actor actor, Action afterStep)
    {
        _life = life;
        _actor = actor;
        _afterStep = afterStep;
        actor.Attach(this);
    }

    public void Wake() => Schedule(_life.Machine.LocalNow);

    /// <summary>No more steps.</summary>
    public void Stop() => _stopped = true;

    /// <summary>Steps at once.</summary>
    public void StepNow()
    {
        Machine machine = _life.Machine;
        machine.Trace.Add(machine.LocalNow, _actor.Name);
        _steps = true;
        int errors = machine.Disk.Faults.DeadlyErrors;
        long due = _actor.Step(machine.MonotonicNanos);
        _steps = false;
        if (machine.Disk.Faults.DeadlyErrors > errors && _life.Waits == 0)
        {
            throw new BrokenPromiseException($"{machine.Name}: its log or db failed, and the {_actor.Name} goes on");
        }

        _afterStep();
        if (_woken)
        {
            // While it waited for the disk.
            _woken = false;
            Wake();
        }

        if (due != long.MaxValue)
        {
            Schedule(machine.LocalNow + Math.Max(0, due - machine.MonotonicNanos));
        }
    }

    private void Schedule(long localNanos)
    {
        Machine machine = _life.Machine;
        long at = localNanos + machine.Dice.Between(1_000, Math.Max(2_000, machine.Laziness));
        if (at >= _scheduled)
        {
            return;
        }

        _scheduled = at;
        machine.At(at, _life, () =>
        {
            // Replaced by an earlier one, which has run.
            if (_scheduled != at || _stopped)
            {
                return;
            }

            _scheduled = long.MaxValue;
            if (_steps)
            {
                _woken = true;
                return;
            }

            StepNow();
        });
    }
}
