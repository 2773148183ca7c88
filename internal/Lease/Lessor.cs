// The leases of a member (spec api-v3 §4, storage §4.8): grants and revocations are applied in log order; time counts
// only on the primary (the leader). owned by: core thread. It must never read a clock or keep a timer: `now` is given.
//
// Public API in short
//   new Lessor(backend, options) ; Restore(out error)        before Store.Restore
//   apply:    Grant(id, ttl, now, out granted), KeysOf(id) then Revoke(id), Checkpoint(id, remaining)
//             Exists, Attach, Detach, LeaseOf                 for Mvcc's ILeaseLedger, joined by the Applier
//   leader:   Promote(now, extend), Demote(), Renew(id, now, out ttl, …), Step(now, expired), Checkpoints(now, list)
//   reads:    TryTimeToLive(id, now, …), Ids(now)
using System.Buffers.Binary;
using EtcdAot.Backend;
using EtcdAot.Observe;

namespace EtcdAot.Lease;

/// <summary>Outcomes that a client can cause.</summary>
public enum LeaseStatus
{
    Ok,
    NotFound,
    Exists,
    TtlTooLarge,

    /// <summary>Renewal asked of a member that does not count time.</summary>
    NotPrimary,

    /// <summary>Expired, its revocation is under way: the renewal waits for that, or for the loss of leadership.</summary>
    Expiring,
}

/// <summary>Bounds of the lessor.</summary>
public sealed record LessorOptions
{
    /// <summary>Smallest TTL, seconds: ceil(1.5 × election timeout).</summary>
    public long MinTtl { get; init; } = 2;

    /// <summary>Checkpoints are persisted (cluster version ≥ 3.6, or the persist option).</summary>
    public bool PersistCheckpoints { get; init; }

    /// <summary>Random, so that no client can choose keys that fall together in the table of attachments.</summary>
    public ulong HashSeed { get; init; }

    /// <summary>Interval of checkpoints, nanoseconds; 0 switches them off (the default of etcd).</summary>
    public long CheckpointNanos { get; init; }
}

/// <summary>A checkpoint to be proposed.</summary>
public readonly record struct LeaseCheckpoint(long Id, long RemainingTtl);

/// <summary>The leases.</summary>
public sealed class Lessor(BackendStore backend, LessorOptions options) : IDisposable
{
    /// <summary>Longest TTL, seconds.</summary>
    public const long MaxTtl = 9_000_000_000;

    /// <summary>Expired leases handed out by one Step.</summary>
    public const int ExpiredPerStep = 500;

    /// <summary>Pause between two scans for expired leases, nanoseconds.</summary>
    public const long ScanNanos = 500_000_000;

    /// <summary>An expired lease that is still there is handed out again after this, nanoseconds.</summary>
    public const long RetryNanos = 7 * Second;

    /// <summary>Leases in one checkpoint entry.</summary>
    public const int CheckpointBatch = 1000;

    private const long Second = 1_000_000_000;
    private const int SpreadAbove = 1000;
    private const long SpreadNanos = Second / 750;

    private readonly Dictionary<long, LeaseRecord> _byId = [];
    private readonly List<LeaseRecord?> _table = [];
    private readonly Stack<int> _freeSlots = new();
    private readonly LeasedKeys _keys = new(options.HashSeed);
    private readonly PriorityQueue<LeaseRecord, long> _expiries = new();
    private readonly PriorityQueue<LeaseRecord, long> _checkpoints = new();

    /// <summary>Leases granted now.</summary>
    public int Count => _byId.Count;

    /// <summary>Keys that belong to a lease.</summary>
    public int KeyCount => _keys.Count;

    /// <summary>True while this member counts time.</summary>
    public bool IsPrimary { get; private set; }

