// strace on a running server: which syncs it makes while nobody asks anything of it. Main thread.
using System.Diagnostics;
using System.Globalization;

namespace EtcdAot.Tests.Bench;

/// <summary>Counts syncs for a while.</summary>
internal sealed class SyncTrace : IDisposable
{
    // The waits are traced too: a trace without a single line would also come from an strace that never attached.
    private const string Calls = "trace=fdatasync,fsync,msync,sync_file_range,sync,syncfs,epoll_wait,epoll_pwait,futex";
    private readonly Process _strace;
    private readonly string _file;

    private SyncTrace(Process strace, string file)
    {
        _strace = strace;
        _file = file;
    }

    /// <summary>Attaches; null when there is no strace to be started.</summary>
    internal static SyncTrace? Attach(int pid, string folder)
    {
        string file = Path.Combine(folder, "bench-" + Guid.NewGuid().ToString("N") + ".strace");
        string[] arguments = ["-f", "-q", "-e", Calls, "-o", file, "-p", pid.ToString(CultureInfo.InvariantCulture)];
        try
        {
            return new SyncTrace(Process.Start("strace", arguments), file);
        }
        catch (System.ComponentModel.Win32Exception)
        {
            return null;
        }
    }

    /// <summary>Detaches and counts; null when the trace cannot be believed.</summary>
    internal int? Finish()
    {
        if (_strace.HasExited)
        {
            return null;
        }

        // An interrupt, so that it lets go of the server; a kill would take the server along.
        using (var kill = Process.Start("kill", ["-INT", _strace.Id.ToString(CultureInfo.InvariantCulture)]))
        {
            kill.WaitForExit();
        }

        _strace.WaitForExit();
        return Count(File.ReadAllLines(_file));
    }

    public void Dispose()
    {
        _strace.Dispose();
        File.Delete(_file);
    }

    /// <summary>Number of syncs in a trace; null when it holds no call at all.</summary>
    internal static int? Count(IReadOnlyCollection<string> lines)
    {
        if (!lines.Any(static l => l.Contains('(', StringComparison.Ordinal)))
        {
            return null;
        }

        // "1234 fdatasync(7) = 0"; a call that another thread interrupts has a second line, "resumed", not counted.
        return lines.Count(static l => l.Split(' ', StringSplitOptions.RemoveEmptyEntries) is [_, var call, ..]
            && (call.StartsWith("fdatasync(", StringComparison.Ordinal) || call.StartsWith("fsync(", StringComparison.Ordinal)
                || call.StartsWith("msync(", StringComparison.Ordinal) || call.StartsWith("sync", StringComparison.Ordinal)));
    }
}
