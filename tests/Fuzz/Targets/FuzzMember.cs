// A whole member over a temporary directory, stepped by hand: the target decides when core and backend run.
using System.Diagnostics.CodeAnalysis;
using EtcdAot.Api;
using EtcdAot.Api.Http;
using EtcdAot.Grpc;
using EtcdAot.Observe;
using EtcdAot.Server;
using EtcdAot.Sys;

namespace EtcdAot.Tests.Fuzz.Targets;

/// <summary>The member ended itself, in its own words: a refusal, when what it read was damaged.</summary>
internal sealed class MemberEndedException(string reason) : Exception(reason);

/// <summary>A member and its client services.</summary>
internal sealed class FuzzMember : IClock, IRandomness, IFatalExit, IDisposable
{
    private readonly string _directory;
    private readonly ClientServices _services;
    private ulong _random = 1;

    /// <summary>A new member, leading.</summary>
    public FuzzMember()
    {
        _directory = Directory.CreateTempSubdirectory("fuzz-member").FullName;
        StartFailure? failure = Open(Path.Combine(_directory, "data"), out EtcdServer? server);
        BrokenPromiseException.Unless(failure is null, "a new member starts: " + failure?.Error);
        Server = server!;
        _services = new ClientServices(Server, HttpAccess.Open);
        for (int i = 0; i < 300 && !Server.IsReady; i++)
        {
            Step(100);
        }

        BrokenPromiseException.Unless(Server.IsReady, "a new member becomes ready");
    }

    public EtcdServer Server { get; }

    public GrpcServer Grpc => _services.Grpc;

    public FuzzLoop Loop { get; } = new();

    public long MonotonicNanos { get; private set; } = 1_000_000_000;

    public long WallUnixNanos => 1_700_000_000_000_000_000 + MonotonicNanos;

    /// <summary>Lets time pass, then runs everything that is due.</summary>
    public void Step(int millis)
    {
        MonotonicNanos += millis * 1_000_000L;
        for (int i = 0; i < 3; i++)
        {
            Loop.Drain();
            _ = Server.CoreActor.Step(MonotonicNanos);
            _ = Server.BackendActor.Step(MonotonicNanos);
        }

        Loop.Advance(millis * 1_000_000L);
    }

    /// <summary>Gives up a member that may be broken: nothing of it is called any more.</summary>
    public void Abandon() => Directory.Delete(_directory, recursive: true);

    public void Dispose()
    {
        Server.Close();
        Directory.Delete(_directory, recursive: true);
    }

    public ulong NextUInt64() => _random = (_random * 6364136223846793005) + 1442695040888963407;

    [DoesNotReturn]
    public void Exit(int exitCode, string reason) => throw new MemberEndedException(reason);

    private StartFailure? Open(string directory, out EtcdServer? server)
    {
        var options = new ServerOptions { DataDir = directory, UnsafeNoFsync = true };
        var seams = new MemberSeams(LinuxDisk.Instance, this, this, this, Log.None, static _ => { });
        return new MemberStart(options, seams).Open(out server);
    }
}
