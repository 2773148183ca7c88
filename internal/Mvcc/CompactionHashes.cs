// The newest ten compaction hashes (spec storage §4.6, §9.4): other members ask for them by revision.
// owned by: core thread writes; any thread reads one immutable array.
namespace EtcdAot.Mvcc;

/// <summary>Hash of one compaction.</summary>
/// <param name="Revision">Compaction revision.</param>
/// <param name="CompactRevision">The one before it.</param>
/// <param name="Hash">CRC32C.</param>
public readonly record struct CompactionHash(long Revision, long CompactRevision, uint Hash);

/// <summary>Cache in memory only.</summary>
public sealed class CompactionHashes
{
    /// <summary>Entries kept, newest by revision.</summary>
    public const int Limit = 10;

    private CompactionHash[] _hashes = [];

    /// <summary>All, newest first.</summary>
    public IReadOnlyList<CompactionHash> Newest => Volatile.Read(ref _hashes);

    public bool TryGet(long revision, out CompactionHash hash)
    {
        foreach (CompactionHash known in Volatile.Read(ref _hashes))
        {
            if (known.Revision == revision)
            {
                hash = known;
                return true;
            }
        }

        hash = default;
        return false;
    }

    internal void Add(CompactionHash hash)
    {
        var all = new List<CompactionHash>(_hashes) { hash };
        all.Sort((a, b) => b.Revision.CompareTo(a.Revision));
        Volatile.Write(ref _hashes, [.. all.Take(Limit)]);
    }

    internal void Clear() => Volatile.Write(ref _hashes, []);
}
