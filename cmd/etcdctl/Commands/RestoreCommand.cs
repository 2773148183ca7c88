// snapshot restore: arguments, checks and log lines; the work is done by the core (etcdctl §14).
using EtcdAot.Cmd.Etcdctl.Flags;
using EtcdAot.Members;
using EtcdAot.Server.Offline;
using EtcdAot.Sys;
using static EtcdAot.Cmd.Etcdctl.Commands.CommandTable;

namespace EtcdAot.Cmd.Etcdctl.Commands;

/// <summary>The restore command.</summary>
internal static class RestoreCommand
{
    /// <summary>As part of etcdctl: with the notice that it has moved; the data directory is optional.</summary>
    public static Command Deprecated => new()
    {
        Use = "restore <filename> [options]",
        Brief = "Build a member's data directory from a snapshot file",
        Long = "Moved to `etcdutl snapshot restore ...`",
        Flags = Flags(Text("data-dir", "", "data directory to build"), "0"),
        Run = call =>
        {
            call.Terminal.Error.Line("Deprecated: Use `etcdutl snapshot restore` instead.\n");
            return Run(call);
        },
    };

    /// <summary>As part of etcdutl.</summary>
    public static Command Restore => new()
    {
        Use = "restore <filename> --data-dir {output dir} [options]",
        Brief = "Build a member's data directory from a snapshot file",
        Flags = Flags(Text("data-dir", "", "data directory to build") with { Required = true }, "10737418240"),
        Run = Run,
    };

    private static FlagSpec[] Flags(FlagSpec dataDirectory, string mapSize) =>
    [
        dataDirectory,
        Text("wal-dir", "", "directory of the log, when it is not part of the data directory"),
        Text("initial-cluster", "default=http://localhost:2380", "members of the new cluster"),
        Text("initial-cluster-token", "etcd-cluster", "name that sets the new cluster apart from others"),
        Text("initial-advertise-peer-urls", "http://localhost:2380", "peer URLs of this member"),
        Text("name", "default", "name of this member"),
        Bool("skip-hash-check", "accept a file without a digest, such as a copied database"),
        new FlagSpec("bump-revision", FlagKind.Uint, "0", "add this to the newest revision"),
        Bool("mark-compacted", "mark the raised revision as compacted; goes with --bump-revision"),
        new FlagSpec("initial-memory-map-size", FlagKind.Uint, mapSize, "accepted and not needed: the map grows by itself"),
    ];

    private static int Run(Invocation call)
    {
        if (call.Words.Count != 1)
        {
            throw KeyValueCommands.BadArgs("snapshot restore requires exactly one argument");
        }

        ulong bump = call.Flags["bump-revision"].Uint;
        if (bump > 0 != call.Bool("mark-compacted"))
        {
            throw KeyValueCommands.BadArgs("--mark-compacted required if --revision-bump > 0");
        }

        string name = call.Text("name");
        string folder = call.Text("data-dir") is { Length: > 0 } given ? given : $"{name}.etcd";
        string log = call.Text("wal-dir") is { Length: > 0 } own ? own : $"{folder}/member/wal";
        Bootstrap cluster = Cluster(call, name);
        var options = new RestoreOptions(call.Words[0], folder, log, name, cluster)
        {
            SkipHashCheck = call.Bool("skip-hash-check"),
            BumpRevision = bump,
        };
        Fail(SnapshotRestore.CheckTarget(LinuxDisk.Instance, options));
        string fields = $"{{\"path\": {GoQuote.Text(options.Source)}, \"wal-dir\": {GoQuote.Text(log)}, " +
            $"\"data-dir\": {GoQuote.Text(folder)}, \"snap-dir\": {GoQuote.Text(options.SnapDirectory)}, " +
            $"\"initial-memory-map-size\": {call.Flags["initial-memory-map-size"].Uint}}}";
        Output error = call.Terminal.Error;
        ClientLog.Console(error, "snapshot/v3_snapshot.go:265", "restoring snapshot", fields);
        Fail(new SnapshotRestore(
            LinuxDisk.Instance,
            SystemClock.Instance,
            SystemRandomness.Instance,
            options,
            n => ClientLog.Console(error, n.Caller, n.Message, n.Fields)).Run());
        ClientLog.Console(error, "snapshot/v3_snapshot.go:293", "restored snapshot", fields);
        return ExitCode.Success;
    }

    private static void Fail(string? text)
    {
        if (text is not null)
        {
            throw new CommandFailedException(ExitCode.Error, text);
        }
    }

    private static Bootstrap Cluster(Invocation call, string name)
    {
        List<(string Name, IReadOnlyList<string> Urls)> members = InitialCluster.Parse(call.Text("initial-cluster"));
        string typed = call.Text("initial-advertise-peer-urls");
        List<string> advertised = InitialCluster.Urls(typed.Split(','));
        int at = members.FindIndex(m => m.Name == name);
        if (at < 0)
        {
            throw new CommandFailedException(ExitCode.Error,
                $"couldn't find local name {GoQuote.Text(name)} in the initial cluster configuration");
        }

        Fail(InitialCluster.Mismatch(call.Terminal.Error, name, members[at].Urls, advertised));
        return Bootstrap.TryFound(members, call.Text("initial-cluster-token"), out Bootstrap? cluster, out string problem)
            ? cluster!
            : throw new CommandFailedException(ExitCode.Error, problem);
    }
}
