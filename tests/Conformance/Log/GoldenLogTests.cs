using System.Text;

namespace EtcdAot.Tests.Conformance.Log;

/// <summary>Goal: a single member writes the original's log lines: the same ones, as often, with level, caller, fields and
/// values, in an order that the recordings allow. Method: members are driven through the recorded scenarios as real processes.
/// LOG=scenario judges only that one; LOG_ETCD names another binary (the original 3.5.30 passes, but for its version).
/// </summary>
public class GoldenLogTests(ITestOutputHelper output)
{
    private const string KillWithSnapshot = "single/restart-after-kill-with-snapshot";

    /// <summary>Scenarios that are not driven; the only reasons are a flag that is not built.</summary>
    private static readonly Dictionary<string, string> LeftOut = new(StringComparer.Ordinal)
    {
        ["single/restart-force-new-cluster"] = "--force-new-cluster is not built",
    };

    private static readonly string[] Listening = ["L001", "L003", "L004", "L005", "L006"];
    private static readonly string[] Again = ["L001", "L002", "L050", .. Listening];
    private static readonly string[] Restored = ["L012", "L013", "L014", "L015", "L016"];
    private static readonly string[] FromWal = ["L052", "L008", "L009", "L010", .. Restored];
    private static readonly string[] Stopping = ["L042", "L043", "L044", "L045", "L046", "L047", "L048", "L049"];

    private static readonly string[] FirstBoot =
        ["L001", "L002", .. Listening, "L007", "L008", "L009", "L010", "L009", "L011", .. Restored];

    /// <summary>The first boot of a new member.</summary>
    internal static readonly LogScenario FirstStart = new("single/first-boot", FirstBoot) { IsFresh = true };

    private static readonly string[] FromSnapshot =
        [.. Again, "L060", "L061", "L052", "L011", "L009", "L062", "L036", "L063", "L068", "L012", "L013", "L014", "L015", "L069"];

    private static readonly string[] SnapshotsTaken =
        ["L065", "L066", "L067", "L065", "L066", "L067", "L065", "L066", "L067"];

    [Fact]
    public void RecordedScenariosAreLoggedAlike()
    {
        string only = Environment.GetEnvironmentVariable("LOG") ?? "";
        GoldenLog golden = GoldenLog.Load();
        string program = Program;
        var judge = new LogJudge(golden, VersionOf(program), only);
        (string Names, Action<string, LogJudge> Run)[] stories =
        [
            (KillWithSnapshot + " single/restart-with-snapshot single/snapshot-taken single/purge-after-30s", DriveSnapshots),
            ("single/start-of-restored-data", DriveRestored),
            ("single/restart-with-other-name-and-cluster", DriveOtherName),
            ("", DriveLife),
        ];
        Parallel.ForEach(
            stories.Where(s => only.Length == 0 || (s.Names.Length == 0 && !stories.Any(o => o.Names.Contains(only)))
                || s.Names.Contains(only, StringComparison.Ordinal)),
            new ParallelOptions { MaxDegreeOfParallelism = 2 },
            story => story.Run(program, judge));
        Report(golden, judge, only, "single/");
    }

    [Fact]
    public void RecordedSettingsAreLoggedAlike()
    {
        string only = Environment.GetEnvironmentVariable("LOG") ?? "";
        var judge = new LogJudge(GoldenLog.Load(), VersionOf(Program), only);
        Parallel.ForEach(
            Settings().Where(s => only.Length == 0 || s.Scenario.Name == only),
            new ParallelOptions { MaxDegreeOfParallelism = 2 },
            setting => DriveSetting(setting.Scenario, setting.Args, judge));
        if (only.Length == 0 || only.StartsWith("maintenance/", StringComparison.Ordinal))
        {
            DriveMaintenance(Program, judge);
        }

        Report(GoldenLog.Load(), judge, only, "config/", "start-failure/", "maintenance/");
    }

    private static string Program =>
        Environment.GetEnvironmentVariable("LOG_ETCD") is { Length: > 0 } named ? named : Programs.Etcd;

