using CsCheck;
using EtcdAot.Raft;

namespace EtcdAot.Tests.Unit.Raft;

/// <summary>Goal: majority arithmetic agrees with its definition, spelled out naively.</summary>
public class QuorumTests
{
    [Fact]
    public void CommittedIsTheLargestIndexThatAMajorityHas()
    {
        Gen.ULong[0, 20].Array[1, 9].Sample(matches =>
        {
            ulong naive = 0;
            for (ulong index = 0; index <= 20; index++)
            {
                naive = matches.Count(m => m >= index) * 2 > matches.Length ? index : naive;
            }

            Assert.Equal(naive, Quorum.Committed((ulong[])matches.Clone()));
        }, seed: "0000raftQuo1");
    }

    [Fact]
    public void VoteIsDecidedExactlyWhenTheOpenVotesCannotChangeIt()
    {
        Gen.Int[-1, 1].Array[1, 9].Sample(votes =>
        {
            int granted = votes.Count(v => v > 0);
            int rejected = votes.Count(v => v < 0);
            bool surelyWon = granted * 2 > votes.Length;
            bool stillPossible = (votes.Length - rejected) * 2 > votes.Length;
            VoteResult naive = surelyWon ? VoteResult.Won : stillPossible ? VoteResult.Pending : VoteResult.Lost;
            Assert.Equal(naive, Quorum.Vote(votes.Length, granted, rejected));
        }, seed: "0000raftQuo2");
    }

    [Fact]
    public void NobodyDecidesNothing()
    {
        Assert.Equal(ulong.MaxValue, Quorum.Committed([]));
        Assert.Equal(VoteResult.Won, Quorum.Vote(0, 0, 0));
    }

    [Fact]
    public void InflightsAgreeWithAQueue()
    {
        Gen.Select(Gen.Int[0, 2], Gen.ULong[0, 5]).Array[0, 200].Sample(steps =>
        {
            var window = new Inflights(20);
            var twin = new Queue<ulong>();
            ulong last = 0;
            foreach ((int what, ulong by) in steps)
            {
                if (what == 0 && twin.Count < 20)
                {
                    last += by;
                    window.Add(last);
                    twin.Enqueue(last);
                }
                else if (what == 1)
                {
                    window.FreeTo(last - Math.Min(last, by));
                    while (twin.Count > 0 && twin.Peek() <= last - Math.Min(last, by))
                    {
                        twin.Dequeue();
                    }
                }
                else if (what == 2 && by == 0)
                {
                    window.FreeFirst();
                    twin.TryDequeue(out _);
                }

                Assert.Equal(twin.Count, window.Count);
                Assert.Equal(twin.Count == 20, window.IsFull);
            }
        }, seed: "0000raftQuo3");
    }
}
