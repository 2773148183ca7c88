using EtcdAot.Members;
using EtcdAot.Server;
using EtcdAot.Sys;
using EtcdAot.Wire;

namespace EtcdAot.Tests.Unit.Server.Cluster;

/// <summary>Carries what members send, in order, when the test delivers. Links can be cut one way.</summary>
internal sealed class PlainNetwork
{
    private readonly Queue<Action> _onTheWay = new();
    private readonly Dictionary<ulong, Node> _nodes = [];
    private readonly Dictionary<(ulong From, ulong To), long> _upSince = [];
    private readonly HashSet<(ulong From, ulong To)> _cut = [];

    public long Now { get; set; } = 1_000_000_000;

    /// <summary>Messages delivered, "MsgApp 1→2".</summary>
    public int Delivered { get; private set; }

    /// <summary>Draws what is lost, and what comes later than others; null for a good network.</summary>
    public IRandomness? Chaos { get; set; }

    public List<RaftMessage> Snapshots { get; } = [];

    public void Join(ulong id, Node node)
    {
        _nodes[id] = node;
        foreach (ulong other in _nodes.Keys)
        {
            _upSince[(id, other)] = Now;
            _upSince[(other, id)] = Now;
        }
    }

    public void Leave(ulong id) => _nodes.Remove(id);

    public void Cut(ulong from, ulong to)
    {
        _cut.Add((from, to));
        _upSince.Remove((from, to));
        _upSince.Remove((to, from));
    }

    public void Heal()
    {
        foreach ((ulong from, ulong to) in _cut)
        {
            _upSince[(from, to)] = Now;
            _upSince[(to, from)] = Now;
        }

        _cut.Clear();
    }

    /// <summary>Cuts both ways.</summary>
    public void Isolate(ulong id)
    {
        foreach (ulong other in _nodes.Keys.Where(o => o != id).ToArray())
        {
            Cut(id, other);
            Cut(other, id);
        }
    }

    /// <summary>Delivers what is on the way now.</summary>
    public void Deliver()
    {
        for (int i = _onTheWay.Count; i > 0; i--)
        {
            Action arrival = _onTheWay.Dequeue();
            if (Chaos?.Below(8) == 0)
            {
                _onTheWay.Enqueue(arrival);
            }
            else
            {
                arrival();
            }
        }
    }

    public long ActiveSince(ulong from, ulong to) =>
        _nodes.ContainsKey(from) && _nodes.ContainsKey(to) && _upSince.TryGetValue((from, to), out long since) ? since : 0;

    public void Post(ulong from, ulong to, Action<Node> deliver, Action lost)
    {
        _onTheWay.Enqueue(() =>
        {
            if (Chaos?.Below(50) == 0 || _cut.Contains((from, to)) || !_nodes.TryGetValue(to, out Node? node))
            {
                lost();
            }
            else
            {
                Delivered++;
                deliver(node);
            }
        });
    }
}

/// <summary>A member's way into the network.</summary>
internal sealed class PlainTransport(ulong self, PlainNetwork network, Func<EtcdServer> server) : IPeerTransport, IPeerCalls
{
    private readonly SortedDictionary<ulong, IReadOnlyList<string>> _peers = [];
    private readonly SortedSet<ulong> _remotes = [];

    public IReadOnlyDictionary<ulong, IReadOnlyList<string>> Peers => _peers;

    public List<string> Events { get; } = [];

    public void Send(in RaftMessage message)
    {
        RaftMessage sent = message;
        if (!_peers.ContainsKey(sent.To) && !_remotes.Contains(sent.To))
        {
            sent.Release();
            return;
        }

        network.Post(self, sent.To,
            node =>
            {
                if (node.Server.IsRemoved(self))
                {
                    sent.Release();
                }
                else
                {
                    // Whoever calls is known from then on (spec cluster §2.12).
                    node.Transport.AddRemote(self, []);
                    node.Server.Receive(sent);
                }
            },
            () =>
            {
                sent.Release();
                server().ReportUnreachable(sent.To);
            });
    }

