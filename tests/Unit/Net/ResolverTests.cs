using System.Buffers.Binary;
using System.Net;
using System.Net.Sockets;
using EtcdAot.Net.Dns;
using EtcdAot.Sys;

namespace EtcdAot.Tests.Unit.Net;

/// <summary>Goal: the resolver finds names by hosts file and by DNS, survives silent, failing, lying and cutting servers,
/// and fails with the original's texts. The name server is the test's own, on loopback.</summary>
public sealed class ResolverTests : IDisposable
{
    private readonly LoopFixture _fixture = new();
    private readonly string _folder = Directory.CreateTempSubdirectory("dns").FullName;

    public void Dispose()
    {
        _fixture.Dispose();
        Directory.Delete(_folder, recursive: true);
    }

    private (string[] Addresses, string Error) Host(NameServer server, string host, string options = "timeout:1 attempts:2")
    {
        Outcome outcome = new();
        Resolver resolver = Open(server, options);
        _fixture.OnLoop(() => resolver.LookupHost(host, outcome));
        Assert.True(outcome.Done.Wait(LoopFixture.Patience), "a lookup ends");
        return (outcome.Addresses, outcome.Error);
    }

    private Resolver Open(NameServer server, string options)
    {
        string hosts = Path.Combine(_folder, "hosts");
        string config = Path.Combine(_folder, "resolv.conf");
        File.WriteAllText(hosts, "10.9.9.9 known\n::1 known\n");
        File.WriteAllText(config, $"nameserver 127.0.0.1\nsearch sub.test\noptions {options}\n");
        return new Resolver(
            _fixture.Loop, LinuxDisk.Instance, SystemRandomness.Instance, new ResolverPlaces(hosts, config, server.Port));
    }

    [Fact]
    public void LiteralsAndHostsFileNeedNoServer()
    {
        using var server = new NameServer((_, _, _) => null);
        Assert.Equal(["10.0.0.1"], Host(server, "10.0.0.1").Addresses);
        Assert.Equal(["10.9.9.9", "::1"], Host(server, "known").Addresses);
        Assert.Equal("lookup a..b: no such host", Host(server, "a..b").Error);
        Assert.Equal(0, server.Queries);
    }

    [Fact]
    public void AsksForBothFamilies()
    {
        using var server = new NameServer((name, type, _) => (name, type) switch
        {
            ("both.test", 1) => NameServer.Reply(0, [(1, [10, 0, 0, 1]), (1, [10, 0, 0, 2])]),
            ("both.test", 28) => NameServer.Reply(0, [(28, IPAddress.Parse("2001:db8::1").GetAddressBytes())]),
            _ => NameServer.Reply(3, []),
        });
        Assert.Equal(["10.0.0.1", "10.0.0.2", "2001:db8::1"], Host(server, "both.test").Addresses);
        Assert.Equal($"lookup gone.test on 127.0.0.1:{server.Port}: no such host", Host(server, "gone.test").Error);
    }

    [Fact]
    public void TriesTheSearchList()
    {
        using var server = new NameServer((name, type, _) =>
            name == "short.sub.test" && type == 1 ? NameServer.Reply(0, [(1, [10, 0, 0, 3])]) : NameServer.Reply(3, []));
        Assert.Equal(["10.0.0.3"], Host(server, "short").Addresses);
    }

    [Fact]
    public void ACutReplyIsAskedForByTcp()
    {
        using var server = new NameServer((_, type, tcp) => (type, tcp) switch
        {
            (1, false) => NameServer.Reply(0, [], truncated: true),
            (1, true) => NameServer.Reply(0, [.. Enumerable.Range(0, 200).Select(i => ((ushort)1, new byte[] { 10, 0, 1, (byte)i }))]),
            _ => NameServer.Reply(0, []),
        });
        Assert.Equal(200, Host(server, "large.test").Addresses.Length);
        Assert.Equal(1, server.TcpQueries);
        Assert.Equal(200, Host(server, "large.test", "use-vc").Addresses.Length);
    }

