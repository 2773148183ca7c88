using System.Text;
using EtcdAot.Raft;
using EtcdAot.Sys;
using EtcdAot.Wire;
using EtcdAot.Wire.Raftpb;

namespace EtcdAot.Tests.Unit.Raft;

/// <summary>Goal: a member alone leads, commits and applies without a tick, waits for its disk and nothing else, and costs no
/// garbage while it does.</summary>
public sealed class SoleVoterTests : IDisposable
{
    private readonly SlabArena _arena = new();

    public void Dispose() => _arena.Dispose();

    [Fact]
    public void CampaignsAtOnceAndLeadsWhenItsVoteIsDurable()
    {
        RaftNode node = Fresh();
        Ready ready = node.TakeReady();
        Assert.Equal(RaftRole.Candidate, ready.Role);
        Assert.Equal(new DurableState(2, 1, 1), ready.Append.State);
        Assert.True(ready.Append.MustSync);
        Assert.False(node.HasReady);

        node.OnAppended(ready.Append.Answer);
        Ready leading = node.TakeReady();
        Assert.Equal(RaftRole.Leader, leading.Role);
        Assert.True(leading.SoftStateChanged);
        Assert.Equal(1ul, leading.Leader);
        Assert.Equal(1, leading.Append.EntryCount);
        Assert.Equal(2ul, leading.AppendEntries[0].Index);
        Assert.Equal(0, leading.Committed.Count);

        node.OnAppended(leading.Append.Answer);
        Ready committed = node.TakeReady();
        Assert.Equal(1, committed.Committed.Count);
        Assert.Equal(2ul, committed.Committed[0].Index);
        Assert.False(committed.Append.MustSync);
        Assert.Equal(new DurableState(2, 1, 2), committed.Append.State);
    }

    [Fact]
    public void WaitsForTheBootstrapConfChangeToBeApplied()
    {
        LogEntry[] boot = [new LogEntry { Kind = EntryKind.ConfChange, Term = 1, Index = 1, Data = Bytes("cc") }];
        var node = new RaftNode(new RaftConfig { Id = 1 }, new SeededRandomness(1), new RaftStart
        {
            State = new DurableState(1, 0, 1),
            Members = ConfiguredMembers.Empty,
            Entries = boot,
        });
        Assert.False(node.Campaign());
        Ready first = node.TakeReady();
        Assert.Equal(EntryKind.ConfChange, first.Committed[0].Kind);
        node.ApplyConfChange(ConfChangeType.ConfChangeAddNode, 1);
        Assert.Equal([1ul], node.Members.Voters);
        node.OnApplied(1);
        Assert.Equal(RaftRole.Candidate, node.Role);
        Drain(node);
        Assert.Equal(RaftRole.Leader, node.Role);
        Assert.Equal(2ul, node.Applied);
    }

    [Fact]
    public void ProposalIsAppliedOnlyWhenDurable()
    {
        RaftNode node = Leader();
        Assert.Equal(ProposeResult.Ok, node.Propose(Bytes("a")));
        Assert.Equal(ProposeResult.Ok, node.Propose(Bytes("b")));
        Ready write = node.TakeReady();
        Assert.Equal(2, write.Append.EntryCount);
        Assert.True(write.Append.MustSync);
        Assert.Equal(0, write.Committed.Count);
        AppendAnswer answer = write.Append.Answer;
        Assert.False(node.HasReady);

        node.OnAppended(answer);
        Ready apply = node.TakeReady();
        Assert.Equal(2, apply.Committed.Count);
        Assert.Equal("a", Encoding.UTF8.GetString(apply.Committed[0].Data.Span));
        Assert.Equal("b", Encoding.UTF8.GetString(apply.Committed[1].Data.Span));
    }

    [Fact]
    public void OneAnswerCoversTheAppendsBeforeIt()
    {
        RaftNode node = Leader();
        node.Propose(Bytes("a"));
        AppendAnswer first = node.TakeReady().Append.Answer;
        node.Propose(Bytes("b"));
        AppendAnswer second = node.TakeReady().Append.Answer;
        node.OnAppended(second);
        Assert.Equal(0, node.AppendsInFlight);
        Assert.Equal(4ul, node.Committed);
        node.OnAppended(first);
        Assert.Equal(4ul, node.Committed);
    }

