// A question to the lessor with its own completion slot (DESIGN 3): the services ask on their I/O thread, the core answers
// between entries, so that no renewal races a revocation. Owned in turn: I/O thread → core → I/O thread.
using EtcdAot.Lease;
using EtcdAot.Net;
using EtcdAot.Observe;
using EtcdAot.Wire;

namespace EtcdAot.Server;

/// <summary>Asked through <see cref="EtcdServer.Ask"/>; afterwards the owner is run once on the loop.</summary>
public abstract class LeaseQuestion(ILoopWork owner) : ICoreWork, ILoopWork
{
    /// <summary>Loop that gets the answer.</summary>
    public IoLoop? Loop { get; set; }

    /// <summary>Monotonic time of arrival.</summary>
    public long StartNanos { get; set; }

    /// <summary>Null: answered.</summary>
    public EtcdError? Error { get; set; }

    /// <summary>header.revision of the answer.</summary>
    public long Revision { get; internal set; }

    /// <summary>header.raft_term of the answer.</summary>
    public ulong RaftTerm { get; internal set; }

    internal LeaseKeeper? Keeper { get; set; }

    /// <summary>True when only a lessor that counts time can answer.</summary>
    internal abstract bool NeedsPrimary { get; }

    public void RunOnCore() => Keeper!.Ask(this);

    public void Run() => owner.Run();

    /// <summary>Answers on the core thread. False: not yet.</summary>
    internal abstract bool TryAnswer(Lessor lessor, long nowNanos);

    /// <summary>Asks another member, as far as one call goes.</summary>
    internal virtual void Forward(IPeerCalls calls, IReadOnlyList<string> leaderUrls, Action<LeaseCallAnswer> done)
    {
        Observe.Invariant.Fail("only what needs the primary is asked of another member");
    }

    /// <summary>Takes the answer of that call; it did not fail.</summary>
    internal virtual void TakeForwarded(in LeaseCallAnswer answer)
    {
    }
}

/// <summary>Renews leases in order, as far as it goes: behind one that waits to be revoked nothing is renewed.</summary>
public sealed class LeaseRenewals(ILoopWork owner) : LeaseQuestion(owner)
{
    private readonly List<long> _ids = [];
    private readonly List<long> _ttls = [];

    /// <summary>Renewals asked for.</summary>
    public int Count => _ids.Count;

    /// <summary>How many of them, from the first on, are answered.</summary>
    public int Answered => _ttls.Count;

    internal override bool NeedsPrimary => true;

    /// <summary>Asks for one more; not while the core has it.</summary>
    public void Add(long id) => _ids.Add(id);

    /// <summary>The lease of a renewal.</summary>
    public long IdOf(int index) => _ids[index];

    /// <summary>Its granted TTL in seconds; 0 when there is no such lease.</summary>
    public long TtlOf(int index) => _ttls[index];

    /// <summary>Forgets those that are answered.</summary>
    public void DropAnswered()
    {
        _ids.RemoveRange(0, _ttls.Count);
        _ttls.Clear();
        Error = null;
    }

    /// <summary>Forgets all.</summary>
    public void Clear()
    {
        _ids.Clear();
        _ttls.Clear();
        Error = null;
    }

    internal override bool TryAnswer(Lessor lessor, long nowNanos)
    {
        while (_ttls.Count < _ids.Count)
        {
            if (lessor.Renew(_ids[_ttls.Count], nowNanos, out long ttl, out _) == LeaseStatus.Expiring)
            {
                Probe.Hit("a renewal waits for the revocation of its lease");
                break;
            }

            _ttls.Add(ttl);
        }

        return _ttls.Count > 0;
    }

    // The stream sends the rest again.
    internal override void Forward(IPeerCalls calls, IReadOnlyList<string> leaderUrls, Action<LeaseCallAnswer> done)
    {
        calls.RenewLease(leaderUrls, _ids[_ttls.Count], done);
    }

    internal override void TakeForwarded(in LeaseCallAnswer answer)
    {
        _ttls.Add(answer.Outcome == PeerCallOutcome.NotFound ? 0 : answer.Ttl);
    }
}

/// <summary>How long a lease has to live, and its keys.</summary>
public sealed class LeaseTimeToLive(ILoopWork owner) : LeaseQuestion(owner)
{
    /// <summary>The lease.</summary>
    public long Id { get; set; }

    /// <summary>Whether the keys are wanted.</summary>
    public bool WantsKeys { get; set; }

    /// <summary>Whole seconds left; -1 when there is no such lease. May be 0 or less when it has just expired.</summary>
    public long Ttl { get; private set; }

    /// <summary>Seconds; 0 when there is no such lease.</summary>
    public long GrantedTtl { get; private set; }

    /// <summary>Attached keys, if they are wanted, in key order.</summary>
    public byte[][] Keys { get; private set; } = [];

    internal override bool NeedsPrimary => true;

    internal override bool TryAnswer(Lessor lessor, long nowNanos)
    {
        _ = lessor.TryTimeToLive(Id, nowNanos, out long remaining, out long granted);
        Ttl = remaining;
        GrantedTtl = granted;
        Keys = (WantsKeys ? lessor.KeysOf(Id) : null) ?? [];
        return true;
    }

    internal override void Forward(IPeerCalls calls, IReadOnlyList<string> leaderUrls, Action<LeaseCallAnswer> done)
    {
        calls.AskLease(leaderUrls, Id, WantsKeys, done);
    }

    internal override void TakeForwarded(in LeaseCallAnswer answer)
    {
        bool found = answer.Outcome != PeerCallOutcome.NotFound;
        Ttl = found ? answer.Ttl : -1;
        GrantedTtl = found ? answer.GrantedTtl : 0;
        Keys = found ? answer.Keys : [];
    }
}

/// <summary>Which leases there are.</summary>
public sealed class LeaseListing(ILoopWork owner) : LeaseQuestion(owner)
{
    /// <summary>Ids, those that expire first first.</summary>
    public long[] Ids { get; private set; } = [];

    internal override bool NeedsPrimary => false;

    internal override bool TryAnswer(Lessor lessor, long nowNanos)
    {
        Ids = lessor.Ids();
        return true;
    }
}

/// <summary>Whether all of some leases exist.</summary>
public sealed class LeaseExistence(ILoopWork owner, IReadOnlyList<long> ids) : LeaseQuestion(owner)
{
    /// <summary>The answer.</summary>
    public bool AllExist { get; private set; }

    internal override bool NeedsPrimary => false;

    internal override bool TryAnswer(Lessor lessor, long nowNanos)
    {
        AllExist = ids.All(lessor.Exists);
        return true;
    }
}
