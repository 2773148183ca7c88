// Seam: questions to other members beside raft (spec cluster §2.13, §2.14, §4.2). The peer protocol asks over HTTP, the
// simulator over its network. Each answer comes once, on any thread; it must only post.
using EtcdAot.Members;

namespace EtcdAot.Server;

/// <summary>How a forwarded call ended.</summary>
public enum PeerCallOutcome
{
    /// <summary>Answered.</summary>
    Ok,

    /// <summary>The leader knows no such lease or member: final.</summary>
    NotFound,

    /// <summary>Promotion: the member has its vote already.</summary>
    NotLearner,

    /// <summary>Promotion: the learner is too far behind.</summary>
    LearnerNotReady,

    /// <summary>Nobody answered, or it was no leader any more: try again.</summary>
    Failed,
}

/// <summary>Answer about a lease.</summary>
/// <param name="Outcome">How it ended.</param>
/// <param name="Ttl">Seconds: granted TTL of a renewal, remaining TTL of a question.</param>
/// <param name="GrantedTtl">Seconds; only of a question.</param>
/// <param name="Keys">Attached keys; only of a question that wants them.</param>
public readonly record struct LeaseCallAnswer(PeerCallOutcome Outcome, long Ttl, long GrantedTtl, byte[][] Keys);

/// <summary>Questions to other members. Called by the core thread; no call may wait or answer at once.</summary>
public interface IPeerCalls
{
    /// <summary>Asks each member for its version (GET /version, all its URLs in turn).</summary>
    /// <param name="members">Whom.</param>
    /// <param name="done">Gets "major.minor.patch" for each, null where none was to be had.</param>
    void AskVersions(IReadOnlyList<Member> members, Action<string?[]> done);

    /// <summary>Renews a lease on the leader (POST /leases).</summary>
    void RenewLease(IReadOnlyList<string> leaderUrls, long lease, Action<LeaseCallAnswer> done);

    /// <summary>Asks the leader for a lease's time to live (POST /leases/internal).</summary>
    void AskLease(IReadOnlyList<string> leaderUrls, long lease, bool keys, Action<LeaseCallAnswer> done);

    /// <summary>Lets the leader promote a learner (POST /members/promote/{id}).</summary>
    void Promote(IReadOnlyList<string> leaderUrls, ulong id, Action<PeerCallOutcome> done);
}

/// <summary>Nobody to ask.</summary>
public sealed class NoPeerCalls : IPeerCalls
{
    /// <summary>The one instance.</summary>
    public static readonly NoPeerCalls Instance = new();

    /// <inheritdoc/>
    public void AskVersions(IReadOnlyList<Member> members, Action<string?[]> done) => done(new string?[members.Count]);

    /// <inheritdoc/>
    public void RenewLease(IReadOnlyList<string> leaderUrls, long lease, Action<LeaseCallAnswer> done) => done(Failed);

    /// <inheritdoc/>
    public void AskLease(IReadOnlyList<string> leaderUrls, long lease, bool keys, Action<LeaseCallAnswer> done) => done(Failed);

    /// <inheritdoc/>
    public void Promote(IReadOnlyList<string> leaderUrls, ulong id, Action<PeerCallOutcome> done) => done(PeerCallOutcome.Failed);

    private static LeaseCallAnswer Failed => new(PeerCallOutcome.Failed, 0, 0, []);
}
