// Names to addresses and services, as a static Go program finds them: IP literal, hosts file, then DNS with the search
// list. Answers come by callback on the loop, never from inside the call. Owned by: the I/O thread of its loop.
using System.Text;
using EtcdAot.Sys;

namespace EtcdAot.Net.Dns;

/// <summary>Hears the addresses of a host; once.</summary>
public interface IHostResult
{
    /// <param name="addresses">IPv4 first, port 0; empty when it failed.</param>
    /// <param name="error">The original's text, "lookup x: no such host"; empty on success.</param>
    void OnHost(IReadOnlyList<NetworkAddress> addresses, string error);
}

/// <summary>Hears the endpoints of a service; once.</summary>
public interface IServiceResult
{
    /// <param name="services">By priority, then by weight (heaviest first); empty when it failed.</param>
    /// <param name="error">The original's text; empty on success.</param>
    void OnServices(IReadOnlyList<SrvRecord> services, string error);
}

/// <summary>Where the resolver's files are.</summary>
/// <param name="HostsPath">hosts(5).</param>
/// <param name="ConfigPath">resolv.conf(5).</param>
/// <param name="Port">Port of the name servers; not 53 in tests.</param>
public sealed record ResolverPlaces(
    string HostsPath = "/etc/hosts", string ConfigPath = "/etc/resolv.conf", int Port = 53);

/// <summary>The resolver of one loop.</summary>
public sealed class Resolver(EpollLoop loop, IDisk disk, IRandomness randomness, ResolverPlaces places)
{
    /// <summary>A file is read again when it was read so long ago.</summary>
    private const long RereadNanos = 5_000_000_000;

    /// <summary>Longer files are cut; no sane one is.</summary>
    private const int MaxFile = 1 << 20;

    private ResolverConfig _config = new();
    private HostsFile _hosts = new();
    private long _readAt = long.MinValue / 2;

    /// <summary>Looks a host up.</summary>
    public void LookupHost(string host, IHostResult result)
    {
        Reread();
        if (NetworkAddress.TryParseIp(host, 0, out NetworkAddress literal))
        {
            loop.AtEndOfWake(new HostDone(result, [literal], ""));
            return;
        }

        IReadOnlyList<NetworkAddress> known = _hosts.Find(host);
        if (known.Count > 0)
        {
            loop.AtEndOfWake(new HostDone(result, Sorted(known), ""));
            return;
        }

        if (!DnsName.IsValid(host))
        {
            loop.AtEndOfWake(new HostDone(result, [], $"lookup {host}: {DnsExchange.NoSuchHost}"));
            return;
        }

        new HostLookup(this, host, result).Next();
    }

    /// <summary>Looks "_service._protocol.domain" up, or the domain itself when service and protocol are empty.</summary>
    public void LookupService(string service, string protocol, string domain, IServiceResult result)
    {
        Reread();
        string name = service == "" && protocol == "" ? domain : $"_{service}._{protocol}.{domain}";
        if (!DnsName.IsValid(name))
        {
            loop.AtEndOfWake(new ServiceDone(result, $"lookup {name}: {DnsExchange.NoSuchHost}"));
            return;
        }

        new ServiceLookup(this, name, result).Next();
    }

    /// <summary>Names to ask for in turn: the search list of resolv.conf(5).</summary>
    internal static List<string> Candidates(string name, ResolverConfig config)
    {
        if (name.EndsWith('.'))
        {
            return [name[..^1]];
        }

        bool asItIsFirst = name.AsSpan().Count('.') >= config.Ndots;
        List<string> all = [.. config.Search.Select(suffix => name + "." + suffix).Where(static n => DnsName.IsValid(n))];
        all.Insert(asItIsFirst ? 0 : all.Count, name);
        return all;
    }

    private static List<NetworkAddress> Sorted(IEnumerable<NetworkAddress> addresses)
    {
        return [.. addresses.OrderBy(static a => a.Family == NetworkFamily.Ip4 ? 0 : 1)];
    }

    private DnsExchange Exchange(string name, DnsType type, IExchangeResult result)
    {
        return new DnsExchange(loop, _config, randomness, name, type, result);
    }

    private void Reread()
    {
        if (loop.NowNanos - _readAt < RereadNanos)
        {
            return;
        }

        _readAt = loop.NowNanos;
        _config = ResolverConfig.Parse(ReadText(places.ConfigPath));
        for (int i = 0; i < _config.Servers.Count; i++)
        {
            _config.Servers[i] = _config.Servers[i].WithPort(places.Port);
        }

        _hosts = HostsFile.Parse(ReadText(places.HostsPath));
    }

    private string ReadText(string path)
    {
        if (disk.Open(path, OpenFlags.Read, 0, out IDiskFile? file).Failed)
        {
            return "";
        }

        using IDiskFile opened = file!;
        if (opened.Length(out long length).Failed)
        {
            return "";
        }

        byte[] bytes = new byte[Math.Min(length, MaxFile)];
        return opened.ReadAt(bytes, 0, out int read).Failed ? "" : Encoding.UTF8.GetString(bytes, 0, read);
    }

    /// <summary>A and AAAA of one candidate at a time, both in flight together.</summary>
    private sealed class HostLookup(Resolver resolver, string host, IHostResult result) : IExchangeResult
    {
        private readonly List<string> _candidates = Candidates(host, resolver._config);
        private readonly List<NetworkAddress> _found = [];
        private int _index;
        private int _open;
        private string _error = "";

        internal void Next()
        {
            _open = 2;
            string name = _candidates[_index++];
            resolver.Exchange(name, DnsType.A, this).Start();
            resolver.Exchange(name, DnsType.Aaaa, this).Start();
        }

        public void OnExchanged(DnsAnswer? answer, string error, NetworkAddress server)
        {
            if (answer is not null)
            {
                _found.AddRange(answer.Addresses);
            }
            else if (_error == "" || error != DnsExchange.NoSuchHost)
            {
                _error = $"lookup {host} on {server}: {error}";
            }

            if (--_open > 0)
            {
                return;
            }

            if (_found.Count > 0)
            {
                result.OnHost(Sorted(_found), "");
            }
            else if (_index < _candidates.Count)
            {
                Next();
            }
            else
            {
                result.OnHost([], _error);
            }
        }
    }

    private sealed class ServiceLookup(Resolver resolver, string name, IServiceResult result) : IExchangeResult
    {
        private readonly List<string> _candidates = Candidates(name, resolver._config);
        private int _index;

        internal void Next() => resolver.Exchange(_candidates[_index++], DnsType.Srv, this).Start();

        public void OnExchanged(DnsAnswer? answer, string error, NetworkAddress server)
        {
            if (answer is not null)
            {
                result.OnServices(
                    [.. answer.Services.OrderBy(static s => s.Priority).ThenByDescending(static s => s.Weight)], "");
            }
            else if (_index < _candidates.Count)
            {
                Next();
            }
            else
            {
                result.OnServices([], $"lookup {name} on {server}: {error}");
            }
        }
    }

    private sealed class HostDone(IHostResult result, List<NetworkAddress> addresses, string error) : ILoopWork
    {
        public void Run() => result.OnHost(addresses, error);
    }

    private sealed class ServiceDone(IServiceResult result, string error) : ILoopWork
    {
        public void Run() => result.OnServices([], error);
    }
}
