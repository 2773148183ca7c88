// Commands that work on files of a member that is not running (etcdctl §13, §14): their work is done by the
// core.
using EtcdAot.Bolt;
using EtcdAot.Cmd.Etcdctl.Printing;
using EtcdAot.Observe;
using EtcdAot.Server.Offline;
using EtcdAot.Sys;

namespace EtcdAot.Cmd.Etcdctl.Commands;

/// <summary>The offline commands.</summary>
internal static class OfflineCommands
{
    private const int FirstWaitMillis = 1000;
    private const int WaitMillis = 50;

    /// <summary>snapshot status, with etcdctl's notice that it has moved.</summary>
    public static Command DeprecatedStatus => new()
    {
        Use = "status <filename>",
        Brief = "[deprecated] Show hash, revision and size of a snapshot file",
        Long = "The simple format prints hash, revision, total keys, total size.\n\n" +
            "Moved to 'etcdutl snapshot status ...'",
        Run = call =>
        {
            call.Terminal.Error.Line("Deprecated: Use `etcdutl snapshot status` instead.\n");
            return Status(call);
        },
    };

    /// <summary>snapshot status of etcdutl.</summary>
    public static Command SnapshotStatusCommand => new()
    {
        Use = "status <filename>",
        Brief = "Show hash, revision and size of a snapshot file",
        Run = Status,
    };

    /// <summary>defrag of etcdutl.</summary>
    public static Command DefragCommand => new()
    {
        Use = "defrag",
        Brief = "Give back the free space of a database file",
        Flags =
        [
            CommandTable.Text("data-dir", "",
                "data directory of a member that is not running") with { Required = true },
        ],
        Run = call =>
        {
            string folder = call.Text("data-dir");
            return Rewrite(call.Terminal, folder) is string text
                ? throw new CommandFailedException(ExitCode.Error,
                    $"Failed to defragment etcd data[{folder}] ({text})")
                : ExitCode.Success;
        },
    };

    /// <summary>etcdctl defrag --data-dir.</summary>
    public static int Defrag(Terminal terminal, string folder)
    {
        terminal.Error.Line(
            "Use `etcdutl defrag` instead. The --data-dir is going to be decomissioned in v3.6.\n");
        return Rewrite(terminal, folder) is string text
            ? throw new CommandFailedException(ExitCode.Error, text)
            : ExitCode.Success;
    }

    // Waits for a running member without end and says so after a second.
    private static string? Rewrite(Terminal terminal, string folder)
    {
        string file = Path.Combine(folder, "member", "snap", "db");
        BoltError error = OfflineDefrag.Run(LinuxDisk.Instance, file, (before, after) =>
            Tell(terminal, file, before, after));
        if (error == BoltError.Locked)
        {
            Thread.Sleep(FirstWaitMillis);
            terminal.Error.Line(
                $"waiting for etcd to close and release its lock on \"{file}\". To defrag a running etcd " +
                "instance, omit --data-dir.");
        }

        while (error == BoltError.Locked)
        {
            Thread.Sleep(WaitMillis);
            error = OfflineDefrag.Run(
                LinuxDisk.Instance, file, (before, after) => Tell(terminal, file, before, after));
        }

        return error.Text;
    }

    private static void Tell(Terminal terminal, string file, DatabaseSize before, DatabaseSize? after)
    {
        DatabaseSize now = after ?? before;
        string diff = after is null ? "" : $"\"current-db-size-bytes-diff\": {now.Bytes - before.Bytes}, ";
        string diffInUse = after is null ? ""
            : $"\"current-db-size-in-use-bytes-diff\": {now.InUse - before.InUse}, ";
        string took = after is null ? ""
            : ", \"took\": \"" + GoDuration.Text(now.Nanos - before.Nanos) + "\"";
        (string caller, string message) = after is null
            ? ("backend/backend.go:517", "defragmenting")
            : ("backend/backend.go:579", "finished defragmenting directory");
        ClientLog.Console(terminal.Error, caller, message,
            $"{{\"path\": {GoQuote.Text(file)}, {diff}\"current-db-size-bytes\": {now.Bytes}, " +
            $"\"current-db-size\": \"{Rows.Size(now.Bytes)}\", {diffInUse}" +
            $"\"current-db-size-in-use-bytes\": {now.InUse}, " +
            $"\"current-db-size-in-use\": \"{Rows.Size(now.InUse)}\"{took}}}");
    }

    private static int Status(Invocation call)
    {
        if (call.Words.Count != 1)
        {
            throw KeyValueCommands.BadArgs("snapshot status requires exactly one argument");
        }

        var printer = Printer.Create(call.Text("write-out"), false, call.Terminal);
        BoltError error = SnapshotStatus.Read(LinuxDisk.Instance, call.Words[0], out SnapshotStatus status);
        while (error == BoltError.Locked)
        {
            Thread.Sleep(WaitMillis);
            error = SnapshotStatus.Read(LinuxDisk.Instance, call.Words[0], out status);
        }

        if (error.Text is string text)
        {
            throw new CommandFailedException(ExitCode.Error, text);
        }

        printer.Snapshot(new SnapshotSummary(status.Hash, status.Revision, status.Keys, status.SizeBytes));
        return ExitCode.Success;
    }
}
