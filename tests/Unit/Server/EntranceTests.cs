using EtcdAot.Server;
using EtcdAot.Tests.Unit.Fakes;
using EtcdAot.Wire;
using EtcdAot.Wire.Codecs;
using EtcdAot.Wire.Etcdserverpb;

namespace EtcdAot.Tests.Unit.Server;

/// <summary>Goal: nothing that clients hand in waits without bound, and everything that waits is answered.</summary>
public class EntranceTests
{
    private static readonly ServerOptions Options = new() { DataDir = "/data", UnsafeNoFsync = true };

    [Fact]
    public void ProposalsThatWaitForAHangingCoreAreBoundedInBytes()
    {
        CoreRig rig = new CoreRig(new FaultyDisk(), Options with { ProposalQueueBytes = 100_000 }).Started();
        byte[] large = CoreRig.PutBytes("k", 10_000);
        CoreRig.Outcome[] outcomes = [.. Enumerable.Range(0, 30).Select(_ => rig.Propose(RaftOp.Put, large))];
        rig.RunLoop();
        Assert.All(outcomes[..9], static one => Assert.False(one.Done));
        Assert.All(outcomes[9..], static one => Assert.Same(EtcdError.TooManyRequests, one.Error));
        rig.Step(1);
        rig.Step(1);

        // What was taken is done, and its room is there again.
        Assert.All(outcomes[..9], static one => Assert.True(one.Done && one.Error is null));
        Assert.Null(rig.Put("k", "small").Error);
        Assert.Null(rig.Apply(RaftOp.Put, large).Error);
        rig.Server.Close();
    }

    [Fact]
    public void ProposalsThatWaitAreBoundedInNumber()
    {
        var credit = new ProposalCredit(1000, 3);
        Assert.True(credit.TryTake(1) && credit.TryTake(1) && credit.TryTake(1));
        Assert.False(credit.TryTake(1));
        credit.Give(1);
        Assert.True(credit.TryTake(997));
        credit.Give(997);
        Assert.False(credit.TryTake(999));
        credit.Give(1);
        credit.Give(1);
        Assert.True(credit.TryTake(5000), "one that finds all free goes through, however large");
        Assert.False(credit.TryTake(1));
    }

    [Fact]
    public void WhoeverWaitsForACompactionHearsOfTheStop()
    {
        CoreRig rig = new CoreRig(new FaultyDisk(), Options).Started();
        rig.Put("a", "1");
        rig.Put("a", "2");
        CoreRig.Outcome outcome = rig.Propose(RaftOp.Compaction, new CompactionRequest { Revision = 3, Physical = true });
        outcome.WaitForPhysicalCompaction = true;
        _ = rig.Server.CoreActor.Step(rig.MonotonicNanos);
        rig.RunLoop();
        Assert.False(outcome.Done);
        rig.Server.BeginStop();
        _ = rig.Server.CoreActor.Step(rig.MonotonicNanos);
        rig.RunLoop();
        Assert.True(outcome.Done);
        Assert.Same(EtcdError.Stopped, outcome.Error);
        rig.Server.Close();
    }

    [Fact]
    public void WhatWaitsForAnOwnEntryIsLookedAtAtOnce()
    {
        // A renewal of an expired lease is answered once its revocation is applied: in this step, not at the next tick.
        CoreRig rig = new CoreRig(new FaultyDisk(), Options).Started();
        Assert.Null(rig.Apply(RaftOp.LeaseGrant, new LeaseGrantRequest { ID = 7, TTL = 2 }).Error);
        PutRequest put = CoreRig.PutOf("leased", "x");
        put.Lease = 7;
        Assert.Null(rig.Apply(RaftOp.Put, put).Error);
        long due = long.MaxValue;
        for (int i = 0; i < 200 && rig.Get("leased") is not null; i++)
        {
            rig.Step(0);
            rig.Pass(50);
            due = rig.Server.CoreActor.Step(rig.MonotonicNanos);
        }

        Assert.Null(rig.Get("leased"));
        Assert.True(due <= rig.MonotonicNanos, "the core asks to be stepped again");
        Assert.True(rig.Server.CoreActor.Step(rig.MonotonicNanos) > rig.MonotonicNanos, "and then rests");
        rig.Server.Close();
    }
}
