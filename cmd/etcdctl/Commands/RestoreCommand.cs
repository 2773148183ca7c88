// snapshot restore: arguments, checks and log lines; the work is done by the core (etcdctl §14).
using EtcdAot.Cmd.Etcdctl.Flags;
using EtcdAot.Members;
using EtcdAot.Observe;
using EtcdAot.Server;
using EtcdAot.Sys;
using EtcdAot.Wal;
using static EtcdAot.Cmd.Etcdctl.Commands.CommandTable;

namespace EtcdAot.Cmd.Etcdctl.Commands;

/// <summary>The restore command.</summary>
internal static class RestoreCommand
{
    private const string Caller = "snapshot/v3_snapshot.go";

    /// <summary>As part of etcdctl: with the notice that it has moved; the data directory is
    /// optional.</summary>
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
        Flags = Flags(Text("data-dir", "", "data directory to build") with { Required = true },
            "10737418240"),
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
        new FlagSpec("initial-memory-map-size", FlagKind.Uint, mapSize,
            "accepted and not needed: the map grows by itself"),
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
        var request = new RestoreRequest(call.Words[0], folder, log, name)
        {
            InitialCluster = Cluster(call, name),
            Token = call.Text("initial-cluster-token"),
            SkipHashCheck = call.Bool("skip-hash-check"),
            BumpRevision = (long)bump,
        };
        var options = new WalOptions(LinuxDisk.Instance, SystemClock.Instance, Log.None);
        RestoreResult result = new SnapshotRestore(options, SystemRandomness.Instance).Run(request);
        Tell(call, request, result);
        Fail(result.Error);
        return ExitCode.Success;
    }

    // The original logs while it works; here the lines follow, as far as the work came.
    private static void Tell(Invocation call, RestoreRequest request, RestoreResult result)
    {
        Output error = call.Terminal.Error;
        string folder = request.DataDirectory;
        string fields = $"{{\"path\": {GoQuote.Text(request.SnapshotPath)}, " +
            $"\"wal-dir\": {GoQuote.Text(request.WalDirectory)}, \"data-dir\": {GoQuote.Text(folder)}, " +
            $"\"snap-dir\": {GoQuote.Text($"{folder}/member/snap")}, " +
            $"\"initial-memory-map-size\": {call.Flags["initial-memory-map-size"].Uint}}}";
        if (result.Started)
        {
            ClientLog.Console(error, $"{Caller}:265", "restoring snapshot", fields);
        }

        if (result.Trimmed)
        {
            ClientLog.Console(
                error, "membership/store.go:138", "Trimming membership information from the backend...", "");
        }

        if (result.Error is not null)
        {
            return;
        }

        if (request.BumpRevision > 0)
        {
            long bumped = result.LatestRevision + request.BumpRevision;
            ClientLog.Console(error, $"{Caller}:356", "bumping latest revision",
                $"{{\"latest-revision\": {result.LatestRevision}, \"bump-amount\": {request.BumpRevision}, " +
                $"\"new-latest-revision\": {bumped}}}");
            ClientLog.Console(error, $"{Caller}:373", "marking revision compacted",
                $"{{\"revision\": {bumped}}}");
        }

        foreach (Member member in result.Cluster!.Members)
        {
            string urls = string.Join(", ", member.PeerUrls.Select(GoQuote.Text));
            ClientLog.Console(error, "membership/cluster.go:421", "added member",
                $"{{\"cluster-id\": \"{result.Cluster.ClusterId:x}\", \"local-member-id\": \"0\", " +
                $"\"added-peer-id\": \"{member.HexId}\", \"added-peer-peer-urls\": [{urls}], " +
                "\"added-peer-is-learner\": false}");
        }

        ClientLog.Console(error, $"{Caller}:293", "restored snapshot", fields);
    }

    private static void Fail(string? text)
    {
        if (text is not null)
        {
            throw new CommandFailedException(ExitCode.Error, text);
        }
    }

    private static List<(string Name, IReadOnlyList<string> Urls)> Cluster(Invocation call, string name)
    {
        List<(string Name, IReadOnlyList<string> Urls)> members =
            InitialCluster.Parse(call.Text("initial-cluster"));
        List<string> advertised = InitialCluster.Urls(call.Text("initial-advertise-peer-urls").Split(','));
        int at = members.FindIndex(m => m.Name == name);
        if (at >= 0)
        {
            // A name that is not there is refused by the restore itself.
            Fail(InitialCluster.Mismatch(call.Terminal.Error, name, members[at].Urls, advertised));
        }

        return members;
    }
}
