// One machine: its clocks, its disk, and the life of the member that runs on it. While a step waits for the disk the world
// goes on inside that wait: other actors of the machine, clients, and what kills it. The waiting actor itself rests.
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

    public long LocalNow => _world.Now;

    public long MonotonicNanos => _world.Now + _bootOffset;

    public long WallUnixNanos => _world.Now + WallOffset;

    public void Spend(long nanos)
    {
        if (Life is not { } life)
        {
            return;
        }

        life.Waits++;
        _ = _world.RunUntil(_world.Now + nanos, () => life.End is not null);
        life.Waits--;
        if (life.End is not null)
        {
            throw life.End;
        }
    }

    /// <summary>Lets something happen to this machine's process at a time; nothing when the life is over by then.</summary>
    public void At(long nanos, Life life, Action what)
    {
        _world.At(nanos, () =>
        {
            if (ReferenceEquals(Life, life) && life.End is null)
            {
                Guarded(life, what);
            }
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
        Guarded(life, () => failure = life.Open());
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
            At(_world.Now, life, () => throw new LifeEndedException(end, end.ToString()));
        }
    }

    /// <summary>Stops the member in order, as soon as none of its actors waits for the disk.</summary>
    public void Stop(Action? stopped = null)
    {
        if (Life is not { } life || life.End is not null)
        {
            return;
        }

        if (life.Waits > 0 || life.Server is null)
        {
            At(_world.Now + World.World.Millisecond, life, () => Stop(stopped));
            return;
        }

        Guarded(life, () => life.Close());
        if (ReferenceEquals(Life, life))
        {
            Life = null;
            Disk.Kill();
            stopped?.Invoke();
        }
    }

    public void WriteLine(ReadOnlySpan<byte> utf8)
    {
        string line = Encoding.UTF8.GetString(utf8).TrimEnd();

        // Frames of a stack are the compiler's matter: what it has put in line differs from process to process.
        int stack = utf8.IndexOf(",\"stacktrace\":"u8);
        _world.Trace.Add(LocalNow, "log", Crc32C.Append(0, stack < 0 ? utf8 : utf8[..stack]));
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

    private void Guarded(Life life, Action what)
    {
        try
        {
            what();
        }
        catch (LifeEndedException e)
        {
            Die(life, e);
        }
    }

    // A life may end while steps of it wait for the disk further up this thread's stack: they are told when they wake, and
    // the last of them lets it be buried.
    private void Die(Life life, LifeEndedException why)
    {
        if (life.End is null)
        {
            life.End = why;
            _world.Trace.Add(LocalNow, "death", (ulong)why.End, Crc32C.Append(0, Encoding.UTF8.GetBytes(why.Message)));
            if (_world.Trace.IsText)
            {
                _world.Trace.Say(LocalNow, $"{Name} life {life.Number} ended: {why.End}, {why.Message}");
            }

            life.Break();
        }

        if (life.Waits > 0)
        {
            return;
        }

        if (life.Server is not null)
        {
            OnCoreStep?.Invoke(life);
        }

        Life = null;
        life.Free();
        if (life.End.End == LifeEnd.PowerLost)
        {
            Disk.LosePower();
        }
        else
        {
            Disk.Kill();
        }

        OnDeath?.Invoke(this, life.End);
    }
}
