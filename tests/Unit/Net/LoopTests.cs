using EtcdAot.Net;
using EtcdAot.Sys;

namespace EtcdAot.Tests.Unit.Net;

/// <summary>Goal: posted work, timers and wakes run once, in order, without lost wake-ups.</summary>
public sealed class LoopTests
{
    [Fact]
    public void TimersRunInOrderOfTimeThenOfScheduling()
    {
        using var fixture = new LoopFixture();
        var order = new List<int>();
        using var done = new ManualResetEventSlim();
        fixture.OnLoop(() =>
        {
            long now = fixture.Loop.NowNanos;
            int[] delays = [30, 10, 20, 10, 0, 20];
            for (int i = 0; i < delays.Length; i++)
            {
                int id = i;
                fixture.Loop.Schedule(now + (delays[i] * 1_000_000L), new LoopFixture.Work(() => order.Add(id)));
            }

            LoopTimer cancelled = fixture.Loop.Schedule(now + 5_000_000, new LoopFixture.Work(() => order.Add(99)));
            cancelled.Cancel();
            cancelled.Cancel();
            fixture.Loop.Schedule(now + 40_000_000, new LoopFixture.Work(done.Set));
        });
        Assert.True(done.Wait(LoopFixture.Patience));
        Assert.Equal([4, 1, 3, 2, 5, 0], order);
    }

    [Fact]
    public void TimerHeapAgreesWithASortedList()
    {
        var random = new Random(7);
        var heap = new TimerHeap();
        var model = new List<(long Due, int Id, HeapTimer Timer)>();
        int taken = 0;
        for (int step = 0; step < 20_000; step++)
        {
            switch (random.Next(4))
            {
                case 0 or 1:
                    long due = random.Next(1000);
                    int id = step;
                    model.Add((due, id, heap.Add(due, new LoopFixture.Work(() => taken = id))));
                    break;
                case 2 when model.Count > 0:
                    int at = random.Next(model.Count);
                    model[at].Timer.Cancel();
                    model.RemoveAt(at);
                    break;
                default:
                    long now = random.Next(1000);
                    (long Due, int Id, HeapTimer Timer) first = model.OrderBy(m => m.Due).ThenBy(m => m.Id).FirstOrDefault();
                    bool due2 = model.Count > 0 && first.Due <= now;
                    Assert.Equal(due2, heap.TryTake(now, out ILoopWork? work));
                    if (due2)
                    {
                        work!.Run();
                        Assert.Equal(first.Id, taken);
                        model.Remove(first);
                    }

                    break;
            }

            Assert.Equal(model.Count, heap.Count);
        }
    }

    [Fact]
    public void PostsFromManyThreadsAllRunInTheirOrder()
    {
        using var fixture = new LoopFixture();
        const int threads = 4, each = 20_000;
        int[] next = new int[threads];
        int wrong = 0;
        int total = 0;
        var posters = Enumerable.Range(0, threads).Select(t => new Thread(() =>
        {
            for (int i = 0; i < each; i++)
            {
                int n = i;
                fixture.Loop.Post(new LoopFixture.Work(() =>
                {
                    wrong += next[t]++ == n ? 0 : 1;
                    Volatile.Write(ref total, total + 1);
                }));
            }
        })).ToList();
        posters.ForEach(p => p.Start());
        LoopFixture.Until(() => Volatile.Read(ref total) == threads * each, "every post runs, also the last one");
        posters.ForEach(p => p.Join());
        Assert.Equal(0, wrong);
    }

    [Fact]
    public void ASleepingLoopIsWokenByEverySinglePost()
    {
        using var fixture = new LoopFixture();
        for (int i = 0; i < 2000; i++)
        {
            fixture.OnLoop(static () => { });
        }
    }

    [Fact]
    public void EnqueuedWorkWaitsForTheWake()
    {
        using var fixture = new LoopFixture();
        fixture.OnLoop(static () => { });
        Thread.Sleep(20);
        int ran = 0;
        for (int i = 0; i < 100; i++)
        {
            fixture.Loop.Enqueue(new LoopFixture.Work(() => Interlocked.Increment(ref ran)));
        }

        Thread.Sleep(30);
        Assert.Equal(0, Volatile.Read(ref ran));
        fixture.Group.WakeAll();
        LoopFixture.Until(() => Volatile.Read(ref ran) == 100, "one wake runs all of it");
    }

    [Fact]
    public void EndOfWakeWorkRunsAfterTheWakesOtherWork()
    {
        // A wake that outlives its budget runs the end-of-wake work early: not the case meant here.
        using var fixture = new LoopFixture(limits: new Limits { WakeBudgetNanos = long.MaxValue / 4 });
        var order = new List<string>();
        using var first = new ManualResetEventSlim();
        fixture.OnLoop(() =>
        {
            // Both are enqueued while this wake runs, so that the next one takes them together.
            fixture.Loop.Enqueue(new LoopFixture.Work(() =>
            {
                fixture.Loop.AtEndOfWake(new LoopFixture.Work(() => order.Add("end")));
                order.Add("a");
            }));
            fixture.Loop.Enqueue(new LoopFixture.Work(() => order.Add("b")));
        });
        LoopFixture.Until(() => order.Count == 3, "all ran");
        Assert.Equal(["a", "b", "end"], order);
    }

    [Fact]
    public void EpochIsEvenAsleepAndMovesWithEachWake()
    {
        using var fixture = new LoopFixture();
        long inside = 0;
        fixture.OnLoop(() => inside = fixture.Loop.Epoch);
        Assert.Equal(1, inside & 1);
        LoopFixture.Until(() => (fixture.Loop.Epoch & 1) == 0 && fixture.Loop.Epoch > inside, "the wake has ended");
    }

    [Fact]
    public void ABrokenInvariantReachesTheHost()
    {
        using var seen = new ManualResetEventSlim();
        Errno opened = LoopGroup.Open(
            1, LinuxNetwork.Instance, SystemClock.Instance, Limits.Default, _ => seen.Set(), out LoopGroup? group);
        Assert.Equal(Errno.Ok, opened);
        group!.Start();
        group.Loops[0].Post(new LoopFixture.Work(static () => throw new InvalidOperationException("boom")));
        Assert.True(seen.Wait(LoopFixture.Patience));
        group.Dispose();
    }
}
