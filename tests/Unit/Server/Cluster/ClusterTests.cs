using EtcdAot.Server;
using EtcdAot.Wire;

namespace EtcdAot.Tests.Unit.Server.Cluster;

/// <summary>Goal: three whole members are one store: what is acknowledged is on all of them, whoever leads, dies or comes
/// back.</summary>
public sealed class ClusterTests
{
    [Fact]
    public void FoundersOfTheWalkthroughGetItsIds()
    {
        (string, IReadOnlyList<string>)[] founders =
        [
            ("etcd1", ["https://192.168.110.100:2380"]),
            ("etcd2", ["https://192.168.110.101:2380"]),
            ("etcd3", ["https://192.168.110.102:2380"]),
        ];
        Assert.True(EtcdAot.Members.Bootstrap.TryFound(founders, "etcd-cluster", out EtcdAot.Members.Bootstrap? cluster, out _));
        Assert.Equal(
            ["3e49d4614347212d", "8d2730b8d7d6bbb3", "f7edfa2ae51ff5e8"],
            cluster!.Members.Select(static m => m.HexId));
    }

    [Fact]
    public void EveryMemberIsReadyAndTheVersionIsDecided()
    {
        using TestCluster cluster = new TestCluster(3).Started();
        cluster.Until(() => cluster.Nodes.TrueForAll(static n => n.Server.Members.Version == "3.5.0"), "the version is set");
        foreach (Node node in cluster.Nodes)
        {
            Assert.Equal(["m1", "m2", "m3"], node.Server.Members.Members.Select(static m => m.Name).Order());
            Assert.Equal(2, node.Transport.Peers.Count);
        }
    }

    [Fact]
    public void WritesThroughAnyMemberAreOnAll()
    {
        using TestCluster cluster = new TestCluster(3).Started();
        foreach (Node node in cluster.Nodes)
        {
            cluster.Put(node, node.Options.Name, "v");
        }

        cluster.Until(() => cluster.Nodes.TrueForAll(static n => n.Revision == 4), "all have all writes");
        Assert.Equal("v", cluster.Nodes[0].Get("m3"));
    }

    [Fact]
    public void ReadsThroughAFollowerSeeWhatWasAcknowledgedElsewhere()
    {
        using TestCluster cluster = new TestCluster(3).Started();
        for (int i = 0; i < 20; i++)
        {
            cluster.Put(cluster.Nodes[i % 3], "k", $"{i}");
            Node reader = cluster.Nodes[(i + 1) % 3];
            Assert.Null(cluster.Done(reader.Read(), static r => r.Done).Error);
            Assert.Equal($"{i}", reader.Get("k"));
        }
    }

    [Fact]
    public void AnotherLeadsAfterTheLeaderDiedAndNothingIsLost()
    {
        using TestCluster cluster = new TestCluster(3).Started();
        cluster.Put(cluster.Leader!, "k", "1");
        Node old = cluster.Leader!;
        old.Kill();
        cluster.Until(() => cluster.Leader is not null, "another leads");
        Assert.Equal("1", cluster.Leader!.Get("k"));
        cluster.Put(cluster.Leader, "k", "2");

        Assert.Null(old.Start());
        cluster.Until(() => old.Server.IsReady && old.Get("k") == "2", "the old leader follows");
    }

    [Fact]
    public void AllMembersStartAgainWithWhatTheyHad()
    {
        using TestCluster cluster = new TestCluster(3).Started();
        cluster.Put(cluster.Leader!, "k", "1");
        cluster.Nodes.ForEach(static n => n.Kill());
        foreach (Node node in cluster.Nodes)
        {
            Assert.Null(node.Start());
        }

        cluster.Until(() => cluster.Leader is not null && cluster.Nodes.TrueForAll(static n => n.Server.IsReady), "all are back");
        Assert.Null(cluster.Done(cluster.Nodes[0].Read(), static r => r.Done).Error);
        Assert.Equal("1", cluster.Nodes[0].Get("k"));
    }

    [Fact]
    public void ALeaderWithoutAQuorumAnswersNothing()
    {
        using TestCluster cluster = new TestCluster(3).Started();
        Node old = cluster.Leader!;
        cluster.Network.Isolate(old.Id);
        Pending lost = old.Put("k", "lost");
        Reading stale = old.Read();
        cluster.Until(() => lost.Done && stale.Done, "both time out");
        Assert.NotNull(lost.Error);
        Assert.NotNull(stale.Error);
        Node next = cluster.Nodes.First(n => n != old && n.Leads);
        cluster.Put(next, "k", "kept");

        cluster.Network.Heal();
        cluster.Until(() => old.Get("k") == "kept", "the old leader takes over what the others decided");
    }

    [Fact]
    public void ProposalsWaitForTheNextLeader()
    {
        using TestCluster cluster = new TestCluster(3).Started();
        cluster.Leader!.Kill();
        cluster.Until(() => cluster.Up.All(static n => n.Server.Status.Leader == 0), "the others notice");
        Pending waiting = cluster.Up.First().Put("k", "1");
        cluster.Done(waiting, static p => p.Done);
        Assert.Null(waiting.Error);
    }

