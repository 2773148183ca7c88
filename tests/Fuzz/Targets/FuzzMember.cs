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
    private readonly string? _owned;
    private readonly ClientServices _services;
    private ulong _random = 1;

    /// <summary>A new member in a directory of its own, leading.</summary>
    public FuzzMember()
        : this(Directory.CreateTempSubdirectory("fuzz-member").FullName, LinuxDisk.Instance)
    {
        _owned = _directory;
    }

    /// <summary>A member over a directory. A start that refuses, and an end of its own, is a
    /// <see cref="MemberEndedException"/>.</summary>
    public FuzzMember(string directory, IDisk disk)
    {
        _directory = directory;
        var options = new ServerOptions { DataDir = directory, UnsafeNoFsync = true };
        var seams = new MemberSeams(disk, this, this, this, Log.None, static _ => { });
        StartFailure? failure = new MemberStart(options, seams).Open(out EtcdServer? server);
        if (failure is not null)
        {
            throw new MemberEndedException(failure.Message + failure.Error);
        }

        Server = server!;
        try
        {
            _services = new ClientServices(Server, HttpAccess.Open);
            for (int i = 0; i < 300 && !Server.IsReady; i++)
            {
                Step(100);
            }
        }
        catch (MemberEndedException)
        {
            Server.Close();
            throw;
        }

        BrokenPromiseException.Unless(Server.IsReady, "a member that started becomes ready");
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
    public void Abandon()
    {
        if (_owned is not null)
        {
            Directory.Delete(_owned, recursive: true);
        }
    }

    public void Dispose()
    {
        Server.Close();
        Abandon();
    }

    public ulong NextUInt64() => _random = (_random * 6364136223846793005) + 1442695040888963407;

    [DoesNotReturn]
    public void Exit(int exitCode, string reason) => throw new MemberEndedException(reason);
}
