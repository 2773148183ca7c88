using System.Buffers.Binary;
using System.Diagnostics.CodeAnalysis;
using System.Text;
using EtcdAot.Api;
using EtcdAot.Api.Http;
using EtcdAot.Http.H1;
using EtcdAot.Observe;
using EtcdAot.Server;
using EtcdAot.Sys;
using Google.Protobuf;
using GrpcLoop = EtcdAot.Tests.Unit.Grpc.FakeLoop;
using HttpConnection = EtcdAot.Tests.Unit.Http.FakeConnection;
using HttpLoop = EtcdAot.Tests.Unit.Http.FakeLoop;

namespace EtcdAot.Tests.Unit.Api;

/// <summary>A whole member on files of its own, stepped by hand: the test decides when core and backend run.
/// </summary>
internal sealed class Member : IClock, IRandomness, IFatalExit, ILogSink, IDisposable
{
    private readonly GrpcLoop _grpcLoop = new();
    private readonly HttpLoop _httpLoop = new();
    private readonly ClientServices _services;
    private readonly string _directory = Directory.CreateTempSubdirectory("member").FullName;
    private ulong _random = 1;

    public Member(ServerOptions? options = null, HttpAccess? access = null)
    {
        options = (options ?? new ServerOptions()) with
        {
            DataDir = Path.Combine(_directory, "data"),
            UnsafeNoFsync = true,
        };
        var seams = new MemberSeams(LinuxDisk.Instance, this, this, this, new Log(this, this), static _ => { });
        StartFailure? failure = new MemberStart(options, seams).Open(out EtcdServer? server);
        Assert.Null(failure);
        Server = server!;
        _services = new ClientServices(Server, access ?? HttpAccess.Open);
    }

    public EtcdServer Server { get; }

    public ClientServices Services => _services;

    public List<string> Log { get; } = [];

    public Dictionary<Grpc.FakeStream, EtcdAot.Http.IStreamHandler> Handlers { get; } = [];

    public long MonotonicNanos { get; private set; } = 1_000_000_000;

    public long WallUnixNanos => MonotonicNanos;

    /// <summary>Runs until this member leads and has published itself.</summary>
    public Member Started()
    {
        for (int i = 0; i < 200 && !Server.IsReady; i++)
        {
            Advance(100);
        }

        Assert.True(Server.IsReady, "a member on its own becomes ready");
        return this;
    }

    /// <summary>Lets time pass, then runs everything that is due.</summary>
    public void Advance(int millis)
    {
        MonotonicNanos += millis * 1_000_000L;
        Settle();
    }

    public void Settle()
    {
        for (int i = 0; i < 10; i++)
        {
            _grpcLoop.Drain();
            _httpLoop.RunPosted();
            Server.CoreActor.Step(MonotonicNanos);
            Server.LogActor.Step(MonotonicNanos);
            Server.BackendActor.Step(MonotonicNanos);
        }
    }

    /// <summary>Begins a call; its stream records what comes back.</summary>
    public Grpc.FakeStream Begin(string method, IMessage request, params (string Name, string Value)[] metadata)
    {
        return Begin(method, request.ToByteArray(), metadata);
    }

    public Grpc.FakeStream Begin(string method, byte[] message, params (string Name, string Value)[] metadata)
    {
        var stream = new Grpc.FakeStream(_grpcLoop);
        EtcdAot.Http.IStreamHandler handler = _services.Grpc.OnRequest(
            stream, Grpc.FakeHeaders.Request(method, metadata), endOfStream: false);
        byte[] framed = new byte[5 + message.Length];
        BinaryPrimitives.WriteInt32BigEndian(framed.AsSpan(1), message.Length);
        message.CopyTo(framed, 5);
        handler.OnData(framed, endOfStream: true);
        Handlers[stream] = handler;
        return stream;
    }

    /// <summary>A unary call that must succeed.</summary>
    public T Call<T>(string method, IMessage request, MessageParser<T> parser)
        where T : IMessage<T>
    {
        Grpc.FakeStream stream = Begin(method, request);
        Settle();
        Assert.Contains("grpc-status=0", stream.Line, StringComparison.Ordinal);
        return Reply(stream, 0, parser);
    }

    public static T Reply<T>(Grpc.FakeStream stream, int at, MessageParser<T> parser)
        where T : IMessage<T>
    {
        return parser.ParseFrom(stream.Messages[at].AsSpan(5));
    }

    /// <summary>One HTTP/1 request; the answer without its date.</summary>
    public string Http(string request, bool settle = true, bool metricsPort = false)
    {
        var wire = new HttpConnection(_httpLoop);
        _ = new Http1Connection(wire, metricsPort ? _services.MetricsHttp : _services.Http, this);
        string head = request.Contains("\r\n", StringComparison.Ordinal)
            ? request : request + " HTTP/1.1\r\nHost: x\r\n\r\n";
        wire.Feed(Encoding.Latin1.GetBytes(head));
        if (settle)
        {
            Settle();
        }

        string answer = Encoding.UTF8.GetString(wire.TakeOutput());
        return string.Join("\r\n", answer.Split("\r\n")
            .Where(static line => !line.StartsWith("Date: ", StringComparison.Ordinal)));
    }

    public void Dispose()
    {
        Server.Close();
        Directory.Delete(_directory, recursive: true);
    }

    public ulong NextUInt64() => _random = (_random * 6364136223846793005) + 1442695040888963407;

    [DoesNotReturn]
    public void Exit(int exitCode, string reason)
    {
        throw new InvalidOperationException($"exit {exitCode}: {reason}");
    }

    public void WriteLine(ReadOnlySpan<byte> utf8) => Log.Add(Encoding.UTF8.GetString(utf8));
}

/// <summary>Tests that make members; their files go with the test.</summary>
public abstract class MemberTests : IDisposable
{
    private readonly List<Member> _members = [];

    public void Dispose()
    {
        _members.ForEach(static member => member.Dispose());
        GC.SuppressFinalize(this);
    }

    private protected static void Has(string part, string whole)
    {
        Assert.Contains(part, whole, StringComparison.Ordinal);
    }

    private protected Member NewMember(ServerOptions? options = null, HttpAccess? access = null)
    {
        var member = new Member(options, access);
        _members.Add(member);
        return member;
    }
}
