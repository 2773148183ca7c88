using System.Runtime.InteropServices;

namespace EtcdAot.Tests.Unit.Fakes;

/// <summary>Processor time of this thread alone: a bound on it holds on a busy machine too.</summary>
internal static partial class ThreadCpu
{
    private const int ThreadCpuTimeId = 3;

    /// <summary>Seconds of processor time that the action takes on this thread.</summary>
    public static double SecondsOf(Action action)
    {
        double before = Now();
        action();
        return Now() - before;
    }

    private static double Now()
    {
        _ = clock_gettime(ThreadCpuTimeId, out TimeSpec now);
        return now.Seconds + (now.Nanos / 1e9);
    }

    [LibraryImport("libc")]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static partial int clock_gettime(int id, out TimeSpec time);

    [StructLayout(LayoutKind.Sequential)]
    private struct TimeSpec
    {
        public long Seconds;
        public long Nanos;
    }
}
