// A program with its input fed and its outputs read in the background. Every one started here is ended here.
using System.Diagnostics;
using System.Runtime.InteropServices;
using System.Text;

namespace EtcdAot.Tests.Conformance;

/// <summary>What a program did.</summary>
internal sealed record ToolResult(int Exit, byte[] Output, byte[] Error);

/// <summary>A running program.</summary>
internal sealed partial class ToolProcess : IDisposable
{
    private readonly Process _process;
    private readonly MemoryStream _output = new();
    private readonly MemoryStream _error = new();
    private readonly Task _readers;

    public ToolProcess(
        string program, IEnumerable<string> args, string folder,
            IEnumerable<(string Name, string Value)> variables,
        List<(string Text, int PauseMillis)> input)
    {
        var start = new ProcessStartInfo(program, args)
        {
            WorkingDirectory = folder,
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            UseShellExecute = false,
        };
        start.Environment.Clear();
        foreach (string kept in new[] { "PATH", "HOME" })
        {
            start.Environment[kept] = Environment.GetEnvironmentVariable(kept) ?? "/";
        }

        foreach ((string name, string value) in variables)
        {
            start.Environment[name] = value;
        }

        _process = Process.Start(start)!;
        _readers = Task.WhenAll(
            _process.StandardOutput.BaseStream.CopyToAsync(_output),
            _process.StandardError.BaseStream.CopyToAsync(_error));
        _ = Task.Run(() => FeedAsync(input));
    }

    /// <summary>Runs a program to its end.</summary>
    public static ToolResult Run(string program, IEnumerable<string> args, TimeSpan? limit = null)
    {
        using var process = new ToolProcess(program, args, Path.GetTempPath(), [], []);
        return process.End(limit ?? TimeSpan.FromSeconds(60));
    }

    /// <summary>Runs a program that has to succeed; its output.</summary>
    public static string Check(string program, params IEnumerable<string> args)
    {
        ToolResult result = Run(program, args);
        Assert.True(result.Exit == 0, $"{program} {string.Join(' ', args)}: exit {result.Exit}\n" +
            Encoding.UTF8.GetString(result.Output) + Encoding.UTF8.GetString(result.Error));
        return Encoding.UTF8.GetString(result.Output);
    }

    /// <summary>True when it has ended.</summary>
    public bool HasExited => _process.HasExited;

    /// <summary>Waits; false when it still runs.</summary>
    public bool Wait(TimeSpan limit) => _process.WaitForExit(limit);

    /// <summary>Sends SIGINT, SIGTERM or SIGKILL by name.</summary>
    public void Signal(string name)
    {
        if (!_process.HasExited)
        {
            _ = Kill(_process.Id, name switch { "INT" => 2, "TERM" => 15, _ => 9 });
        }
    }

    /// <summary>Exit code the way a shell shows it, and what was written; ends the program if need
    /// be.</summary>
    public ToolResult End(TimeSpan limit)
    {
        if (!Wait(limit))
        {
            _process.Kill();
            _process.WaitForExit();
            _error.Write(Encoding.UTF8.GetBytes(
                $"(ended by the test: it ran longer than {limit.TotalSeconds} s)\n"));
        }

        _readers.Wait(TimeSpan.FromSeconds(5));
        return new ToolResult(_process.ExitCode, _output.ToArray(), _error.ToArray());
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

    private async Task FeedAsync(List<(string Text, int PauseMillis)> input)
    {
        try
        {
            foreach ((string text, int pause) in input)
            {
                await _process.StandardInput.BaseStream.WriteAsync(Encoding.UTF8.GetBytes(text));
                await _process.StandardInput.BaseStream.FlushAsync();
                await Task.Delay(pause);
            }

            _process.StandardInput.Close();
        }
        catch (Exception e) when (e is IOException or InvalidOperationException)
        {
            // The program has ended without reading all of it.
        }
    }
}
