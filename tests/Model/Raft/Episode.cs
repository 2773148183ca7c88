// One run from one seed: a cluster, a network that loses, doubles and reorders, devices that are late, members that crash, come
// and go; then a quiet phase in which everything must come to its end.
using EtcdAot.Raft;
using EtcdAot.Sys;
using EtcdAot.Wire;
using EtcdAot.Wire.Raftpb;

namespace EtcdAot.Tests.Model.Raft;

/// <summary>A random walk of a cluster.</summary>
internal sealed class Episode
{
    private const int QueueMax = 200;

    private readonly Dice _dice;
    private readonly Faults _faults;
    private readonly Checker _checker = new();
    private readonly SimulatedMember[] _members;
    private readonly Queue<RaftMessage>[] _network;

    // Members of different sides do not hear each other.
    private readonly int[] _side;
    private long _step;
    private int _nextValue = 1;
    private bool _quiet;

    public Episode(ulong seed, int voters)
    {
        _dice = new Dice(seed);
        _faults = new Faults(_dice);
        LogEntry[] bootstrap = [.. Enumerable.Range(1, voters).Select(BootstrapEntry)];
        // Two more machines may join.
        _members = new SimulatedMember[voters + 2];
        _network = new Queue<RaftMessage>[_members.Length];
        _side = new int[_members.Length];
        for (int i = 0; i < _members.Length; i++)
        {
            _network[i] = new Queue<RaftMessage>();
            _members[i] = new SimulatedMember((ulong)i + 1, _faults, _checker, _dice, Send) { CommitNoticed = CheckQuorumHolds };
            if (i < voters)
            {
                _members[i].Disk.Format(bootstrap);
            }

            _members[i].Start();
        }
    }

    public ulong Committed => _checker.LastCommitted;

    public long Reads => _checker.Reads;

    public void Run(long steps)
    {
        for (_step = 0; _step < steps; _step++)
        {
            Act();
        }

        CalmDown();
    }

    // As etcd's static bootstrap: each member begins with the same committed conf changes.
    private static LogEntry BootstrapEntry(int id)
    {
        int value = Faults.EncodeConfChange(ConfChangeType.ConfChangeAddNode, (ulong)id);
        return new LogEntry { Kind = EntryKind.ConfChange, Term = 1, Index = (ulong)id, Data = new SlabSlice(null, value, 0) };
    }

    private void Act()
    {
        SimulatedMember member = _members[_dice.Below(_members.Length)];
        if (member.Node is null)
        {
            if (_dice.Chance(200))
            {
                member.Start();
            }

            return;
        }

        int what = _dice.Below(100);
        if (what < 62)
        {
            Deliver(member);
        }
        else if (what < 68)
        {
            member.Node.Tick();
        }
        else if (what < 82)
        {
            if (_step >= member.HungUntil && !_dice.Chance(_faults.SlowDisk))
            {
                member.Sync();
            }
        }
        else if (what < 92)
        {
            member.Answer(_faults.SkipAnswers);
        }
        else if (what < 97)
        {
            Propose(member);
        }
        else
        {
            Disturb(member);
        }

        if (member.Node is null)
        {
            return;
        }

        if (_dice.Chance(9000))
        {
            member.Round();
        }

        if (_faults.LateApply && _dice.Chance(1000))
        {
            member.Apply();
        }

        if (IsRemovedLeader(member) && _dice.Chance(500))
        {
            member.Crash();
        }
    }

    // It leads on without a say until its server stops it, as etcd's does a second after the removal.
    private static bool IsRemovedLeader(SimulatedMember member)
    {
        return member.Node is { Role: RaftRole.Leader } node && node.FindProgress(node.Id) is null;
    }

    private void Disturb(SimulatedMember member)
    {
        RaftNode node = member.Node!;
        // The rates are per step; only 3 in 100 steps come here.
        if (Draw(_faults.Crash))
        {
            member.Crash();
        }
        else if (Draw(_faults.Reboot))
        {
            member.Crash();
            member.Start();
        }
        else if (Draw(_faults.Duel))
        {
            TakeOver(member);
            TakeOver(_members[_dice.Below(_members.Length)]);
        }
        else if (Draw(_faults.Hang))
        {
            member.HungUntil = _step + _dice.Below(5000);
        }
        else if (Draw(_faults.Partition))
        {
            bool heal = _dice.Chance(4000);
            for (int i = 0; i < _side.Length; i++)
            {
                _side[i] = heal ? 0 : _dice.Below(2);
            }
        }
        else if (Draw(_faults.MemberChange))
        {
            var type = (ConfChangeType)_dice.Below(4);
            int value = Faults.EncodeConfChange(type, (ulong)_dice.Below(_members.Length) + 1);
            node.ProposeConfChange(new SlabSlice(null, value, 0));
        }
        else if (Draw(_faults.Transfer))
        {
            node.TransferLeader((ulong)_dice.Below(_members.Length) + 1);
        }
        else if (Draw(_faults.Campaign))
        {
            node.Campaign();
        }
        else if (Draw(_faults.Compaction))
        {
            member.Compact();
        }
        else if (Draw(_faults.Read))
        {
            node.ReadIndex(_checker.AskRead());
        }
    }

