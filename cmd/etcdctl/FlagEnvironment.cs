// ETCDCTL_* variables: they stand in for options that a command inherits (etcdctl §4). Runs once, when the
// client is set up.
using System.Collections;
using EtcdAot.Cmd.Etcdctl.Commands;
using EtcdAot.Cmd.Etcdctl.Flags;

namespace EtcdAot.Cmd.Etcdctl;

/// <summary>Fills inherited options from the environment.</summary>
internal static class FlagEnvironment
{
    private const string Prefix = "ETCDCTL_";

    /// <summary>Reads <paramref name="variables"/>; a variable beside the same option is fatal, one that fits
    /// nothing is warned of, one that does not parse is dropped.</summary>
    public static void Apply(Invocation call, IDictionary variables)
    {
        var used = new HashSet<string>(StringComparer.Ordinal);
        var given = new HashSet<string>(StringComparer.Ordinal);
        foreach (FlagSpec spec in call.Command.InheritedFlags())
        {
            string key = VariableOf(spec.Name);
            Flag flag = call.Flags[spec.Name];
            if (flag.Changed)
            {
                given.Add(key);
            }
            else if (variables[key] is string { Length: > 0 } value)
            {
                used.Add(key);
                _ = flag.Set(value);
            }
        }

        foreach (string key in variables.Keys.Cast<string>().Order(StringComparer.Ordinal))
        {
            if (used.Contains(key) || IsOfWatch(call, key))
            {
                continue;
            }

            if (given.Contains(key))
            {
                ClientLog.ShadowedVariable(call.Terminal.Error, key);
                throw new CommandFailedException(ExitCode.Error, "");
            }

            if (key.StartsWith(Prefix, StringComparison.Ordinal))
            {
                ClientLog.UnknownVariable(call.Terminal.Error, $"{key}={variables[key]}");
            }
        }
    }

    /// <summary>--debug: every inherited option as a variable.</summary>
    public static void Print(Invocation call)
    {
        foreach (FlagSpec spec in call.Command.InheritedFlags())
        {
            call.Terminal.Error.Line($"{VariableOf(spec.Name)}={call.Flags[spec.Name].Shown}");
        }
    }

    private static string VariableOf(string flag)
    {
        return Prefix + flag.Replace('-', '_').ToUpperInvariant();
    }

    private static bool IsOfWatch(Invocation call, string key)
    {
        return call.Command.Name == "watch" && key is ("ETCDCTL_WATCH_KEY" or "ETCDCTL_WATCH_RANGE_END");
    }
}