    private static string VersionOf(string program) => Encoding.UTF8.GetString(ToolProcess.Run(program, ["--version"]).Output)
        .Split('\n')[0].Replace("etcd Version: ", "", StringComparison.Ordinal).Trim();

    private void Report(GoldenLog golden, LogJudge judge, string only, params string[] areas)
    {
        if (only.Length > 0 && !areas.Any(a => only.StartsWith(a, StringComparison.Ordinal)))
        {
            return;
        }

        foreach ((string scenario, string reason) in LeftOut.Where(l => areas.Contains(l.Key[..(l.Key.IndexOf('/') + 1)])))
        {
            Write($"golden log: {scenario} left out: {reason}");
        }

        string counts = $"golden log{(areas.Length > 1 ? " beyond single" : "")}: {judge.Passed} / {judge.Total}";
        Write($"{counts} lines of {judge.Judged.Count} scenarios, {judge.Version}");
        Assert.True(judge.Faults.Count == 0, $"{counts}\n{string.Join("\n\n", judge.Faults)}");
        string[] missing = [.. golden.Scenarios
            .Where(s => areas.Contains(s[..(s.IndexOf('/') + 1)])).Where(s => !judge.Judged.Contains(s) && !LeftOut.ContainsKey(s))];
        Assert.True(missing.Length == 0 || only.Length > 0, $"not driven: {string.Join(' ', missing)}");
        Assert.True(judge.Total > 0, $"LOG={only} is no scenario of the recording");
    }

    private void Write(string line)
    {
        output.WriteLine(line);
        Console.WriteLine(line);
    }

    /// <summary>A member from its first boot through stops, a kill and damaged logs.</summary>
    private static void DriveLife(string program, LogJudge judge)
    {
        const string restart = "single/restart-wal-only";
        using var member = new SingleMember(program, judge);
        member.Start(FirstStart);
        member.Stop(new LogScenario("single/sigterm", Stopping));
        member.Start(new LogScenario(restart, [.. Again, "L051", .. FromWal]));
        member.Put(1, 3000);
        member.Stop(new LogScenario("single/sigint", Stopping), byInterrupt: true);

        WalBytes.ZeroTail(member.DataDirectory);
        member.Start(new LogScenario(
            "single/restart-torn-zeroed-tail", [.. Again, "L051", "L054", "L055", "L056", "L057", .. FromWal])
        { Like = restart });
        member.Put(1, 3000);
        member.Kill();
        member.Start(new LogScenario(
            "single/restart-after-kill9", [.. Again, "L057", "L051", "L057", .. FromWal])
        { Like = restart });
        member.Put(1, 3000);
        member.Stop(null);

        WalBytes.Truncate(member.DataDirectory);
        member.Start(new LogScenario(
            "single/restart-truncated-tail",
            [.. Again, "L057", "L051", "L057", "L057", "L054", "L055", "L056", "L057", .. FromWal])
        { Like = restart });
        member.Put(1, 3000);
        member.Stop(null);

        WalBytes.TurnBit(member.DataDirectory);
        member.StartInVain(new LogScenario(
            "single/restart-wal-crc-mismatch", [.. Again, "L057", "L043", "L049", "L058"])
        { Like = restart });
    }

    /// <summary>A member that takes a snapshot every ten entries.</summary>
    private static void DriveSnapshots(string program, LogJudge judge)
    {
        const string restart = "single/restart-with-snapshot";
        const int snapshots = 14;
        using var member = new SingleMember(
            program, judge, "--snapshot-count", "10", "--experimental-snapshot-catchup-entries", "5");
        member.Start(null);
        member.Put(30, 10);
        member.Await(
            new LogScenario("single/snapshot-taken", SnapshotsTaken), "\"compacted Raft logs\"", 3, TimeSpan.FromSeconds(10));
        member.Stop(null);
        member.Start(new LogScenario(restart, FromSnapshot));
        member.Kill();
        member.Start(new LogScenario(KillWithSnapshot, FromSnapshot) { Like = restart });
        string folder = Path.Combine(member.DataDirectory, "member", "snap");
        while (Directory.GetFiles(folder, "*.snap").Length < snapshots)
        {
            member.Put(1, 10);
        }

        member.Forget();
        member.Await(
            new LogScenario("single/purge-after-30s", [.. Enumerable.Repeat("L059", 9)]), "\"purged\"", 9,
            TimeSpan.FromSeconds(40));
    }

