// ETCD_… variables as flags (spec server-config §2): used ones, shadowed ones, unknown ones. Start-up thread
// only.
using EtcdAot.Observe;

namespace EtcdAot.Cmd.Etcd.Flags;

/// <summary>How the environment went in.</summary>
internal enum EnvironmentEnd
{
    Taken,

    /// <summary>A value cannot be read: exit 1, "failed to verify flags".</summary>
    BadValue,

    /// <summary>A variable is shadowed by a flag; the line is written: exit 1.</summary>
    Shadowed,
}

/// <summary>Fills what the command line left open.</summary>
/// <param name="entries">"NAME=value", in the order of the process environment.</param>
/// <param name="log">Its log.</param>
internal sealed class FlagEnvironment(IReadOnlyList<string> entries, Log log)
{
    private const string Prefix = "ETCD_";
    private const string Special = "ETCD_VERSION";

    /// <summary>The error of the last bad value.</summary>
    public string Problem { get; private set; } = "";

    /// <summary>Value of a variable; empty when it is not set.</summary>
    public string Find(string variable)
    {
        string start = variable + "=";
        return entries.FirstOrDefault(e => e.StartsWith(start, StringComparison.Ordinal)) is { } found
            ? found[start.Length..] : "";
    }

    /// <summary>Takes all variables.</summary>
    public EnvironmentEnd Apply(FlagValues values)
    {
        DropSpecial();
        var used = new HashSet<string>(StringComparer.Ordinal);
        var onCommandLine = new HashSet<string>(StringComparer.Ordinal);
        foreach (Flag flag in FlagTable.ByName.Values)
        {
            if (values.IsSet(flag.Name))
            {
                onCommandLine.Add(flag.Variable);
                continue;
            }

            string text = flag.Variable == Special ? "" : Find(flag.Variable);
            if (text.Length == 0)
            {
                continue;
            }

            used.Add(flag.Variable);
            if (values.TrySet(flag, text) is { } problem)
            {
                Problem = $"invalid value {GoQuote.Text(text)} for {flag.Variable}: {problem}";
                continue;
            }

            log.Info("flags/flag.go", "recognized and used environment variable")
                .With("variable-name", flag.Variable).With("variable-value", text).Write();
        }

        return CheckRest(used, onCommandLine)
            ? Problem.Length > 0 ? EnvironmentEnd.BadValue : EnvironmentEnd.Taken
            : EnvironmentEnd.Shadowed;
    }

    private void DropSpecial()
    {
        string version = Find(Special);
        if (version.Length > 0)
        {
            log.Warn("etcdmain/config.go", "cannot set special environment variable")
                .With("key", Special).With("value", version).Write();
        }
    }

    private bool CheckRest(HashSet<string> used, HashSet<string> onCommandLine)
    {
        foreach (string entry in entries)
        {
            if (!entry.StartsWith(Prefix, StringComparison.Ordinal))
            {
                continue;
            }

            int equals = entry.IndexOf('=', StringComparison.Ordinal);
            string name = equals < 0 ? entry : entry[..equals];
            if (onCommandLine.Contains(name))
            {
                // The doubled parenthesis is the original's.
                log.Fatal("flags/flag.go",
                    "conflicting environment variable is shadowed by corresponding command-line flag " +
                    "(either unset environment variable or disable flag))").With("environment-variable", name)
                    .Write();
                return false;
            }

            if (!used.Contains(name) && (name != Special || Find(Special).Length == 0))
            {
                log.Warn("flags/flag.go", "unrecognized environment variable")
                    .With("environment-variable", entry).Write();
            }
        }

        return true;
    }
}
