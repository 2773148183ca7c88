using System.Text;
using EtcdAot.Lease;

namespace EtcdAot.Tests.Unit.Lease;

/// <summary>Goal: the lessor behaves as a naive one made of dictionaries, over random operations, promotions, restarts
/// and a fake clock: same outcomes, keys, expiries, and every lease is given out when it has expired and never before.</summary>
public class LessorModelTests
{
    private const long Second = 1_000_000_000;
    private const long Extend = Second;

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    [InlineData(4)]
    public void RandomOperationsAgainstANaiveTwin(int seed)
    {
        var random = new Random(seed);
        using var rig = new LessorRig(new LessorOptions { MinTtl = 2, PersistCheckpoints = true });
        var twin = new Twin();
        var expired = new List<long>();
        long now = 5 * Second;
        for (int i = 0; i < 3000; i++)
        {
            long id = random.Next(-3, 12);
            string key = "k" + random.Next(40);
            switch (random.Next(100))
            {
                case < 15:
                    long ttl = random.Next(20) == 0 ? 9_000_000_001 : random.Next(-1, 30);
                    Assert.Equal(twin.Grant(id, ttl, now), rig.Lessor.Grant(id, ttl, now, out _));
                    break;
                case < 25:
                    Revoke(rig, twin, id);
                    break;
                case < 50:
                    rig.Lessor.Attach(id, Encoding.UTF8.GetBytes(key));
                    twin.Attach(id, key);
                    break;
                case < 60:
                    rig.Lessor.Detach(Encoding.UTF8.GetBytes(key));
                    _ = twin.LeaseOfKey.Remove(key);
                    break;
                case < 70:
                    Assert.Equal(twin.Renew(id, now, out long expected), rig.Lessor.Renew(id, now, out long renewed, out _));
                    Assert.Equal(expected, renewed);
                    break;
                case < 75:
                    long rest = random.Next(0, 10);
                    Assert.Equal(
                        twin.Leases.ContainsKey(id) ? LeaseStatus.Ok : LeaseStatus.NotFound,
                        rig.Lessor.Checkpoint(id, rest, now));
                    twin.Checkpoint(id, rest);
                    break;
                case < 77:
                    ChangeRole(rig, twin, now);
                    break;
                case < 78:
                    Restart(rig, twin);
                    break;
                default:
                    now += random.NextInt64(Second);
                    _ = rig.Lessor.Step(now, expired);
                    Assert.Equal(twin.TakeExpired(now), expired.Order());
                    expired.Clear();
                    break;
            }

            Compare(rig.Lessor, twin, now);
        }
    }

    private static void Revoke(LessorRig rig, Twin twin, long id)
    {
        byte[][]? keys = rig.Lessor.KeysOf(id);
        bool exists = twin.Leases.ContainsKey(id);
        Assert.Equal(exists ? twin.KeysOf(id) : null, keys?.Select(Encoding.UTF8.GetString));
        Assert.Equal(exists ? LeaseStatus.Ok : LeaseStatus.NotFound, rig.Lessor.Revoke(id));
        twin.Revoke(id);
    }

    private static void ChangeRole(LessorRig rig, Twin twin, long now)
    {
        if (rig.Lessor.IsPrimary)
        {
            rig.Lessor.Demote();
            twin.Demote();
        }
        else
        {
            rig.Lessor.Promote(now, Extend);
            twin.Promote(now);
        }
    }

    // The store attaches the keys again, in the order of revisions.
    private static void Restart(LessorRig rig, Twin twin)
    {
        Assert.True(rig.TryRestart(out string problem), problem);
        twin.Demote();
        foreach ((string key, long id) in twin.LeaseOfKey)
        {
            rig.Lessor.Attach(id, Encoding.UTF8.GetBytes(key));
        }
    }

