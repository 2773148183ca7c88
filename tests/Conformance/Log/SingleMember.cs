// Drives one member through recorded scenarios, one after the other on the same data, the way the recording was made: real
// processes, ended by signals, filled by a client of another make.
using System.Net;
using System.Net.Sockets;
using EtcdAot.Client;
using EtcdAot.Tests.Conformance.Servers;
using EtcdAot.Wire.Etcdserverpb;
using Google.Protobuf;
using Grpc.Core;
using Grpc.Net.Client;

namespace EtcdAot.Tests.Conformance.Log;

/// <summary>A member, its data and its judge.</summary>
internal sealed class SingleMember : IDisposable
{
    private const int Interrupt = 2;
    private const int Killed = 9;
    private const int Terminate = 15;

    private static readonly TimeSpan StartLimit = TimeSpan.FromSeconds(30);
    private static readonly TimeSpan StopLimit = TimeSpan.FromSeconds(20);

    // What nobody expects has this long to come.
    private static readonly TimeSpan Settling = TimeSpan.FromMilliseconds(300);

    private readonly string _program;
    private readonly ILogJudge _judge;
    private readonly Scratch _scratch = new();
    private readonly int _clientPort = FreePort();
    private readonly int _peerPort = FreePort();
    private readonly string[] _more;
    private GrpcChannel? _channel;
    private EtcdClient? _client;
    private string _dataDirectory;
    private LogNames _names;
    private LogProcess? _process;
    private string[] _args = [];
    private int _puts;

    public SingleMember(string program, ILogJudge judge, params string[] more)
    {
        _program = program;
        _judge = judge;
        _more = more;
        _dataDirectory = _scratch["m1.etcd"];
        _names = NewNames();
    }

    public string DataDirectory => _dataDirectory;

    private string Peer => $"http://127.0.0.1:{_peerPort}";

    /// <summary>Starts and waits until all of a start's lines are there.</summary>
    public void Start(LogScenario? scenario, string name = "m1")
    {
        bool sets = scenario is null or { IsFresh: true } || scenario.Name.EndsWith("restored-data", StringComparison.Ordinal);
        Spawn(name);
        _process!.Await(StartLimit, ("\"successfully notified init daemon\"", 1), ("\"serving client traffic ", 1),
            ("\"grpc service status changed\"", 2), ("\"cluster version is updated\"", sets ? 1 : 0));
        Thread.Sleep(Settling);
        Judge(scenario);
    }

    /// <summary>Starts what has to end by itself with exit code 1.</summary>
    public void StartInVain(LogScenario scenario)
    {
        Spawn("m1");
        int exit = _process!.End(StartLimit);
        Judge(scenario, exit == 1 ? null : $"exit {exit}; it should be 1");
        Drop();
    }

    /// <summary>Stops it by a signal, by which it has to end after all its lines.</summary>
    public void Stop(LogScenario? scenario, bool byInterrupt = false)
    {
        int signal = byInterrupt ? Interrupt : Terminate;
        _process!.Signal(signal);
        int exit = _process.End(StopLimit);
        Judge(scenario, exit == 128 + signal ? null : $"exit {exit}; it should be {128 + signal}");
        Drop();
    }

    /// <summary>Ends it with SIGKILL; nothing is written any more.</summary>
    public void Kill()
    {
        _process!.Signal(Killed);
        _ = _process.End(StopLimit);
        Judge(null);
        Drop();
    }

    /// <summary>Puts so many keys, one after the other.</summary>
    public void Put(int keys, int bytes)
    {
        for (int i = 0; i < keys; i++)
        {
            _client!.Kv.Put(
                new PutRequest
                {
                    Key = ByteString.CopyFromUtf8($"key-{_puts++:d5}"),
                    Value = ByteString.CopyFromUtf8(new string('v', bytes)),
                },
                Patient());
        }
    }

    /// <summary>What was written up to now is not judged.</summary>
    public void Forget()
    {
        Thread.Sleep(Settling);
        Judge(null);
    }

    /// <summary>Waits for lines that come by themselves, then judges.</summary>
    public void Await(LogScenario scenario, string text, int times, TimeSpan limit)
    {
        _process!.Await(limit, (text, times));
        Thread.Sleep(Settling);
        Judge(scenario);
    }

    /// <summary>Compacts at a revision.</summary>
    public void Compact(long revision) =>
        _client!.Kv.Compact(new CompactionRequest { Revision = revision }, Patient());

    private static CallOptions Patient() => new CallOptions(deadline: DateTime.UtcNow.AddSeconds(20)).WithWaitForReady();

    /// <summary>Saves a snapshot with the original's tool; its path.</summary>
    public string Save()
    {
        string file = _scratch["saved.db"];
        ToolProcess.Check(Programs.Oracle("3.5", "etcdctl"), "--endpoints", $"127.0.0.1:{_clientPort}", "snapshot", "save", file);
        return file;
    }

    /// <summary>Saves a snapshot of the running member with the original's tools and makes a new data directory of it,
    /// which is the member's from now on.</summary>
    public void MoveToRestored()
    {
        string file = Save();
        Stop(null);
        _dataDirectory = _scratch["restored.etcd"];
        _names = NewNames();
        ToolProcess.Check(Programs.Oracle("3.5", "etcdutl"), "snapshot", "restore", file, "--data-dir", _dataDirectory,
            "--name", "m1", "--initial-cluster", "m1=" + Peer, "--initial-advertise-peer-urls", Peer,
            "--initial-cluster-token", "tok");
    }

    public void Dispose()
    {
        _process?.Dispose();
        _channel?.Dispose();
        _scratch.Dispose();
    }

    private void Drop()
    {
        _process!.Dispose();
        _process = null;
    }

    private void Spawn(string name)
    {
        string client = $"http://127.0.0.1:{_clientPort}";
        _args =
        [
            "--name", name, "--data-dir", _dataDirectory,
            "--listen-client-urls", client, "--advertise-client-urls", client,
            "--listen-peer-urls", Peer, "--initial-advertise-peer-urls", Peer,
            "--initial-cluster", $"{name}={Peer}", "--initial-cluster-state", "new", "--initial-cluster-token", "tok", .. _more,
        ];
        _names.Name = name;
        _process = new LogProcess(_program, _args, _scratch.Root);

        // One channel a life: one that outlives its member sits out a growing pause after dials that met nobody.
        _channel?.Dispose();
        _channel = GrpcChannel.ForAddress(client);
        _client = new EtcdClient(new EtcdClientOptions(), _channel.CreateCallInvoker());
    }

    private void Judge(LogScenario? scenario, string? fault = null)
    {
        List<string> lines = _process!.Take();
        _names.Learn(LogComparison.Parse(lines));
        if (scenario is not null)
        {
            _judge.Judge(scenario, lines, _names, _args, fault);
        }
    }

    private LogNames NewNames() => new(_dataDirectory, _clientPort, _peerPort) { Version = _judge.Version };

    private static int FreePort()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }
}
