using System.Text;
using EtcdAot.Net.Dns;
using EtcdAot.Tests.Unit.Fakes;

namespace EtcdAot.Tests.Unit.Net;

/// <summary>Goal: DNS bytes are written and read as RFC 1035 and 2782 say, and no packet, however formed, breaks the
/// reader or is believed when it does not answer the question.</summary>
public sealed class DnsMessageTests
{
    private const string Question = "0a b1 81 80 0001 0002 0000 0000 03777777 076578616d706c65 03636f6d 00 0001 0001";

    /// <summary>www.example.com → CNAME web.example.com (compressed) → 192.0.2.7.</summary>
    private const string Reply = Question
        + " c00c 0005 0001 0000003c 0006 03776562 c010"
        + " c02d 0001 0001 0000003c 0004 c0000207";

    private static byte[] Hex(string text) => Convert.FromHexString(text.Replace(" ", "", StringComparison.Ordinal));

    private static DnsVerdict Read(byte[] packet, out DnsAnswer answer, DnsType type = DnsType.A, string name = "www.example.com")
    {
        return DnsMessage.Read(packet, 0x0ab1, name, type, out answer);
    }

    [Fact]
    public void QueryIsTheGoldenBytes()
    {
        byte[] buffer = new byte[DnsMessage.MaxQuery];
        int n = DnsMessage.WriteQuery(buffer, 0x0ab1, "www.example.com", DnsType.A);
        string golden = "0ab1 0100 0001 0000 0000 0000 03777777 076578616d706c65 03636f6d 00 0001 0001";
        Assert.Equal(Hex(golden), buffer[..n]);
    }

    [Fact]
    public void FollowsAliasesAndCompression()
    {
        Assert.Equal(DnsVerdict.Answered, Read(Hex(Reply), out DnsAnswer answer));
        Assert.Equal("192.0.2.7", Assert.Single(answer.Addresses).IpText());
        Assert.Equal(DnsVerdict.Answered, Read(Hex(Reply), out _, name: "WWW.Example.Com"));
    }

    [Fact]
    public void APacketFullOfAliasesIsReadInBoundedTime()
    {
        // 2,700 addresses of another name and as many aliases, the name's own in a ring behind them: each record held
        // against each took 2.5 s of an I/O thread.
        string head = Question.Replace("81 80 0001 0002", "81 80 0001 151a", StringComparison.Ordinal);
        var packet = new System.Text.StringBuilder(head);
        for (int i = 0; i < 2700; i++)
        {
            packet.Append(i % 2 == 0
                ? " 0377777a c010 0001 0001 0000003c 0004 c0000207" : " 0377777a c010 0005 0001 0000003c 0002 c010");
            packet.Append(" 0377777a c010 0001 0001 0000003c 0004 c0000207");
        }

        packet.Append(" c00c 0005 0001 0000003c 0006 03776562 c010 03776562 c010 0005 0001 0000003c 0002 c00c");
        byte[] bytes = Hex(packet.ToString());
        double seconds = ThreadCpu.SecondsOf(() => Assert.Equal(DnsVerdict.NoSuchHost, Read(bytes, out _)));
        Assert.InRange(seconds, 0, 0.3);
    }

    [Fact]
    public void ReadsServiceRecords()
    {
        string packet = "0ab1 8180 0001 0001 0000 0000 055f65746364 045f746370 016100 0021 0001"
            + " c00c 0021 0001 00000000 000c 0001 0002 094b 036e6f64 c017";
        Assert.Equal(DnsVerdict.Answered, Read(Hex(packet), out DnsAnswer answer, DnsType.Srv, "_etcd._tcp.a"));
        Assert.Equal(new SrvRecord("nod.a", 2379, 1, 2), Assert.Single(answer.Services));
    }

    [Theory]
    [InlineData("0ab2", 0, DnsVerdict.NotOurs)] // another id
    [InlineData("01", 2, DnsVerdict.NotOurs)] // a query, not a reply
    [InlineData("83", 2, DnsVerdict.Truncated)]
    [InlineData("82", 3, DnsVerdict.ServerFailed)]
    [InlineData("83", 3, DnsVerdict.NoSuchHost)]
    [InlineData("85", 3, DnsVerdict.ServerFailed)]
    [InlineData("0000", 4, DnsVerdict.NotOurs)] // no question
    [InlineData("0000", 6, DnsVerdict.NoSuchHost)] // no answers
    [InlineData("ffff", 6, DnsVerdict.Malformed)] // more answers than bytes
    [InlineData("02", 13, DnsVerdict.NotOurs)] // the question is another's: label bytes shift
    public void HeaderDecides(string patch, int at, object verdict)
    {
        byte[] packet = Hex(Reply);
        Hex(patch).CopyTo(packet, at);
        if (at == 13)
        {
            packet[13] = (byte)'x';
        }

        Assert.Equal((DnsVerdict)verdict, Read(packet, out _));
    }

    [Theory]
    [InlineData("c00c")] // to itself
    [InlineData("c00e c00c")] // forward
    [InlineData("40")] // reserved label kind
    [InlineData("05 6161")] // cut label
    [InlineData("c0")] // cut pointer
    [InlineData("")] // nothing
    [InlineData("01 20 00")] // a byte that no host name has
    [InlineData("03 612e62 00")] // a dot inside a label
    public void HostileNamesAreRefused(string bytes)
    {
        byte[] packet = [.. new byte[12], .. Hex(bytes)];
        int at = 12;
        Assert.False(DnsName.TryRead(packet, ref at, out _));
    }

