// DNS: answers of a name server, and the two files of the resolver.
using System.Text;
using EtcdAot.Net.Dns;

namespace EtcdAot.Tests.Fuzz.Targets;

/// <summary>Input: {type 1, a packet} with the query's id and name; type 0xF0: resolv.conf, 0xF1: hosts.</summary>
internal sealed class DnsTarget : FuzzTarget
{
    private const ushort Id = 0x1234;
    private const string Host = "a.example.org";

    private static readonly DnsType[] Types = [DnsType.A, DnsType.Aaaa, DnsType.Srv];

    public override string Name => "dns";

    public override string About => "name servers' answers, resolv.conf and the hosts file";

    // A message over TCP.
    public override int LengthMax => 65536;

    public override int MillisMax => 200;

    public override IEnumerable<byte[]> Seeds()
    {
        for (byte type = 0; type < 3; type++)
        {
            byte[] data = type switch
            {
                0 => [10, 0, 0, 1],
                1 => [.. new byte[15], 1],
                _ => [0, 1, 0, 2, 9, 0x4b, 0xc0, 12],
            };
            byte[] query = Query(Types[type]);
            yield return [type, .. Answer(query, Record(0xc00c, Types[type], data))];
            yield return [type, .. Answer(query, Record(0xc00c, DnsType.Cname, [1, (byte)'b', 0xc0, 14]),
                Record((ushort)(0xc000 + query.Length + 12), Types[type], data))];
        }

        yield return [0, .. Answer(Query(DnsType.A), ManyAliases())];
        yield return [0xF0, .. Encoding.ASCII.GetBytes("nameserver 10.0.0.1\nsearch a b.\noptions ndots:3 timeout:2 use-vc\n# x\n")];
        yield return [0xF1, .. Encoding.ASCII.GetBytes("127.0.0.1 localhost a.b\n::1 ip6 # c\n")];
    }

    public override string Run(byte[] input)
    {
        byte way = input.Length == 0 ? (byte)0 : input[0];
        byte[] packet = input[Math.Min(1, input.Length)..];
        if (way >= 0xF0)
        {
            string text = Encoding.UTF8.GetString(packet);
            ResolverConfig config = ResolverConfig.Parse(text);
            HostsFile hosts = HostsFile.Parse(text);
            return $"+{config.Servers.Count} {config.Search.Count} {config.Ndots} {hosts.Find("localhost").Count > 0}";
        }

        DnsVerdict verdict = DnsMessage.Read(packet, Id, Host, Types[way % 3], out DnsAnswer answer);
        string sizes = $"{Math.Min(answer.Addresses.Count, 9)} {Math.Min(answer.Services.Count, 9)}";
        return (verdict == DnsVerdict.Answered ? "+" : "-") + $"{verdict} {sizes}";
    }

    private static byte[] Query(DnsType type)
    {
        byte[] query = new byte[DnsMessage.MaxQuery];
        int length = DnsMessage.WriteQuery(query, Id, Host, type);
        return query[..length];
    }

    private static byte[] Answer(byte[] query, params byte[][] records)
    {
        byte[] head = [.. query];
        head[2] |= 0x80;
        (head[6], head[7]) = ((byte)(records.Length >> 8), (byte)records.Length);
        return [.. head, .. records.SelectMany(static r => r)];
    }

    private static byte[] Record(ushort owner, DnsType type, byte[] data) =>
        [(byte)(owner >> 8), (byte)owner, 0, (byte)type, 0, 1, 0, 0, 0, 60, 0, (byte)data.Length, .. data];

    // As many records as a packet holds, aliases of one another at their end: an answer that compares each with each
    // takes seconds.
    private static byte[][] ManyAliases()
    {
        byte[] other = [1, (byte)'x', 0xc0, 14];
        byte[] alias = [1, (byte)'b', 0xc0, 14];
        var records = new List<byte[]> { Record(0xc00c, DnsType.A, [10, 0, 0, 1]) };
        for (int i = 0; i < 2000; i++)
        {
            records.Add([.. other, 0, (byte)DnsType.Cname, 0, 1, 0, 0, 0, 60, 0, 2, 0xc0, 14]);
            records.Add(Record(0xc00e, DnsType.A, [10, 0, 0, 1]));
        }

        records.Add(Record(0xc00c, DnsType.Cname, alias));
        records.Add([.. alias, 0, (byte)DnsType.Cname, 0, 1, 0, 0, 0, 60, 0, 2, 0xc0, 12]);
        return [.. records];
    }
}
