// What goes wrong, when: every kind of fault has its own rate, drawn from the seed; some runs are without some kinds. It
// stops when told; then the machines are healed.
using EtcdAot.Sys;
using EtcdAot.Tests.Simulation.Clients;
using EtcdAot.Tests.Simulation.Disk;
using EtcdAot.Tests.Simulation.Members;

namespace EtcdAot.Tests.Simulation.World;

/// <summary>The source of faults.</summary>
internal sealed class Nemesis
{
    private readonly World _world;
    private readonly ClientNetwork _network;
    private readonly Machine[] _machines;
    private readonly Dice _dice;
    private bool _stopped;

    public Nemesis(World world, ClientNetwork network, Machine[] machines)
    {
        _world = world;
        _network = network;
        _machines = machines;
        _dice = world.Dice.Fork();
    }

    /// <summary>Faults by kind.</summary>
    public SortedDictionary<string, long> Counts { get; } = new(StringComparer.Ordinal);

    /// <summary>False once it was stopped.</summary>
    public bool IsActive => !_stopped;

    /// <summary>Counts a fault.</summary>
    public void Count(string kind)
    {
        Counts[kind] = Counts.GetValueOrDefault(kind) + 1;
        _world.Trace.Add(_world.Now, kind);
    }

    /// <summary>Begins.</summary>
    public void Start()
    {
        Every("kill", m => m.End(LifeEnd.Killed));
        Every("power loss", m => m.End(LifeEnd.PowerLost));
        Every("power loss in a disk call", m => m.Disk.Faults.CallsUntilPowerLoss = (int)_dice.Spread(1, 60));
        Every("slow disk", m => For(m, d => d.Slowness = _dice.Spread(4, 400), d => d.Slowness = 1));
        Every("hung fsync", m => m.Disk.Faults.NextHang = _dice.Spread(World.Second / 5, 15 * World.Second));
        Every("fsync error", m => m.Disk.Faults.SyncsUntilError = (int)_dice.Spread(1, 20));
        Every("write error", m => m.Disk.Faults.WritesUntilError = (int)_dice.Spread(1, 40));
        Every("disk full", m => For(m, d => d.Capacity = m.Disk.OccupiedBytes + _dice.Between(0, 256 * 1024),
            d => d.Capacity = long.MaxValue));
        Every("wall clock jump", m => m.WallOffset += _dice.Between(-3600, 3600) * World.Second);
        Every("clients cut off", m => _network.Cut(m, _world.Now + _dice.Spread(World.Second / 10, 5 * World.Second)));
        Every("core scheduled late", m => m.Laziness = _dice.Spread(10 * World.Microsecond, 30 * World.Millisecond));
        Every("stop in order", m => StopInOrder(m));
    }

    /// <summary>No more faults, and those that last end.</summary>
    public void Stop()
    {
        _stopped = true;
        foreach (Machine machine in _machines)
        {
            machine.Disk.Faults.Heal();
            machine.Laziness = 200 * World.Microsecond;
            _network.CutUntil.Remove(machine);
        }
    }

    private void StopInOrder(Machine machine)
    {
        if (machine.Life is { Server: not null } life)
        {
            machine.At(_world.Now, life, () => machine.Stop(() =>
                machine.OnDeath?.Invoke(machine, new LifeEndedException(LifeEnd.Killed, "stopped in order"))));
        }
    }

    private void For(Machine machine, Action<DiskFaults> begin, Action<DiskFaults> end)
    {
        begin(machine.Disk.Faults);
        _world.After(_dice.Spread(World.Second / 10, 10 * World.Second), () => end(machine.Disk.Faults));
    }

    private void Every(string kind, Action<Machine> fault)
    {
        // One kind in five does not come in a run.
        if (_dice.OneIn(5))
        {
            return;
        }

        long mean = _dice.Spread(3 * World.Second, 30 * World.Second);
        void Next() => _world.After((long)(-Math.Log(1 - _dice.Unit()) * mean), () =>
        {
            if (_stopped)
            {
                return;
            }

            Machine machine = _machines[_dice.Below(_machines.Length)];
            Count(kind);
            fault(machine);
            Next();
        });
        Next();
    }
}
