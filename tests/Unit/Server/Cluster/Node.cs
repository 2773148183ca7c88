using System.Diagnostics.CodeAnalysis;
using System.Text;
using EtcdAot.Net;
using EtcdAot.Observe;
using EtcdAot.Server;
using EtcdAot.Sys;
using EtcdAot.Tests.Unit.Raft;
using EtcdAot.Wire.Codecs;
using EtcdAot.Wire.Etcdserverpb;
using Google.Protobuf;

namespace EtcdAot.Tests.Unit.Server.Cluster;

/// <summary>One member of a test cluster through all its lives.</summary>
internal sealed class Node : IClock, IFatalExit, ILogSink
{
    private readonly PlainNetwork _network;
    private readonly SeededRandomness _randomness;
    private KillableDisk _disk = new();
    private EtcdServer? _server;
    private int _reader;

    public Node(ServerOptions options, PlainNetwork network, ulong seed, IClusterSource? source = null)
    {
        Options = options;
        _network = network;
        _randomness = new SeededRandomness(seed);
        Source = source ?? NoClusterSource.Instance;
        Loop = new QueueLoop(network);
    }

    public ServerOptions Options { get; set; }

    public IClusterSource Source { get; }

    public QueueLoop Loop { get; }

    public PlainTransport Transport { get; private set; } = null!;

    public List<string> Log { get; } = [];

    /// <summary>A watcher of everything; ends with this life.</summary>
    public Watching? Watch { get; private set; }

    public bool WasToldToStop { get; private set; }

    public bool IsUp => _server is not null;

    public EtcdServer Server => _server!;

    public ulong Id => Server.MemberId;

    public bool Leads => IsUp && Server.Status.Leader == Id;

    /// <summary>True: the log's thread does not run, as when its disk hangs.</summary>
    public bool DiskHangs { get; set; }

    /// <summary>True: nothing of it runs, as after SIGSTOP.</summary>
    public bool IsPaused { get; set; }

    public long MonotonicNanos => _network.Now;

    public long WallUnixNanos => 1_700_000_000_000_000_000 + _network.Now;

    public StartFailure? Start()
    {
        _disk = new KillableDisk();
        var seams = new MemberSeams(_disk, this, _randomness, this, new Log(this, this),
            static _ => throw new InvalidOperationException("the db is locked"))
        {
            Cluster = Source,
        };
        StartFailure? failure = new MemberStart(Options, seams).Open(out EtcdServer? server);
        if (failure is null)
        {
            _server = server;
            _reader = server!.Readers.Register();
            Transport = new PlainTransport(server.MemberId, _network, () => server);
            server.Connect(Transport, Transport, () => WasToldToStop = true);
            _network.Join(server.MemberId, this);
            Watch = null;
        }

        return failure;
    }

    public void Step()
    {
        if (IsPaused || _server is not { } server)
        {
            return;
        }

        server.CoreActor.Step(_network.Now);
        if (!DiskHangs)
        {
            server.LogActor.Step(_network.Now);
        }

        server.BackendActor.Step(_network.Now);
        Watch?.Step();
        Loop.Drain();
    }

    /// <summary>Watches all keys from a revision on.</summary>
    public Watching WatchFrom(long revision) => Watch = new Watching(Server, _reader, revision);

    /// <summary>SIGKILL.</summary>
    public void Kill()
    {
        _network.Leave(Id);
        _disk.Kill();
        _server = null;
        Watch = null;
        Loop.Clear();
    }

    /// <summary>An orderly end.</summary>
    public void Stop()
    {
        _network.Leave(Id);
        Server.BeginStop();
        Server.CoreActor.Step(_network.Now);
        Server.Close();
        _server = null;
    }

    public Pending Put(string key, string value)
    {
        return Propose(RaftOp.Put, new PutRequest
        {
            Key = ByteString.CopyFromUtf8(key),
            Value = ByteString.CopyFromUtf8(value),
        });
    }

