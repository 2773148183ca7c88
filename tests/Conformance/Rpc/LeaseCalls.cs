// Leases: named by the client and by the server, attached and detached by puts, kept alive, revoked, expired.
using EtcdAot.Wire.Etcdserverpb;
using Google.Protobuf;

namespace EtcdAot.Tests.Conformance.Rpc;

/// <summary>Service Lease of the comparison.</summary>
internal sealed class LeaseCalls(Lockstep pair, Dice dice)
{
    private const long LongTtl = 500_000;

    /// <summary>Leases that the KV part attaches to.</summary>
    public static readonly long[] Lasting = [7001, 7002];

    public void GrantLasting()
    {
        foreach (long id in Lasting)
        {
            Grant(id, LongTtl);
        }
    }

    public void Run()
    {
        pair.Unary(RawMethods.LeaseLeases, new LeaseLeasesRequest());
        foreach ((long id, long ttl) in new (long, long)[]
        {
            (8001, 1_000_000), (8001, 10), (8002, 900_000), (-5, 800_000), (long.MinValue, 700_000),
            (long.MaxValue, 600_000), (8003, 9_000_000_000), (8004, 9_000_000_001), (8005, long.MaxValue),
        })
        {
            Grant(id, ttl);
        }

        pair.Unary(RawMethods.LeaseLeases, new LeaseLeasesRequest());
        Attached();
        NamedByTheServer();
        KeepAlives();
        foreach (long id in new long[] { 8002, 8002, 0, 12345, -5, long.MinValue, long.MaxValue, 8003 })
        {
            pair.Unary(RawMethods.LeaseRevoke, new LeaseRevokeRequest { ID = id });
        }

        Random(80);
        Expiry();
    }

    private void Random(int calls)
    {
        for (int i = 0; i < calls; i++)
        {
            long id = 9000 + dice.Below(5);
            switch (dice.Below(5))
            {
                case 0:
                    Grant(id, dice.Of<long>(1_000_000 + id, 2_000_000 + id, 9_000_000_001));
                    break;
                case 1:
                    pair.Unary(RawMethods.LeaseRevoke, new LeaseRevokeRequest { ID = id });
                    break;
                case 2:
                    Remaining(id, dice.Chance(50));
                    break;
                case 3:
                    Put(dice.Key(0), id);
                    break;
                default:
                    pair.Unary(RawMethods.LeaseLeases, new LeaseLeasesRequest());
                    break;
            }
        }

        // The small ttls are raised to the least one. Such a lease may be gone at any moment: both are waited for.
        long[] small = [0, -1, long.MinValue, 1, 2];
        for (int i = 0; i < small.Length; i++)
        {
            Grant(8100 + i, small[i]);
        }

        for (int i = 0; i < small.Length; i++)
        {
            pair.AwaitExpiry(8100 + i, 8100 + i);
            pair.Unary(RawMethods.LeaseRevoke, new LeaseRevokeRequest { ID = 8100 + i });
        }
    }

    private void Attached()
    {
        ByteString[] keys = [.. new[] { "aa", "ab", "b" }.Select(ByteString.CopyFromUtf8)];
        foreach (ByteString key in keys)
        {
            Put(key, 8001);
        }

        Remaining(8001, keys: true);
        Put(keys[0], 8002);
        pair.Unary(RawMethods.Put, new PutRequest { Key = keys[1], Value = keys[1] });
        pair.Unary(RawMethods.Put, new PutRequest { Key = keys[2], Value = keys[1], IgnoreLease = true, PrevKv = true });
        foreach (long id in new long[] { 8001, 8002, 0, 12345, -5 })
        {
            Remaining(id, keys: true);
            Remaining(id, keys: false);
        }

        pair.Unary(RawMethods.DeleteRange, new DeleteRangeRequest { Key = keys[0], PrevKv = true });
        Remaining(8002, keys: true);
        pair.Unary(RawMethods.LeaseRevoke, new LeaseRevokeRequest { ID = 8001 });
        pair.Unary(RawMethods.Range, new RangeRequest { Key = ByteString.CopyFrom(0), RangeEnd = ByteString.CopyFrom(0) });
    }

    private void NamedByTheServer()
    {
        Grant(0, 400_000);
        var key = ByteString.CopyFromUtf8("c");
        pair.Unary(RawMethods.Put, m => new PutRequest { Key = key, Lease = m.LastNamed });
        pair.Unary(RawMethods.Range, new RangeRequest { Key = key });
        pair.Unary(RawMethods.LeaseTimeToLive, m => new LeaseTimeToLiveRequest { ID = m.LastNamed, Keys = true });
        pair.Unary(RawMethods.LeaseLeases, new LeaseLeasesRequest());
        pair.RevokeNamed();
        pair.Unary(RawMethods.Range, new RangeRequest { Key = key });
    }

    private void KeepAlives()
    {
        using var stream = new StreamPair(pair, RawMethods.LeaseKeepAlive);
        foreach (long id in new long[] { 8002, 12345, 0, -5, long.MaxValue, 8002 })
        {
            stream.Exchange(new LeaseKeepAliveRequest { ID = id }, wanted: 1);
        }

        IMessage[] many = [.. Enumerable.Range(0, 300).Select(static i =>
            new LeaseKeepAliveRequest { ID = i % 3 == 0 ? 8002 : i % 3 == 1 ? -5 : 12345 })];
        stream.ExchangeAll("many renewals", many, many.Length);
        stream.HalfClose();
        foreach (string form in new[] { "wrong wire type on a stream", "cut on a stream" })
        {
            using var odd = new StreamPair(pair, RawMethods.LeaseKeepAlive);
            odd.Exchange(new LeaseKeepAliveRequest { ID = 8002 }, wanted: 1);
            odd.Odd(form[0] == 'w' ? [0x0a, 0x00] : [0x08], form, wanted: 1);
            odd.HalfClose();
        }
    }

    // Both count from their own grant: what is asked here is the same set of keys and the same revision afterwards.
    private void Expiry()
    {
        var key = ByteString.CopyFromUtf8("b/2");
        Grant(8200, 4);
        Put(key, 8200);
        Put(ByteString.CopyFromUtf8("b/1"), 8200);
        pair.AwaitExpiry(8200, 8200);
        pair.Table.Row("forms", "lease expired");
        pair.Unary(RawMethods.Range, new RangeRequest { Key = key });
        Remaining(8200, keys: true);
        pair.Unary(RawMethods.LeaseLeases, new LeaseLeasesRequest());
    }

    private void Grant(long id, long ttl) =>
        pair.Unary(RawMethods.LeaseGrant, new LeaseGrantRequest { ID = id, TTL = ttl });

    private void Put(ByteString key, long lease) =>
        pair.Unary(RawMethods.Put, new PutRequest { Key = key, Value = dice.Value(), Lease = lease });

    private void Remaining(long id, bool keys) =>
        pair.Unary(RawMethods.LeaseTimeToLive, new LeaseTimeToLiveRequest { ID = id, Keys = keys });
}