    public void SendSnapshot(in RaftMessage message, DatabaseCopy database)
    {
        RaftMessage sent = message;
        byte[] bytes = new byte[database.Length];
        Assert.Null(database.Read(0, bytes));
        database.Dispose();
        network.Snapshots.Add(sent);
        network.Post(self, sent.To,
            node =>
            {
                using (EtcdAot.Wal.ReceivedDatabase? received = node.Server.ReceiveDatabase(sent.Snapshot!.Index, out string? error))
                {
                    Assert.Null(error);
                    Assert.False(received!.Write(bytes).Failed);
                    Assert.False(received.Finish().Failed);
                }

                node.Server.Receive(sent);
                server().ReportSnapshot(sent.To, delivered: true);
            },
            () =>
            {
                sent.Release();
                server().ReportSnapshot(sent.To, delivered: false);
            });
    }

    public void AddPeer(ulong id, IReadOnlyList<string> peerUrls)
    {
        Events.Add($"add {id:x}");
        _peers[id] = peerUrls;
    }

    public void AddRemote(ulong id, IReadOnlyList<string> peerUrls) => _remotes.Add(id);

    public void UpdatePeer(ulong id, IReadOnlyList<string> peerUrls) => _peers[id] = peerUrls;

    public void RemovePeer(ulong id)
    {
        Events.Add($"remove {id:x}");
        _peers.Remove(id);
        _remotes.Remove(id);
    }

    public void RemoveAllPeers() => _peers.Clear();

    public long ActiveSince(ulong id) => network.ActiveSince(self, id);

    public void AskVersions(IReadOnlyList<Member> members, Action<string?[]> done)
    {
        var answers = new string?[members.Count];
        int left = members.Count;
        for (int i = 0; i < members.Count; i++)
        {
            int at = i;
            network.Post(self, members[i].Id, _ => Answer(at, EtcdVersion.Server), () => Answer(at, null));
        }

        void Answer(int at, string? version)
        {
            answers[at] = version;
            if (--left == 0)
            {
                done(answers);
            }
        }
    }

    public void RenewLease(IReadOnlyList<string> leaderUrls, long lease, Action<LeaseCallAnswer> done)
    {
        Ask(leaderUrls, new Renewal(lease, done), () => done(new LeaseCallAnswer(PeerCallOutcome.Failed, 0, 0, [])));
    }

    public void AskLease(IReadOnlyList<string> leaderUrls, long lease, bool keys, Action<LeaseCallAnswer> done)
    {
        done(new LeaseCallAnswer(PeerCallOutcome.Failed, 0, 0, []));
    }

    public void Promote(IReadOnlyList<string> leaderUrls, ulong id, Action<PeerCallOutcome> done)
    {
        Ask(leaderUrls, new Promotion(id, done), () => done(PeerCallOutcome.Failed));
    }

    private void Ask(IReadOnlyList<string> urls, ILoopSlot slot, Action failed)
    {
        ulong to = _peers.First(p => p.Value.SequenceEqual(urls)).Key;
        network.Post(self, to, node => slot.Begin(node), failed);
    }

    private interface ILoopSlot
    {
        void Begin(Node node);
    }

    private sealed class Renewal(long lease, Action<LeaseCallAnswer> done) : EtcdAot.Net.ILoopWork, ILoopSlot
    {
        private LeaseRenewals? _renewals;

        public void Begin(Node node)
        {
            _renewals = new LeaseRenewals(this) { Loop = node.Loop, StartNanos = node.Loop.NowNanos };
            _renewals.Add(lease);
            node.Server.Ask(_renewals);
        }

        public void Run()
        {
            done(_renewals!.Error is not null ? new LeaseCallAnswer(PeerCallOutcome.Failed, 0, 0, [])
                : _renewals.TtlOf(0) == 0 ? new LeaseCallAnswer(PeerCallOutcome.NotFound, 0, 0, [])
                : new LeaseCallAnswer(PeerCallOutcome.Ok, _renewals.TtlOf(0), 0, []));
        }
    }

    private sealed class Promotion(ulong id, Action<PeerCallOutcome> done) : MemberRequest, ILoopSlot
    {
        public void Begin(Node node)
        {
            (Action, MemberId, Loop, StartNanos) = (MemberAction.Promote, id, node.Loop, node.Loop.NowNanos);
            node.Server.Change(this);
        }

        public override void Run()
        {
            done(Error is null ? PeerCallOutcome.Ok
                : ReferenceEquals(Error, EtcdError.MemberNotLearner) ? PeerCallOutcome.NotLearner
                : ReferenceEquals(Error, EtcdError.LearnerNotReady) ? PeerCallOutcome.LearnerNotReady
                : ReferenceEquals(Error, EtcdError.MemberNotFound) ? PeerCallOutcome.NotFound : PeerCallOutcome.Failed);
        }
    }
}
