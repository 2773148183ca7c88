// The hash of `snapshot status` and of Maintenance.Hash (spec storage §8.3, §4.6): CRC-32C over bucket names, keys and
// values in byte order. Reads only; whoever owns the snapshot.
using EtcdAot.Sys;

namespace EtcdAot.Bolt;

/// <summary>True for an entry to leave out of a hash.</summary>
public delegate bool SkipsEntry(ReadOnlySpan<byte> bucket, ReadOnlySpan<byte> key);

/// <summary>What a walk over all entries adds up to.</summary>
/// <param name="Hash">CRC-32C over all buckets.</param>
/// <param name="Keys">Entries of all buckets (3.4 and 3.5 print them as total keys).</param>
public readonly record struct StatusHash(uint Hash, long Keys)
{
    /// <summary>Reads the whole snapshot.</summary>
    /// <param name="snapshot">The db.</param>
    /// <param name="skip">What to leave out, null for nothing.</param>
    public static StatusHash Of(ReadSnapshot snapshot, SkipsEntry? skip = null)
    {
        uint crc = 0;
        long keys = 0;
        Cursor buckets = snapshot.Root.Cursor();
        for (bool more = buckets.First(); more; more = buckets.Next())
        {
            if (!snapshot.TryBucket(buckets.Key, out Bucket bucket))
            {
                continue;
            }

            crc = Crc32C.Append(crc, buckets.Key);
            Cursor entries = bucket.Cursor();
            for (bool entry = entries.First(); entry; entry = entries.Next())
            {
                if (skip?.Invoke(buckets.Key, entries.Key) == true)
                {
                    continue;
                }

                crc = Crc32C.Append(crc, entries.Key);

                // bbolt gives a nested bucket as an absent value.
                crc = entries.IsBucket ? crc : Crc32C.Append(crc, entries.Value);
                keys++;
            }
        }

        return new StatusHash(crc, keys);
    }
}
