// One run from one seed: machines, clients, faults; then calm, in which everything must make progress; then the checkers
// over all that was recorded, and the files as the last life left them.
using EtcdAot.Server;
using EtcdAot.Sys;
using EtcdAot.Tests.Simulation.Checkers;
using EtcdAot.Tests.Simulation.Clients;
using EtcdAot.Tests.Simulation.Disk;
using EtcdAot.Tests.Simulation.Members;
using EtcdAot.Tests.Simulation.World;

namespace EtcdAot.Tests.Simulation;

/// <summary>A run.</summary>
internal sealed class Episode : IDisposable
{
    private const long CalmSeconds = 30;

    private readonly World.World _world;
    private readonly Machine[] _machines;
    private readonly ClientNetwork _network;
    private readonly ClientWorld _shared;
    private readonly List<SimClient> _clients = [];
    private readonly Nemesis _nemesis;
    private readonly Dice _dice;
    private Exception? _broken;

    /// <param name="seed">Decides everything.</param>
    /// <param name="trace">Gets everything.</param>
    public Episode(ulong seed, Trace trace)
    {
        _world = new World.World(seed, trace);
        _dice = _world.Dice.Fork();
        _machines = [new Machine(_world, "m1", DrawOptions())];
        _network = new ClientNetwork(_world, _world.Dice.Fork());
        _shared = new ClientWorld(_world, _network, _machines, Evidence)
        {
            Pause = _dice.Spread(20 * World.World.Millisecond, 200 * World.World.Millisecond),
        };
        _nemesis = new Nemesis(_world, _network, _machines);
        foreach (Machine machine in _machines)
        {
            machine.OnDeath = OnDeath;
            machine.OnCoreStep = Chronicle.Observe;
        }
    }

    public Chronicle Chronicle { get; } = new();

    public Evidence Evidence { get; } = new();

    public Nemesis Nemesis => _nemesis;

    public long SimulatedNanos => _world.Now;

    public long Events => _world.Events;

    public int Lives => _machines.Sum(static m => m.Lives);

    /// <summary>Partitions whose search met its bound.</summary>
    public int Undecided { get; private set; }

    /// <summary>Lives by how they ended.</summary>
    public SortedDictionary<string, long> Deaths { get; } = new(StringComparer.Ordinal);

    /// <summary>Lines of the machines' last log, for a failure's report.</summary>
    public IEnumerable<string> RecentLog => _machines.SelectMany(static m => m.RecentLog);

    /// <summary>Runs it all.</summary>
    public void Run(long stormSeconds)
    {
        AddClients();
        foreach (Machine machine in _machines)
        {
            StartLife(machine);
        }

        _clients.ForEach(static c => c.Start());
        _nemesis.Start();
        RunUntil(_world.Now + (stormSeconds * World.World.Second), null);
        _nemesis.Stop();
        Calm();
        Judge();
    }

    public void Dispose()
    {
        foreach (Machine machine in _machines)
        {
            machine.Dispose();
        }
    }

    private ServerOptions DrawOptions() => new()
    {
        Name = "m1",
        AdvertisePeerUrls = ["http://10.0.0.1:2380"],
        AdvertiseClientUrls = ["http://10.0.0.1:2379"],
        InitialCluster = new Dictionary<string, IReadOnlyList<string>>(StringComparer.Ordinal)
        {
            ["m1"] = ["http://10.0.0.1:2380"],
        },
        SnapshotCount = (ulong)_dice.Spread(50, 3000),
        SnapshotCatchupEntries = (ulong)_dice.Spread(10, 1000),
        WalSegmentBytes = _dice.Spread(16 * 1024, 1 << 20),
        MaxWals = _dice.Of(2, 3, 5),
        MaxSnapshots = _dice.Of(2, 3, 5),
        BackendBatchMillis = (int)_dice.Spread(5, 500),
        BackendBatchLimit = (int)_dice.Spread(5, 10_000),
        CompactionBatchLimit = (int)_dice.Spread(5, 1000),
        CompactionSleepMillis = (int)_dice.Spread(1, 50),
    };

