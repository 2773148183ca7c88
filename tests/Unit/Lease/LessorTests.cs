using EtcdAot.Backend;
using EtcdAot.Bolt;
using EtcdAot.Lease;
using EtcdAot.Sys;

namespace EtcdAot.Tests.Unit.Lease;

/// <summary>Goal: leases are granted, attached, expire, are persisted and spread as spec api-v3 §4 says. Method: single
/// rules, and random attachments against a dictionary.</summary>
public sealed class LessorTests : IDisposable
{
    private const long Second = 1_000_000_000;
    private readonly string _directory = Directory.CreateTempSubdirectory("etcdaot-lease").FullName;
    private readonly List<long> _expired = [];

    [Fact]
    public void GrantRaisesAndRefuses()
    {
        using BackendStore backend = Open();
        using var lessor = new Lessor(backend, new LessorOptions());
        Assert.Equal(LeaseStatus.Ok, lessor.Grant(7, 0, 0, out long granted));
        Assert.Equal(2, granted);
        Assert.Equal(LeaseStatus.Exists, lessor.Grant(7, 60, 0, out _));
        Assert.Equal(LeaseStatus.TtlTooLarge, lessor.Grant(8, Lessor.MaxTtl + 1, 0, out _));
        Assert.Equal(LeaseStatus.Ok, lessor.Grant(-9, Lessor.MaxTtl, 0, out _));
        Assert.Equal(LeaseStatus.NotPrimary, lessor.Renew(7, 0, out _, out _));
        Assert.Equal(LeaseStatus.NotFound, lessor.Revoke(1234));
    }

    [Fact]
    public void TimeCountsOnlyOnThePrimary()
    {
        using BackendStore backend = Open();
        using var lessor = new Lessor(backend, new LessorOptions());
        _ = lessor.Grant(1, 5, 0, out _);
        Assert.Equal(long.MaxValue, lessor.Step(100 * Second, _expired));
        lessor.Promote(100 * Second, Second);
        _ = lessor.Grant(2, 3, 100 * Second, out _);
        Assert.True(lessor.TryTimeToLive(1, 101 * Second, out long remaining, out long granted));
        Assert.Equal((5L, 5L), (remaining, granted));
        _ = lessor.Step(103 * Second, _expired);
        Assert.Equal([2], _expired);
        Assert.Equal(LeaseStatus.Expiring, lessor.Renew(2, 103 * Second, out _, out _));
        Assert.Equal(LeaseStatus.Ok, lessor.Renew(1, 105 * Second, out long ttl, out _));
        Assert.Equal(5, ttl);
        _expired.Clear();
        _ = lessor.Step(109 * Second, _expired);
        Assert.Empty(_expired);
        _ = lessor.Step(110 * Second, _expired);
        Assert.Equal([1L, 2L], _expired.Order());
        lessor.Demote();
        _expired.Clear();
        Assert.Equal(long.MaxValue, lessor.Step(1000 * Second, _expired));
        Assert.Empty(_expired);
    }

    [Fact]
    public void ManyExpiriesAreSpreadAtPromotion()
    {
        using BackendStore backend = Open();
        using var lessor = new Lessor(backend, new LessorOptions());
        for (int i = 1; i <= 3000; i++)
        {
            _ = lessor.Grant(i, 10, 0, out _);
        }

        lessor.Promote(0, 0);
        int before = 0;
        for (long now = 0; now <= 20 * Second; now += Second)
        {
            for (int pass = 0; pass < 5; pass++)
            {
                _ = lessor.Step(now, _expired);
            }

            Assert.InRange(_expired.Count - before, 0, 751);
            _expired.ForEach(id => lessor.Revoke(id));
            before = _expired.Count;
        }

        Assert.Equal(3000, _expired.Distinct().Count());
    }

