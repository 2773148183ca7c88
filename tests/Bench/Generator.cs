// Drives one row against one endpoint: opens the connections, warms up, measures, stops. Runs on the main thread; the
// clients live on one loop.
using EtcdAot.Net;
using EtcdAot.Sys;

namespace EtcdAot.Tests.Bench;

/// <summary>What a row gave.</summary>
internal sealed record RowResult(
    string Row,
    int Clients,
    double Seconds,
    long Operations,
    long Errors,
    double P50Micros,
    double P99Micros,
    double P999Micros,
    double ServerCpuSeconds,
    long RssBytes,
    long RssAnonBytes)
{
    internal double Throughput => Operations / Seconds;

    internal double CpuPer100K => Operations == 0 ? double.NaN : ServerCpuSeconds * 100_000 / Operations;
}

internal sealed class Generator : IDisposable
{
    /// <summary>Clients have a connection each up to so many; above, several streams share one.</summary>
    internal const int MaxConnections = 100;

    private static readonly TimeSpan WarmUp = TimeSpan.FromMilliseconds(500);
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);

    private readonly LoopGroup _group;
    private readonly NetworkAddress _address;
    private Exception? _failure;

    internal Generator(NetworkAddress address)
    {
        _address = address;
        Errno result = LoopGroup.Open(
            1, LinuxNetwork.Instance, SystemClock.Instance, Limits.Default, e => _failure = e, out LoopGroup? group);
        if (result.Failed)
        {
            throw new InvalidOperationException("cannot open a loop: " + result);
        }

        _group = group!;
        _group.Start();
    }

    private EpollLoop Loop => _group.Loops[0];

    public void Dispose() => _group.Dispose();

    /// <summary>True when a linearizable read is answered.</summary>
    internal bool IsServing()
    {
        try
        {
            GrpcConnection[] connections = Connect(1);
            Template get = Messages.Get(serializable: false);
            get.Patch(0);
            bool good = Call(connections[0], Methods.Range, get.Bytes, TimeSpan.FromSeconds(2));
            OnLoop(connections[0].Close);
            return good;
        }
        catch (IOException)
        {
            return false;
        }
    }

    /// <summary>Writes the keys that the rows read.</summary>
    internal void Load()
    {
        GrpcConnection[] connections = Connect(1);
        for (int from = 0; from < Messages.Keys; from += Messages.LoadBatch)
        {
            if (!Call(connections[0], Methods.Txn, Messages.Load(from, Messages.LoadBatch), Patience))
            {
                throw new IOException("loading the keys failed");
            }
        }

        OnLoop(connections[0].Close);
    }

    internal RowResult Run(string row, int count, TimeSpan duration, ProcessProbe? server)
    {
        var phase = new PhaseSwitch();
        var meter = new Meter(phase);
        GrpcConnection[] connections = Connect(Math.Min(count, MaxConnections));
        List<BenchClient> clients = Rows.Make(row, connections, meter, count);
        OnLoop(() => clients.ForEach(static c => c.Begin()));
        Thread.Sleep(WarmUp);
        double cpuBefore = server?.CpuSeconds() ?? 0;
        long started = System.Diagnostics.Stopwatch.GetTimestamp();
        phase.Phase = Phase.Measure;
        Thread.Sleep(duration);
        phase.Phase = Phase.Stop;
        double seconds = System.Diagnostics.Stopwatch.GetElapsedTime(started).TotalSeconds;
        double cpu = (server?.CpuSeconds() ?? 0) - cpuBefore;
        (long rss, long anonymous) = server?.Memory() ?? (0, 0);
        WaitUntilIdle(clients);
        RowResult? result = null;
        OnLoop(() =>
        {
            Array.ForEach(connections, static c => c.Close());
            result = new RowResult(
                row,
                count,
                seconds,
                meter.Operations,
                meter.Errors,
                meter.Latency.GetValueAtPercentile(50) / 1000.0,
                meter.Latency.GetValueAtPercentile(99) / 1000.0,
                meter.Latency.GetValueAtPercentile(99.9) / 1000.0,
                cpu,
                rss,
                anonymous);
        });
        return result!;
    }

    /// <summary>Puts so many different keys, as fast as so many clients can.</summary>
    internal void Fill(int puts, int count)
    {
        var phase = new PhaseSwitch { Phase = Phase.Measure };
        var meter = new Meter(phase);
        GrpcConnection[] connections = Connect(Math.Min(count, MaxConnections));
        var supply = new KeySupply(puts);
        var clients = new List<BenchClient>();
        for (int i = 0; i < count; i++)
        {
            clients.Add(new FillClient(connections[i % connections.Length], meter, i, supply));
        }

        OnLoop(() => clients.ForEach(static c => c.Begin()));
        for (bool busy = true; busy;)
        {
            Thread.Sleep(100);
            OnLoop(() => busy = clients.Exists(static c => c.Busy));
        }

        OnLoop(() => Array.ForEach(connections, static c => c.Close()));
        if (meter.Errors > 0 || meter.Operations != puts)
        {
            throw new IOException($"{meter.Operations} of {puts} puts were answered, {meter.Errors} of them failed");
        }
    }

    private void WaitUntilIdle(List<BenchClient> clients)
    {
        bool busy = true;
        for (int i = 0; busy && i < 100; i++)
        {
            Thread.Sleep(10);
            OnLoop(() => busy = clients.Exists(static c => c.Busy));
        }
    }

    private GrpcConnection[] Connect(int count)
    {
        var dial = new Dial(count, _address.ToString());
        OnLoop(() =>
        {
            for (int i = 0; i < count; i++)
            {
                Dialer.Dial(Loop, [_address], 5_000_000_000, dial);
            }
        });
        if (!dial.Done.Wait(Patience) || dial.Error is not null)
        {
            throw new IOException(dial.Error ?? "dialing took too long");
        }

        return [.. dial.Connections];
    }

    private bool Call(GrpcConnection connection, Method method, byte[] message, TimeSpan patience)
    {
        var once = new Once();
        OnLoop(() => connection.Open(method, message, end: true, once));
        return once.Done.Wait(patience) && once.Good;
    }

    private void OnLoop(Action action)
    {
        using var done = new ManualResetEventSlim();
        Loop.Post(new Work(action, done));
        while (!done.Wait(100))
        {
            if (_failure is not null)
            {
                throw new InvalidOperationException("the client loop failed", _failure);
            }
        }
    }

    private sealed class Work(Action action, ManualResetEventSlim done) : ILoopWork
    {
        public void Run()
        {
            action();
            done.Set();
        }
    }

    private sealed class Once : ICallSink
    {
        internal ManualResetEventSlim Done { get; } = new();

        internal bool Good { get; private set; }

        public void OnMessage(ReadOnlySpan<byte> message) => Good = true;

        public void OnEnd(bool reset)
        {
            Good &= !reset;
            Done.Set();
        }
    }

    private sealed class Dial(int count, string authority) : IDialResult
    {
        internal ManualResetEventSlim Done { get; } = new();

        internal List<GrpcConnection> Connections { get; } = [];

        internal string? Error { get; private set; }

        public void OnConnected(SocketConnection connection)
        {
            Connections.Add(new GrpcConnection(connection, authority));
            if (Connections.Count == count)
            {
                Done.Set();
            }
        }

        public void OnDialFailed(Errno reason, string text)
        {
            Error = text;
            Done.Set();
        }
    }
}