    private void AddClients()
    {
        int number = 0;
        int valueBytes = (int)_dice.Spread(8, 8000);
        for (int i = 0; i < 4; i++)
        {
            _clients.Add(new RegisterClient(_shared, number++, valueBytes));
        }

        for (int i = 0; i < 2; i++)
        {
            _clients.Add(new AppendClient(_shared, number++));
            _clients.Add(new BankClient(_shared, number++));
            _clients.Add(new LeaseClient(_shared, number++));
            _clients.Add(new WatchClient(_shared, number++, Chronicle));
        }

        _clients.Add(new WatchClient(_shared, number++, Chronicle));
        _clients.Add(new KeeperClient(_shared, number, Chronicle));
    }

    private void StartLife(Machine machine)
    {
        // A start is as good a moment as any, the very first one too.
        if (_nemesis.IsActive && _dice.OneIn(4))
        {
            _nemesis.Count("power loss during a start");
            machine.Disk.Faults.CallsUntilPowerLoss = _dice.Below(40);
        }

        long errors = machine.Disk.Faults.Errors;
        StartFailure? failure = machine.Start();
        if (failure is null)
        {
            return;
        }

        // A disk that fails while the member starts is a reason; nothing else is.
        bool sick = machine.Disk.Faults.Errors > errors || machine.Disk.Faults.Capacity != long.MaxValue;
        if (!sick)
        {
            throw new BrokenPromiseException($"{machine.Name} does not start: {failure.Message}: {failure.Error}");
        }

        Count("start failed");
        RestartSoon(machine);
    }

    private void OnDeath(Machine machine, LifeEndedException why)
    {
        Count(why.End == LifeEnd.FatalExit ? "ended itself: " + why.Message : why.Message);
        RestartSoon(machine);
    }

    private void RestartSoon(Machine machine)
    {
        _world.After(_dice.Spread(10 * World.World.Millisecond, 5 * World.World.Second), () =>
        {
            if (machine.Life is null)
            {
                StartLife(machine);
            }
        });
    }

    private void Count(string what) => Deaths[what] = Deaths.GetValueOrDefault(what) + 1;

    private bool RunUntil(long end, Func<bool>? done)
    {
        bool met = _world.RunUntil(end, () => HasFailed() || (done is not null && done()));
        if (_broken is not null)
        {
            System.Runtime.ExceptionServices.ExceptionDispatchInfo.Throw(_broken);
        }

        return met;
    }

    private bool HasFailed()
    {
        foreach (SimClient client in _clients)
        {
            if (client.Running.IsFaulted)
            {
                _broken = client.Running.Exception!.GetBaseException();
                return true;
            }
        }

        return false;
    }

    // Faults are off: each client must succeed again, then end.
    private void Calm()
    {
        long[] before = [.. _clients.Select(static c => c.Succeeded)];
        bool progress = RunUntil(_world.Now + (CalmSeconds * World.World.Second),
            () => _clients.TrueForAll(c => c is WatchClient || c.Succeeded > before[c.Number]));
        if (!progress)
        {
            string who = string.Join(", ", _clients.Where(c => c is not WatchClient && c.Succeeded == before[c.Number])
                .Select(static c => $"{c.GetType().Name} {c.Number}"));
            throw new BrokenPromiseException($"no progress within {CalmSeconds} s after the faults: {who}");
        }

        _shared.Stopping = true;
        if (!RunUntil(_world.Now + (180 * World.World.Second), () => _clients.TrueForAll(static c => c.Running.IsCompleted)))
        {
            throw new BrokenPromiseException("a client's operation never ends");
        }
    }

    private void Judge()
    {
        foreach (Machine machine in _machines)
        {
            FilesCheck.Run(machine, Chronicle);
        }

        HistoryCheck.Writes(Evidence, Chronicle);
        HistoryCheck.Reads(Evidence, Chronicle);
        HistoryCheck.RevisionsInOrder(Evidence.Revisions);
        foreach (WatchRecord watch in Evidence.Watches)
        {
            watch.Check(Chronicle, 0);
        }

        OpenOutcomes.Close(Evidence, Chronicle);
        Undecided += HistoryCheck.Linearizable("register", new RegisterModel(), Evidence.Registers);
        Undecided += HistoryCheck.Linearizable("list", new AppendModel(), Evidence.Lists);
    }
}