    public Pending Propose(RaftOp op, IMessage request)
    {
        byte[] body = request.ToByteArray();
        ulong id = Server.Ids.Next();
        NativeSlab slab = NativeSlab.Allocate(InternalRequestView.SizeOf(op, body.Length, id));
        InternalRequestView.Write(slab.Span, op, body, id);
        var pending = new Pending
        {
            Loop = Loop,
            Id = id,
            Entry = new SlabSlice(slab, 0, slab.Length),
            StartNanos = _network.Now,
        };
        Server.Propose(pending);
        return pending;
    }

    public Change Change(MemberAction action, ulong id = 0, params string[] urls)
    {
        var change = new Change
        {
            Action = action,
            MemberId = id,
            PeerUrls = urls,
            Loop = Loop,
            StartNanos = _network.Now,
        };
        Server.Change(change);
        return change;
    }

    public Reading Read()
    {
        var reading = new Reading { Loop = Loop, StartNanos = _network.Now };
        Server.AwaitIndex(reading);
        return reading;
    }

    public Moving MoveLeader(ulong target)
    {
        var moving = new Moving { Target = target, IsChosen = target != 0, Loop = Loop };
        Server.Hand(moving);
        return moving;
    }

    /// <summary>A key as this member has it now; null for none.</summary>
    public string? Get(string key)
    {
        Server.Readers.Enter(_reader);
        EtcdAot.Mvcc.View view = Server.View;
        bool found = view.TryGet(Encoding.UTF8.GetBytes(key), view.Revision, out ReadOnlySpan<byte> bytes);
        string? value = null;
        if (found && KeyValueView.TryParse(bytes, out KeyValueView kv))
        {
            value = Encoding.UTF8.GetString(kv.Value);
        }

        Server.Readers.Exit(_reader);
        return value;
    }

    /// <summary>HashKV over everything.</summary>
    public (uint Hash, long Compacted) HashKv()
    {
        Server.Readers.Enter(_reader);
        Assert.Equal(EtcdAot.Mvcc.MvccStatus.Ok, EtcdAot.Mvcc.HashKvJob.Begin(
            Server.Store, Server.View, 0, out EtcdAot.Mvcc.HashKvJob? job, out _));
        while (!job!.Step(Server.View))
        {
        }

        Server.Readers.Exit(_reader);
        (uint, long) result = (job.Result.Hash, job.Result.CompactRevision);
        job.Dispose();
        return result;
    }

    public long Revision
    {
        get
        {
            Server.Readers.Enter(_reader);
            long revision = Server.View.Revision;
            Server.Readers.Exit(_reader);
            return revision;
        }
    }

    [DoesNotReturn]
    public void Exit(int exitCode, string reason) =>
        throw new InvalidOperationException($"exit {exitCode}: {reason}\n{string.Join('\n', Log.TakeLast(20))}");

    public void WriteLine(ReadOnlySpan<byte> utf8) => Log.Add(Encoding.UTF8.GetString(utf8).TrimEnd());
}

/// <summary>Completions on the test's thread.</summary>
internal sealed class QueueLoop(PlainNetwork network) : IoLoop
{
    private readonly Queue<ILoopWork> _work = new();

    public override long NowNanos => network.Now;

    public override void Post(ILoopWork work) => _work.Enqueue(work);

    public override LoopTimer Schedule(long dueNanos, ILoopWork work) => throw new NotSupportedException();

    public void Drain()
    {
        while (_work.TryDequeue(out ILoopWork? work))
        {
            work.Run();
        }
    }

    public void Clear() => _work.Clear();
}

/// <summary>A proposal that remembers its end.</summary>
internal sealed class Pending : Proposal
{
    public bool Done { get; private set; }

    public override void Run() => Done = true;
}

/// <summary>A change of the membership that remembers its end.</summary>
internal sealed class Change : MemberRequest
{
    public bool Done { get; private set; }

    public override void Run() => Done = true;
}

/// <summary>A read that remembers its end.</summary>
internal sealed class Reading : ReadWaiter
{
    public bool Done { get; private set; }

    public override void Run() => Done = true;
}

/// <summary>A transfer that remembers its end.</summary>
internal sealed class Moving : LeaderTransfer
{
    public bool Done { get; private set; }

    public override void Run() => Done = true;
}
