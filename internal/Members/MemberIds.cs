// Ids from SHA-1 (spec storage §7.4, cluster §3.1). Stateless; any thread. SHA-1 is the format, not a protection.
using System.Buffers.Binary;
using System.Globalization;
using System.Security.Cryptography;
using System.Text;

namespace EtcdAot.Members;

/// <summary>Member and cluster ids.</summary>
public static class MemberIds
{
    /// <summary>Id of a member that starts with the cluster.</summary>
    /// <param name="peerUrls">Its peer URLs in any order.</param>
    /// <param name="clusterToken">--initial-cluster-token.</param>
    public static ulong OfBootstrapped(IEnumerable<string> peerUrls, string clusterToken)
    {
        return Hash(Encoding.UTF8.GetBytes(Joined(peerUrls) + clusterToken));
    }

    /// <summary>Id of a member added at run time: no token, but the proposer's clock.</summary>
    /// <param name="peerUrls">Its peer URLs in any order.</param>
    /// <param name="unixSeconds">Seconds since 1970.</param>
    public static ulong OfAdded(IEnumerable<string> peerUrls, long unixSeconds)
    {
        return Hash(Encoding.UTF8.GetBytes(Joined(peerUrls) + unixSeconds.ToString(CultureInfo.InvariantCulture)));
    }

    /// <summary>Id of the cluster that these members found.</summary>
    public static ulong OfCluster(IEnumerable<ulong> memberIds)
    {
        ulong[] sorted = [.. memberIds.Order()];
        var bytes = new byte[8 * sorted.Length];
        for (int i = 0; i < sorted.Length; i++)
        {
            BinaryPrimitives.WriteUInt64BigEndian(bytes.AsSpan(8 * i), sorted[i]);
        }

        return Hash(bytes);
    }

    private static string Joined(IEnumerable<string> urls) => string.Concat(urls.Order(StringComparer.Ordinal));

#pragma warning disable CA5350 // The ids are defined by SHA-1.
    private static ulong Hash(byte[] bytes) => BinaryPrimitives.ReadUInt64BigEndian(SHA1.HashData(bytes));
#pragma warning restore CA5350
}
