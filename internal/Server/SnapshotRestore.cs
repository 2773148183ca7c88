// `snapshot restore` (spec storage §8.2): a data directory of a new cluster around the database of a snapshot file. Offline;
// runs on the thread of the tool. Never touches a directory that holds anything.
using System.Buffers.Binary;
using System.Globalization;
using System.Security.Cryptography;
using EtcdAot.Bolt;
using EtcdAot.Members;
using EtcdAot.Sys;
using EtcdAot.V2;
using EtcdAot.Wal;
using EtcdAot.Wire;
using EtcdAot.Wire.Codecs;

namespace EtcdAot.Server;

/// <summary>What to restore, and into which cluster.</summary>
/// <param name="SnapshotPath">File of `snapshot save`, or a raw copy of a db.</param>
/// <param name="DataDirectory">Absent or empty.</param>
/// <param name="WalDirectory">Absent; by default member/wal in the data directory.</param>
/// <param name="Name">Own name in the initial cluster.</param>
public sealed record RestoreRequest(string SnapshotPath, string DataDirectory, string WalDirectory, string Name)
{
    /// <summary>--initial-cluster, with URLs checked by the caller.</summary>
    public required IReadOnlyList<(string Name, IReadOnlyList<string> PeerUrls)> InitialCluster { get; init; }

    /// <summary>--initial-cluster-token.</summary>
    public required string Token { get; init; }

    /// <summary>--skip-hash-check.</summary>
    public bool SkipHashCheck { get; init; }

    /// <summary>--bump-revision with --mark-compacted: added to the latest revision; 0 for neither.</summary>
    public long BumpRevision { get; init; }
}

/// <summary>How far a restore came, for the log lines of the original.</summary>
public sealed class RestoreResult
{
    /// <summary>Null when it succeeded.</summary>
    public string? Error { get; internal set; }

    /// <summary>The preconditions held: "restoring snapshot" is logged.</summary>
    public bool Started { get; internal set; }

    /// <summary>The database was copied and checked: "Trimming membership information …" is logged.</summary>
    public bool Trimmed { get; internal set; }

    /// <summary>Highest main revision found, when a bump was asked for.</summary>
    public long LatestRevision { get; internal set; }

    /// <summary>The new cluster: "added member" is logged for each.</summary>
    public Bootstrap? Cluster { get; internal set; }
}

/// <summary>Restores snapshots.</summary>
public sealed class SnapshotRestore(WalOptions options, IRandomness randomness)
{
    private const int DigestBytes = 32;
    private const int ChunkBytes = 1 << 20;
    private readonly IDisk _disk = options.Disk;

    /// <summary>Restores; every failure is a text in the result.</summary>
    public RestoreResult Run(RestoreRequest request)
    {
        var result = new RestoreResult();
        result.Error = CheckBefore(request, result);
        if (result.Error is null)
        {
            result.Started = true;
            result.Error = CopyDatabase(request);
        }

        if (result.Error is null)
        {
            result.Trimmed = true;
            result.Error = RewriteDatabase(request, result) ?? WriteLog(request, result.Cluster!);
        }

        return result;
    }

    private string? CheckBefore(RestoreRequest request, RestoreResult result)
    {
        if (!Bootstrap.TryFound(request.InitialCluster, request.Token, out Bootstrap? cluster, out string problem))
        {
            return problem;
        }

        result.Cluster = cluster;
        if (cluster!.Find(request.Name) is null)
        {
            return $"couldn't find local name \"{request.Name}\" in the initial cluster configuration";
        }

        Errno e = _disk.List(request.DataDirectory, out DirectoryEntry[] entries);
        if ((e.Failed && e != Errno.NoEntry) || entries.Length > 0)
        {
            return $"data-dir \"{request.DataDirectory}\" not empty or could not be read";
        }

        return _disk.Status(request.WalDirectory, out _) == Errno.NoEntry
            ? null
            : $"wal-dir \"{request.WalDirectory}\" exists";
    }

    private string? CopyDatabase(RestoreRequest request)
    {
        Errno e = _disk.Open(request.SnapshotPath, OpenFlags.Read, 0, out IDiskFile? source);
        if (e.Failed)
        {
            return $"open {request.SnapshotPath}: {e}";
        }

        using IDiskFile from = source!;
        e = from.Length(out long length);
        if (!e.Failed && length < DigestBytes)
        {
            return $"seek {request.SnapshotPath}: invalid argument";
        }

        string snap = SnapDirectory(request);
        e = e.Failed ? e : Directories.MakeAll(snap);
        if (e.Failed)
        {
            return $"mkdir {snap}: {e}";
        }

        string path = Path.Combine(snap, "db");
        e = _disk.Open(path, OpenFlags.Write | OpenFlags.Create, 0x180 /* 0600 */, out IDiskFile? target);
        if (e.Failed)
        {
            return $"open {path}: {e}";
        }

        using IDiskFile to = target!;
        bool hasDigest = length % 512 == DigestBytes;
        if (!hasDigest && !request.SkipHashCheck)
        {
            return "snapshot missing hash but --skip-hash-check=false";
        }

        e = Copy(from, to, hasDigest ? length - DigestBytes : length, out byte[] digest);
        var expected = new byte[DigestBytes];
        e = e.Failed || !hasDigest ? e : from.ReadAt(expected, length - DigestBytes, out _);
        if (e.Failed)
        {
            return $"write {path}: {e}";
        }

        return hasDigest && !request.SkipHashCheck && !digest.AsSpan().SequenceEqual(expected)
            ? $"expected sha256 [{Decimal(expected)}], got [{Decimal(digest)}]"
            : null;
    }

