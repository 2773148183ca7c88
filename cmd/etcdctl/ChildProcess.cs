// Runs a command for watch: our standard output and error, no input (etcdctl §13). Blocking.
using System.ComponentModel;
using System.Diagnostics;

namespace EtcdAot.Cmd.Etcdctl;

/// <summary>Child processes.</summary>
internal static class ChildProcess
{
    private const int SignalBase = 128;

    /// <summary>Runs it to its end; null for success, else Go's words for the failure.</summary>
    public static string? Run(IReadOnlyList<string> command, IReadOnlyDictionary<string, string> variables)
    {
        string file = command[0];
        if (!file.Contains('/', StringComparison.Ordinal) && !IsInPath(file))
        {
            return $"exec: \"{file}\": executable file not found in $PATH";
        }

        var start = new ProcessStartInfo(file, command.Skip(1))
        {
            RedirectStandardInput = true,
            UseShellExecute = false,
        };
        foreach ((string name, string value) in variables)
        {
            start.Environment[name] = value;
        }

        try
        {
            using Process child = Process.Start(start)!;
            child.StandardInput.Close();
            child.WaitForExit();
            return child.ExitCode switch
            {
                0 => null,
                SignalBase + 9 => "signal: killed",
                SignalBase + 15 => "signal: terminated",
                int code => $"exit status {code}",
            };
        }
        catch (Win32Exception e)
        {
            string why = e.NativeErrorCode == 13 ? "permission denied" : "no such file or directory";
            return $"fork/exec {file}: {why}";
        }
    }

    private static bool IsInPath(string file)
    {
        string[] folders = (Environment.GetEnvironmentVariable("PATH") ?? "").Split(':');
        return folders.Any(f => File.Exists(Path.Combine(f.Length == 0 ? "." : f, file)));
    }
}
