// Which client is judged on which server. Immutable.
namespace EtcdAot.Tests.Conformance.Ctl;

/// <summary>A client and a server, the sets that are run on them, and the rows that may differ.</summary>
/// <param name="Client">Path of etcdctl.</param>
/// <param name="Server">Path of etcd.</param>
/// <param name="IsDistribution">The client is the distribution's build of 3.5.30: it crashes where the
/// recording says so, and draws its own tables.</param>
/// <param name="Sets">Names of sets of the golden file.</param>
/// <param name="Exceptions">Rows that may differ, each with its reason; at most one in a hundred.</param>
internal sealed record GoldenPairing(
    string Client, string Server, bool IsDistribution, string[] Sets, Dictionary<string, string> Exceptions)
{
    public const string OursOnOriginal = "our etcdctl on etcd 3.5.30";
    public const string OursOnOurs = "our etcdctl on our etcd";
    public const string OriginalOnOurs = "etcdctl 3.5.30 on our etcd";

    private static readonly string[] WithServer = ["core", "alarm"];
    private static readonly string[] Every = ["core", "alarm", "usage", "noserver"];

    private static readonly Dictionary<string, string> OursDiffer = new(StringComparer.Ordinal)
    {
        ["core:165"] = "asks for TLS, which this build does not have yet",
    };

    private static readonly Dictionary<string, string> OriginalDiffers = new(StringComparer.Ordinal)
    {
        ["core:415"] = "3.5.30 crashes where 3.5.31 and later, and ours, give an error line",
    };

    /// <summary>The pairing of a name above.</summary>
    public static GoldenPairing Of(string name) => name switch
    {
        OursOnOriginal => new(Programs.Etcdctl, Programs.Oracle("3.5", "etcd"), false, Every, OursDiffer),
        OursOnOurs => new(Programs.Etcdctl, Programs.Etcd, false, Every, OursDiffer),
        _ => new(Programs.Oracle("3.5", "etcdctl"), Programs.Etcd, true, WithServer, OriginalDiffers),
    };
}
