using System.Diagnostics.CodeAnalysis;
using System.Text;
using EtcdAot.Observe;
using EtcdAot.Server;
using EtcdAot.Sys;
using EtcdAot.Tests.Unit.Grpc;
using EtcdAot.Wire.Codecs;
using EtcdAot.Wire.Etcdserverpb;
using Google.Protobuf;

namespace EtcdAot.Tests.Unit.Server;

/// <summary>A member without the services above it: entries are proposed as they stand in the log, so that a test can
/// commit what no client may send. Both actors, clock and disk belong to the test.</summary>
internal sealed class CoreRig : IClock, IRandomness, IFatalExit, ILogSink
{
    private readonly IDisk _disk;
    private readonly ServerOptions _options;
    private readonly FakeLoop _loop = new();
    private ulong _random = 1;

    public CoreRig(IDisk disk, ServerOptions options)
    {
        _disk = disk;
        _options = options;
    }

    public EtcdServer Server { get; set; } = null!;

    public List<string> Log { get; } = [];

    /// <summary>The member's time.</summary>
    public long MonotonicNanos { get; private set; } = 1_000_000_000;

    public long WallUnixNanos => 1_700_000_000_000_000_000 + MonotonicNanos;

    public StartFailure? TryStart()
    {
        var seams = new MemberSeams(_disk, this, this, this, new Log(this, this),
            static _ => throw new InvalidOperationException("the db is locked"));
        StartFailure? failure = new MemberStart(_options, seams).Open(out EtcdServer? server);
        Server = server!;
        return failure;
    }

    /// <summary>Starts and runs until it leads and has published itself.</summary>
    public CoreRig Started()
    {
        StartFailure? failure = TryStart();
        Assert.True(failure is null, $"{failure?.Message}: {failure?.Error}");
        for (int i = 0; i < 200 && !Server.IsReady; i++)
        {
            Step(100);
        }

        Assert.True(Server.IsReady, "a member on its own becomes ready");
        return this;
    }

    /// <summary>Lets time pass and both actors do what is due.</summary>
    public void Step(int millis = 0)
    {
        Pass(millis);
        _ = Server.CoreActor.Step(MonotonicNanos);
        _ = Server.BackendActor.Step(MonotonicNanos);
        _loop.Drain();
    }

    /// <summary>Lets time pass, and nothing else.</summary>
    public void Pass(int millis) => MonotonicNanos += millis * 1_000_000L;

    /// <summary>Hands completions out.</summary>
    public void RunLoop() => _loop.Drain();

    /// <summary>Hands an entry in; nothing is stepped.</summary>
    public Outcome Propose(RaftOp op, IMessage message) => Propose(op, message.ToByteArray());

    public Outcome Propose(RaftOp op, byte[] body)
    {
        ulong id = Server.Ids.Next();
        NativeSlab slab = NativeSlab.Allocate(InternalRequestView.SizeOf(op, body.Length, id));
        InternalRequestView.Write(slab.Span, op, body, id);
        var outcome = new Outcome
        {
            Id = id,
            Entry = new SlabSlice(slab, 0, slab.Length),
            Loop = _loop,
            StartNanos = MonotonicNanos,
        };
        Server.Propose(outcome);
        return outcome;
    }

    /// <summary>Proposes and steps until there is an answer.</summary>
    public Outcome Apply(RaftOp op, IMessage message) => Apply(op, message.ToByteArray());

    public Outcome Apply(RaftOp op, byte[] body)
    {
        Outcome outcome = Propose(op, body);
        for (int i = 0; i < 20 && !outcome.Done; i++)
        {
            Step(10);
        }

        Assert.True(outcome.Done, "the entry is applied");
        return outcome;
    }

    public Outcome Put(string key, string value) => Apply(RaftOp.Put, PutOf(key, value));

    public static PutRequest PutOf(string key, string value) =>
        new() { Key = ByteString.CopyFromUtf8(key), Value = ByteString.CopyFromUtf8(value) };

    /// <summary>An encoded put with a value of so many bytes.</summary>
    public static byte[] PutBytes(string key, int valueBytes) => new PutRequest
    {
        Key = ByteString.CopyFromUtf8(key),
        Value = ByteString.CopyFrom(new byte[valueBytes]),
    }.ToByteArray();

    /// <summary>The value of a key as published; null when there is none.</summary>
    public string? Get(string key)
    {
        return Server.View.TryGet(Encoding.UTF8.GetBytes(key), Server.View.Revision, out ReadOnlySpan<byte> kv)
            && KeyValueView.TryParse(kv, out KeyValueView view) ? Encoding.UTF8.GetString(view.Value) : null;
    }

    public ulong NextUInt64() => _random = (_random * 6364136223846793005) + 1442695040888963407;

    [DoesNotReturn]
    public void Exit(int exitCode, string reason) => throw new MemberEndedException($"exit {exitCode}: {reason}");

    public void WriteLine(ReadOnlySpan<byte> utf8) => Log.Add(Encoding.UTF8.GetString(utf8));

    internal sealed class Outcome : Proposal
    {
        public bool Done { get; private set; }

        public override void Run() => Done = true;
    }
}

/// <summary>A member ended itself.</summary>
internal sealed class MemberEndedException(string reason) : Exception(reason);
