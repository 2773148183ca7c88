using System.Globalization;
using EtcdAot.Server;
using EtcdAot.Sys;
using EtcdAot.Tests.Unit.Raft;
using EtcdAot.Wire.Codecs;
using EtcdAot.Wire.Etcdserverpb;
using Google.Protobuf;

namespace EtcdAot.Tests.Unit.Server.Cluster;

/// <summary>Goal: through kills, partitions, hanging disks, transfers and snapshots nothing acknowledged is lost, no read is
/// stale, no event is missed or comes twice, and afterwards all members are the same. Small sister of the simulator: faults drawn from fixed seeds.</summary>
public sealed class StormTests
{
    private const string Register = "register";
    private const string Deleted = "deleted";

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    [InlineData(4)]
    public void NothingAcknowledgedIsLost(ulong seed)
    {
        using TestCluster cluster = new TestCluster(3, seed, static o => o with
        {
            SnapshotCount = 30,
            SnapshotCatchupEntries = 10,
        }).Started();
        var storm = new Storm(cluster, seed);
        for (int i = 0; i < 120; i++)
        {
            storm.Act();
        }

        storm.Calm();
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    public void MembersComeAndGoUnderLoad(ulong seed)
    {
        using TestCluster cluster = new TestCluster(1, seed, static o => o with
        {
            SnapshotCount = 20,
            SnapshotCatchupEntries = 5,
            StrictReconfigCheck = false,
        }).Started();
        var random = new SeededRandomness(seed * 104729);
        var kept = new List<string>();
        for (int i = 0; i < 40; i++)
        {
            Change(cluster, random, i);
            for (int j = 0; j < 5; j++)
            {
                cluster.Until(() => cluster.Leader is not null, "somebody leads");
                string key = $"k{i}.{j}";
                Pending put = cluster.Nodes.Where(static n => n.IsUp).ElementAt(random.Below(cluster.Up.Count())).Put(key, key);
                cluster.Done(put, static p => p.Done);
                if (put.Error is null)
                {
                    kept.Add(key);
                }
            }
        }

        Node[] down = [.. cluster.Nodes.Where(static n => !n.IsUp && !n.WasToldToStop)];
        Assert.All(down, static n => Assert.Null(n.Start()));
        cluster.Until(() => cluster.Leader is not null && cluster.Up.All(static n => n.Server.IsReady), "all are ready");
        cluster.Put(cluster.Leader!, "last", "1");
        cluster.Until(() => cluster.Up.All(static n => n.Get("last") == "1"), "all have the last write");
        Assert.True(kept.Count > 150, $"only {kept.Count} writes got through");
        (uint Hash, long Compacted) hash = cluster.Leader!.HashKv();
        foreach (Node node in cluster.Up)
        {
            Assert.Equal(hash, node.HashKv());
            Assert.All(kept, key => Assert.Equal(key, node.Get(key)));
            Assert.Equal(
                cluster.Leader.Server.Members.Members.Select(static m => m.Id), node.Server.Members.Members.Select(static m => m.Id));
        }

        Assert.Equal(cluster.Up.Count(), cluster.Leader.Server.Members.Members.Count);
    }

    private static void Change(TestCluster cluster, SeededRandomness random, int number)
    {
        Node leader = cluster.Leader!;
        int members = cluster.Up.Count();
        switch (random.Below(4))
        {
            case 0 or 1 when members < 4:
                string url = $"http://10.0.1.{number}:2380";
                if (cluster.Done(leader.Change(MemberAction.Add, 0, url), static c => c.Done).Error is null)
                {
                    Node joiner = cluster.Joiner($"j{number}", url, (ulong)number + 1000);
                    Assert.Null(joiner.Start());
                    cluster.Until(() => joiner.Server.IsReady, "the new member is ready");
                }

                break;
            case 2 when members > 1:
                Node leaver = cluster.Up.ElementAt(random.Below(members));
                if (cluster.Done(leader.Change(MemberAction.Remove, leaver.Id), static c => c.Done).Error is null)
                {
                    cluster.Until(() => leaver.WasToldToStop, "the removed member stops");
                    leaver.Kill();
                }

                break;
            default:
                Node victim = cluster.Up.ElementAt(random.Below(members));
                victim.Kill();
                cluster.Run(random.Below(2000));
                Assert.Null(victim.Start());
                break;
        }
    }

    private sealed class Storm(TestCluster cluster, ulong seed)
    {
        private readonly SeededRandomness _random = new(seed * 7919);
        private readonly List<(string Key, Pending Put, Node Node)> _puts = [];
        private readonly List<string> _acknowledged = [];
        private readonly List<(Reading Read, Node Node, int AtLeast, EtcdServer Life)> _reads = [];
        private (int Value, Pending Put, Node Node)? _writing;
        private int _written;
        private int _register;
        private int _keys;

        public void Act()
        {
            Node node = cluster.Nodes[_random.Below(cluster.Nodes.Count)];
            switch (_random.Below(18))
            {
                case 0 when cluster.Up.Count() == 3:
                    node.Kill();
                    break;
                case 1 or 2:
                    foreach (Node down in cluster.Nodes.Where(static n => !n.IsUp))
                    {
                        Assert.Null(down.Start());
                    }

                    break;
                case 3 when node.IsUp:
                    cluster.Network.Isolate(node.Id);
                    break;
                case 4 or 5:
                    cluster.Network.Heal();
                    break;
                case 6:
                    node.DiskHangs = !node.DiskHangs && cluster.Nodes.TrueForAll(static n => !n.DiskHangs);
                    break;
                case 8 when node.IsUp:
                    cluster.Network.Cut(node.Id, cluster.Up.First().Id);
                    break;
                case 9:
                    cluster.Network.Chaos = cluster.Network.Chaos is null ? _random : null;
                    break;
                case 10 when node is { IsUp: true, Watch: null }:
                    _ = node.WatchFrom(node.Revision + 1);
                    break;
                case 11 when cluster.Leader is { } leader:
                    // Cut off and stopped it does not see that its time is over.
                    cluster.Network.Isolate(leader.Id);
                    leader.IsPaused = true;
                    break;
                case 12:
                    cluster.Nodes.ForEach(static n => n.IsPaused = false);
                    break;
                case 13 when node.IsUp:
                    _ = node.Propose(RaftOp.Compaction, new CompactionRequest { Revision = node.Revision - 20 });
                    break;
                case 14 when node.IsUp:
                    _ = node.Propose(RaftOp.DeleteRange, new DeleteRangeRequest { Key = ByteString.CopyFromUtf8(Deleted) });
                    break;
                case 7 when node.Leads:
                    _ = node.MoveLeader(0);
                    break;
                default:
                    break;
            }

            for (int i = 0; i < 3; i++)
            {
                Ask(cluster.Nodes[_random.Below(cluster.Nodes.Count)]);
                cluster.Run(20 + (_random.Below(20) * 5));
                Look();
            }
        }

        public void Calm()
        {
            cluster.Network.Heal();
            cluster.Network.Chaos = null;
            foreach (Node node in cluster.Nodes)
            {
                node.DiskHangs = false;
                node.IsPaused = false;
                if (!node.IsUp)
                {
                    Assert.Null(node.Start());
                }
            }

            cluster.Until(() => cluster.Leader is not null && cluster.Nodes.TrueForAll(static n => n.Server.IsReady), "all are back");

            // What is still on its way ends within the time limit of a request.
            cluster.Run(8000);
            cluster.Put(cluster.Leader!, "last", "1");
            cluster.Until(() => cluster.Nodes.TrueForAll(static n => n.Get("last") == "1"), "all have the last write");
            Look();
            Assert.True(_acknowledged.Count > 20, $"only {_acknowledged.Count} writes got through");
            (uint Hash, long Compacted) hash = cluster.Nodes[0].HashKv();
            foreach (Node node in cluster.Nodes)
            {
                Assert.Equal(hash, node.HashKv());
                Assert.Equal(cluster.Nodes[0].Revision, node.Revision);
                Assert.True(node.Watch is null or { WasOvertaken: true } || node.Watch.Next == node.Revision + 1,
                    "the watcher has seen everything");
                Assert.All(_acknowledged, key => Assert.Equal(key, node.Get(key)));
                Assert.Equal(cluster.Nodes[0].Get(Register), node.Get(Register));
                for (int i = 0; i < _keys; i++)
                {
                    Assert.Equal(cluster.Nodes[0].Get($"k{i}"), node.Get($"k{i}"));
                }
            }
        }

        private void Ask(Node node)
        {
            if (!node.IsUp)
            {
                return;
            }

            string key = $"k{_keys++}";
            _puts.Add((key, node.Put(key, key), node));
            _ = node.Put(Deleted, key);
            if (_writing is null)
            {
                _written++;
                _writing = (_written, node.Put(Register, _written.ToString("d6", CultureInfo.InvariantCulture)), node);
            }

            Node reader = cluster.Nodes[_random.Below(cluster.Nodes.Count)];
            if (reader.IsUp)
            {
                _reads.Add((reader.Read(), reader, _register, reader.Server));
            }
        }

        private void Look()
        {
            _puts.RemoveAll(p =>
            {
                if (p.Put is { Done: true, Error: null })
                {
                    _acknowledged.Add(p.Key);
                }

                return p.Put.Done;
            });
            if (_writing is { } writing && (writing.Put.Done || !writing.Node.IsUp))
            {
                _register = writing.Put is { Done: true, Error: null } ? writing.Value : _register;
                _writing = null;
            }

            _reads.RemoveAll(r =>
            {
                if (r.Read is { Done: true, Error: null } && r.Node.IsUp && ReferenceEquals(r.Node.Server, r.Life))
                {
                    int seen = int.Parse(r.Node.Get(Register) ?? "0", CultureInfo.InvariantCulture);
                    Assert.True(seen >= r.AtLeast, $"{r.Node.Options.Name} read {seen}, {r.AtLeast} was acknowledged before");
                }

                return r.Read.Done;
            });
        }
    }
}
