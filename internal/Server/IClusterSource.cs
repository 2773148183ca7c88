// Seam: what a first start asks of members that already run (spec cluster §3.4, §4.4). Start-up thread; calls wait.
using EtcdAot.Members;

namespace EtcdAot.Server;

/// <summary>What GET /members of one member answered.</summary>
/// <param name="ClusterId">Of the header X-Etcd-Cluster-Id.</param>
/// <param name="Members">By ascending id.</param>
public sealed record ClusterInfo(ulong ClusterId, IReadOnlyList<Member> Members);

/// <summary>Answers of a cluster that already runs.</summary>
public interface IClusterSource
{
    /// <summary>The first answer of these URLs, tried in order; null when none came.</summary>
    /// <param name="peerUrls">Sorted URLs of other members.</param>
    /// <param name="timeoutNanos">For each try.</param>
    ClusterInfo? AskMembers(IReadOnlyList<string> peerUrls, long timeoutNanos);

    /// <summary>The cluster version that a member answers; null without an answer, and while it is not decided.</summary>
    string? AskClusterVersion(Member member);

    /// <summary>True when somebody answers that a downgrade is enabled; bounded wait, no answer is false.</summary>
    bool AskDowngradeEnabled(IReadOnlyList<Member> members);
}

/// <summary>Nobody answers.</summary>
public sealed class NoClusterSource : IClusterSource
{
    /// <summary>The one instance.</summary>
    public static readonly NoClusterSource Instance = new();

    /// <inheritdoc/>
    public ClusterInfo? AskMembers(IReadOnlyList<string> peerUrls, long timeoutNanos) => null;

    /// <inheritdoc/>
    public string? AskClusterVersion(Member member) => null;

    /// <inheritdoc/>
    public bool AskDowngradeEnabled(IReadOnlyList<Member> members) => false;
}