    [Fact]
    public void ASilentServerIsAskedAgainThenGivenUp()
    {
        int asked = 0;
        using var server = new NameServer((name, _, _) =>
            name == "late.test" && Interlocked.Increment(ref asked) > 2 ? NameServer.Reply(0, [(1, [10, 0, 0, 4])]) : null);
        Assert.Equal(["10.0.0.4"], Host(server, "late.test.").Addresses);
        Assert.Equal(
            $"lookup never.test. on 127.0.0.1:{server.Port}: i/o timeout", Host(server, "never.test.", "timeout:1 attempts:1").Error);
    }

    [Fact]
    public void AFailingServerIsMisbehaving()
    {
        using var server = new NameServer((_, _, _) => NameServer.Reply(2, []));
        Assert.Equal($"lookup x.test. on 127.0.0.1:{server.Port}: server misbehaving", Host(server, "x.test.").Error);
        Assert.Equal(4, server.Queries);
    }

    [Fact]
    public void AnswersWithAnotherIdAreNotBelieved()
    {
        using var server = new NameServer((_, type, _) =>
            type == 1 ? NameServer.Reply(0, [(1, [10, 0, 0, 5])]) : NameServer.Reply(0, []))
        { ForgeFirst = true };
        Assert.Equal(["10.0.0.5"], Host(server, "forged.test").Addresses);
    }

    [Fact]
    public void NobodyListeningEndsAtOnce()
    {
        int port;
        using (var server = new NameServer((_, _, _) => null))
        {
            port = server.Port;
            server.Dispose();
            var clock = System.Diagnostics.Stopwatch.StartNew();
            Assert.StartsWith($"lookup x.test. on 127.0.0.1:{port}: ", Host(server, "x.test.").Error, StringComparison.Ordinal);
            Assert.True(clock.Elapsed < TimeSpan.FromSeconds(4), "a refused datagram is not waited for");
        }
    }

    [Fact]
    public void ServicesComeByPriorityAndWeight()
    {
        static byte[] Srv(byte priority, byte weight, byte port) =>
            [0, priority, 0, weight, 0, port, 1, (byte)'n', 1, (byte)'t', 0];
        using var server = new NameServer((name, type, _) => name == "_etcd-server._tcp.x.test" && type == 33
            ? NameServer.Reply(0, [(33, Srv(2, 0, 1)), (33, Srv(1, 1, 2)), (33, Srv(1, 9, 3))])
            : NameServer.Reply(3, []));
        Outcome outcome = new();
        Resolver resolver = Open(server, "timeout:1");
        _fixture.OnLoop(() => resolver.LookupService("etcd-server", "tcp", "x.test", outcome));
        Assert.True(outcome.Done.Wait(LoopFixture.Patience));
        Assert.Equal([3, 2, 1], outcome.Services.Select(static s => s.Port));
        Assert.Equal("n.t", outcome.Services[0].Target);
    }

    private sealed class Outcome : IHostResult, IServiceResult
    {
        internal ManualResetEventSlim Done { get; } = new();

        internal string[] Addresses { get; private set; } = [];

        internal IReadOnlyList<SrvRecord> Services { get; private set; } = [];

        internal string Error { get; private set; } = "";

        public void OnHost(IReadOnlyList<NetworkAddress> addresses, string error)
        {
            Addresses = [.. addresses.Select(static a => a.IpText())];
            Error = error;
            Done.Set();
        }

        public void OnServices(IReadOnlyList<SrvRecord> services, string error)
        {
            Services = services;
            Error = error;
            Done.Set();
        }
    }

    /// <summary>A name server on loopback, UDP and TCP, with answers by the test.</summary>
    private sealed class NameServer : IDisposable
    {
        private readonly Func<string, int, bool, byte[]?> _answer;
        private readonly Socket _udp = new(AddressFamily.InterNetwork, SocketType.Dgram, ProtocolType.Udp);
        private readonly TcpListener _tcp;
        private int _queries;
        private int _tcpQueries;

