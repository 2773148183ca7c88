// Chooses the program: etcdctl, or etcdutl when the file is called by that name (etcdctl §2).
using EtcdAot.Cmd.Etcdctl.Commands;

namespace EtcdAot.Cmd.Etcdctl;

/// <summary>Start of the command-line client.</summary>
public static class CtlMain
{
    /// <summary>Runs one command and returns its exit code.</summary>
    public static int Run(string[] args)
    {
        ArgumentNullException.ThrowIfNull(args);
        return Run(Path.GetFileName(CalledAs()), args, Terminal.OfProcess());
    }

    // The name that was typed, a link's included; the runtime knows only the file behind it.
    private static string CalledAs()
    {
        try
        {
            string line = File.ReadAllText("/proc/self/cmdline");
            return line[..line.IndexOf('\0', StringComparison.Ordinal)];
        }
        catch (Exception e) when (
            e is IOException or UnauthorizedAccessException or ArgumentOutOfRangeException)
        {
            return Environment.GetCommandLineArgs()[0];
        }
    }

    internal static int Run(string called, string[] args, Terminal terminal)
    {
        try
        {
            return called == "etcdutl" ? RunUtl(args, terminal) : RunCtl(args, terminal);
        }
        catch (CommandFailedException failed)
        {
            if (failed.Message.Length > 0)
            {
                terminal.Error.Line($"Error: {failed.Message}");
            }

            return failed.Code;
        }
    }

    private static int RunCtl(string[] args, Terminal terminal)
    {
        string? api = Environment.GetEnvironmentVariable("ETCDCTL_API");
        Environment.SetEnvironmentVariable("ETCDCTL_API", null);
        if (api is not (null or "" or "3"))
        {
            terminal.Error.Line($"unsupported API version: {api}");
            return ExitCode.Error;
        }

        return CommandLine.Run(CommandTable.Etcdctl(), args, terminal, HelpStyle.Sections);
    }

    private static int RunUtl(string[] args, Terminal terminal)
    {
        return CommandLine.Run(CommandTable.Etcdutl(), args, terminal, HelpStyle.Cobra);
    }
}