    [Fact]
    public void RefusesProposalsWhileTooMuchWaitsForTheDisk()
    {
        RaftNode node = Leader(new RaftConfig { Id = 1, UndurableBytesMax = 1000 });
        SlabSlice big = _arena.Copy(new byte[2000]);
        Assert.Equal(ProposeResult.Ok, node.Propose(big));
        Assert.Equal(ProposeResult.TooManyUndurable, node.Propose(Bytes("x")));
        Drain(node);
        Assert.Equal(0, node.UndurableBytes);
        Assert.Equal(ProposeResult.Ok, node.Propose(Bytes("x")));
    }

    [Fact]
    public void ReadWaitsForTheFirstCommitOfTheTermAfterARestart()
    {
        // The commit index on disk is stale: entry 2 was acknowledged before the crash. A read at 1 would miss it.
        LogEntry[] log =
        [
            new LogEntry { Term = 1, Index = 1 },
            new LogEntry { Term = 1, Index = 2, Data = Bytes("acked") },
        ];
        var node = new RaftNode(new RaftConfig { Id = 1 }, new SeededRandomness(1), new RaftStart
        {
            State = new DurableState(1, 1, 1),
            Members = new ConfiguredMembers([1], []),
            Entries = log,
        });
        Assert.Equal(ProposeResult.NoLeader, node.ReadIndex(7));
        node.OnAppended(node.TakeReady().Append.Answer);
        Assert.Equal(RaftRole.Leader, node.Role);
        Assert.Equal(ProposeResult.Ok, node.ReadIndex(8));
        Ready before = node.TakeReady();
        Assert.Equal(0, before.ReadStates.Length);
        node.OnAppended(before.Append.Answer);
        Ready after = node.TakeReady();
        Assert.Equal([new ReadState(3, 8)], after.ReadStates.ToArray());
    }

    [Fact]
    public void SteadyStateMakesNoGarbage()
    {
        RaftNode node = Leader();
        ulong done = node.Applied;
        Batch();
        Batch();
        node.Compact(node.Applied);
        Assert.Equal(0, Fakes.Garbage.OfSteadyState(() =>
        {
            for (int i = 0; i < 20; i++)
            {
                Batch();
                node.Compact(node.Applied - 10);
            }
        }));
        Assert.Equal(done + 102_000, node.Applied);

        void Batch()
        {
            for (int i = 0; i < 1000; i++)
            {
                node.Propose(default);
            }

            node.OnAppended(node.TakeReady().Append.Answer);
            Ready apply = node.TakeReady();
            node.OnApplied(apply.Committed[apply.Committed.Count - 1].Index);
            node.OnAppended(apply.Append.Answer);
        }
    }

    private SlabSlice Bytes(string text) => _arena.Copy(Encoding.UTF8.GetBytes(text));

    private static RaftNode Fresh(RaftConfig? config = null)
    {
        return new RaftNode(config ?? new RaftConfig { Id = 1 }, new SeededRandomness(1), new RaftStart
        {
            State = new DurableState(1, 0, 1),
            SnapshotIndex = 1,
            SnapshotTerm = 1,
            Members = new ConfiguredMembers([1], []),
        });
    }

    private static RaftNode Leader(RaftConfig? config = null)
    {
        RaftNode node = Fresh(config);
        Drain(node);
        Assert.Equal(RaftRole.Leader, node.Role);
        return node;
    }

    private static void Drain(RaftNode node)
    {
        while (node.HasReady)
        {
            Ready ready = node.TakeReady();
            if (ready.Committed.Count > 0)
            {
                node.OnApplied(ready.Committed[ready.Committed.Count - 1].Index);
            }

            if (ready.Append.Identity != 0)
            {
                node.OnAppended(ready.Append.Answer);
            }
        }
    }
}
