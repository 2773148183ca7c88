// Leases of a member: joins the lessor to log, store and clock. It applies what the log says of leases, answers questions
// about them between entries, and on the leader proposes the revocation of what has expired (spec api-v3 §4, cluster §5.6).
// Owned by: core thread. It must never change a lease but by an applied entry.
using EtcdAot.Backend;
using EtcdAot.Lease;
using EtcdAot.Mvcc;
using EtcdAot.Observe;
using EtcdAot.Sys;
using EtcdAot.Wire;
using EtcdAot.Wire.Codecs;

namespace EtcdAot.Server;

/// <summary>Keeps the leases.</summary>
internal sealed class LeaseKeeper : ILeaseLedger, IDisposable
{
    /// <summary>Longest wait until everything committed is applied.</summary>
    private const long ApplyWaitNanos = 1_000_000_000;

    /// <summary>Revocations on their way through the log at once, so that they leave room for other writes.</summary>
    private const int MaxRevoking = 16;

    /// <summary>Gap between hand-outs of revocations while more have expired than may be on their way at once.</summary>
    private const long RevokePauseNanos = 1_000_000;

    private readonly BackendStore _backend;
    private readonly LessorOptions _lessorOptions;
    private readonly IClock _clock;
    private readonly long _electionNanos;
    private readonly long _timeoutNanos;
    private readonly List<long> _found = [];
    private readonly Queue<long> _expired = new();
    private readonly HashSet<long> _revoking = [];
    private readonly List<LeaseQuestion> _asked = [];
    private LeaseForwarding? _forwarding;
    private Lessor _lessor;
    private bool _leads;
    private long _notBefore;

    /// <param name="options">Ticks and timeouts.</param>
    /// <param name="clock">Read where a lease begins to count: an entry is applied long after its step began when the
    /// disk is slow, and a lease must not be shortened by that.</param>
    /// <param name="backend">Gets the records.</param>
    /// <param name="hashSeed">Random.</param>
    public LeaseKeeper(ServerOptions options, IClock clock, BackendStore backend, ulong hashSeed)
    {
        _backend = backend;
        _lessorOptions = new LessorOptions
        {
            MinTtl = Lessor.MinTtlOf(options.TickMillis, options.ElectionTicks),
            HashSeed = hashSeed,
        };
        _lessor = new Lessor(backend, _lessorOptions);
        _clock = clock;
        _electionNanos = options.ElectionMillis * 1_000_000L;
        _timeoutNanos = options.RequestTimeoutNanos;
    }

    /// <summary>The state; for tests and metrics.</summary>
    public Lessor Lessor => _lessor;

    public bool Exists(long lease) => _lessor.Exists(lease);

    public void Attach(long lease, ReadOnlySpan<byte> key) => _lessor.Attach(lease, key);

    public void Detach(ReadOnlySpan<byte> key) => _lessor.Detach(key);

    /// <summary>Reads the bucket at start, before the store is restored.</summary>
    public bool TryRestore(out string problem) => _lessor.Restore(out problem);

    /// <summary>Another db has taken the place of the old one: what it holds are the leases now.</summary>
    public bool TryReplace(out string problem)
    {
        _lessor.Dispose();
        _lessor = new Lessor(_backend, _lessorOptions);
        _expired.Clear();
        _revoking.Clear();
        return _lessor.Restore(out problem);
    }

    /// <summary>The way to a leader elsewhere; before the core runs.</summary>
    public void ForwardBy(LeaseForwarding forwarding) => _forwarding = forwarding;

    /// <summary>Takes a question; it is answered in this step of the core, or a later one.</summary>
    public void Ask(LeaseQuestion question) => _asked.Add(question);

    /// <summary>A member that does not lead does not count time.</summary>
    public void OnRole(bool leads)
    {
        if (!leads && _lessor.IsPrimary)
        {
            _lessor.Demote();
            _expired.Clear();
            _revoking.Clear();
        }
    }

    /// <summary>Answers questions and proposes revocations.</summary>
    /// <param name="leads">This member leads and has applied an entry of its term.</param>
    /// <param name="loop">Raft, and the way back.</param>
    /// <param name="applier">Encodes own entries.</param>
    /// <returns>When to be called again at the latest; never for an idle member without leases.</returns>
    public long Step(bool leads, RaftLoop loop, Applier applier)
    {
        long now = _clock.MonotonicNanos;
        _leads = leads;
        if (leads && !_lessor.IsPrimary)
        {
            _lessor.Promote(now, _electionNanos);
        }

        long due = Answer(loop, now);
        return leads ? Math.Min(due, Expire(loop, applier, now)) : due;
    }

    /// <summary>Whoever waits hears that the member stops.</summary>
    public void Stop(RaftLoop loop)
    {
        foreach (LeaseQuestion question in _asked)
        {
            question.Error = EtcdError.Stopped;
            loop.OnAnswered(question);
        }

        _asked.Clear();
        _forwarding?.Stop(loop);
    }

    /// <summary>Applies LeaseGrantRequest {1 TTL, 2 ID}.</summary>
    public EtcdError? ApplyGrant(ReadOnlySpan<byte> body, Proposal? proposal)
    {
        long ttl = 0;
        long id = 0;
        var reader = new ProtoReader(body);
        while (reader.Next())
        {
            if (reader.Field == 1)
            {
                ttl = reader.ReadInt64();
            }
            else if (reader.Field == 2)
            {
                id = reader.ReadInt64();
            }
        }

        LeaseStatus status = _lessor.Grant(id, ttl, _clock.MonotonicNanos, out long granted);
        if (status == LeaseStatus.Ok && proposal is not null)
        {
            AnswerEncoding.NonZero(proposal.Body, 2, (ulong)id);
            AnswerEncoding.NonZero(proposal.Body, 3, (ulong)granted);
        }

        return ErrorOf(status);
    }