    [Fact]
    public void LeasesOutliveARestart()
    {
        using (BackendStore backend = Open())
        {
            using var lessor = new Lessor(backend, new LessorOptions { PersistCheckpoints = true });
            _ = lessor.Grant(70097, 100, 0, out _);
            _ = lessor.Grant(-5, 100, 0, out _);
            _ = lessor.Grant(6, 100, 0, out _);
            Assert.Equal(LeaseStatus.Ok, lessor.Checkpoint(6, 40, 0));
            Assert.Equal(LeaseStatus.Ok, lessor.Revoke(-5));
        }

        using BackendStore again = Open();
        using var restored = new Lessor(again, new LessorOptions());
        Assert.True(restored.Restore(out string error), error);
        Assert.Equal([6L, 70097L], restored.Ids());
        restored.Promote(0, Second);
        Assert.True(restored.TryTimeToLive(6, 0, out long rest, out _));
        Assert.True(restored.TryTimeToLive(70097, 0, out long full, out _));
        Assert.Equal((41L, 101L), (rest, full));
    }

    [Fact]
    public void CheckpointsComeForLongLeases()
    {
        using BackendStore backend = Open();
        using var lessor = new Lessor(backend, new LessorOptions { CheckpointNanos = 300 * Second });
        lessor.Promote(0, 0);
        _ = lessor.Grant(1, 1000, 0, out _);
        _ = lessor.Grant(2, 300, 0, out _);
        var due = new List<LeaseCheckpoint>();
        _ = lessor.Checkpoints(299 * Second, due);
        Assert.Empty(due);
        _ = lessor.Checkpoints(300 * Second, due);
        Assert.Equal([new LeaseCheckpoint(1, 700)], due);
        _ = lessor.Checkpoint(1, 700, 300 * Second);
        Assert.Equal(LeaseStatus.Ok, lessor.Renew(1, 301 * Second, out _, out bool clears));
        Assert.True(clears);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    public void AttachmentsAreADictionary(int seed)
    {
        var random = new Random(seed);
        using BackendStore backend = Open();
        using var lessor = new Lessor(backend, new LessorOptions());
        var twin = new Dictionary<string, long>(StringComparer.Ordinal);
        var alive = new HashSet<long>();
        for (int step = 0; step < 20_000; step++)
        {
            string key = $"key-{random.Next(500)}";
            byte[] bytes = System.Text.Encoding.UTF8.GetBytes(key);
            long lease = random.Next(1, 12);
            switch (random.Next(10))
            {
                case 0:
                    lessor.Detach(bytes);
                    _ = twin.Remove(key);
                    break;
                case 1 when random.Next(20) == 0 && alive.Contains(lease):
                    string[] keys = [.. twin.Where(p => p.Value == lease).Select(p => p.Key).Order(StringComparer.Ordinal)];
                    Assert.Equal(keys, lessor.KeysOf(lease)!.Select(System.Text.Encoding.UTF8.GetString));
                    Assert.Equal(LeaseStatus.Ok, lessor.Revoke(lease));
                    _ = alive.Remove(lease);
                    Array.ForEach(keys, k => twin.Remove(k));
                    break;
                case 2:
                    Assert.Equal(alive.Add(lease) ? LeaseStatus.Ok : LeaseStatus.Exists, lessor.Grant(lease, 60, 0, out _));
                    break;
                default:
                    _ = twin.Remove(key);
                    if (alive.Contains(lease))
                    {
                        twin[key] = lease;
                    }

                    Assert.Equal(alive.Contains(lease), lessor.Attach(lease, bytes));
                    break;
            }

            Assert.Equal(twin.GetValueOrDefault(key), lessor.LeaseOf(bytes));
        }

        Assert.Equal(twin.Count, lessor.KeyCount);
    }

    public void Dispose() => Directory.Delete(_directory, recursive: true);

    private BackendStore Open()
    {
        BoltError error = BackendStore.Open(LinuxDisk.Instance, Path.Combine(_directory, "db"),
            new BackendOptions { NoSync = true }, Assert.Fail, out BackendStore? backend);
        Assert.Equal(BoltError.Ok, error);
        return backend!;
    }
}
