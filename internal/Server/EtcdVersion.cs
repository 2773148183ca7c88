// The version that this server answers with: a release of etcd whose behaviour it has. Immutable.
namespace EtcdAot.Server;

/// <summary>Versions.</summary>
public static class EtcdVersion
{
    /// <summary>Kubernetes parses it from every endpoint and relies on watch progress from 3.5.13 on
    /// (spec api-v3 §5.2).</summary>
    public const string Server = "3.5.33";

    /// <summary>Cluster version without its patch, for answers and metrics: "3.5".</summary>
    public static string MajorMinor(string version)
    {
        int second = version.IndexOf('.', version.IndexOf('.', StringComparison.Ordinal) + 1);
        return second > 0 ? version[..second] : version;
    }
}
