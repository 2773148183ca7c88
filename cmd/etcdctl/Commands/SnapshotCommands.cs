// snapshot save: downloads the database of one member (etcdctl §13). status and restore work on files and are
// shared with etcdutl.
using EtcdAot.Cmd.Etcdctl.Printing;
using EtcdAot.Wire.Etcdserverpb;
using Grpc.Core;

namespace EtcdAot.Cmd.Etcdctl.Commands;

/// <summary>Commands of snapshots.</summary>
internal static class SnapshotCommands
{
    private const int PageSize = 512;
    private const int HashSize = 32;
    private const string Caller = "snapshot/v3_snapshot.go";

    public static Command Group => new()
    {
        Use = "snapshot <subcommand>",
        Brief = "Save and look at copies of a member's database",
        Children =
        [
            RestoreCommand.Deprecated,
            new Command { Use = "save <filename>", Brief = "Download the database of a member",
                Run = RunSave },
            OfflineCommands.DeprecatedStatus,
        ],
    };

    private static int RunSave(Invocation call)
    {
        if (call.Words.Count != 1)
        {
            throw KeyValueCommands.BadArgs("snapshot save expects one argument");
        }

        string file = call.Words[0];
        using Session session = Session.Open(call, ClientLog.Plain);
        if (session.Endpoints.Count != 1)
        {
            throw Failed($"snapshot must be requested to one selected node, not multiple " +
                $"[{string.Join(' ', session.Endpoints)}]");
        }

        // No limit unless one is asked for: a database may be large.
        CallOptions limit = call.Flags["command-timeout"].Changed ? session.Limited : default;
        string part = file + ".part";
        try
        {
            Download(session, limit, part);
            File.Move(part, file, overwrite: true);
        }
        catch (Exception e) when (e is RpcException or IOException or UnauthorizedAccessException)
        {
            File.Delete(part);
            throw Failed(e is RpcException refused ? Session.TextOf(refused) : e.Message);
        }

        ClientLog.Info(session.Terminal.Error, null, $"{Caller}:97", "saved", "path", file);
        session.Terminal.Out.Line($"Snapshot saved at {file}");
        return ExitCode.Success;
    }

    private static void Download(Session session, CallOptions limit, string part)
    {
        Output log = session.Terminal.Error;
        string endpoint = session.Endpoints[0];
        using FileStream output = Create(part);
        ClientLog.Info(log, null, $"{Caller}:65", "created temporary db file", "path", part);
        using AsyncServerStreamingCall<SnapshotResponse> stream =
            session.Client.Maintenance.Snapshot(new SnapshotRequest(), limit);
        bool more = stream.ResponseStream.MoveNext(CancellationToken.None).GetAwaiter().GetResult();
        ClientLog.Info(log, session.Logger, "maintenance.go:212", "opened snapshot stream; downloading");
        ClientLog.Info(log, null, $"{Caller}:73", "fetching snapshot", "endpoint", endpoint);
        while (more)
        {
            output.Write(stream.ResponseStream.Current.Blob.Span);
            more = stream.ResponseStream.MoveNext(CancellationToken.None).GetAwaiter().GetResult();
        }

        ClientLog.Info(log, session.Logger, "maintenance.go:220", "completed snapshot read; closing");
        output.Flush(flushToDisk: true);
        long size = output.Length;
        if (size % PageSize != HashSize)
        {
            output.Dispose();
            File.Delete(part);
            throw Failed($"sha256 checksum not found [bytes: {size}]");
        }

        ClientLog.Info(log, null, $"{Caller}:88", "fetched snapshot", "endpoint", endpoint, "size",
            Rows.Size(size),
            "took", "now");
    }

    private static FileStream Create(string part)
    {
        try
        {
            var options = new FileStreamOptions { Mode = FileMode.Create, Access = FileAccess.Write };
            if (!OperatingSystem.IsWindows())
            {
                options.UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite;
            }

            return new FileStream(part, options);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            string why = e is FileNotFoundException or DirectoryNotFoundException
                ? "no such file or directory" :
                Directory.Exists(part) ? "is a directory" :
                e is UnauthorizedAccessException ? "permission denied" : e.Message;
            throw Failed($"could not open {part} (open {part}: {why})");
        }
    }

    private static CommandFailedException Failed(string text) => new(ExitCode.Interrupted, text);
}
