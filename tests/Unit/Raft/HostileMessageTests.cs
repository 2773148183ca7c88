using EtcdAot.Raft;
using EtcdAot.Sys;
using EtcdAot.Wire;
using EtcdAot.Wire.Raftpb;

namespace EtcdAot.Tests.Unit.Raft;

/// <summary>Goal: nothing that a peer sends makes a node throw, keep without bound, or lose what is committed.</summary>
public class HostileMessageTests
{
    [Fact]
    public void HeartbeatThatCommitsWhatIsNotHereIsAFault()
    {
        RaftNode node = Follower();
        RaftMessage m = FromLeader(MessageType.MsgHeartbeat) with { Commit = 100 };
        Assert.Equal(StepResult.Fault, node.Step(in m));
        Assert.Equal(RaftFault.CommitOutOfRange, node.Fault);
        Assert.Equal(1ul, node.Committed);
    }

    [Fact]
    public void AnAppendBelowTheCommitIsAnsweredAndNotTaken()
    {
        RaftNode node = Follower();
        RaftMessage first = Append(1, 1, commit: 3, (2, 2), (2, 3));
        Assert.Equal(StepResult.Ok, node.Step(in first));
        Drain(node, out _);
        RaftMessage overwrites = Append(1, 1, commit: 3, (3, 2));
        Assert.Equal(StepResult.Ok, node.Step(in overwrites));
        Assert.Equal(2ul, node.Log.At(2).Term);
        RaftMessage answer = Drain(node, out _)[0];
        Assert.False(answer.Reject);
        Assert.Equal(3ul, answer.Index);
    }

    [Fact]
    public void CommitsOnlyWhatTheAppendReached()
    {
        // The entries behind index 1 may be another leader's: the commit index of this one does not speak of them (§5.3).
        RaftNode node = Follower();
        RaftMessage stale = Append(1, 1, commit: 1, (2, 2), (2, 3));
        node.Step(in stale);
        RaftMessage empty = Append(1, 1, commit: 3);
        node.Step(in empty);
        Assert.Equal(1ul, node.Committed);
    }

    [Theory]
    [InlineData(2ul, 4ul)]
    [InlineData(0ul, 2ul)]
    [InlineData(9ul, 2ul)]
    [InlineData(2ul, ulong.MaxValue)]
    public void UnsoundEntriesAreRefused(ulong term, ulong index)
    {
        RaftNode node = Follower();
        RaftMessage m = Append(1, 1, commit: 1, (term, index));
        Assert.Equal(StepResult.Malformed, node.Step(in m));
        Assert.Equal(1ul, node.Log.LastIndex);
    }

    [Fact]
    public void RejectNamesTheTermWhereTheLogsMayMeet()
    {
        RaftNode node = Follower();
        RaftMessage m = Append(1, 1, commit: 1, (2, 2), (2, 3), (3, 4), (3, 5)) with { Term = 3 };
        node.Step(in m);
        Drain(node, out _);
        RaftMessage probe = Append(9, 2, commit: 1) with { Term = 4 };
        node.Step(in probe);
        RaftMessage answer = Drain(node, out _)[0];
        Assert.True(answer.Reject);
        Assert.Equal((9ul, 3ul, 2ul), (answer.Index, answer.RejectHint, answer.LogTerm));
    }

    [Fact]
    public void LeaderSurvivesStrangeAnswers()
    {
        RaftNode node = Leader();
        RaftMessage[] strange =
        [
            new() { Type = MessageType.MsgAppResp, From = 2, Term = 2, Index = 1000 },
            new() { Type = MessageType.MsgAppResp, From = 2, Term = 2, Index = 1000, Reject = true, RejectHint = ulong.MaxValue },
            new() { Type = MessageType.MsgAppResp, From = 2, Term = 2, Index = 1, Reject = true, RejectHint = ulong.MaxValue, LogTerm = 1 },
            new() { Type = MessageType.MsgHeartbeatResp, From = 2, Term = 2, Context = [1] },
            new() { Type = MessageType.MsgReadIndex, From = 2 },
            new() { Type = MessageType.MsgReadIndex, From = 2, Entries = [default], EntryCount = 1 },
            new() { Type = MessageType.MsgReadIndexResp, From = 2, Term = 2 },
            new() { Type = MessageType.MsgApp, From = 2, Term = 2 },
            new() { Type = MessageType.MsgSnap, From = 2, Term = 2 },
            new() { Type = MessageType.MsgProp, From = 2, Entries = [new LogEntry { Kind = EntryKind.ConfChangeV2 }], EntryCount = 1 },
            new() { Type = MessageType.MsgTransferLeader, From = 99, Term = 2 },
            new() { Type = (MessageType)77, From = 2, Term = 2 },
            new() { Type = MessageType.MsgHup, From = 2, Term = 2 },
            new() { Type = MessageType.MsgAppResp, From = 99, Term = 50 },
            new() { Type = MessageType.MsgVote, From = 99, Term = 50 },
            new() { Type = MessageType.MsgAppResp, From = 2 },
        ];
        foreach (RaftMessage m in strange)
        {
            Assert.NotEqual(StepResult.Fault, node.Step(in m));
        }

        Assert.Equal(RaftRole.Leader, node.Role);
        Assert.Equal(2ul, node.Term);
        node.TakeReady();
    }