    private static void DriveRestored(string program, LogJudge judge)
    {
        using var member = new SingleMember(program, judge);
        member.Start(null);
        member.Put(3, 10);
        member.MoveToRestored();
        member.Start(new LogScenario(
            "single/start-of-restored-data",
            [.. Again, "L060", "L061", "L052", "L011", "L009", "L062", "L063", .. Restored])
        { Like = "single/restart-wal-only" });
        member.Stop(null);
    }

    private static void DriveOtherName(string program, LogJudge judge)
    {
        using var member = new SingleMember(program, judge);
        member.Start(null);
        member.Stop(null);
        member.Start(
            new LogScenario("single/restart-with-other-name-and-cluster", [.. Again, "L051", .. FromWal])
            {
                Like = "single/restart-wal-only",
            },
            "other");
        member.Stop(null);
    }

    /// <summary>First starts with a setting, and starts that a setting ends.</summary>
    private static IEnumerable<(LogScenario Scenario, string[] Args)> Settings()
    {
        string[] refused = ["L001", "L002", "L256"];
        yield return (First("config/quota-large", "L015", "L267", "L213"), ["--quota-backend-bytes", "16000000000"]);
        yield return (First("config/quota-negative", "L015", "L268"), ["--quota-backend-bytes", "-1"]);
        yield return (First("config/snapshot-count-large"), ["--snapshot-count", "1000000"]);
        yield return (First("config/max-request-bytes-large", "L006", "L269", "L006"), ["--max-request-bytes", "20000000"]);
        yield return (First("config/unsafe-no-fsync"), ["--unsafe-no-fsync"]);
        yield return (First("config/pre-vote-false"), ["--pre-vote=false"]);
        yield return (First("config/backend-batch", "L006", "L281", "L282", "L006"),
            ["--backend-batch-limit", "10", "--backend-batch-interval", "10ms"]);
        yield return (First("config/socket-reuse", "L003", "L284", "L003"), ["--socket-reuse-port", "--socket-reuse-address"]);
        yield return (First("config/proxy-off", "L002", "L258", "L002"), ["--proxy", "off"]);
        yield return (First("config/no-gateway"), ["--enable-grpc-gateway=false"]);
        yield return (First("config/grpc-keepalive-off"), ["--grpc-keepalive-interval", "0s"]);
        yield return (First("config/initial-tick-advance-off"), ["--initial-election-tick-advance=false"]);
        yield return (new LogScenario("start-failure/election-timeout-too-small", refused), ["--election-timeout", "200"]);
        yield return (new LogScenario("start-failure/bad-auto-compaction", refused), ["--auto-compaction-mode", "x"]);
        yield return (
            new LogScenario("start-failure/bad-log-output-path", refused[1..]), ["--log-outputs", "/nonexistent/x.log"]);
    }

    // The head of a first boot with one line of it replaced by others.
    private static LogScenario First(string name, string replaced = "", params string[] by) =>
        new(name, [.. FirstBoot.SelectMany(id => id == replaced ? by : [id])]) { IsFresh = true };

    private static void DriveSetting(LogScenario scenario, string[] args, LogJudge judge)
    {
        using var member = new SingleMember(Program, judge, args);
        if (scenario.IsFresh)
        {
            member.Start(scenario);
            member.Stop(null);
        }
        else
        {
            member.StartInVain(scenario);
        }
    }

    private static void DriveMaintenance(string program, LogJudge judge)
    {
        using var member = new SingleMember(program, judge);
        member.Start(null);
        member.Put(249, 10);
        member.Compact(250);
        member.Await(
            new LogScenario("maintenance/compaction", "L203", "L204", "L205"), "\"storing new hash\"", 1, TimeSpan.FromSeconds(10));
        member.Save();
        member.Await(new LogScenario("maintenance/snapshot-save", "L207", "L208", "L209"), "\"successfully sent", 1,
            TimeSpan.FromSeconds(10));
        member.Stop(null);
    }
}