        internal NameServer(Func<string, int, bool, byte[]?> answer)
        {
            _answer = answer;
            _tcp = new TcpListener(IPAddress.Loopback, 0);
            _tcp.Start();
            Port = ((IPEndPoint)_tcp.LocalEndpoint).Port;
            _udp.Bind(new IPEndPoint(IPAddress.Loopback, Port));
            new Thread(ServeDatagrams) { IsBackground = true }.Start();
            new Thread(ServeStreams) { IsBackground = true }.Start();
        }

        internal int Port { get; }

        internal bool ForgeFirst { get; init; }

        internal int Queries => Volatile.Read(ref _queries);

        internal int TcpQueries => Volatile.Read(ref _tcpQueries);

        public void Dispose()
        {
            _udp.Dispose();
            _tcp.Dispose();
        }

        /// <summary>Header flags and counts, then records that all own the question's name.</summary>
        internal static byte[] Reply(int rcode, (ushort Type, byte[] Data)[] records, bool truncated = false)
        {
            var bytes = new List<byte> { (byte)(truncated ? 0x83 : 0x81), (byte)(0x80 | rcode) };
            bytes.AddRange([0, 1, (byte)(records.Length >> 8), (byte)records.Length, 0, 0, 0, 0]);
            foreach ((ushort type, byte[] data) in records)
            {
                bytes.AddRange([0xc0, 12, 0, (byte)type, 0, 1, 0, 0, 0, 60, (byte)(data.Length >> 8), (byte)data.Length]);
                bytes.AddRange(data);
            }

            return [.. bytes];
        }

        private static byte[]? Assemble(ReadOnlySpan<byte> query, byte[]? reply)
        {
            return reply is null ? null : [.. query[..2], .. reply[..10], .. query[12..], .. reply[10..]];
        }

        private byte[]? Answer(ReadOnlySpan<byte> query, bool tcp)
        {
            Interlocked.Increment(ref _queries);
            int at = 12;
            Assert.True(DnsName.TryRead(query, ref at, out string name));
            return Assemble(query, _answer(name, BinaryPrimitives.ReadUInt16BigEndian(query[at..]), tcp));
        }

        private void ServeDatagrams()
        {
            byte[] buffer = new byte[2048];
            try
            {
                while (true)
                {
                    EndPoint from = new IPEndPoint(IPAddress.Any, 0);
                    int n = _udp.ReceiveFrom(buffer, ref from);
                    if (Answer(buffer.AsSpan(0, n), tcp: false) is { } reply)
                    {
                        if (ForgeFirst)
                        {
                            byte[] forged = [.. reply];
                            forged[0] ^= 1;
                            forged[^1] ^= 1;
                            _udp.SendTo(forged, from);
                        }

                        _udp.SendTo(reply, from);
                    }
                }
            }
            catch (Exception e) when (e is SocketException or ObjectDisposedException)
            {
                // The test is over.
            }
        }

        private void ServeStreams()
        {
            try
            {
                while (true)
                {
                    using TcpClient client = _tcp.AcceptTcpClient();
                    using NetworkStream stream = client.GetStream();
                    byte[] head = new byte[2];
                    stream.ReadExactly(head);
                    byte[] query = new byte[BinaryPrimitives.ReadUInt16BigEndian(head)];
                    stream.ReadExactly(query);
                    Interlocked.Increment(ref _tcpQueries);
                    byte[] reply = Answer(query, tcp: true) ?? [];
                    BinaryPrimitives.WriteUInt16BigEndian(head, (ushort)reply.Length);
                    stream.Write([.. head, .. reply]);
                    _ = stream.Read(head);
                }
            }
            catch (Exception e) when (e is IOException or SocketException or ObjectDisposedException)
            {
                // The test is over.
            }
        }
    }
}
