// Where the endpoints come from: --endpoints, or SRV records of --discovery-srv (etcdctl §5).
using EtcdAot.Cmd.Etcdctl.Commands;

namespace EtcdAot.Cmd.Etcdctl;

/// <summary>Endpoints of a run.</summary>
internal static class Discovery
{
    public static IReadOnlyList<string> Endpoints(Invocation call)
    {
        string domain = call.Text("discovery-srv");
        if (domain.Length == 0)
        {
            return call.Flags["endpoints"].List;
        }

        string suffix = call.Text("discovery-srv-name") is { Length: > 0 } name ? $"-{name}" : "";
        var found = new List<string>();
        string? secure = Lookup($"_etcd-client-ssl{suffix}._tcp.{domain}", "https", found);
        string? plain = Lookup($"_etcd-client{suffix}._tcp.{domain}", "http", found);
        if (secure is not null && plain is not null)
        {
            throw new CommandFailedException(ExitCode.Error, $"dns lookup errors: {secure} and {plain}");
        }

        if (!call.Bool("insecure-discovery"))
        {
            foreach (string dropped in found.Where(e =>
                e.StartsWith("http://", StringComparison.Ordinal)).ToList())
            {
                call.Terminal.Error.Line($"ignoring discovered insecure endpoint \"{dropped}\"");
                found.Remove(dropped);
            }
        }

        return found.Count > 0 ? found : call.Flags["endpoints"].List;
    }

    private static string? Lookup(string name, string scheme, List<string> found)
    {
        SrvLookup.Answer answer = SrvLookup.Ask(name);
        found.AddRange(answer.Targets.Select(t => $"{scheme}://{t}"));
        return answer.Error;
    }
}
