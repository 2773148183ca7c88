// One member: the node under test with a simulated log device and a state machine that only compares.
using EtcdAot.Raft;
using EtcdAot.Sys;
using EtcdAot.Wire;
using EtcdAot.Wire.Raftpb;

namespace EtcdAot.Tests.Model.Raft;

/// <summary>A member that runs or is down.</summary>
internal sealed class SimulatedMember(ulong id, Faults faults, Checker checker, Dice dice, Action<RaftMessage> send)
{
    private readonly Queue<LogEntry> _toApply = new();
    private readonly Queue<LogAppend> _synced = new();
    private RaftSnapshot? _snapshotToApply;
    private ulong _seenCommit;
    private bool _seenLeader;

    public ulong Id { get; } = id;

    public SimulatedDisk Disk { get; } = new();

    /// <summary>Null while the member is down.</summary>
    public RaftNode? Node { get; private set; }

    /// <summary>Until when the device answers nothing.</summary>
    public long HungUntil { get; set; }

    public ulong Applied { get; private set; }

    public void Start()
    {
        ulong least = Disk.Snapshot.Index;
        ulong most = Math.Max(least, Math.Min(Applied, Disk.State.Commit));
        Applied = least + (ulong)dice.Below((int)(most - least) + 1);
        ConfiguredMembers members = Applied == least ? Disk.Snapshot.Members : checker.MembersAt(Applied);
        Checker.That(Disk.LastIndex >= Applied, "what was applied is durable");
        Node = new RaftNode(faults.Config with { Id = Id }, dice, new RaftStart
        {
            State = Disk.State,
            SnapshotIndex = Disk.Snapshot.Index,
            SnapshotTerm = Disk.Snapshot.Term,
            Members = members,
            Entries = Disk.Log,
            Applied = Applied,
        });
        _seenCommit = Disk.Snapshot.Index;
        _seenLeader = false;
        Observe();
    }

    public void Crash()
    {
        Node!.Close();
        Node = null;
        Disk.Crash(dice);
        _toApply.Clear();
        _synced.Clear();
        _snapshotToApply = null;
    }

    public void Step(in RaftMessage m)
    {
        StepResult result = Node!.Step(in m);
        Checker.That(result is StepResult.Ok or StepResult.Ignored, $"{Id} finds {m.Type} of {m.From} {result} {Node.Fault}");
    }

    /// <summary>Takes one round and does what the server does with it.</summary>
    public void Round()
    {
        Observe();
        if (!Node!.HasReady)
        {
            return;
        }

        Ready ready = Node.TakeReady();
        ulong previous = ready.Append.FirstIndex - 1;
        for (int i = 0; i < ready.AppendEntries.Count; i++)
        {
            Node.Log.TryTerm(previous + (ulong)i, out ulong previousTerm);
            checker.Appended(previousTerm, in ready.AppendEntries[i]);
        }

        if (ready.Append.Identity != 0)
        {
            Disk.Write(ready.Append, ready.AppendEntries);
        }

        foreach (RaftMessage m in ready.Messages)
        {
            CheckDurable(in m);
            send(m);
        }

        foreach (ReadState read in ready.ReadStates)
        {
            checker.AnswerRead(read);
        }

        _snapshotToApply = ready.Snapshot ?? _snapshotToApply;
        for (int i = 0; i < ready.Committed.Count; i++)
        {
            _toApply.Enqueue(ready.Committed[i]);
        }

        if (!faults.LateApply || dice.Chance(3000))
        {
            Apply();
        }

        Checker.That(Node.Fault == RaftFault.None, $"{Id} has fault {Node.Fault}");
    }

    /// <summary>The device finishes its oldest write; the answer may come later.</summary>
    public void Sync()
    {
        if (Disk.Pending > 0)
        {
            LogAppend done = Disk.SyncOne();
            foreach (RaftMessage m in done.Answers ?? [])
            {
                CheckDurable(in m);
            }

            if (done.Identity != 0)
            {
                _synced.Enqueue(done);
            }
        }
    }

    /// <summary>The node hears of finished writes.</summary>
    public void Answer(bool skipSome)
    {
        while (_synced.TryDequeue(out LogAppend done))
        {
            foreach (RaftMessage m in done.Answers ?? [])
            {
                send(m);
            }

            if (!skipSome || _synced.Count == 0 || dice.Chance(5000))
            {
                Node!.OnAppended(done.Answer);
                Observe();
                if (skipSome && dice.Chance(3000))
                {
                    return;
                }
            }
        }
    }

