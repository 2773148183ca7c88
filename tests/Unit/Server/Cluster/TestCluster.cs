using EtcdAot.Members;
using EtcdAot.Server;

namespace EtcdAot.Tests.Unit.Server.Cluster;

/// <summary>Whole members, their actors and a network pumped by the test's one thread: the same run for the same seed.
/// </summary>
internal sealed class TestCluster : IDisposable
{
    private readonly string _root = Directory.CreateTempSubdirectory("cluster.").FullName;
    private readonly Func<ServerOptions, ServerOptions> _change;
    private readonly ulong _seed;

    public TestCluster(int members, ulong seed = 1, Func<ServerOptions, ServerOptions>? change = null)
    {
        _seed = seed;
        _change = change ?? (static o => o);
        Initial = Enumerable.Range(1, members).ToDictionary(
            static i => $"m{i}", static i => (IReadOnlyList<string>)[$"http://10.0.0.{i}:2380"]);
        foreach (string name in Initial.Keys)
        {
            Nodes.Add(new Node(OptionsOf(name, Initial, isNew: true), Network, _seed + (ulong)Nodes.Count));
        }
    }

    public Dictionary<string, IReadOnlyList<string>> Initial { get; }

    public PlainNetwork Network { get; } = new();

    public List<Node> Nodes { get; } = [];

    public IEnumerable<Node> Up => Nodes.Where(static n => n.IsUp);

    public Node? Leader => Up.FirstOrDefault(n => n.Leads && Up.Count(o => o.Server.Status.Leader == n.Id) > Up.Count() / 2);

    public IEnumerable<Node> Followers => Up.Where(n => n != Leader);

    /// <summary>Starts all and waits until each has published itself.</summary>
    public TestCluster Started()
    {
        foreach (Node node in Nodes)
        {
            StartFailure? failure = node.Start();
            Assert.True(failure is null, failure?.Message + ": " + failure?.Error);
        }

        Until(() => Nodes.TrueForAll(static n => n.Server.IsReady) && Leader is not null, "all members become ready");
        return this;
    }

    /// <summary>A further member that joins; started by the caller.</summary>
    public Node Joiner(string name, string url, ulong seed = 77)
    {
        var initial = new Dictionary<string, IReadOnlyList<string>>();
        foreach (Member member in Leader!.Server.Members.Members)
        {
            initial[member.Name.Length > 0 ? member.Name : name] = member.PeerUrls;
        }

        Assert.Equal([url], initial[name]);
        var node = new Node(OptionsOf(name, initial, isNew: false), Network, seed, new Running(this));
        Nodes.Add(node);
        return node;
    }

    public void Run(int millis)
    {
        for (int i = 0; i < millis; i += 5)
        {
            Network.Now += 5_000_000;
            Settle();
        }
    }

    public void Until(Func<bool> done, string what, int millis = 20_000)
    {
        for (int i = 0; i < millis && !done(); i += 5)
        {
            Run(5);
        }

        Assert.True(done(), what + "\n" + Tell());
    }

    public T Done<T>(T pending, Func<T, bool> done, int millis = 20_000)
    {
        Until(() => done(pending), "the request ends", millis);
        return pending;
    }

    public void Put(Node node, string key, string value)
    {
        Pending pending = Done(node.Put(key, value), static p => p.Done);
        Assert.Null(pending.Error);
    }

    public void Dispose()
    {
        foreach (Node node in Up)
        {
            node.Server.Close();
        }

        Directory.Delete(_root, recursive: true);
    }

    private void Settle()
    {
        foreach (Node node in Nodes)
        {
            node.Step();
        }

        Network.Deliver();
    }

    private string Tell() => string.Join('\n', Nodes.Select(n =>
        $"{n.Options.Name} up={n.IsUp} " + (n.IsUp
            ? $"{n.Id:x} leader={n.Server.Status.Leader:x} term={n.Server.Status.Term} applied={n.Server.Status.Applied} " +
              $"committed={n.Server.Status.Committed} ready={n.Server.IsReady}" : "") +
        "\n  " + string.Join("\n  ", n.Log.TakeLast(12))));

    private ServerOptions OptionsOf(string name, IReadOnlyDictionary<string, IReadOnlyList<string>> initial, bool isNew) =>
        _change(new ServerOptions
        {
            Name = name,
            DataDir = Path.Combine(_root, name),
            InitialCluster = initial,
            NewCluster = isNew,
            AdvertisePeerUrls = initial[name],
            AdvertiseClientUrls = [$"http://{name}:2379"],
        });

    private sealed class Running(TestCluster cluster) : IClusterSource
    {
        public ClusterInfo? AskMembers(IReadOnlyList<string> peerUrls, long timeoutNanos)
        {
            EtcdServer server = cluster.Leader!.Server;
            return new ClusterInfo(server.ClusterId, server.Members.Members);
        }

        public string? AskClusterVersion(Member member) => cluster.Leader!.Server.Members.Version;

        public bool AskDowngradeEnabled(IReadOnlyList<Member> members) => false;
    }
}