    private static void Compare(Lessor lessor, Twin twin, long now)
    {
        Assert.Equal(
            twin.Leases.OrderBy(l => l.Value.Expiry).ThenBy(l => l.Key).Select(l => l.Key), lessor.Ids());
        Assert.Equal(twin.LeaseOfKey.Count, lessor.KeyCount);
        Assert.True(lessor.NextDueNanos <= twin.Leases.Values.Select(l => l.Due).DefaultIfEmpty(long.MaxValue).Min());
        foreach ((long id, TwinLease expected) in twin.Leases)
        {
            Assert.True(lessor.TryTimeToLive(id, now, out long remaining, out long granted));
            long rest = expected.Expiry == long.MaxValue ? expected.Ttl : (expected.Expiry - now) / Second;
            Assert.Equal((expected.Ttl, rest), (granted, remaining));
            Assert.Equal(twin.KeysOf(id), lessor.KeysOf(id)!.Select(Encoding.UTF8.GetString));
        }
    }

    private sealed class TwinLease
    {
        public long Ttl { get; init; }

        public long Remaining { get; set; }

        public long Expiry { get; set; } = long.MaxValue;

        public long Due { get; set; } = long.MaxValue;
    }

    private sealed class Twin
    {
        private bool _primary;

        public Dictionary<long, TwinLease> Leases { get; } = [];

        public Dictionary<string, long> LeaseOfKey { get; } = [];

        public LeaseStatus Grant(long id, long ttl, long now)
        {
            if (id == 0 || ttl > 9_000_000_000 || Leases.ContainsKey(id))
            {
                return id == 0 ? LeaseStatus.NotFound
                    : ttl > 9_000_000_000 ? LeaseStatus.TtlTooLarge : LeaseStatus.Exists;
            }

            Leases[id] = new TwinLease { Ttl = Math.Max(2, ttl) };
            if (_primary)
            {
                Leases[id].Expiry = Leases[id].Due = now + (Math.Max(2, ttl) * Second);
            }

            return LeaseStatus.Ok;
        }

        public void Revoke(long id)
        {
            _ = Leases.Remove(id);
            foreach (string key in KeysOf(id).ToArray())
            {
                _ = LeaseOfKey.Remove(key);
            }
        }

        public void Attach(long id, string key)
        {
            _ = LeaseOfKey.Remove(key);
            if (Leases.ContainsKey(id))
            {
                LeaseOfKey[key] = id;
            }
        }

        public LeaseStatus Renew(long id, long now, out long ttl)
        {
            ttl = 0;
            if (!_primary)
            {
                return LeaseStatus.NotPrimary;
            }

            if (!Leases.TryGetValue(id, out TwinLease? lease))
            {
                return LeaseStatus.NotFound;
            }

            if (lease.Expiry <= now)
            {
                return LeaseStatus.Expiring;
            }

            ttl = lease.Ttl;
            lease.Expiry = lease.Due = now + (ttl * Second);
            return LeaseStatus.Ok;
        }

        public void Checkpoint(long id, long remaining)
        {
            if (Leases.TryGetValue(id, out TwinLease? lease))
            {
                lease.Remaining = remaining;
            }
        }

        public void Promote(long now)
        {
            _primary = true;
            foreach (TwinLease lease in Leases.Values)
            {
                lease.Expiry = lease.Due =
                    now + ((lease.Remaining > 0 ? lease.Remaining : lease.Ttl) * Second) + Extend;
            }
        }

        public void Demote()
        {
            _primary = false;
            foreach (TwinLease lease in Leases.Values)
            {
                lease.Expiry = lease.Due = long.MaxValue;
            }
        }

        public List<long> TakeExpired(long now)
        {
            var taken = Leases.Where(l => l.Value.Due <= now)
                .Select(l => l.Key).Order().ToList();
            taken.ForEach(id => Leases[id].Due = now + (7 * Second));
            return taken;
        }

        public IEnumerable<string> KeysOf(long id)
        {
            return LeaseOfKey.Where(k => k.Value == id).Select(k => k.Key).Order(StringComparer.Ordinal);
        }
    }
}
