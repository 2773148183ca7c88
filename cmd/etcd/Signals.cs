// Signals of the process (spec server-config §13). Before ready they have their default action; afterwards
// SIGTERM and SIGINT begin the stop, which ends by the same signal. Main thread.
using System.Runtime.InteropServices;

namespace EtcdAot.Cmd.Etcd;

/// <summary>Waiting for the end, and ending.</summary>
internal static partial class Signals
{
    private const int Interrupt = 2;
    private const int Terminate = 15;
    private const int UserOne = 10;
    private const int UserTwo = 12;
    private const int BrokenPipe = 13;
    private static readonly nint Default = 0;
    private static readonly nint Ignore = 1;

    /// <summary>SIGUSR1, SIGUSR2 and SIGPIPE have no effect, as on a Go program.</summary>
    public static void IgnoreHarmless()
    {
        _ = signal(UserOne, Ignore);
        _ = signal(UserTwo, Ignore);
        _ = signal(BrokenPipe, Ignore);
    }

    /// <summary>Waits for SIGTERM or SIGINT and returns its number, or 0 when <paramref name="came"/> was set otherwise.
    /// </summary>
    public static int AwaitStop(Action ready, ManualResetEventSlim came)
    {
        int number = 0;
        void Take(PosixSignalContext context)
        {
            context.Cancel = true;
            int received = context.Signal == PosixSignal.SIGINT ? Interrupt : Terminate;
            Interlocked.CompareExchange(ref number, received, 0);
            came.Set();
        }

        using PosixSignalRegistration term = PosixSignalRegistration.Create(PosixSignal.SIGTERM, Take);
        using PosixSignalRegistration interrupt = PosixSignalRegistration.Create(PosixSignal.SIGINT, Take);
        ready();
        came.Wait();
        return number;
    }

    /// <summary>Go's word for a signal.</summary>
    public static string Name(int number) => number == Interrupt ? "interrupt" : "terminated";

    /// <summary>Ends the process by the signal's default action; as init, which no signal ends, returns
    /// 0.</summary>
    public static int EndBy(int number)
    {
        if (Environment.ProcessId == 1)
        {
            return 0;
        }

        _ = signal(number, Default);
        _ = kill(Environment.ProcessId, number);
        Thread.Sleep(Timeout.Infinite);
        return 0;
    }

    [LibraryImport("libc")]
    private static partial nint signal(int number, nint handler);

    [LibraryImport("libc")]
    private static partial int kill(int process, int number);
}
