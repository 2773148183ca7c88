// resolv.conf and the hosts file, parsed (resolv.conf(5), hosts(5)). What cannot be read is skipped, as the C library
// and Go do; every list is bounded. Pure.
using System.Globalization;
using EtcdAot.Sys;

namespace EtcdAot.Net.Dns;

/// <summary>What resolv.conf says.</summary>
public sealed class ResolverConfig
{
    private const int MaxServers = 3;
    private const int MaxSearch = 32;
    private const int DnsPort = 53;

    /// <summary>Name servers in order.</summary>
    public List<NetworkAddress> Servers { get; } = [];

    /// <summary>Suffixes to try.</summary>
    public List<string> Search { get; } = [];

    /// <summary>A name with so many dots is tried as it is first.</summary>
    public int Ndots { get; set; } = 1;

    /// <summary>Nanoseconds that one server is waited for.</summary>
    public long TimeoutNanos { get; set; } = 5_000_000_000;

    /// <summary>Rounds over the servers.</summary>
    public int Attempts { get; set; } = 2;

    /// <summary>TCP only (use-vc).</summary>
    public bool UseTcp { get; set; }

    /// <summary>Parses the file's text; without name servers the local ones are asked.</summary>
    public static ResolverConfig Parse(string text)
    {
        var config = new ResolverConfig();
        foreach (string line in text.Split('\n'))
        {
            string[] words = line.Split(['#', ';'])[0].Split([' ', '\t', '\r'], StringSplitOptions.RemoveEmptyEntries);
            if (words.Length >= 2)
            {
                config.Apply(words);
            }
        }

        if (config.Servers.Count == 0)
        {
            config.Servers.Add(NetworkAddress.Loopback(DnsPort));
            config.Servers.Add(new NetworkAddress(NetworkFamily.Ip6, 1, DnsPort, null));
        }

        return config;
    }

    private void Apply(string[] words)
    {
        switch (words[0])
        {
            case "nameserver" when Servers.Count < MaxServers
                && NetworkAddress.TryParseIp(words[1], DnsPort, out NetworkAddress server):
                Servers.Add(server);
                break;
            case "domain":
                Search.Clear();
                Search.Add(words[1].TrimEnd('.'));
                break;
            case "search":
                Search.Clear();
                Search.AddRange(words.Skip(1).Select(static s => s.TrimEnd('.')).Where(static s => s != "").Take(MaxSearch));
                break;
            case "options":
                foreach (string option in words.Skip(1))
                {
                    ApplyOption(option);
                }

                break;
            default:
                break;
        }
    }

    private void ApplyOption(string option)
    {
        string[] parts = option.Split(':');
        int value = 0;
        bool number = parts.Length == 2
            && int.TryParse(parts[1], NumberStyles.None, CultureInfo.InvariantCulture, out value);
        switch (parts[0])
        {
            case "ndots" when number:
                Ndots = Math.Min(value, 15);
                break;
            case "timeout" when number:
                TimeoutNanos = Math.Clamp(value, 1, 30) * 1_000_000_000L;
                break;
            case "attempts" when number:
                Attempts = Math.Clamp(value, 1, 5);
                break;
            case "use-vc" or "usevc" or "tcp":
                UseTcp = true;
                break;
            default:
                break;
        }
    }
}

/// <summary>What the hosts file says.</summary>
public sealed class HostsFile
{
    private readonly Dictionary<string, List<NetworkAddress>> _byName = new(StringComparer.OrdinalIgnoreCase);

    /// <summary>Parses the file's text.</summary>
    public static HostsFile Parse(string text)
    {
        var hosts = new HostsFile();
        foreach (string line in text.Split('\n'))
        {
            string[] words = line.Split('#')[0].Split([' ', '\t', '\r'], StringSplitOptions.RemoveEmptyEntries);
            if (words.Length < 2 || !NetworkAddress.TryParseIp(words[0], 0, out NetworkAddress address))
            {
                continue;
            }

            foreach (string name in words.Skip(1))
            {
                string key = name.TrimEnd('.');
                if (!hosts._byName.TryGetValue(key, out List<NetworkAddress>? addresses))
                {
                    hosts._byName[key] = addresses = [];
                }

                addresses.Add(address);
            }
        }

        return hosts;
    }

    /// <summary>Addresses of a name in the file's order, empty when it has none.</summary>
    public IReadOnlyList<NetworkAddress> Find(string name)
    {
        return _byName.TryGetValue(name.TrimEnd('.'), out List<NetworkAddress>? found) ? found : [];
    }
}
