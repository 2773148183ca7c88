using EtcdAot.Server;
using EtcdAot.Wire;

namespace EtcdAot.Tests.Unit.Server.Cluster;

/// <summary>Goal: members come and go while the cluster works, with the original's refusals.</summary>
public sealed class ReconfigurationTests
{
    private const string Url4 = "http://10.0.0.4:2380";

    [Fact]
    public void AFurtherMemberJoinsAndVotes()
    {
        using TestCluster cluster = new TestCluster(3).Started();
        cluster.Put(cluster.Leader!, "k", "1");
        cluster.Run(6000);
        Change added = Do(cluster, cluster.Leader!, MemberAction.Add, 0, Url4);
        Assert.Null(added.Error);
        Assert.Equal(4, added.Result.Members.Count);

        Node fourth = cluster.Joiner("m4", Url4);
        Assert.Null(fourth.Start());
        cluster.Until(() => fourth.Server.IsReady && fourth.Get("k") == "1", "the new member is ready");
        Assert.Equal(added.MemberId, fourth.Id);
        cluster.Put(fourth, "k", "2");

        // It counts: two of four are no majority.
        cluster.Followers.Where(n => n != fourth).Take(1).Single().Kill();
        cluster.Put(fourth, "k", "3");
    }

    [Fact]
    public void AJoinerThatDiedBeforeItHeardOfItsClusterGoesOn()
    {
        using TestCluster cluster = new TestCluster(3).Started();
        cluster.Run(6000);
        Assert.Null(Do(cluster, cluster.Leader!, MemberAction.Add, 0, Url4).Error);
        Node fourth = cluster.Joiner("m4", Url4);
        Assert.Null(fourth.Start());
        fourth.Kill();
        Assert.Null(fourth.Start());
        cluster.Until(() => fourth.Server.IsReady, "the new member is ready");
    }

    [Fact]
    public void AdditionsAreRefusedUntilThePeersWereThereForAWhile()
    {
        using TestCluster cluster = new TestCluster(3).Started();
        Node follower = cluster.Followers.First();
        cluster.Network.Isolate(follower.Id);
        cluster.Network.Heal();
        Assert.Same(EtcdError.UnhealthyCluster, Do(cluster, follower, MemberAction.Add, 0, Url4).Error);
        cluster.Run(6000);
        Assert.Null(Do(cluster, follower, MemberAction.Add, 0, Url4).Error);
        // Within a second the same URL gives the same id.
        Assert.Same(EtcdError.MemberExists, Do(cluster, follower, MemberAction.AddLearner, 0, Url4).Error);
        cluster.Run(1000);
        Assert.Same(EtcdError.PeerUrlExists, Do(cluster, follower, MemberAction.AddLearner, 0, Url4).Error);
    }

    [Fact]
    public void ARemovedMemberStopsAndTheOthersGoOn()
    {
        using TestCluster cluster = new TestCluster(3).Started();
        cluster.Run(6000);
        Node follower = cluster.Followers.First();
        ulong id = follower.Id;
        Change removed = Do(cluster, cluster.Leader!, MemberAction.Remove, id);
        Assert.Null(removed.Error);
        cluster.Until(() => follower.WasToldToStop, "the removed member stops");
        Assert.Contains(follower.Log, static l => l.Contains("data-dir used by this member must be removed", StringComparison.Ordinal));
        follower.Kill();
        cluster.Put(cluster.Leader!, "k", "1");
        Assert.True(cluster.Leader!.Server.IsRemoved(id));
        Assert.Contains($"remove {id:x}", cluster.Leader.Transport.Events);
        Assert.Same(EtcdError.MemberNotFound, Do(cluster, cluster.Leader, MemberAction.Remove, id).Error);
    }