    private static Errno Copy(IDiskFile from, IDiskFile to, long length, out byte[] digest)
    {
        using var sha = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        var chunk = new byte[ChunkBytes];
        long at = 0;
        Errno e = Errno.Ok;
        while (!e.Failed && at < length)
        {
            e = from.ReadAt(chunk.AsSpan(0, (int)Math.Min(ChunkBytes, length - at)), at, out int read);
            e = read == 0 && !e.Failed ? Errno.InputOutput : e;
            sha.AppendData(chunk, 0, read);
            e = e.Failed ? e : to.WriteAt(chunk.AsSpan(0, read), at);
            at += read;
        }

        digest = sha.GetHashAndReset();
        return e.Failed ? e : to.Sync();
    }

    private string? RewriteDatabase(RestoreRequest request, RestoreResult result)
    {
        string path = Path.Combine(SnapDirectory(request), "db");
        BoltError e = Db.Open(_disk, path, new DbOptions(), out Db? opened);
        if (e.Failed)
        {
            return e.Text;
        }

        using Db db = opened!;
        e = db.Begin(out WriteTx? tx);
        e = e.Failed ? e : ReplaceMembers(tx!, result.Cluster!);
        e = e.Failed ? e : SetApplied(tx!, (ulong)result.Cluster!.Members.Count);
        e = e.Failed || request.BumpRevision == 0 ? e : BumpRevision(db, tx!, request.BumpRevision, result);
        e = e.Failed ? e : tx!.Commit();
        return e.Text;
    }

    private static BoltError ReplaceMembers(WriteTx tx, Bootstrap cluster)
    {
        foreach (byte[] name in new[] { "members"u8.ToArray(), "members_removed"u8.ToArray() })
        {
            if (tx.TryBucket(name, out _))
            {
                BoltError deleted = tx.DeleteBucket(name);
                if (deleted.Failed)
                {
                    return deleted;
                }
            }
        }

        BoltError e = tx.CreateBucketIfNotExists("members_removed"u8, out _);
        WriteBucket? members = null;
        e = e.Failed ? e : tx.CreateBucketIfNotExists("members"u8, out members);
        foreach (Member member in cluster.Members)
        {
            e = e.Failed ? e : members!.Put(System.Text.Encoding.ASCII.GetBytes(member.HexId), MemberJson.Flat(member));
        }

        return e;
    }

    private static BoltError SetApplied(WriteTx tx, ulong index)
    {
        // The source's larger index must not survive: it would make the new log's entries look applied (§8.2.7).
        var number = new byte[8];
        BoltError e = tx.CreateBucketIfNotExists("meta"u8, out WriteBucket? meta);
        BinaryPrimitives.WriteUInt64BigEndian(number, index);
        e = e.Failed ? e : meta!.Put("consistent_index"u8, number);
        BinaryPrimitives.WriteUInt64BigEndian(number, 1);
        return e.Failed ? e : meta!.Put("term"u8, number);
    }

    private static BoltError BumpRevision(Db db, WriteTx tx, long by, RestoreResult result)
    {
        if (db.Current.TryBucket("key"u8, out Bucket keys))
        {
            Cursor cursor = keys.Cursor();
            result.LatestRevision = cursor.Last() && cursor.Key.Length >= 8
                ? BinaryPrimitives.ReadInt64BigEndian(cursor.Key)
                : 0;
        }

        var revision = new byte[17];
        BinaryPrimitives.WriteInt64BigEndian(revision, result.LatestRevision + by);
        revision[8] = (byte)'_';
        BoltError e = tx.CreateBucketIfNotExists("key"u8, out WriteBucket? key);
        e = e.Failed ? e : key!.Put(revision, default);
        WriteBucket? meta = null;
        e = e.Failed ? e : tx.CreateBucketIfNotExists("meta"u8, out meta);
        return e.Failed ? e : meta!.Put("scheduledCompactRev"u8, revision);
    }

    private string? WriteLog(RestoreRequest request, Bootstrap cluster)
    {
        ulong count = (ulong)cluster.Members.Count;
        Member own = cluster.Find(request.Name)!;
        Errno made = Directories.MakeAll(Path.GetDirectoryName(request.WalDirectory) is { Length: > 0 } p ? p : ".");
        if (made.Failed)
        {
            return $"mkdir {request.WalDirectory}: {made}";
        }

        WalError e = WriteAheadLog.Create(options, request.WalDirectory,
            new WalMetadata(own.Id, cluster.ClusterId), out WriteAheadLog? log);
        if (e.Failed)
        {
            return e.Text;
        }

        using WriteAheadLog wal = log!;
        using var arena = new SlabArena();
        var state = new DurableState(1, cluster.Members[0].Id, count);
        e = wal.Append(state, cluster.Entries(arena));
        e = e.Failed ? e : wal.Sync();

        var voters = new ConfiguredMembers([.. cluster.Members.Select(m => m.Id)], []);
        V2Tree tree = V2Tree.Create();
        foreach (Member member in cluster.Members)
        {
            tree.AddMember(member.Id, MemberJson.RaftAttributes(member));
        }

        var files = new SnapFiles(_disk, SnapDirectory(request), randomness, options.Log);
        e = e.Failed ? e : files.Save(1, count, voters, tree.Save());
        e = e.Failed ? e : wal.SaveSnapshot(new WalSnapshot(count, 1, voters), state);
        e = e.Failed ? e : wal.Close();
        return e.Failed ? e.Text : null;
    }

    private DataDirectory Directories => new(_disk, options.Log);

    private static string SnapDirectory(RestoreRequest request) => Path.Combine(request.DataDirectory, "member", "snap");

    private static string Decimal(byte[] bytes)
    {
        return string.Join(' ', bytes.Select(b => b.ToString(CultureInfo.InvariantCulture)));
    }
}
