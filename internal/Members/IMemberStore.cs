// Seam: where membership lives in the backend. The Server binds it to the batched transaction, so that a change and the
// consistent index land in one commit (spec storage §3.1).
namespace EtcdAot.Members;

/// <summary>Buckets that hold membership.</summary>
public enum MemberBucket
{
    /// <summary>Hex id → JSON of the member.</summary>
    Members,

    /// <summary>Hex id → "removed".</summary>
    MembersRemoved,

    /// <summary>clusterVersion → text; downgrade → JSON.</summary>
    Cluster,
}

/// <summary>Writes of membership into the backend.</summary>
public interface IMemberStore
{
    /// <summary>Sets a key.</summary>
    void Put(MemberBucket bucket, ReadOnlySpan<byte> key, ReadOnlySpan<byte> value);

    /// <summary>Removes a key; one that is absent is fine.</summary>
    void Delete(MemberBucket bucket, ReadOnlySpan<byte> key);

    /// <summary>All pairs of a bucket in key order; only at start.</summary>
    IReadOnlyList<(byte[] Key, byte[] Value)> ReadAll(MemberBucket bucket);
}