    /// <summary>Loads bucket `lease`; every expiry is infinite until <see cref="Promote"/>.</summary>
    public bool Restore(out string error)
    {
        error = "";
        BackendCursor cursor = backend.Snapshot.Cursor(BackendBucket.Lease);
        for (bool more = cursor.First(); more; more = cursor.Next())
        {
            if (cursor.Key.Length != 8 || !LeaseRecord.TryParse(cursor.Value, out LeaseRecord? lease)
                || lease!.Id == 0 || lease.Id != BinaryPrimitives.ReadInt64BigEndian(cursor.Key))
            {
                error = "failed to unmarshal lease proto item: bucket lease holds "
                    + $"{Convert.ToHexStringLower(cursor.Key)} = {Convert.ToHexStringLower(cursor.Value)}";
                return false;
            }

            // A TTL of a hand-made file below the minimum is raised, as etcd does at start.
            Insert(lease.Ttl >= options.MinTtl ? lease : new LeaseRecord(lease.Id, options.MinTtl, lease.RemainingTtl));
        }

        return true;
    }

    /// <summary>Applies a grant.</summary>
    /// <param name="id">Not 0: the server has chosen one.</param>
    /// <param name="ttl">As asked, seconds.</param>
    /// <param name="nowNanos">Monotonic time.</param>
    /// <param name="granted">TTL raised to the minimum.</param>
    public LeaseStatus Grant(long id, long ttl, long nowNanos, out long granted)
    {
        granted = Math.Max(ttl, options.MinTtl);
        if (id == 0)
        {
            return LeaseStatus.NotFound;
        }

        if (ttl > MaxTtl)
        {
            return LeaseStatus.TtlTooLarge;
        }

        if (_byId.ContainsKey(id))
        {
            return LeaseStatus.Exists;
        }

        var lease = new LeaseRecord(id, granted, 0);
        Insert(lease);
        Persist(lease);
        if (IsPrimary)
        {
            Refresh(lease, nowNanos + Nanos(granted), nowNanos);
        }

        return LeaseStatus.Ok;
    }

    /// <summary>Keys of a lease, sorted: the Applier deletes them in one write, then calls <see cref="Revoke"/> for the
    /// same batch. Null when there is no such lease.</summary>
    public byte[][]? KeysOf(long id) => _byId.TryGetValue(id, out LeaseRecord? lease) ? _keys.SortedKeys(lease) : null;

    /// <summary>Applies the rest of a revocation: the lease and its record go.</summary>
    public LeaseStatus Revoke(long id)
    {
        if (!_byId.Remove(id, out LeaseRecord? lease))
        {
            return LeaseStatus.NotFound;
        }

        _keys.Clear(lease);
        _table[lease.Place.Index] = null;
        _freeSlots.Push(lease.Place.Index);
        lease.Expiry = long.MaxValue;
        lease.CheckpointAt = long.MaxValue;
        Span<byte> key = stackalloc byte[8];
        BinaryPrimitives.WriteInt64BigEndian(key, id);
        backend.Delete(BackendBucket.Lease, key);
        return LeaseStatus.Ok;
    }

    /// <summary>True when the lease is known.</summary>
    public bool Exists(long id) => _byId.ContainsKey(id);

    /// <summary>The key now belongs to this lease and no other; an unknown lease only takes it from the old one.</summary>
    /// <returns>False when the lease is unknown.</returns>
    public bool Attach(long id, ReadOnlySpan<byte> key)
    {
        if (_byId.TryGetValue(id, out LeaseRecord? lease))
        {
            _keys.Attach(lease, key, _table);
            return true;
        }

        _keys.Detach(key, _table);
        return false;
    }

    /// <summary>The key belongs to no lease.</summary>
    public void Detach(ReadOnlySpan<byte> key) => _keys.Detach(key, _table);

    /// <summary>Lease of a key, 0 for none.</summary>
    public long LeaseOf(ReadOnlySpan<byte> key)
    {
        int slot = _keys.LeaseOf(key);
        return slot < 0 ? 0 : _table[slot]!.Id;
    }

    /// <summary>Applies a checkpoint: the rest that a later primary begins with.</summary>
    public LeaseStatus Checkpoint(long id, long remainingTtl, long nowNanos)
    {
        if (!_byId.TryGetValue(id, out LeaseRecord? lease))
        {
            return LeaseStatus.NotFound;
        }

        lease.RemainingTtl = remainingTtl;
        if (options.PersistCheckpoints)
        {
            Persist(lease);
        }

        if (IsPrimary)
        {
            ScheduleCheckpoint(lease, nowNanos);
        }

        return LeaseStatus.Ok;
    }

