// Checks of the TLS options (etcdctl §6). This build has no TLS yet: whatever would need it ends with a
// sentence.
using EtcdAot.Cmd.Etcdctl.Commands;

namespace EtcdAot.Cmd.Etcdctl;

/// <summary>What the TLS options ask for.</summary>
internal static class TlsSettings
{
    private const string NotYet = "this build of etcdctl has no TLS; it comes with a later version";

    public static void Check(Invocation call)
    {
        foreach (string name in new[] { "cert", "key", "cacert" })
        {
            if (call.Flags[name] is { Changed: true, Text.Length: 0 })
            {
                throw new CommandFailedException(ExitCode.BadArgs,
                    $"empty string is passed to --{name} option");
            }
        }

        string cert = call.Text("cert");
        string key = call.Text("key");
        string cacert = call.Text("cacert");
        if ((cert.Length == 0) != (key.Length == 0))
        {
            throw new CommandFailedException(ExitCode.BadArgs,
                $"KeyFile and CertFile must both be present[key: {key}, cert: {cert}]");
        }

        foreach (string file in new[] { cert, key, cacert })
        {
            if (file.Length > 0 && !File.Exists(file))
            {
                throw new CommandFailedException(ExitCode.BadArgs, $"open {file}: no such file or directory");
            }
        }

        if (cert.Length > 0 || cacert.Length > 0 || !call.Bool("insecure-transport"))
        {
            throw new CommandFailedException(ExitCode.Error, NotYet);
        }
    }

    /// <summary>The first endpoint's scheme decides for the connection.</summary>
    public static void CheckScheme(string endpoint)
    {
        if (endpoint.StartsWith("https://", StringComparison.Ordinal) ||
            endpoint.StartsWith("unixs:", StringComparison.Ordinal))
        {
            throw new CommandFailedException(ExitCode.Error, NotYet);
        }
    }
}
