// Starts workers, watches them, and makes findings of their deaths: a worker that crashes is replaced by one that goes on
// behind the target that crashed it; one that stands still on an input is ended.
using System.Diagnostics;
using System.Globalization;

namespace EtcdAot.Tests.Fuzz;

/// <summary>The outside view of a run.</summary>
internal sealed class Supervisor(RunOptions options)
{
    /// <summary>Processor time that one input may take; a busy machine does not count.</summary>
    private static readonly TimeSpan HangMax = TimeSpan.FromSeconds(20);

    /// <summary>Time on the wall, for what waits instead of working.</summary>
    private static readonly TimeSpan StillMax = TimeSpan.FromSeconds(120);

    /// <summary>Targets with findings so far, by death alone.</summary>
    public int Deaths { get; private set; }

    /// <summary>What killed the last worker that died; empty for none.</summary>
    public string LastDeath { get; private set; } = "";

    /// <summary>Runs all; the exit code.</summary>
    public int Run(IReadOnlyList<FuzzTarget> targets)
    {
        string currentPath = Path.Combine(Path.GetTempPath(), $"fuzz-{Environment.ProcessId}.current");
        int exit = 0;
        try
        {
            for (int from = options.From; from < targets.Count;)
            {
                using var current = new CurrentInput(currentPath, create: true);
                current.Set(0, from, []);
                int code = RunWorker(currentPath, from, current, out bool hung);
                if (code is 0 or 1)
                {
                    return exit | code;
                }

                exit = 1;
                Deaths++;
                FuzzTarget target = targets[current.Target];
                LastDeath = hung ? "hangs" : $"ends the process with code {code}";
                Findings.Tell(options, target.Name, current.Bytes, LastDeath);
                Console.WriteLine($"{target.Name,-16} Total: 1, Errors: 0, Failed: 1");
                from = current.Target + 1;
            }
        }
        finally
        {
            File.Delete(currentPath);
        }

        return exit;
    }

    private int RunWorker(string currentPath, int from, CurrentInput current, out bool hung)
    {
        var start = new ProcessStartInfo(Environment.ProcessPath!);
        if (Path.GetFileNameWithoutExtension(Environment.ProcessPath) == "dotnet")
        {
            start.ArgumentList.Add(Environment.GetCommandLineArgs()[0]);
        }

        string[] words =
        [
            "--worker", currentPath, "--from", Text(from), "--seed", Text(options.Seed), "--out", options.OutputDirectory,
            "--target", options.Targets, options.Seconds > 0 ? "--seconds" : "--count",
            options.Seconds > 0 ? Text(options.Seconds) : Text(options.Count),
        ];
        Array.ForEach(words, start.ArgumentList.Add);

        // What asks for memory without an end fails inside the worker, not on the machine.
        start.Environment["DOTNET_GCHeapHardLimit"] = "0x60000000";
        start.Environment["DOTNET_DbgEnableMiniDump"] = "0";
        start.Environment["ETCD_VERIFY"] = "all";
        using Process worker = Process.Start(start)!;
        long seen = -1;
        var still = Stopwatch.StartNew();
        TimeSpan used = default;
        hung = false;
        while (!worker.WaitForExit(200))
        {
            worker.Refresh();
            if (current.Number != seen)
            {
                seen = current.Number;
                used = worker.TotalProcessorTime;
                still.Restart();
            }
            else if (worker.TotalProcessorTime - used > HangMax || still.Elapsed > StillMax)
            {
                hung = true;
                worker.Kill();
                worker.WaitForExit();
                return -1;
            }
        }

        return worker.ExitCode;
    }

    private static string Text(IFormattable number) => number.ToString(null, CultureInfo.InvariantCulture);
}