    /// <summary>This member became leader and has applied its first entry: time begins to count.</summary>
    /// <param name="nowNanos">Monotonic time.</param>
    /// <param name="extendNanos">Election timeout.</param>
    public void Promote(long nowNanos, long extendNanos)
    {
        IsPrimary = true;
        _expiries.Clear();
        _checkpoints.Clear();
        LeaseRecord[] all = [.. _byId.Values];
        foreach (LeaseRecord lease in all)
        {
            lease.QueuedAt = 0;
            lease.Expiry = nowNanos + extendNanos + Nanos(lease.RemainingTtl > 0 ? lease.RemainingTtl : lease.Ttl);
        }

        Array.Sort(all, (a, b) => a.Expiry != b.Expiry ? a.Expiry.CompareTo(b.Expiry) : a.Id.CompareTo(b.Id));
        long last = long.MinValue;
        foreach (LeaseRecord lease in all)
        {
            long expiry = all.Length > SpreadAbove && last != long.MinValue
                ? Math.Max(lease.Expiry, last + SpreadNanos) : lease.Expiry;
            last = expiry;
            Refresh(lease, expiry, nowNanos);
        }
    }

    /// <summary>This member is no leader any more: every lease lives for ever here.</summary>
    public void Demote()
    {
        IsPrimary = false;
        _expiries.Clear();
        _checkpoints.Clear();
        foreach (LeaseRecord lease in _byId.Values)
        {
            lease.Expiry = long.MaxValue;
            lease.QueuedAt = 0;
            lease.CheckpointAt = long.MaxValue;
        }
    }

    /// <summary>Keep-alive on the primary.</summary>
    /// <param name="id">The lease.</param>
    /// <param name="nowNanos">Monotonic time.</param>
    /// <param name="ttl">Granted TTL, seconds.</param>
    /// <param name="clearsCheckpoint">True when a checkpoint of 0 is to be proposed first.</param>
    public LeaseStatus Renew(long id, long nowNanos, out long ttl, out bool clearsCheckpoint)
    {
        ttl = 0;
        clearsCheckpoint = false;
        if (!IsPrimary)
        {
            return LeaseStatus.NotPrimary;
        }

        if (!_byId.TryGetValue(id, out LeaseRecord? lease))
        {
            return LeaseStatus.NotFound;
        }

        if (lease.Expiry <= nowNanos)
        {
            Probe.Hit("a lease is renewed after its end");
            return LeaseStatus.Expiring;
        }

        clearsCheckpoint = lease.RemainingTtl > 0;
        ttl = lease.Ttl;
        Refresh(lease, nowNanos + Nanos(ttl), nowNanos);
        return LeaseStatus.Ok;
    }

    /// <summary>What TimeToLive answers on the primary; the remaining seconds may be 0 or negative shortly before the
    /// revocation.</summary>
    public bool TryTimeToLive(long id, long nowNanos, out long remaining, out long granted)
    {
        remaining = -1;
        granted = 0;
        if (!_byId.TryGetValue(id, out LeaseRecord? lease))
        {
            return false;
        }

        granted = lease.Ttl;
        remaining = lease.Expiry == long.MaxValue ? lease.Ttl : (lease.Expiry - nowNanos) / Second;
        return true;
    }

    /// <summary>All ids, ordered by remaining time, then by id.</summary>
    public long[] Ids()
    {
        LeaseRecord[] all = [.. _byId.Values];
        Array.Sort(all, (a, b) => a.Expiry != b.Expiry ? a.Expiry.CompareTo(b.Expiry) : a.Id.CompareTo(b.Id));
        return Array.ConvertAll(all, lease => lease.Id);
    }

    /// <summary>The first time at which <see cref="Step"/> may find something; <see cref="long.MaxValue"/> for never.</summary>
    public long NextDueNanos => _expiries.TryPeek(out _, out long at) ? at : long.MaxValue;

