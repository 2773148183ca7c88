// Commands that work on files of a member that is not running (etcdctl §13, §14).
namespace EtcdAot.Cmd.Etcdctl.Commands;

/// <summary>The offline commands.</summary>
internal static class OfflineCommands
{
    /// <summary>etcdctl defrag --data-dir.</summary>
    public static int Defrag(Terminal terminal, string folder)
    {
        terminal.Error.Line(
            "Use `etcdutl defrag` instead. The --data-dir is going to be decomissioned in v3.6.\n");
        string file = Path.Combine(folder, "member", "snap", "db");
        if (!File.Exists(file))
        {
            throw new CommandFailedException(ExitCode.Error, $"stat {file}: no such file or directory");
        }

        throw new CommandFailedException(ExitCode.Error, "offline defragmentation comes with a later version");
    }
}