    [Fact]
    public void ALeaderCanRemoveItself()
    {
        using TestCluster cluster = new TestCluster(3).Started();
        cluster.Run(6000);
        Node old = cluster.Leader!;
        Assert.Null(Do(cluster, old, MemberAction.Remove, old.Id).Error);
        cluster.Until(() => old.WasToldToStop, "the removed leader stops");
        old.Kill();
        cluster.Until(() => cluster.Leader is not null, "another leads");
        cluster.Put(cluster.Leader!, "k", "1");
    }

    [Fact]
    public void ALearnerFollowsAndIsPromotedThroughAFollower()
    {
        using TestCluster cluster = new TestCluster(3).Started();
        cluster.Put(cluster.Leader!, "k", "1");
        cluster.Run(6000);
        Change added = Do(cluster, cluster.Leader!, MemberAction.AddLearner, 0, Url4);
        Assert.Null(added.Error);
        Assert.Same(EtcdError.TooManyLearners,
            Do(cluster, cluster.Leader!, MemberAction.AddLearner, 0, "http://10.0.0.5:2380").Error);
        Assert.Same(EtcdError.LearnerNotReady, Do(cluster, cluster.Leader!, MemberAction.Promote, added.MemberId).Error);

        Node learner = cluster.Joiner("m4", Url4);
        Assert.Null(learner.Start());
        cluster.Until(() => learner.Server.IsReady && learner.Get("k") == "1", "the learner follows");
        Assert.True(learner.Server.IsLearner);
        Assert.Null(Do(cluster, cluster.Followers.First(n => n != learner), MemberAction.Promote, learner.Id).Error);
        cluster.Until(() => !learner.Server.IsLearner, "the learner has its vote");
        Assert.Same(EtcdError.MemberNotLearner, Do(cluster, learner, MemberAction.Promote, learner.Id).Error);
    }

    [Fact]
    public void AMemberAloneTakesOthersInAndIsAloneAgain()
    {
        using TestCluster cluster = new TestCluster(1).Started();
        Node first = cluster.Leader!;
        cluster.Put(first, "k", "1");
        Assert.Null(Do(cluster, first, MemberAction.Add, 0, "http://10.0.0.2:2380").Error);
        Node second = cluster.Joiner("m2", "http://10.0.0.2:2380");
        Assert.Null(second.Start());
        cluster.Until(() => second.Server.IsReady, "the second is ready");
        cluster.Put(second, "k", "2");
        Assert.False(first.Server.CanReadNow);

        cluster.Run(6000);
        Assert.Null(Do(cluster, first, MemberAction.Remove, second.Id).Error);
        second.Kill();
        cluster.Put(first, "k", "3");
        cluster.Until(() => first.Server.CanReadNow, "a sole voter needs no round");
        first.Kill();
        Assert.Null(first.Start());
        cluster.Until(() => first.Server.IsReady && first.Get("k") == "3", "nothing is lost");
    }

    [Fact]
    public void OneOfThreeIsForcedToBeACluster()
    {
        using TestCluster cluster = new TestCluster(3).Started();
        cluster.Put(cluster.Leader!, "k", "1");
        Node survivor = cluster.Nodes[0];
        cluster.Until(() => survivor.Get("k") == "1", "the survivor has it");
        ulong id = survivor.Id;
        cluster.Nodes.ForEach(static n => n.Kill());
        survivor.Options = survivor.Options with { ForceNewCluster = true };
        Assert.Null(survivor.Start());
        cluster.Until(() => survivor.Server.IsReady, "it is a cluster of its own");
        Assert.Equal([id], survivor.Server.Members.Members.Select(static m => m.Id));
        cluster.Put(survivor, "k", "2");

        survivor.Kill();
        survivor.Options = survivor.Options with { ForceNewCluster = false };
        Assert.Null(survivor.Start());
        cluster.Until(() => survivor.Server.IsReady && survivor.Get("k") == "2", "and stays one");
    }

    private static Change Do(TestCluster cluster, Node node, MemberAction action, ulong id = 0, params string[] urls)
    {
        return cluster.Done(node.Change(action, id, urls), static c => c.Done);
    }
}