    [Fact]
    public void RandomMessagesNeverThrow()
    {
        var dice = new SeededRandomness(42);
        for (int run = 0; run < 200; run++)
        {
            RaftNode node = run % 2 == 0 ? Follower() : Leader();
            for (int i = 0; i < 300 && node.Fault == RaftFault.None; i++)
            {
                RaftMessage m = Random(dice);
                node.Step(in m);
                Drain(node, out _);
            }
        }
    }

    [Fact]
    public void ReadsThatNobodyConfirmsAreBounded()
    {
        RaftNode node = Leader();
        RaftMessage ack = new() { Type = MessageType.MsgAppResp, From = 2, Term = 2, Index = 2 };
        node.Step(in ack);
        for (ulong i = 0; i < RaftLimits.PendingReads; i++)
        {
            Assert.Equal(ProposeResult.Ok, node.ReadIndex(i));
        }

        Assert.Equal(ProposeResult.Dropped, node.ReadIndex(RaftLimits.PendingReads));
    }

    [Fact]
    public void EveryCountIsGivenBack()
    {
        NativeSlab slab = NativeSlab.Allocate(8);
        var slice = new SlabSlice(slab, 0, 8);
        RaftNode leader = Leader();
        for (int i = 0; i < 5; i++)
        {
            slice.AddReference();
            leader.Propose(slice);
        }

        RaftMessage[] sent = Drain(leader, out _);
        RaftNode follower = Follower();
        foreach (RaftMessage m in sent)
        {
            if (m.To == 2)
            {
                RaftMessage mine = m with { To = 1, From = 2 };
                follower.Step(in mine);
            }

            m.Release();
        }

        RaftMessage conflict = Append(1, 1, commit: 1, (3, 2)) with { Term = 3 };
        follower.Step(in conflict);
        follower.Close();
        leader.Close();
        Assert.Equal(1, slab.ReferenceCount);
        slab.Release();
    }

    private static RaftMessage Random(SeededRandomness dice)
    {
        ulong Small() => dice.NextUInt64() % 16 == 0 ? dice.NextUInt64() : dice.NextUInt64() % 6;
        int count = dice.Below(4);
        ulong index = Small();
        var entries = new LogEntry[count];
        for (int i = 0; i < count; i++)
        {
            entries[i] = new LogEntry { Term = Small(), Index = dice.Below(4) == 0 ? Small() : index + (ulong)i + 1, Kind = (EntryKind)dice.Below(4) };
        }

        return new RaftMessage
        {
            Type = (MessageType)dice.Below(25),
            From = Small(),
            Term = Small() % 1000,
            LogTerm = Small(),
            Index = index,
            Commit = Small(),
            Entries = entries,
            EntryCount = count,
            Reject = dice.Below(2) == 0,
            RejectHint = Small(),
            Context = dice.Below(2) == 0 ? null : new byte[dice.Below(20)],
            Snapshot = dice.Below(4) > 0 ? null : new RaftSnapshot(Small(), Small(), new ConfiguredMembers([1, 2], [3]), default),
        };
    }

    private static RaftMessage FromLeader(MessageType type) => new() { Type = type, From = 2, To = 1, Term = 2 };

    private static RaftMessage Append(ulong index, ulong term, ulong commit, params (ulong Term, ulong Index)[] entries)
    {
        return FromLeader(MessageType.MsgApp) with
        {
            Term = entries.Length == 0 ? 3 : Math.Clamp(entries[^1].Term, 2, 3),
            Index = index,
            LogTerm = term,
            Commit = commit,
            Entries = [.. entries.Select(e => new LogEntry { Term = e.Term, Index = e.Index })],
            EntryCount = entries.Length,
        };
    }

    private static RaftNode Follower()
    {
        return new RaftNode(new RaftConfig { Id = 1 }, new SeededRandomness(3), new RaftStart
        {
            State = new DurableState(1, 0, 1),
            SnapshotIndex = 1,
            SnapshotTerm = 1,
            Members = new ConfiguredMembers([1, 2, 3], []),
        });
    }

    private static RaftNode Leader()
    {
        RaftNode node = Follower();
        node.Campaign();
        RaftMessage preVote = new() { Type = MessageType.MsgPreVoteResp, From = 2, Term = 2 };
        node.Step(in preVote);
        Drain(node, out _);
        RaftMessage vote = new() { Type = MessageType.MsgVoteResp, From = 2, Term = 2 };
        node.Step(in vote);
        Drain(node, out _);
        Assert.Equal(RaftRole.Leader, node.Role);
        return node;
    }

    // Everything becomes durable and applied; returns what the node sends.
    private static RaftMessage[] Drain(RaftNode node, out int rounds)
    {
        var sent = new List<RaftMessage>();
        for (rounds = 0; node.HasReady && node.Fault == RaftFault.None; rounds++)
        {
            Assert.True(rounds < 1000, "rounds come to an end");
            Ready ready = node.TakeReady();
            sent.AddRange(ready.Messages);
            if (ready.Snapshot is { } snapshot)
            {
                node.OnApplied(snapshot.Index);
            }

            if (ready.Committed.Count > 0)
            {
                node.OnApplied(ready.Committed[ready.Committed.Count - 1].Index);
            }

            if (ready.Append.Identity != 0)
            {
                sent.AddRange(ready.Append.Answers ?? []);
                node.OnAppended(ready.Append.Answer);
            }
        }

        return [.. sent];
    }
}
