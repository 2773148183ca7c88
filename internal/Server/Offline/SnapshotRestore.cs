// Builds the data directory of a new cluster's member from a snapshot file (spec storage §8.2). Offline tools, any thread;
// the target directories must not hold anything yet.
using System.Buffers.Binary;
using System.Security.Cryptography;
using System.Text;
using EtcdAot.Bolt;
using EtcdAot.Members;
using EtcdAot.Observe;
using EtcdAot.Sys;
using EtcdAot.V2;
using EtcdAot.Wal;
using EtcdAot.Wire;
using EtcdAot.Wire.Codecs;

namespace EtcdAot.Server.Offline;

/// <summary>What to restore, and as whom.</summary>
/// <param name="Source">Snapshot file, or a copied database.</param>
/// <param name="DataDirectory">Directory to build.</param>
/// <param name="WalDirectory">Where the log goes.</param>
/// <param name="Name">Name of the member; one of <paramref name="Cluster"/>.</param>
/// <param name="Cluster">Founding members of the new cluster.</param>
public sealed record RestoreOptions(
    string Source, string DataDirectory, string WalDirectory, string Name, Bootstrap Cluster)
{
    /// <summary>Accept a file without a digest, and do not compare one.</summary>
    public bool SkipHashCheck { get; init; }

    /// <summary>Revisions to add to the newest one, which is then marked as compacted; 0 for none.</summary>
    public ulong BumpRevision { get; init; }

    /// <summary>Directory of the database and of snapshot files.</summary>
    public string SnapDirectory => $"{DataDirectory}/member/snap";
}

/// <summary>A log line that the caller may show.</summary>
/// <param name="Caller">File and line of the original's message.</param>
/// <param name="Message">The original's message.</param>
/// <param name="Fields">JSON in console spelling, empty for none.</param>
public readonly record struct RestoreNotice(string Caller, string Message, string Fields);