    /// <summary>Hands out expired leases, for each of which the server proposes a revocation.</summary>
    /// <param name="nowNanos">Monotonic time.</param>
    /// <param name="expired">Added to, at most <see cref="ExpiredPerStep"/>.</param>
    /// <returns>When to be called again, <see cref="long.MaxValue"/> for not before the next change.</returns>
    public long Step(long nowNanos, List<long> expired)
    {
        int handed = 0;
        while (_expiries.TryPeek(out LeaseRecord? lease, out long at))
        {
            if (at > nowNanos || handed == ExpiredPerStep)
            {
                return Math.Max(at, nowNanos + ScanNanos);
            }

            _ = _expiries.Dequeue();
            if (lease.QueuedAt != at || lease.Expiry == long.MaxValue)
            {
                continue;
            }

            if (lease.Expiry > nowNanos)
            {
                Probe.Hit("a lease comes up that was renewed meanwhile");
                Queue(lease, lease.Expiry);
                continue;
            }

            expired.Add(lease.Id);
            handed++;
            Queue(lease, nowNanos + RetryNanos);
        }

        return long.MaxValue;
    }

    /// <summary>Collects checkpoints that are due, at most <see cref="CheckpointBatch"/>.</summary>
    /// <returns>When to be called again.</returns>
    public long Checkpoints(long nowNanos, List<LeaseCheckpoint> due)
    {
        int taken = 0;
        while (_checkpoints.TryPeek(out LeaseRecord? lease, out long at))
        {
            if (at > nowNanos || taken == CheckpointBatch)
            {
                return Math.Max(at, nowNanos + ScanNanos);
            }

            _ = _checkpoints.Dequeue();
            if (lease.CheckpointAt != at)
            {
                continue;
            }

            lease.CheckpointAt = long.MaxValue;
            if (lease.Expiry > nowNanos && lease.Expiry != long.MaxValue)
            {
                due.Add(new LeaseCheckpoint(lease.Id, (lease.Expiry - nowNanos + Second - 1) / Second));
                taken++;
            }
        }

        return long.MaxValue;
    }

    public void Dispose() => _keys.Dispose();

    /// <summary>Shortest TTL that a member grants, seconds: one and a half election timeouts, rounded up.</summary>
    /// <param name="tickMillis">Length of a tick.</param>
    /// <param name="electionTicks">Ticks of an election timeout.</param>
    public static long MinTtlOf(int tickMillis, int electionTicks)
    {
        return ((tickMillis * (3L * electionTicks / 2)) + 999) / 1000;
    }

    // A record may claim more than was ever granted. The longest TTL leaves seven years of uptime before sums overflow.
    private static long Nanos(long seconds) => Math.Min(seconds, MaxTtl) * Second;

    private void Insert(LeaseRecord lease)
    {
        int slot = _freeSlots.TryPop(out int free) ? free : _table.Count;
        if (slot == _table.Count)
        {
            _table.Add(lease);
        }

        _table[slot] = lease;
        lease.Place = new LeaseRecord.Slot(slot);
        _byId[lease.Id] = lease;
    }

    private void Persist(LeaseRecord lease)
    {
        Span<byte> key = stackalloc byte[8];
        Span<byte> value = stackalloc byte[LeaseRecord.MaxBytes];
        BinaryPrimitives.WriteInt64BigEndian(key, lease.Id);
        backend.Put(BackendBucket.Lease, key, value[..lease.Encode(value)]);
    }

    /// <summary>One entry a lease: a renewal leaves the earlier one, which finds the new time when it comes up.</summary>
    private void Refresh(LeaseRecord lease, long expiry, long nowNanos)
    {
        lease.Expiry = expiry;
        if (lease.QueuedAt == 0 || expiry < lease.QueuedAt)
        {
            // Shorter than before: the promotion had given more than its TTL.
            Queue(lease, expiry);
        }

        ScheduleCheckpoint(lease, nowNanos);
    }

    private void Queue(LeaseRecord lease, long at)
    {
        lease.QueuedAt = at;
        _expiries.Enqueue(lease, at);
    }

    private void ScheduleCheckpoint(LeaseRecord lease, long nowNanos)
    {
        long interval = options.CheckpointNanos;
        if (interval > 0 && Nanos(lease.Ttl) > interval)
        {
            lease.CheckpointAt = nowNanos + interval;
            _checkpoints.Enqueue(lease, lease.CheckpointAt);
        }
    }
}