    private void TakeOver(SimulatedMember member)
    {
        if (member.Node is { Term: > 0 } node)
        {
            ulong from = (node.Id % (ulong)_members.Length) + 1;
            member.Step(new RaftMessage { Type = MessageType.MsgTimeoutNow, From = from, To = node.Id, Term = node.Term });
        }
    }

    private bool Draw(int perTenThousandSteps) => _dice.Chance(perTenThousandSteps * 100 / 3);

    private void Propose(SimulatedMember member)
    {
        for (int i = _dice.Below(5); i >= 0; i--)
        {
            member.Node!.Propose(new SlabSlice(null, _nextValue++, 0));
        }
    }

    private void Deliver(SimulatedMember member)
    {
        Queue<RaftMessage> queue = _network[member.Id - 1];
        if (queue.Count == 0)
        {
            return;
        }

        if (!_quiet && _dice.Chance(_faults.Reordering))
        {
            queue.Enqueue(queue.Dequeue());
        }

        RaftMessage m = queue.Dequeue();
        member.Step(in m);
        member.Observe();
        if (m.Type == MessageType.MsgSnap)
        {
            _members[m.From - 1].Node?.ReportSnapshot(m.To, delivered: true);
        }

        if (!_quiet && _dice.Chance(_faults.Duplication))
        {
            queue.Enqueue(m);
        }
        else
        {
            m.Release();
        }
    }

    private void Send(RaftMessage m)
    {
        Queue<RaftMessage> queue = _network[m.To - 1];
        bool lost = !_quiet && (_dice.Chance(_faults.Loss) || _side[m.To - 1] != _side[m.From - 1] || queue.Count >= QueueMax);
        if (!lost)
        {
            queue.Enqueue(m);
            return;
        }

        m.Release();
        RaftNode? sender = _members[m.From - 1].Node;
        if (m.Type == MessageType.MsgSnap)
        {
            sender?.ReportSnapshot(m.To, delivered: false);
        }
        else if (_dice.Chance(2000))
        {
            sender?.ReportUnreachable(m.To);
        }
    }

    // A commit of a leader stands on the devices of a quorum, not in memories.
    private void CheckQuorumHolds(RaftNode leader)
    {
        ulong index = leader.Committed;
        leader.Log.TryTerm(index, out ulong term);
        int holding = 0;
        foreach (ulong voter in leader.Members.Voters)
        {
            holding += _members[voter - 1].Disk.Holds(index, term) ? 1 : 0;
        }

        Checker.That(holding >= Quorum.Size(leader.Members.Voters.Length),
            $"{leader.Id} commits {index} (term {term}) that is durable on {holding} of {leader.Members.Voters.Length} voters");
    }

    // Faults off: within a bounded time there is one leader, and all it takes is applied by every member.
    private void CalmDown()
    {
        _quiet = true;
        foreach (SimulatedMember member in _members)
        {
            if (member.Node is null)
            {
                member.Start();
            }
        }

        int proposed = 0;
        for (int tick = 0; tick < 2000; tick++)
        {
            QuietTick();
            SimulatedMember? leader = _members.Where(m => m.Node is { Role: RaftRole.Leader }).MaxBy(m => m.Node!.Term);
            if (leader is null || tick < 50)
            {
                continue;
            }

            if (proposed < 20)
            {
                proposed += leader.Node!.Propose(new SlabSlice(null, _nextValue++, 0)) == ProposeResult.Ok ? 1 : 0;
            }
            else if (IsSettled(leader))
            {
                return;
            }
        }

        Checker.That(_faults.VotersMin == 1, "with the faults off everything commits and is applied by all within 2000 ticks\n" + Describe());
    }

    private void QuietTick()
    {
        foreach (SimulatedMember member in _members)
        {
            if (IsRemovedLeader(member))
            {
                member.Crash();
            }

            member.Node?.Tick();
            for (int pass = 0; pass < 3 && member.Node is not null; pass++)
            {
                member.Apply();
                while (member.Node.HasReady)
                {
                    member.Round();
                    member.Apply();
                }

                while (member.Disk.Pending > 0)
                {
                    member.Sync();
                }

                member.Answer(skipSome: false);
                while (_network[member.Id - 1].Count > 0)
                {
                    Deliver(member);
                }
            }
        }
    }

    private bool IsSettled(SimulatedMember leader)
    {
        RaftNode node = leader.Node!;
        ulong last = node.Log.LastIndex;
        foreach (ulong id in node.Members.Voters.Concat(node.Members.Learners))
        {
            if (_members[id - 1].Applied != last)
            {
                return false;
            }
        }

        return leader.Applied == last;
    }

    private string Describe()
    {
        return string.Join('\n', _members.Where(m => m.Node is not null).Select(m => $"{m.Id}: {m.Node!.Role} term {m.Node.Term} leader {m.Node.Leader} log "
            + $"{m.Node.Log.FirstIndex}..{m.Node.Log.LastIndex} committed {m.Node.Committed} durable {m.Node.Log.Durable} applied "
            + $"{m.Applied} voters [{string.Join(',', m.Node.Members.Voters)}] learners [{string.Join(',', m.Node.Members.Learners)}]"));
    }
}
