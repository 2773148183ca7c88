// Usage and help, in the layout of the original (spec server-config §1.3), and the version lines (§1.4).
// Pure.
using System.Runtime.InteropServices;
using System.Text;
using EtcdAot.Server;

namespace EtcdAot.Cmd.Etcd.Flags;

/// <summary>Texts for people.</summary>
internal static class HelpText
{
    /// <summary>For stderr: after a wrong command line, and before the help.</summary>
    public const string Usage = """
        Usage:

          etcd [flags]
            Run a member.

          etcd --version
            Print the version.

          etcd -h | --help
            Print this help.

          etcd --config-file
            Read the settings from this file; other flags and all variables are then ignored.

          etcd gateway
            Run a forwarder of TCP connections.

          etcd grpc-proxy
            Run a proxy for gRPC.


        """;

    private static readonly (FlagSection Section, string Heading)[] Headings =
    [
        (FlagSection.Member, "Member:"),
        (FlagSection.Clustering, "Clustering:"),
        (FlagSection.Security, "Security:"),
        (FlagSection.Auth, "Auth:"),
        (FlagSection.Monitoring, "Profiling and Monitoring:"),
        (FlagSection.Logging, "Logging:"),
        (FlagSection.Tracing, "Experimental distributed tracing:"),
        (FlagSection.Proxy, "v2 Proxy (Deprecated and to be decommissioned in v3.6):"),
        (FlagSection.Experimental, "Experimental feature:"),
        (FlagSection.Unsafe, "Unsafe feature:"),
    ];

    /// <summary>For stdout: every listed flag.</summary>
    public static string Flags()
    {
        var text = new StringBuilder();
        foreach ((FlagSection section, string heading) in Headings)
        {
            text.Append('\n').Append(heading).Append('\n');
            foreach (Flag flag in FlagTable.All.Where(f => f.Section == section))
            {
                text.Append("  --").Append(flag.Name).Append(" '").Append(flag.ShownDefault ?? flag.Default)
                    .Append("'\n    ")
                    .Append(flag.Sentence);
                if (flag.Stage == FlagStage.Unbuilt)
                {
                    text.Append(" (Not in this build yet.)");
                }

                text.Append('\n');
            }
        }

        text.Append("\nTake care with the unsafe flags: ")
            .Append("they give up what the consensus protocol guarantees.\n");
        return text.ToString();
    }

    /// <summary>The original's four lines, which scripts look for, and one that says what this program really
    /// is.</summary>
    public static string Version() =>
        $"etcd Version: {EtcdVersion.Server}\nGit SHA: {BuildId}\n" +
        $"Go Version: none (.NET {Environment.Version})\nGo OS/Arch: linux/{Architecture}\n" +
        $"EtcdAot: etcd {EtcdVersion.Server} in C#, Native AOT, not the original\n";

    /// <summary>Commit of this build, or what stands for it.</summary>
    public static string BuildId
    {
        get
        {
            string text = typeof(HelpText).Assembly
                .GetCustomAttributes(typeof(System.Reflection.AssemblyInformationalVersionAttribute),
                    inherit: false)
                is [System.Reflection.AssemblyInformationalVersionAttribute version, ..]
                    ? version.InformationalVersion : "";
            int plus = text.IndexOf('+', StringComparison.Ordinal);
            return plus < 0 ? "unknown" : text[(plus + 1)..Math.Min(text.Length, plus + 8)];
        }
    }

    /// <summary>Go's word for the processor.</summary>
    public static string Architecture => RuntimeInformation.ProcessArchitecture switch
    {
        System.Runtime.InteropServices.Architecture.X64 => "amd64",
        System.Runtime.InteropServices.Architecture.Arm64 => "arm64",
        var other => other.ToString().ToLowerInvariant(),
    };
}
