// What `snapshot status` finds in a database file (spec storage §8.3). Offline tools, any thread; reads only.
using System.Buffers.Binary;
using EtcdAot.Bolt;
using EtcdAot.Sys;

namespace EtcdAot.Server.Offline;

/// <summary>Hash, newest revision and sizes of a snapshot file.</summary>
/// <param name="Hash">CRC-32C over all buckets.</param>
/// <param name="Revision">Main revision of the last entry of bucket <c>key</c>, 0 when it is empty.</param>
/// <param name="Keys">Entries of all buckets.</param>
/// <param name="SizeBytes">Bytes of the database, an appended digest not counted.</param>
public readonly record struct SnapshotStatus(uint Hash, long Revision, long Keys, long SizeBytes)
{
    private const int RevisionBytes = 8;

    /// <summary>Reads <paramref name="path"/>. <see cref="BoltError.Locked"/> while a member runs on it: try
    /// again later; any other failure carries the original's text.</summary>
    public static BoltError Read(IDisk disk, string path, out SnapshotStatus status)
    {
        status = default;
        Errno errno = disk.Status(path, out _);
        if (errno.Failed)
        {
            return BoltError.From("stat", path, errno);
        }

        BoltError error = Db.Open(disk, path, new DbOptions { ReadOnly = true }, out Db? db);
        if (error.Failed)
        {
            return error;
        }

        using (db)
        {
            List<string> faults = db!.Check();
            if (faults.Count > 0)
            {
                return new BoltError($"snapshot file integrity check failed. {faults.Count} errors found.\n" +
                    string.Join('\n', faults));
            }

            var hash = StatusHash.Of(db.Current);
            status = new SnapshotStatus(hash.Hash, LastRevision(db.Current), hash.Keys, db.Current.SizeBytes);
            return BoltError.Ok;
        }
    }

    private static long LastRevision(ReadSnapshot snapshot)
    {
        if (!snapshot.TryBucket("key"u8, out Bucket bucket))
        {
            return 0;
        }

        Cursor cursor = bucket.Cursor();
        return cursor.Last() && cursor.Key.Length >= RevisionBytes
            ? BinaryPrimitives.ReadInt64BigEndian(cursor.Key) : 0;
    }
}
