// One member of the cluster as buckets, conf changes and the v2 tree know it (spec cluster §3.2). Immutable; any thread.
namespace EtcdAot.Members;

/// <summary>A member.</summary>
/// <param name="Id">Member id, never 0.</param>
/// <param name="PeerUrls">URLs for peers.</param>
public sealed record Member(ulong Id, IReadOnlyList<string> PeerUrls)
{
    /// <summary>True while it has no vote.</summary>
    public bool IsLearner { get; init; }

    /// <summary>Empty until it published itself: added but not yet started.</summary>
    public string Name { get; init; } = "";

    /// <summary>URLs for clients; empty until it published itself.</summary>
    public IReadOnlyList<string> ClientUrls { get; init; } = [];

    /// <summary>True once it published a name.</summary>
    public bool IsStarted => Name.Length > 0;

    /// <summary>The id as keys and paths have it: lower-case hex without padding (trap 1).</summary>
    public string HexId => Id.ToString("x");

    /// <summary>True when a URL of this member is among the given ones.</summary>
    public bool SharesPeerUrl(IReadOnlyList<string> urls) => PeerUrls.Any(u => urls.Contains(u, StringComparer.Ordinal));
}