    [Fact]
    public void ChainsOfPointersAndLongNamesEnd()
    {
        // Each pointer leads two bytes back, down to a loop's start; legal until it meets the limit of its own length.
        byte[] packet = new byte[4000];
        for (int i = 2; i < packet.Length - 1; i += 2)
        {
            packet[i] = (byte)(0xc0 | ((i - 2) >> 8));
            packet[i + 1] = (byte)(i - 2);
        }

        int at = 3998;
        Assert.True(DnsName.TryRead(packet, ref at, out string root));
        Assert.Equal("", root);

        // A label before each pointer grows the name beyond 255 bytes.
        var grow = new List<byte> { 0 };
        int previous = 0;
        for (int i = 0; i < 100; i++)
        {
            int start = grow.Count;
            grow.AddRange([3, (byte)'a', (byte)'b', (byte)'c', (byte)(0xc0 | (previous >> 8)), (byte)previous]);
            previous = start;
        }

        at = previous;
        Assert.False(DnsName.TryRead(grow.ToArray(), ref at, out _));
    }

    [Fact]
    public void RandomDamageNeverBreaksTheReader()
    {
        var random = new Random(11);
        byte[] good = Hex(Reply);
        for (int i = 0; i < 200_000; i++)
        {
            byte[] packet = good[..random.Next(good.Length + 1)];
            for (int k = random.Next(4); k > 0 && packet.Length > 0; k--)
            {
                packet[random.Next(packet.Length)] = (byte)random.Next(256);
            }

            DnsVerdict verdict = Read(packet, out DnsAnswer answer);
            Assert.Equal(verdict == DnsVerdict.Answered, answer.Addresses.Count > 0 && verdict != DnsVerdict.Malformed);
        }
    }

    [Theory]
    [InlineData("a", true)]
    [InlineData("a.b.", true)]
    [InlineData("_etcd-server._tcp.example.com", true)]
    [InlineData("", false)]
    [InlineData(".", false)]
    [InlineData("a..b", false)]
    [InlineData("a b", false)]
    [InlineData("ä", false)]
    public void NamesAreCheckedBeforeTheyAreAsked(string name, bool valid)
    {
        Assert.Equal(valid, DnsName.IsValid(name));
        Assert.False(DnsName.IsValid(new string('a', 64)));
        Assert.True(DnsName.IsValid(string.Join('.', Enumerable.Repeat(new string('a', 62), 4))));
        Assert.False(DnsName.IsValid(string.Join('.', Enumerable.Repeat(new string('a', 63), 4))));
    }

    [Fact]
    public void ResolvConfIsRead()
    {
        ResolverConfig config = ResolverConfig.Parse(
            "# note\nnameserver 10.0.0.1\nnameserver bad\nnameserver ::1 ; tail\nnameserver 10.0.0.3\nnameserver 10.0.0.4\n"
            + "domain old\nsearch a.example. b.example\noptions ndots:3 timeout:2 attempts:9 rotate use-vc\n");
        Assert.Equal(["10.0.0.1:53", "[::1]:53", "10.0.0.3:53"], config.Servers.Select(static s => s.ToString()));
        Assert.Equal(["a.example", "b.example"], config.Search);
        Assert.Equal((3, 2_000_000_000L, 5, true), (config.Ndots, config.TimeoutNanos, config.Attempts, config.UseTcp));
        Assert.Equal("127.0.0.1:53", ResolverConfig.Parse("").Servers[0].ToString());
    }

    [Fact]
    public void SearchListFollowsNdots()
    {
        ResolverConfig config = ResolverConfig.Parse("search x.y z\noptions ndots:2");
        Assert.Equal(["a.x.y", "a.z", "a"], Resolver.Candidates("a", config));
        Assert.Equal(["a.b.c", "a.b.c.x.y", "a.b.c.z"], Resolver.Candidates("a.b.c", config));
        Assert.Equal(["a"], Resolver.Candidates("a.", config));
    }

    [Fact]
    public void HostsFileIsRead()
    {
        HostsFile hosts = HostsFile.Parse("127.0.0.1 localhost  lo # x y\n::1\tlocalhost\nbad name\n10.1.1.1 Node.Example\n");
        Assert.Equal(["127.0.0.1", "::1"], hosts.Find("LOCALHOST").Select(static a => a.IpText()));
        Assert.Equal("10.1.1.1", Assert.Single(hosts.Find("node.example.")).IpText());
        Assert.Empty(hosts.Find("y"));
    }

    [Fact]
    public void NamesRoundTrip()
    {
        byte[] buffer = new byte[300];
        foreach (string name in (string[])["a", "a.b", string.Join('.', Enumerable.Repeat(new string('a', 62), 4))])
        {
            int n = DnsName.Write(name, buffer);
            int at = 0;
            Assert.True(DnsName.TryRead(buffer.AsSpan(0, n), ref at, out string read));
            Assert.Equal((name, n), (read, at));
            Assert.Equal(Encoding.ASCII.GetByteCount(name) + 2, n);
        }
    }
}
