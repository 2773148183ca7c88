using EtcdAot.Api;
using EtcdAot.Grpc;
using EtcdAot.Http;
using EtcdAot.Observe;
using EtcdAot.Server;
using EtcdAot.Sys;
using EtcdAot.Tests.Unit.Grpc;
using Google.Protobuf;

namespace EtcdAot.Tests.Unit.Api;

/// <summary>A whole member over a temporary directory behind in-memory streams of one loop, stepped by the test's one
/// thread.</summary>
internal sealed class ApiRig : IDisposable
{
    private readonly string _directory = Directory.CreateTempSubdirectory("etcdaot-api").FullName;
    private readonly GrpcServer _grpc = new(new GrpcServerOptions { MaxReceiveBytes = 1572864 + (512 * 1024) });
    private readonly HandClock _clock = new();

    public ApiRig(ServerOptions? options = null)
    {
        var log = new Log(_clock, new NoSink());
        var seams = new MemberSeams(
            LinuxDisk.Instance, _clock, SystemRandomness.Instance, new Unreachable(), log, _ => { });
        options = (options ?? new ServerOptions()) with { DataDir = Path.Combine(_directory, "data"), UnsafeNoFsync = true };
        StartFailure? failure = new MemberStart(options, seams).Open(out EtcdServer? server);
        Assert.True(failure is null, failure?.Message + ": " + failure?.Error);
        Server = server!;
        ApiServices.Bind(_grpc, new ApiLoops(Server));
        for (int i = 0; i < 500 && !Server.IsReady; i++)
        {
            Step(100);
        }

        Assert.True(Server.IsReady);
    }

    public EtcdServer Server { get; }

    public FakeLoop Loop { get; } = new();

    /// <summary>Lets the actors do what is due, without letting the loop hear of it.</summary>
    public void StepActors(int millis = 0)
    {
        _clock.MonotonicNanos += millis * 1_000_000L;
        for (int i = 0; i < 3; i++)
        {
            _ = Server.CoreActor.Step(_clock.MonotonicNanos);
            _ = Server.LogActor.Step(_clock.MonotonicNanos);
            _ = Server.BackendActor.Step(_clock.MonotonicNanos);
        }
    }

    public void Step(int millis = 0)
    {
        StepActors(millis);
        Loop.Drain();
        StepActors();
        Loop.Drain();
    }

    /// <summary>Begins a call; the client sends nothing yet.</summary>
    public (FakeStream Stream, IStreamHandler Handler) Begin(string path)
    {
        var stream = new FakeStream(Loop);
        return (stream, _grpc.OnRequest(stream, FakeHeaders.Request(path), endOfStream: false));
    }

    /// <summary>Starts a unary call, steps nothing.</summary>
    public FakeStream Start(string path, IMessage request)
    {
        (FakeStream stream, IStreamHandler handler) = Begin(path);
        handler.OnData(Frame(request), true);
        return stream;
    }

    /// <summary>A unary call to its end.</summary>
    public T Call<T>(string path, IMessage request, MessageParser<T> parser)
        where T : IMessage<T>
    {
        FakeStream stream = Start(path, request);
        for (int i = 0; i < 50 && !stream.Ended; i++)
        {
            Step(i * 10);
        }

        Assert.True(stream.Ended, "the call is answered");
        return parser.ParseFrom(Assert.Single(stream.Messages).AsSpan(5));
    }

    public static byte[] Frame(IMessage message)
    {
        byte[] body = message.ToByteArray();
        byte[] frame = new byte[5 + body.Length];
        System.Buffers.Binary.BinaryPrimitives.WriteInt32BigEndian(frame.AsSpan(1), body.Length);
        body.CopyTo(frame, 5);
        return frame;
    }

    public void Dispose()
    {
        Server.Close();
        Directory.Delete(_directory, recursive: true);
    }

    private sealed class HandClock : IClock
    {
        public long MonotonicNanos { get; set; } = 1_000_000_000;

        public long WallUnixNanos => 1_700_000_000_000_000_000 + MonotonicNanos;
    }

    private sealed class NoSink : ILogSink
    {
        public void WriteLine(ReadOnlySpan<byte> utf8)
        {
        }
    }

    private sealed class Unreachable : IFatalExit
    {
        [System.Diagnostics.CodeAnalysis.DoesNotReturn]
        public void Exit(int exitCode, string reason) => throw new InvalidOperationException(reason);
    }
}
