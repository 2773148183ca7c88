// Who a member is at its first start (spec cluster §3.4): founder of a new cluster, whose ids follow from names and URLs, or
// joiner of one that runs, whose ids come from there. Start-up thread only; nothing is written here.
using EtcdAot.Members;

namespace EtcdAot.Server;

/// <summary>Identity of a member at its first start.</summary>
/// <param name="MemberId">Own id.</param>
/// <param name="ClusterId">Cluster.</param>
/// <param name="Cluster">The founders whose entries the log begins with; null for a joiner, whose log begins empty.</param>
/// <param name="Remotes">Members that a joiner was told of; empty for a founder.</param>
internal sealed record Identity(ulong MemberId, ulong ClusterId, Bootstrap? Cluster, IReadOnlyList<Member> Remotes);

/// <summary>Decides the identity.</summary>
internal sealed class Founding(ServerOptions options, IClusterSource source)
{
    private const long FoundTimeoutNanos = 1_000_000_000;
    private const long JoinTimeoutNanos = 10_000_000_000;

    /// <summary>The identity, or the original's sentence why there is none.</summary>
    public string? TryIdentify(out Identity? identity)
    {
        identity = null;
        if (!options.InitialCluster.ContainsKey(options.Name))
        {
            return $"couldn't find local name \"{options.Name}\" in the initial cluster configuration";
        }

        string[] urls = [.. options.InitialCluster.SelectMany(static p => p.Value)];
        if (urls.Distinct(StringComparer.Ordinal).Count() != urls.Length)
        {
            return $"initial cluster {ClusterText()} has duplicate url";
        }

        return options.NewCluster ? Found(out identity) : Join(out identity);
    }

    private string? Found(out Identity? identity)
    {
        identity = null;
        var named = options.InitialCluster.Select(static p => (p.Key, p.Value));
        if (!Bootstrap.TryFound(named, options.InitialClusterToken, out Bootstrap? founded, out string problem))
        {
            return problem;
        }

        Member self = founded!.Find(options.Name)!;
        ClusterInfo? running = OtherUrls() is { Count: > 0 } others ? source.AskMembers(others, FoundTimeoutNanos) : null;
        if (running?.Members.FirstOrDefault(m => m.Id == self.Id) is { ClientUrls.Count: > 0 })
        {
            return $"member {self.HexId} has already been bootstrapped";
        }

        identity = new Identity(self.Id, founded.ClusterId, founded, []);
        return null;
    }

    private string? Join(out Identity? identity)
    {
        identity = null;
        ClusterInfo? running = source.AskMembers(OtherUrls(), JoinTimeoutNanos);
        if (running is null)
        {
            return "cannot fetch cluster info from peer urls: could not retrieve cluster information from the given URLs";
        }

        if (running.Members.Count == 0)
        {
            return "cannot fetch cluster info from peer urls: failed to get raft cluster member(s) from the given URLs";
        }

        if (Match(running) is { } mismatch)
        {
            return $"error validating peerURLs {Describe(running)}: {mismatch}";
        }

        Member[] others = [.. running.Members.Where(m => !IsSelf(m))];
        return FindIncompatible(others)
            ?? (identity = new Identity(running.Members.First(IsSelf).Id, running.ClusterId, null, others)) switch
            {
                { MemberId: 0 } => "cannot use 0 as member id",
                _ => null,
            };
    }

    // Sorted by their URLs both lists must name the same members.
    private string? Match(ClusterInfo running)
    {
        if (running.Members.Count != options.InitialCluster.Count)
        {
            return "member count is unequal";
        }

        List<string> ours = [.. options.InitialCluster.Values.Select(Joined).Order(StringComparer.Ordinal)];
        Member[] theirs = [.. running.Members.OrderBy(static m => Joined(m.PeerUrls), StringComparer.Ordinal)];
        for (int i = 0; i < theirs.Length; i++)
        {
            if (Joined(theirs[i].PeerUrls) != ours[i])
            {
                return $"PeerURLs: no match found for existing member ({theirs[i].HexId}, " +
                    $"[{string.Join(' ', theirs[i].PeerUrls)}]), last resolver error (<nil>)";
            }
        }

        return null;
    }

    // Each cluster version that somebody answers must be one this build speaks, and somebody must answer (§4.4).
    private string? FindIncompatible(Member[] others)
    {
        const string incompatible = "incompatible with current running cluster";
        _ = EtcdVersion.TryParse(EtcdVersion.Server, out Version? own);
        Version least = new(3, 0);
        Version most = own!;
        if (source.AskDowngradeEnabled(others))
        {
            most = new Version(own!.Major, own.Minor + 1);
            least = most;
        }

        int inside = 0;
        foreach (Member member in others)
        {
            if (!EtcdVersion.TryParse(source.AskClusterVersion(member), out Version? version))
            {
                continue;
            }

            if (version < least || version > most)
            {
                return incompatible;
            }

            inside++;
        }

        return inside > 0 ? null : incompatible;
    }

    private bool IsSelf(Member member) => Joined(member.PeerUrls) == Joined(options.InitialCluster[options.Name]);

    private List<string> OtherUrls() =>
        [.. options.InitialCluster.Where(p => p.Key != options.Name).SelectMany(static p => p.Value)
            .Order(StringComparer.Ordinal)];

    private static string Joined(IReadOnlyList<string> urls) => string.Join(',', urls.Order(StringComparer.Ordinal));

    private string ClusterText() => string.Join(',', options.InitialCluster
        .SelectMany(static p => p.Value.Select(url => $"{p.Key}={url}")).Order(StringComparer.Ordinal));

    // As Go prints the cluster.
    private static string Describe(ClusterInfo running)
    {
        IEnumerable<string> members = running.Members.Select(static m =>
            $"&{{ID:{m.HexId} RaftAttributes:{{PeerURLs:[{string.Join(' ', m.PeerUrls)}] " +
            $"IsLearner:{(m.IsLearner ? "true" : "false")}}} Attributes:{{Name:{m.Name} " +
            $"ClientURLs:[{string.Join(' ', m.ClientUrls)}]}}}}");
        return $"{{ClusterID:{running.ClusterId:x} Members:[{string.Join(' ', members)}] RemovedMemberIDs:[]}}";
    }
}
