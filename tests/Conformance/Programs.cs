// Where the programs under test and the original ones lie. Missing ones are a failure with the way to get
// them.
namespace EtcdAot.Tests.Conformance;

/// <summary>Paths of programs.</summary>
internal static class Programs
{
    /// <summary>Our etcdctl: ETCDCTL, else bin/etcdctl of the project.</summary>
    public static string Etcdctl => Existing(
        Environment.GetEnvironmentVariable("ETCDCTL") ?? Path.Combine(Root, "bin", "etcdctl"),
        "run `make build` first");

    /// <summary>Our etcd: ETCD_AOT, else bin/etcd of the project.</summary>
    public static string Etcd => Existing(
        Environment.GetEnvironmentVariable("ETCD_AOT") is { Length: > 0 } own ? own : Path.Combine(Root, "bin", "etcd"),
        "run `make build` first");

    /// <summary>A file or folder of recorded data.</summary>
    public static string Data(params string[] names)
    {
        return Path.Combine([Root, "tests", "Conformance", "data", .. names]);
    }

    private static string Root
    {
        get
        {
            string? folder = AppContext.BaseDirectory;
            while (folder is not null && !File.Exists(Path.Combine(folder, "EtcdAot.sln")))
            {
                folder = Path.GetDirectoryName(folder);
            }

            return folder ?? Environment.CurrentDirectory;
        }
    }

    /// <summary>An original program of a version folder: 3.4, 3.5-old or 3.5.</summary>
    public static string Oracle(string version, string program)
    {
        string folder = Environment.GetEnvironmentVariable("ORACLE_DIR") is { Length: > 0 } named
            ? named
            : Path.Combine(Root, ".cache", "oracles");
        return Existing(Path.Combine(folder, version, program),
            "bring the original programs with `tests/Oracles/fetch .cache/oracles`, or name their folder in ORACLE_DIR");
    }

    private static string Existing(string path, string advice)
    {
        string full = Path.GetFullPath(path);
        Assert.True(File.Exists(full), $"{full} does not exist: {advice}");
        return full;
    }
}
