// What a person writes to start a member: words, environment, configuration file.
using System.Text;
using EtcdAot.Cmd.Etcd.Flags;
using EtcdAot.Observe;

namespace EtcdAot.Tests.Fuzz.Targets;

/// <summary>Input: the YAML or JSON of --config-file.</summary>
internal sealed class YamlTarget : FuzzTarget
{
    private static readonly string[] Words =
    [
        "name", "data-dir", "snapshot-count", "listen-client-urls", "client-transport-security", "cert-file", "log-outputs", ": ",
        "\n", "- ", "  ", "[", "]", "{", "}", "'", "\"", "|", ">", "&a ", "*a", "<<: *a", "!!binary ", "!!int ", "? ", "---\n",
        "...\n", "%YAML 1.1\n", "#", ", ", "1e9", "0x10", "true", "null", "~", "http://127.0.0.1:1", "\t", "pre-vote",
        "grpc-keepalive-timeout", "9000000000000000000", "auto-compaction-retention", "initial-cluster",
    ];

    public override string Name => "yaml";

    public override string About => "the text of a configuration file";

    public override IEnumerable<byte[]> Seeds() => new[]
    {
        "name: 'a'\nsnapshot-count: 5\nsnapshot-count: 10\npre-vote: no\ngrpc-keepalive-timeout: 3000000000\n"
            + "log-outputs: [stderr, /x.log]\nlisten-client-urls: http://127.0.0.1:2,http://127.0.0.1:1\nwal-dir: null\n"
            + "client-transport-security:\n  cert-file: /c.pem\n",
        "{\"name\": \"n\", \"max-wals\": 7, \"enable-pprof\": true}",
        "a: &x {name: b}\nb:\n  <<: *x\n  c: |\n    text\n",
        "unknown: " + new string('[', 30) + new string(']', 30) + "\n",
    }.Select(Encoding.UTF8.GetBytes);

    public override bool TryMutate(byte[] input, Rng random, out byte[] changed)
    {
        if (random.OneIn(40))
        {
            int depth = 1 << random.Below(13);
            string open = random.Pick(["[", "{a: ", "- ", "? ", "{", "- [", "&a [*a,", "!!seq ["]);
            changed = Encoding.UTF8.GetBytes("name: " + string.Concat(Enumerable.Repeat(open, depth)));
            return true;
        }

        return TextMutator.TryMutate(input, Words, random, out changed);
    }

    public override string Run(byte[] input)
    {
        var values = new FlagValues();
        string? problem = ConfigFile.Parse(Encoding.UTF8.GetString(input), values);
        return problem is null ? "+" + FlagsTarget.Settings(values, fromFile: true)
            : "-" + string.Concat(problem.Where(static c => !char.IsAsciiDigit(c)).Take(45));
    }
}

/// <summary>Input: {0 or 1, words or NAME=value entries, separated by 0 bytes}.</summary>
internal sealed class FlagsTarget : FuzzTarget
{
    private static readonly string[] Words =
        [.. FlagTable.All.Select(static f => "--" + f.Name), "=", "\0", "0x", "_", "-1", "9223372036854775807h", "1.5s", "http://",
            "18446744073709551615", "n1=http://127.0.0.1:2380", ",", "[::1]:1", "unix://", ":", "/", "--", "-", "true"];

    public override string Name => "flags";

    public override string About => "etcd's command line and environment, and the settings made of them";

    public override IEnumerable<byte[]> Seeds()
    {
        yield return Words0(0, "--name=n", "--data-dir", "d", "--heartbeat-interval=100", "--election-timeout", "1000",
            "--listen-client-urls=http://127.0.0.1:1,http://[::1]:2", "--advertise-client-urls=http://a:1", "--pre-vote=false");
        yield return Words0(0, "--initial-cluster", "n=http://127.0.0.1:2380,m=http://h:1", "--grpc-keepalive-timeout=1h30m",
            "--snapshot-count", "0x1_0", "--quota-backend-bytes=8589934592", "--auto-compaction-retention=5");
        yield return Words0(1, "ETCD_NAME=n", "ETCD_SNAPSHOT_COUNT=7", "ETCD_FOO=bar", "PATH=/bin");
        yield return Words0(0, "--cors=*", "--host-whitelist=a,b", "--log-outputs=stderr,/x");
    }

    private static byte[] Words0(byte way, params string[] words) => [way, .. Encoding.UTF8.GetBytes(string.Join('\0', words))];

    public override bool TryMutate(byte[] input, Rng random, out byte[] changed)
    {
        bool good = TextMutator.TryMutate(input.AsSpan(Math.Min(1, input.Length)), Words, random, out byte[] text);
        changed = good ? [(byte)(input[0] & 1), .. text] : input;
        return good;
    }

    public override string Run(byte[] input)
    {
        string[] words = Encoding.UTF8.GetString(input.AsSpan(Math.Min(1, input.Length))).Split('\0');
        if (input.Length > 0 && (input[0] & 1) != 0)
        {
            var values = new FlagValues();
            EnvironmentEnd end = new FlagEnvironment(words, Log.None).Apply(values);
            return end == EnvironmentEnd.Taken ? "+" + Settings(values, fromFile: false) : "-" + end;
        }

        var line = new CommandLine();
        return line.Parse(words) == CommandLineEnd.Parsed ? "+" + Settings(line.Values, fromFile: false)
            : "-" + string.Concat(line.Problem.Where(static c => !char.IsAsciiDigit(c)).Take(16));
    }

    /// <summary>Goes on with read values as a start does.</summary>
    public static string Settings(FlagValues values, bool fromFile)
    {
        var config = new MemberConfig(values, fromFile);
        if (config.Validate(Log.None) is { } problem)
        {
            return "invalid " + string.Concat(problem.Where(static c => !char.IsAsciiDigit(c)).Take(30));
        }

        if (values.FirstUnbuilt() is { } unbuilt)
        {
            return "unbuilt " + unbuilt.Name;
        }

        if (UrlList.ParseNamed(config.InitialCluster, out SortedDictionary<string, IReadOnlyList<string>> cluster) is not null)
        {
            return "cluster";
        }

        Server.ServerOptions options = config.ToServerOptions(cluster);
        Http.H2.H2Options http = config.ToH2Options();
        BrokenPromiseException.Unless(options.TickMillis > 0 && options.ElectionTicks >= 5, "a tick and an election have their time");
        BrokenPromiseException.Unless(options.MaxTxnOps >= 0 && options.MaxRequestBytes >= 0, "limits are not negative");
        return $"options {cluster.Count} {http.PingPolicyOn} {options.NewCluster}";
    }
}