    [Fact]
    public void LeadershipMovesAndWritesGoOn()
    {
        using TestCluster cluster = new TestCluster(3).Started();
        Node old = cluster.Leader!;
        Node next = cluster.Followers.First();
        Assert.Same(EtcdError.NotLeader, cluster.Done(next.MoveLeader(old.Id), static m => m.Done).Error);
        Assert.Same(EtcdError.BadLeaderTransferee, cluster.Done(old.MoveLeader(4711), static m => m.Done).Error);
        Moving moving = old.MoveLeader(next.Id);
        Pending during = old.Put("k", "during");
        cluster.Done(moving, static m => m.Done);
        Assert.Null(moving.Error);
        cluster.Done(during, static p => p.Done);
        Assert.Null(during.Error);
        Assert.Equal(next.Id, cluster.Leader!.Id);
        Assert.Null(cluster.Done(next.MoveLeader(0), static m => m.Done).Error);
    }

    [Fact]
    public void ALeaderWhoseDiskHangsHandsTheLeadershipOn()
    {
        using TestCluster cluster = new TestCluster(3).Started();
        Node old = cluster.Leader!;
        old.DiskHangs = true;
        Pending put = old.Put("k", "1");
        cluster.Until(() => cluster.Leader is { } leader && leader != old, "another leads", 5000);
        Assert.Equal("1", cluster.Leader!.Get("k"));
        Assert.False(put.Done);
        old.DiskHangs = false;
        cluster.Done(put, static p => p.Done);
        Assert.Null(put.Error);
        cluster.Put(old, "k", "2");
    }

    [Fact]
    public void NothingIsAcknowledgedBeforeItIsDurable()
    {
        // The leader of two needs the other one's disk.
        using TestCluster cluster = new TestCluster(2).Started();
        Node follower = cluster.Followers.First();
        follower.DiskHangs = true;
        Pending put = cluster.Leader!.Put("k", "1");
        cluster.Run(500);
        Assert.False(put.Done);
        Assert.Equal(follower.Server.Status.Leader, cluster.Leader!.Id);
        follower.DiskHangs = false;
        cluster.Done(put, static p => p.Done);
        Assert.Null(put.Error);
    }

    [Fact]
    public void ALaggardCatchesUpFromTheLog()
    {
        using TestCluster cluster = new TestCluster(3).Started();
        Node laggard = cluster.Followers.First();
        cluster.Network.Isolate(laggard.Id);
        for (int i = 0; i < 50; i++)
        {
            cluster.Put(cluster.Leader!, "k", $"{i}");
        }

        cluster.Network.Heal();
        cluster.Until(() => laggard.Get("k") == "49", "the laggard has everything");
        Assert.Empty(cluster.Network.Snapshots);
    }

    [Fact]
    public void ALaggardBehindTheLogGetsASnapshot()
    {
        using TestCluster cluster = new TestCluster(3, change: static o => o with
        {
            SnapshotCount = 20,
            SnapshotCatchupEntries = 5,
        }).Started();
        Node laggard = cluster.Followers.First();
        cluster.Put(laggard, "early", "1");
        cluster.Network.Isolate(laggard.Id);
        for (int i = 0; i < 80; i++)
        {
            cluster.Put(cluster.Leader!, $"k{i}", $"{i}");
        }

        Watching watch = laggard.WatchFrom(2);
        cluster.Network.Heal();
        cluster.Until(() => laggard.Get("k79") == "79", "the laggard has everything");
        cluster.Until(() => watch.Next == laggard.Revision + 1, "its watcher has seen everything");
        Assert.NotEmpty(cluster.Network.Snapshots);
        Assert.Equal("1", laggard.Get("early"));
        Assert.Equal(cluster.Leader!.Revision, laggard.Revision);
        cluster.Put(laggard, "after", "1");

        // And what it took over survives it.
        laggard.Kill();
        Assert.Null(laggard.Start());
        cluster.Until(() => laggard.Server.IsReady && laggard.Get("after") == "1", "the laggard is back");
        Assert.Equal("79", laggard.Get("k79"));
        Assert.Equal(3, laggard.Server.Members.Members.Count);
    }

    [Fact]
    public void LeasesAreKeptAliveThroughAnyMemberAndRunOutOnTheLeader()
    {
        using TestCluster cluster = new TestCluster(3).Started();
        Node follower = cluster.Followers.First();
        var grant = new EtcdAot.Wire.Etcdserverpb.LeaseGrantRequest { ID = 7, TTL = 5 };
        Assert.Null(cluster.Done(follower.Propose(EtcdAot.Wire.Codecs.RaftOp.LeaseGrant, grant), static p => p.Done).Error);
        for (int i = 0; i < 5; i++)
        {
            cluster.Run(2000);
            Assert.Equal(5, Renew(cluster, follower, 7));
        }

        Assert.Equal(0, Renew(cluster, follower, 8));
        cluster.Run(8000);
        Assert.Equal(0, Renew(cluster, follower, 7));
    }

    private static long Renew(TestCluster cluster, Node node, long lease)
    {
        var renewal = new Renewal();
        var asked = new LeaseRenewals(renewal) { Loop = node.Loop, StartNanos = cluster.Network.Now };
        asked.Add(lease);
        node.Server.Ask(asked);
        cluster.Done(renewal, static r => r.Done);
        Assert.Null(asked.Error);
        return asked.TtlOf(0);
    }

    private sealed class Renewal : EtcdAot.Net.ILoopWork
    {
        public bool Done { get; private set; }

        public void Run() => Done = true;
    }
}
