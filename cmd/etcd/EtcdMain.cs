using EtcdAot.Observe;
using EtcdAot.Server;
using EtcdAot.Sys;

namespace EtcdAot.Cmd.Etcd;

/// <summary>Start and stop of one member process.</summary>
public static class EtcdMain
{
    /// <summary>Runs the program and returns its exit code.</summary>
    public static int Run(string[] args)
    {
        ArgumentNullException.ThrowIfNull(args);
        var log = new Log(SystemClock.Instance, new StderrSink());
        var options = new ServerOptions { DataDir = args.Length > 0 ? args[0] : "default.etcd" };
        var seams = new MemberSeams(LinuxDisk.Instance, SystemClock.Instance, SystemRandomness.Instance,
            ProcessExit.Instance, log, static nanos => Thread.Sleep((int)(nanos / 1_000_000)));
        StartFailure? failure = new MemberStart(options, seams).Open(out EtcdServer? server);
        if (failure is not null)
        {
            log.Fatal("etcdmain/etcd.go", failure.Message).WithError(failure.Error).Write();
            return failure.IsPanic ? 2 : 1;
        }

        MemberProcess process = MemberProcess.Start(server!, SystemClock.Instance, e =>
        {
            log.Panic("etcdmain/etcd.go", "broken invariant").WithError(e.ToString()).Write();
            Environment.Exit(2);
        });
        string address = args.Length > 1 ? args[1] : "127.0.0.1:2379";
        if (process.Serve(address) is { } error)
        {
            log.Fatal("etcdmain/etcd.go", "listener failed").WithError(error).Write();
            return 1;
        }

        using var stop = new ManualResetEventSlim();
        using var term = System.Runtime.InteropServices.PosixSignalRegistration.Create(
            System.Runtime.InteropServices.PosixSignal.SIGTERM, c =>
            {
                c.Cancel = true;
                stop.Set();
            });
        stop.Wait();
        process.Stop();
        return 0;
    }

    private sealed class StderrSink : ILogSink
    {
        private readonly Stream _stream = Console.OpenStandardError();
        private readonly Lock _gate = new();

        public void WriteLine(ReadOnlySpan<byte> utf8)
        {
            lock (_gate)
            {
                _stream.Write(utf8);
            }
        }
    }
}
