// The value of --initial-cluster and lists of peer URLs: parsed, checked, and held against each other
// (etcdctl §14).
using System.Net;
using System.Net.Sockets;

namespace EtcdAot.Cmd.Etcdctl.Commands;

/// <summary>Founding members on a command line.</summary>
internal static class InitialCluster
{
    /// <summary>Reads <c>name=url,name=url</c>; several URLs of one name add up.</summary>
    public static List<(string Name, IReadOnlyList<string> Urls)> Parse(string text)
    {
        var byName = new SortedDictionary<string, List<string>>(StringComparer.Ordinal);
        foreach (string item in text.Split(','))
        {
            int equals = item.IndexOf('=', StringComparison.Ordinal);
            string name = equals < 0 ? item : item[..equals];
            string url = equals < 0 ? "" : item[(equals + 1)..];
            if (!byName.TryGetValue(name, out List<string>? urls))
            {
                byName.Add(name, urls = []);
            }

            urls.Add(url);
        }

        return [.. byName.Select(m => (m.Key, (IReadOnlyList<string>)Urls(m.Value)))];
    }

    /// <summary>Checked and sorted; ends the command with exit 1 and the original's text otherwise.</summary>
    public static List<string> Urls(IEnumerable<string> typed)
    {
        var urls = new List<string>();
        foreach (string item in typed)
        {
            string url = item.Trim();
            int at = url.IndexOf("://", StringComparison.Ordinal);
            string scheme = at < 0 ? "" : url[..at];
            if (scheme is not ("http" or "https" or "unix" or "unixs"))
            {
                throw Bad($"URL scheme must be http, https, unix, or unixs: {url}");
            }

            string rest = url[(at + 3)..];
            int slash = rest.IndexOf('/', StringComparison.Ordinal);
            if (scheme is "http" or "https")
            {
                string host = slash < 0 ? rest : rest[..slash];
                if (host.LastIndexOf(':') <= host.LastIndexOf(']'))
                {
                    throw Bad($"URL address does not have the form \"host:port\": {url}");
                }

                if (slash >= 0 && slash < rest.Length - 1)
                {
                    throw Bad($"URL must not contain a path: {url}");
                }

                url = slash < 0 ? url : url[..^(rest.Length - slash)];
            }

            urls.Add(url);
        }

        urls.Sort(StringComparer.Ordinal);
        return urls;
    }

    /// <summary>Null when a member's URLs in the cluster are those it advertises, as typed or resolved; else
    /// the reason.</summary>
    public static string? Mismatch(
        Output log, string name, IReadOnlyList<string> inCluster, IReadOnlyList<string> advertised)
    {
        if (inCluster.SequenceEqual(advertised, StringComparer.Ordinal))
        {
            return null;
        }

        List<string> resolvedOwn = Resolve(log, advertised);
        List<string> resolvedCluster = Resolve(log, inCluster);
        if (resolvedOwn.SequenceEqual(resolvedCluster, StringComparer.Ordinal))
        {
            return null;
        }

        string missing = string.Join(',', inCluster.Select(u => $"{name}={u}"));
        return $"--initial-cluster has {missing} but missing from --initial-advertise-peer-urls=" +
            $"{string.Join(',', advertised)} (resolved urls: \"{string.Join(',', resolvedOwn)}\" != " +
            $"\"{string.Join(',', resolvedCluster)}\")";
    }

    private static List<string> Resolve(Output log, IReadOnlyList<string> urls)
    {
        var resolved = new List<string>();
        foreach (string url in urls)
        {
            int start = url.IndexOf("://", StringComparison.Ordinal) + 3;
            string address = url[start..];
            int colon = address.LastIndexOf(':');
            string host = colon < 0 ? address : address[..colon];
            if (url.StartsWith("unix", StringComparison.Ordinal) || host == "localhost" || colon < 0)
            {
                resolved.Add(url);
                continue;
            }

            string found = Address(host) + address[colon..];
            ClientLog.Console(log, "netutil/netutil.go:112", "resolved URL Host",
                $"{{\"url\": \"{url}\", \"host\": \"{address}\", \"resolved-addr\": \"{found}\"}}");
            resolved.Add(url[..start] + found);
        }

        resolved.Sort(StringComparer.Ordinal);
        return resolved;
    }

    private static string Address(string host)
    {
        if (IPAddress.TryParse(host.Trim('[', ']'), out _))
        {
            return host;
        }

        try
        {
            return Dns.GetHostAddresses(host).FirstOrDefault()?.ToString() ?? host;
        }
        catch (SocketException)
        {
            return host;
        }
    }

    private static CommandFailedException Bad(string text) => new(ExitCode.Error, text);
}