/// <summary>Runs a restore; each step returns null or the original's error text.</summary>
public sealed class SnapshotRestore(
    IDisk disk, IClock clock, IRandomness randomness, RestoreOptions options, Action<RestoreNotice> notify)
{
    private const int DigestBytes = 32;
    private const int PageUnit = 512;
    private const int CopyBytes = 256 * 1024;
    private const int PrivateDirectory = 0x1C0; // 0700
    private const int PrivateFile = 0x180; // 0600

    private string DatabasePath => $"{options.SnapDirectory}/db";

    /// <summary>True when the target may be built; else the reason.</summary>
    public static string? CheckTarget(IDisk disk, RestoreOptions options)
    {
        Errno errno = disk.List(options.DataDirectory, out DirectoryEntry[] entries);
        if (errno.Failed ? errno != Errno.NoEntry : entries.Length > 0)
        {
            return $"data-dir \"{options.DataDirectory}\" not empty or could not be read";
        }

        return disk.Status(options.WalDirectory, out _).Failed ? null : $"wal-dir \"{options.WalDirectory}\" exists";
    }

    /// <summary>Copies, checks, rewrites the membership, and writes log and snapshot file.</summary>
    public string? Run()
    {
        return CopyDatabase() ?? RewriteDatabase() ?? WriteLog();
    }

    private string? CopyDatabase()
    {
        Errno errno = disk.Open(options.Source, OpenFlags.Read, 0, out IDiskFile? source);
        if (errno.Failed)
        {
            return $"open {options.Source}: {errno}";
        }

        using (source)
        {
            errno = source!.Length(out long length);
            if (errno.Failed || length < DigestBytes)
            {
                return $"seek {options.Source}: {(errno.Failed ? errno : Errno.Invalid)}";
            }

            bool hasDigest = length % PageUnit == DigestBytes;
            if (!hasDigest && !options.SkipHashCheck)
            {
                return MakeDirectories() ?? "snapshot missing hash but --skip-hash-check=false";
            }

            return MakeDirectories() ?? Copy(source, hasDigest ? length - DigestBytes : length, hasDigest);
        }
    }

    private string? Copy(IDiskFile source, long length, bool hasDigest)
    {
        Errno errno = disk.Open(
            DatabasePath, OpenFlags.Write | OpenFlags.Create | OpenFlags.Truncate, PrivateFile, out IDiskFile? target);
        if (errno.Failed)
        {
            return $"open {DatabasePath}: {errno}";
        }

        using (target)
        using (var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256))
        {
            byte[] buffer = new byte[CopyBytes];
            for (long at = 0; at < length;)
            {
                Span<byte> piece = buffer.AsSpan(0, (int)Math.Min(buffer.Length, length - at));
                errno = source.ReadAt(piece, at, out int read);
                if (errno.Failed || read <= 0)
                {
                    return $"read {options.Source}: {(errno.Failed ? errno : Errno.InputOutput)}";
                }

                hash.AppendData(piece[..read]);
                errno = target!.WriteAt(piece[..read], at);
                if (errno.Failed)
                {
                    return $"write {DatabasePath}: {errno}";
                }

                at += read;
            }

            errno = target!.DataSync();
            return errno.Failed ? $"fsync {DatabasePath}: {errno}"
                : hasDigest && !options.SkipHashCheck ? Compare(source, length, hash.GetHashAndReset()) : null;
        }
    }

    private static string? Compare(IDiskFile source, long at, byte[] computed)
    {
        byte[] stored = new byte[DigestBytes];
        Errno errno = source.ReadAt(stored, at, out int read);
        if (errno.Failed || read != DigestBytes)
        {
            return $"read {source.Path}: {(errno.Failed ? errno : Errno.InputOutput)}";
        }

        return stored.AsSpan().SequenceEqual(computed)
            ? null
            : $"expected sha256 [{string.Join(' ', stored)}], got [{string.Join(' ', computed)}]";
    }

    private string? MakeDirectories()
    {
        string path = "";
        foreach (string part in options.SnapDirectory.Split('/'))
        {
            path += part;
            if (path.Length > 0)
            {
                Errno errno = disk.MakeDirectory(path, PrivateDirectory);
                if (errno.Failed && errno != Errno.Exists)
                {
                    return $"mkdir {path}: {errno}";
                }
            }

            path += "/";
        }

        return null;
    }

    private string? RewriteDatabase()
    {
        BoltError error = Db.Open(disk, DatabasePath, new DbOptions(), out Db? db);
        if (error.Failed)
        {
            return error.Text;
        }

        using (db)
        {
            notify(new RestoreNotice("membership/store.go:138", "Trimming membership information from the backend...", ""));
            long latest = LatestRevision(db!.Current);
            error = db.Begin(out WriteTx? tx);
            if (error.Failed)
            {
                return error.Text;
            }

            error = Rewrite(tx!, latest);
            if (error.Failed)
            {
                tx!.Rollback();
                return error.Text;
            }

            return tx!.Commit().Text;
        }
    }

    private BoltError Rewrite(WriteTx tx, long latest)
    {
        foreach (string bucket in new[] { "members", "members_removed" })
        {
            byte[] name = Encoding.ASCII.GetBytes(bucket);
            if (tx.TryBucket(name, out _))
            {
                BoltError dropped = tx.DeleteBucket(name);
                if (dropped.Failed)
                {
                    return dropped;
                }
            }
        }

        BoltError error = tx.CreateBucketIfNotExists("members_removed"u8, out _);
        WriteBucket? members = null;
        error = error.Failed ? error : tx.CreateBucketIfNotExists("members"u8, out members);
        error = error.Failed ? error : PutMembers(members!);
        error = error.Failed || options.BumpRevision == 0 ? error : Bump(tx, latest);
        return error.Failed ? error : PutIndexes(tx);
    }

    private BoltError PutMembers(WriteBucket members)
    {
        foreach (Member member in options.Cluster.Members)
        {
            BoltError error = members.Put(Encoding.ASCII.GetBytes(member.HexId), MemberJson.Flat(member));
            if (error.Failed)
            {
                return error;
            }
        }

        return BoltError.Ok;
    }

    // An empty record far ahead of the newest one, marked as compacted: watchers of the old cluster start anew.
    private BoltError Bump(WriteTx tx, long latest)
    {
        long bumped = latest + (long)options.BumpRevision;
        notify(new RestoreNotice("snapshot/v3_snapshot.go:356", "bumping latest revision",
            $"{{\"latest-revision\": {latest}, \"bump-amount\": {options.BumpRevision}, \"new-latest-revision\": {bumped}}}"));
        byte[] revision = new byte[17];
        BinaryPrimitives.WriteInt64BigEndian(revision, bumped);
        revision[8] = (byte)'_';
        BoltError error = tx.CreateBucketIfNotExists("key"u8, out WriteBucket? keys);
        error = error.Failed ? error : keys!.Put(revision, []);
        if (error.Failed)
        {
            return error;
        }

        notify(new RestoreNotice(
            "snapshot/v3_snapshot.go:373", "marking revision compacted", $"{{\"revision\": {bumped}}}"));
        error = tx.CreateBucketIfNotExists("meta"u8, out WriteBucket? meta);
        return error.Failed ? error : meta!.Put("scheduledCompactRev"u8, revision);
    }

    // The source's large index would make the new log's entries look applied already.
    private BoltError PutIndexes(WriteTx tx)
    {
        byte[] number = new byte[8];
        BoltError error = tx.CreateBucketIfNotExists("meta"u8, out WriteBucket? meta);
        if (error.Failed)
        {
            return error;
        }

        BinaryPrimitives.WriteUInt64BigEndian(number, (ulong)options.Cluster.Members.Count);
        error = meta!.Put("consistent_index"u8, number);
        BinaryPrimitives.WriteUInt64BigEndian(number, 1);
        return error.Failed ? error : meta.Put("term"u8, number);
    }

    private static long LatestRevision(ReadSnapshot snapshot)
    {
        if (!snapshot.TryBucket("key"u8, out Bucket bucket))
        {
            return 0;
        }

        Cursor cursor = bucket.Cursor();
        return cursor.Last() && cursor.Key.Length >= 8 ? BinaryPrimitives.ReadInt64BigEndian(cursor.Key) : 0;
    }

    private string? WriteLog()
    {
        Bootstrap cluster = options.Cluster;
        ulong count = (ulong)cluster.Members.Count;
        var tree = V2Tree.Create();
        foreach (Member member in cluster.Members)
        {
            tree.AddMember(member.Id, MemberJson.RaftAttributes(member));
            string urls = string.Join(", ", member.PeerUrls.Select(u => $"\"{u}\""));
            notify(new RestoreNotice("membership/cluster.go:421", "added member",
                $"{{\"cluster-id\": \"{cluster.ClusterId:x}\", \"local-member-id\": \"0\", \"added-peer-id\": " +
                $"\"{member.HexId}\", \"added-peer-peer-urls\": [{urls}], \"added-peer-is-learner\": false}}"));
        }

        var identity = new WalMetadata(cluster.Find(options.Name)!.Id, cluster.ClusterId);
        var walOptions = new WalOptions(disk, clock, Log.None);
        WalError error = WriteAheadLog.Create(walOptions, options.WalDirectory, identity, out WriteAheadLog? wal);
        if (error.Failed)
        {
            return error.Text;
        }

        using (wal)
        using (var arena = new SlabArena())
        {
            ulong[] voters = [.. cluster.Members.Select(m => m.Id)];
            var members = new ConfiguredMembers(voters, []);
            var state = new DurableState(1, voters[0], count);
            LogEntry[] entries = cluster.Entries(arena);
            error = wal!.Append(state, entries);
            foreach (LogEntry entry in entries)
            {
                entry.Data.Release();
            }

            error = error.Failed ? error : wal.Sync();
            var files = new SnapFiles(disk, options.SnapDirectory, randomness, Log.None);
            error = error.Failed ? error : files.Save(1, count, members, tree.Save());
            error = error.Failed ? error : wal.SaveSnapshot(new WalSnapshot(count, 1, members), state);
            error = error.Failed ? error : wal.Close();
        }

        return error.Failed ? error.Text : null;
    }
}
