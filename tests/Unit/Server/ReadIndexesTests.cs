using EtcdAot.Observe;
using EtcdAot.Raft;
using EtcdAot.Server;
using EtcdAot.Tests.Unit.Grpc;
using EtcdAot.Tests.Unit.Raft;
using EtcdAot.Wire;

namespace EtcdAot.Tests.Unit.Server;

/// <summary>Goal: linearizable reads share rounds, are released when their index is applied and not before, and end with the
/// right error otherwise. The node is a follower without a leader: the test gives raft's answers itself.</summary>
public class ReadIndexesTests
{
    private const long Second = 1_000_000_000;

    private readonly FakeLoop _loop = new();
    private readonly Completions _completions = new();
    private readonly ServerMetrics _metrics = new();
    private readonly RequestIds _ids = new(1, 1);
    private readonly ReadIndexes _reads;

    public ReadIndexesTests()
    {
        var start = new RaftStart { Members = new ConfiguredMembers([1, 2, 3], []), Entries = [] };
        var raft = new RaftNode(new RaftConfig { Id = 1, ElectionTicks = 10 }, new SeededRandomness(1), start);
        _reads = new ReadIndexes(raft, _ids, 7 * Second, _completions, _metrics, Log.None);
    }

    [Fact]
    public void WhoComesDuringARoundWaitsForTheNext()
    {
        Waiter first = Add();
        _reads.Step(0);
        ulong round = LastId();
        Waiter second = Add();
        _reads.OnReadState(new ReadState(5, round));
        _reads.OnApplied(4);
        Assert.False(Done(first));
        _reads.OnApplied(5);
        Assert.True(Done(first) && first.Error is null);
        Assert.False(Done(second));
        _reads.Step(1);
        _reads.OnReadState(new ReadState(6, round));
        _reads.OnApplied(9);
        Assert.False(Done(second));
        _reads.OnReadState(new ReadState(6, LastId()));
        _reads.OnApplied(9);
        Assert.True(Done(second) && second.Error is null);
    }

    [Fact]
    public void ARoundIsTriedAgainAndTheFirstAnswerStillCounts()
    {
        Waiter waiter = Add();
        _reads.Step(0);
        ulong first = LastId();
        _reads.Step(Second / 2);
        _reads.OnReadState(new ReadState(3, first));
        _reads.OnApplied(3);
        Assert.True(Done(waiter) && waiter.Error is null);
    }

    [Fact]
    public void ARoundEndsAfterTheRequestTimeout()
    {
        Waiter waiter = Add();
        _reads.Step(0);
        _reads.Step((7 * Second) - 1);
        Assert.False(Done(waiter));
        _reads.Step(7 * Second);
        Assert.True(Done(waiter));
        Assert.Same(EtcdError.Timeout, waiter.Error);
    }

    [Fact]
    public void AChangeOfLeaderAndTheStopEndWhatWaits()
    {
        Waiter first = Add();
        _reads.Step(0);
        Waiter second = Add();
        _reads.OnLeaderChanged();
        Assert.Same(EtcdError.LeaderChanged, first.Error);
        Assert.True(Done(first));
        Assert.False(Done(second));
        _reads.Stop();
        Assert.True(Done(second));
        Assert.Same(EtcdError.Stopped, second.Error);
    }

    private Waiter Add()
    {
        var waiter = new Waiter { Loop = _loop };
        _reads.Add(waiter);
        return waiter;
    }

    // Ids follow one another.
    private ulong LastId() => _ids.Next() - 1;

    private bool Done(Waiter waiter)
    {
        _completions.Release();
        _loop.Drain();
        return waiter.IsDone;
    }

    private sealed class Waiter : ReadWaiter
    {
        public bool IsDone { get; private set; }

        public override void Run() => IsDone = true;
    }
}
