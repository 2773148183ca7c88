// One machine: its own time, its disk, and the life of the member that runs on it. The machine does one thing at a time:
// while a step waits for the disk its clock runs ahead of the world's, and whatever is due for it meanwhile waits.
using System.Text;
using EtcdAot.Observe;
using EtcdAot.Server;
using EtcdAot.Sys;
using EtcdAot.Tests.Simulation.Disk;
using EtcdAot.Tests.Simulation.World;

namespace EtcdAot.Tests.Simulation.Members;

/// <summary>A simulated machine.</summary>
internal sealed class Machine : IDiskMachine, IClock, ILogSink, IDisposable
{
    private const int LogLinesKept = 200;

    private readonly World.World _world;
    private readonly Dice _dice;
    private readonly Queue<string> _log = new();
    private readonly long _bootOffset;
    private long _ahead;

    public Machine(World.World world, string name, ServerOptions options)
    {
        _world = world;
        _dice = world.Dice.Fork();
        _bootOffset = _dice.Between(1_000 * World.World.Second, 1_000_000 * World.World.Second);
        WallOffset = 1_700_000_000 * World.World.Second;
        Name = name;
        Options = options with { DataDir = "/" + name };
        Disk = new SimDisk(this, world.Trace, _dice.Fork());
    }

    public string Name { get; }

    public ServerOptions Options { get; }

    public SimDisk Disk { get; }

    /// <summary>The member that runs now; null while there is none.</summary>
    public Life? Life { get; private set; }

    /// <summary>Lives so far.</summary>
    public int Lives { get; private set; }

    /// <summary>How far the wall clock is from the world's.</summary>
    public long WallOffset { get; set; }

    /// <summary>The core's steps come late by up to this.</summary>
    public long Laziness { get; set; } = 200 * World.World.Microsecond;

    /// <summary>Told when a life has ended.</summary>
    public Action<Machine, LifeEndedException>? OnDeath { get; set; }

    /// <summary>Told after every step of the core.</summary>
    public Action<Life>? OnCoreStep { get; set; }

    /// <summary>The last lines that the member logged.</summary>
    public IEnumerable<string> RecentLog => _log;

    public Trace Trace => _world.Trace;

    public Dice Dice => _dice;

    public long LocalNow => Math.Max(_world.Now, _ahead);

    public long MonotonicNanos => LocalNow + _bootOffset;

    public long WallUnixNanos => LocalNow + WallOffset;

    public void Spend(long nanos) => _ahead = LocalNow + nanos;

    /// <summary>Lets something happen to this machine's process at a time of the machine's; nothing when the life is
    /// over by then.</summary>
    public void At(long localNanos, Life life, Action what)
    {
        _world.At(localNanos, () =>
        {
            if (!ReferenceEquals(Life, life))
            {
                return;
            }

            if (_ahead > _world.Now)
            {
                At(_ahead, life, what);
                return;
            }

            Guarded(what);
        });
    }

    /// <summary>Starts a life; it may end before it has begun.</summary>
    /// <returns>Why the member would not start, or null.</returns>
    public StartFailure? Start()
    {
        StartFailure? failure = null;
        Lives++;
        _world.Trace.Add(LocalNow, "start", (ulong)Lives);
        var life = new Life(this, Lives);
        Life = life;
        Guarded(() => failure = life.Open());
        if (failure is not null && ReferenceEquals(Life, life))
        {
            Life = null;
            life.Free();
            Disk.Kill();
        }

        return failure;
    }

    /// <summary>The process is killed, or the power fails, now.</summary>
    public void End(LifeEnd end)
    {
        if (Life is { } life)
        {
            // A machine that waits for its disk is ahead of the world: it ends where it has got to.
            At(LocalNow, life, () => Die(new LifeEndedException(end, end.ToString())));
        }
    }

    /// <summary>Stops the member in order.</summary>
    public void Stop()
    {
        if (Life is not { } life)
        {
            return;
        }

        Guarded(() =>
        {
            life.Server!.BeginStop();
            life.StepAll();
            life.Server.Close();
        });
        if (ReferenceEquals(Life, life))
        {
            Life = null;
            life.Break();
            Disk.Kill();
        }
    }

    public void WriteLine(ReadOnlySpan<byte> utf8)
    {
        string line = Encoding.UTF8.GetString(utf8).TrimEnd();
        _world.Trace.Add(LocalNow, "log", Crc32C.Append(0, utf8));
        if (_world.Trace.IsText)
        {
            _world.Trace.Say(LocalNow, $"{Name} {line}");
        }

        _log.Enqueue(line);
        if (_log.Count > LogLinesKept)
        {
            _ = _log.Dequeue();
        }
    }

    public void Dispose()
    {
        Life?.Free();
        Life = null;
        Disk.Dispose();
    }

    private void Guarded(Action what)
    {
        try
        {
            what();
        }
        catch (LifeEndedException e)
        {
            Die(e);
        }
    }

    private void Die(LifeEndedException why)
    {
        if (Life is not { } life)
        {
            return;
        }

        _world.Trace.Add(LocalNow, "death", (ulong)why.End, Crc32C.Append(0, Encoding.UTF8.GetBytes(why.Message)));
        if (_world.Trace.IsText)
        {
            _world.Trace.Say(LocalNow, $"{Name} life {life.Number} ended: {why.End}, {why.Message}");
        }

        Life = null;
        life.Break();
        life.Free();
        if (why.End == LifeEnd.PowerLost)
        {
            Disk.LosePower();
        }
        else
        {
            Disk.Kill();
        }

        OnDeath?.Invoke(this, why);
    }
}