    public void Apply()
    {
        if (_snapshotToApply is { } snapshot)
        {
            Checker.That(Disk.Holds(snapshot.Index, snapshot.Term), "a snapshot is durable before it is applied");
            Checker.That(checker.TermAt(snapshot.Index) == snapshot.Term, "a snapshot is of a committed entry");
            checker.AppliedMembers(snapshot.Index, snapshot.Members);
            // Entries that were handed out before it are part of it.
            while (_toApply.Count > 0 && _toApply.Peek().Index <= snapshot.Index)
            {
                _toApply.Dequeue();
            }

            Applied = snapshot.Index;
            _snapshotToApply = null;
            Node!.OnApplied(Applied);
        }

        while (_toApply.TryDequeue(out LogEntry entry))
        {
            Checker.That(entry.Index == Applied + 1, "entries are applied in order");
            Checker.That(Disk.Holds(entry.Index, entry.Term), $"{Id} applies {entry.Index}, which is not durable here");
            checker.Applied(entry.Index, entry.Term, entry.Data.Offset);
            if (entry.Kind == EntryKind.ConfChange)
            {
                checker.AppliedMembers(entry.Index, ApplyConfChange(entry.Data.Offset));
            }

            Applied = entry.Index;
            Node!.OnApplied(Applied);
        }
    }

    /// <summary>Local snapshot at the applied index, and the log in memory forgets all but a few entries.</summary>
    public void Compact()
    {
        RaftNode node = Node!;
        if (Applied > node.Log.FirstIndex && node.Log.TryTerm(Applied, out ulong term) && _snapshotToApply is null
            && node.Applied == Applied)
        {
            Disk.WriteCompaction(new RaftSnapshot(Applied, term, node.Members, default));
            ulong keep = (ulong)dice.Below(8);
            node.Compact(Applied > keep ? Applied - keep : 0);
        }
    }

    /// <summary>Holds what became true since the last look against the promises.</summary>
    public void Observe()
    {
        RaftNode node = Node!;
        bool leads = node.Role == RaftRole.Leader;
        if (leads && !_seenLeader)
        {
            checker.BecameLeader(node);
        }

        _seenLeader = leads;
        for (ulong i = _seenCommit + 1; i <= node.Committed; i++)
        {
            checker.Commit(node, i);
        }

        if (node.Committed > _seenCommit)
        {
            if (leads)
            {
                CommitNoticed?.Invoke(node);
            }

            _seenCommit = node.Committed;
        }
    }

    /// <summary>Called when a leader has committed more.</summary>
    public Action<RaftNode>? CommitNoticed { get; init; }

    // What the membership of the server does: it refuses, everywhere alike, to fall below the least number of voters.
    private ConfiguredMembers ApplyConfChange(int value)
    {
        (ConfChangeType type, ulong target) = Faults.DecodeConfChange(value);
        RaftNode node = Node!;
        bool shrinks = Array.IndexOf(node.Members.Voters, target) >= 0 && type != ConfChangeType.ConfChangeAddNode;
        return node.ApplyConfChange(type, shrinks && node.Members.Voters.Length <= faults.VotersMin ? 0 : target);
    }

    // At the moment of the write: a message may be late, and a later write may overwrite what it speaks of.
    private void CheckDurable(in RaftMessage m)
    {
        if (m is { Type: MessageType.MsgAppResp, Reject: false, Index: > 0 })
        {
            Checker.That(Disk.LastIndex >= m.Index, $"{Id} acknowledges {m.Index}, durable is {Disk.LastIndex}");
        }
        else if (m is { Type: MessageType.MsgVoteResp, Reject: false })
        {
            Checker.That(Promised(m.Term, m.To), "a vote is durable before it is told");
            checker.Voted(Id, m.Term, m.To);
        }
        else if (m.Type == MessageType.MsgVote)
        {
            Checker.That(Promised(m.Term, Id), "a candidate's own vote is durable before it asks for others");
            Checker.That(Disk.State.Term > m.Term || Disk.Holds(m.Index, m.LogTerm), "a candidate's log is durable");
            checker.Voted(Id, m.Term, Id);
        }
    }

    private bool Promised(ulong term, ulong candidate)
    {
        DurableState state = Disk.State;
        return state.Term > term || (state.Term == term && state.Vote == candidate);
    }
}
