// A server whose log lines are read while it runs. Ended at the latest when it is disposed.
using System.Diagnostics;
using System.Runtime.InteropServices;

namespace EtcdAot.Tests.Conformance.Log;

/// <summary>A running server and what it has written on stderr.</summary>
internal sealed partial class LogProcess : IDisposable
{
    private const int PollMillis = 20;

    private readonly Process _process;
    private readonly List<string> _lines = [];
    private readonly Task _reader;
    private int _taken;

    public LogProcess(string program, IEnumerable<string> args, string folder)
    {
        var start = new ProcessStartInfo(program, args)
        {
            WorkingDirectory = folder,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            UseShellExecute = false,
        };
        start.Environment.Clear();
        start.Environment["PATH"] = Environment.GetEnvironmentVariable("PATH") ?? "/usr/bin";
        _process = Process.Start(start)!;
        _reader = Task.WhenAll(
            Task.Run(() => ReadInto(_process.StandardError, string.Empty)),
            Task.Run(() => ReadInto(_process.StandardOutput, "on stdout: ")));
    }

    /// <summary>Waits until each of these texts has come so many times since the last taking.</summary>
    public void Await(TimeSpan limit, params (string Text, int Times)[] wanted)
    {
        var watch = Stopwatch.StartNew();
        while (true)
        {
            // Before the look, so that the last lines of one that ends are seen.
            bool over = _process.HasExited || watch.Elapsed > limit;
            List<string> lines = Peek();
            if (wanted.All(w => lines.Count(l => l.Contains(w.Text, StringComparison.Ordinal)) >= w.Times))
            {
                return;
            }

            if (over)
            {
                return;
            }

            Thread.Sleep(PollMillis);
        }
    }

    /// <summary>Lines since the last taking, and forgets them.</summary>
    public List<string> Take()
    {
        lock (_lines)
        {
            List<string> lines = _lines[_taken..];
            _taken = _lines.Count;
            return lines;
        }
    }

    /// <summary>Sends a signal.</summary>
    public void Signal(int number)
    {
        if (!_process.HasExited)
        {
            _ = Kill(_process.Id, number);
        }
    }

    /// <summary>Waits for the end; the exit code as a shell shows it, -1 when it did not end.</summary>
    public int End(TimeSpan limit)
    {
        if (!_process.WaitForExit(limit))
        {
            return -1;
        }

        _reader.Wait(TimeSpan.FromSeconds(5));
        return _process.ExitCode;
    }

    public void Dispose()
    {
        if (!_process.HasExited)
        {
            _process.Kill();
            _process.WaitForExit();
        }

        _process.Dispose();
    }

    [LibraryImport("libc", EntryPoint = "kill")]
    private static partial int Kill(int pid, int signal);

    private List<string> Peek()
    {
        lock (_lines)
        {
            return _lines[_taken..];
        }
    }

    private void ReadInto(StreamReader from, string mark)
    {
        while (from.ReadLine() is string line)
        {
            lock (_lines)
            {
                _lines.Add(mark + line);
            }
        }
    }
}