    /// <summary>Applies LeaseRevokeRequest {1 ID}: the lease and its keys go in one revision and one batch.</summary>
    public EtcdError? ApplyRevoke(ReadOnlySpan<byte> body, Store store)
    {
        long id = 0;
        var reader = new ProtoReader(body);
        while (reader.Next())
        {
            if (reader.Field == 1)
            {
                id = reader.ReadInt64();
            }
        }

        if (_lessor.KeysOf(id) is not { } keys)
        {
            return EtcdError.LeaseNotFound;
        }

        WriteTxn write = store.BeginWrite();
        NoDeleteSink sink = default;
        foreach (byte[] key in keys)
        {
            _ = write.DeleteRange(new KeyRange(key, default), wantPrevious: false, ref sink);
        }

        _ = write.End();
        _revoking.Remove(id);
        return ErrorOf(_lessor.Revoke(id));
    }

    /// <summary>Applies LeaseCheckpointRequest {1 repeated {1 ID, 2 remaining_TTL}}.</summary>
    public EtcdError? ApplyCheckpoint(ReadOnlySpan<byte> body)
    {
        var reader = new ProtoReader(body);
        while (reader.Next())
        {
            if (reader.Field == 1)
            {
                ApplyOneCheckpoint(reader.ReadBytes());
            }
        }

        return null;
    }

    public void Dispose() => _lessor.Dispose();

    private static EtcdError? ErrorOf(LeaseStatus status) => status switch
    {
        LeaseStatus.Ok => null,
        LeaseStatus.Exists => EtcdError.LeaseExists,
        LeaseStatus.TtlTooLarge => EtcdError.LeaseTtlTooLarge,
        _ => EtcdError.LeaseNotFound,
    };

    private void ApplyOneCheckpoint(ReadOnlySpan<byte> message)
    {
        long id = 0;
        long remaining = 0;
        var reader = new ProtoReader(message);
        while (reader.Next())
        {
            if (reader.Field == 1)
            {
                id = reader.ReadInt64();
            }
            else if (reader.Field == 2)
            {
                remaining = reader.ReadInt64();
            }
        }

        _ = _lessor.Checkpoint(id, remaining, _clock.MonotonicNanos);
    }

    // Those that must wait stay, in order.
    private long Answer(RaftLoop loop, long now)
    {
        bool caughtUp = loop.Raft.Applied >= loop.Raft.Committed;
        int kept = 0;
        long due = long.MaxValue;
        for (int i = 0; i < _asked.Count; i++)
        {
            LeaseQuestion question = _asked[i];
            if (TryAnswer(question, caughtUp, now, loop.Raft.Leader, out long limit))
            {
                loop.OnAnswered(question);
            }
            else if (!question.NeedsPrimary || _lessor.IsPrimary || _forwarding?.TryForward(question, loop) != true)
            {
                due = Math.Min(due, limit);
                _asked[kept++] = question;
            }
        }

        _asked.RemoveRange(kept, _asked.Count - kept);
        return due;
    }

    // A renewal that waits for a revocation has no limit, as in the original.
    private bool TryAnswer(LeaseQuestion question, bool caughtUp, long now, ulong leader, out long limit)
    {
        limit = long.MaxValue;
        if (!question.NeedsPrimary || (_lessor.IsPrimary && caughtUp && _leads))
        {
            return question.TryAnswer(_lessor, now);
        }

        Probe.Hit("a question to the lessor waits until it counts time");
        limit = question.StartNanos + (_lessor.IsPrimary ? ApplyWaitNanos : _timeoutNanos);
        if (now < limit)
        {
            return false;
        }

        question.Error = _lessor.IsPrimary ? EtcdError.TimeoutApply : leader == 0 ? EtcdError.NoLeader : EtcdError.Timeout;
        return true;
    }

    private long Expire(RaftLoop loop, Applier applier, long now)
    {
        if (_expired.Count == 0 && now >= NextScan())
        {
            Find(now);
        }

        Span<byte> body = stackalloc byte[16];
        while (_revoking.Count < MaxRevoking && _expired.TryDequeue(out long id))
        {
            if (_lessor.Exists(id) && _revoking.Add(id))
            {
                Probe.Hit("the revocation of an expired lease is proposed");
                var writer = new ProtoWriter(body);
                writer.NonZero(1, (ulong)id);
                loop.ProposeOwn(applier.EncodeOwn(RaftOp.LeaseRevoke, body[..writer.Position]));
            }
        }

        return _expired.Count > 0 ? now + RevokePauseNanos : NextScan();
    }

    // A lease that is handed out again was not revoked in time: the earlier try counts no more.
    private void Find(long now)
    {
        _found.Clear();
        _ = _lessor.Step(now, _found);
        _notBefore = now + Lessor.ScanNanos;
        foreach (long id in _found)
        {
            _revoking.Remove(id);
            _expired.Enqueue(id);
        }
    }

    // On a grid, as the original looks every half second: neighbours in time leave in one look.
    private long NextScan()
    {
        long due = _lessor.NextDueNanos;
        long grid = due > long.MaxValue - Lessor.ScanNanos ? long.MaxValue
            : (due + Lessor.ScanNanos - 1) / Lessor.ScanNanos * Lessor.ScanNanos;
        return Math.Max(grid, _notBefore);
    }
}
