using EtcdAot.Bolt;
using EtcdAot.Observe;
using EtcdAot.Server;
using EtcdAot.Sys;
using EtcdAot.Tests.Unit.Fakes;
using EtcdAot.Wal;
using EtcdAot.Wire.Codecs;

namespace EtcdAot.Tests.Unit.Server;

/// <summary>Goal: a snapshot of a real etcd becomes the directory of a new cluster: members, applied index, log and .snap
/// agree, and a damaged or unwanted input is refused in the original's words.</summary>
public sealed class SnapshotRestoreTests : IDisposable
{
    private readonly string _directory = Directory.CreateTempSubdirectory("restore").FullName;

    public void Dispose() => Directory.Delete(_directory, true);

    [Fact]
    public void ARealSnapshotBecomesANewCluster()
    {
        RestoreResult result = Restore(Recorded.Read("Server/data/snap-35.db"), 100);
        Assert.Null(result.Error);
        Assert.True(result.Started && result.Trimmed);
        Assert.Equal(349, result.LatestRevision);
        Assert.Equal(0xcdf818194e3a8c32UL, result.Cluster!.ClusterId);

        WalOptions options = Options();
        string wal = Path.Combine(_directory, "d/member/wal");
        Assert.False(WriteAheadLog.ValidSnapshots(options, wal, out List<WalSnapshot> valid).Failed);
        var files = new SnapFiles(LinuxDisk.Instance, Path.Combine(_directory, "d/member/snap"),
            SystemRandomness.Instance, Log.None);
        Assert.False(files.LoadNewest(valid, out LoadedSnapshot? snapshot).Failed);
        Assert.Equal([0x8e9e05c52164694dUL], snapshot!.Members.Voters);
        Assert.Equal((1UL, 1UL), (snapshot.Index, snapshot.Term));

        Assert.False(Db.Open(LinuxDisk.Instance, files.DatabasePath, new DbOptions { ReadOnly = true }, out Db? db).Failed);
        using Db open = db!;
        Assert.Empty(open.Check());
        Assert.True(open.Current.TryBucket("members"u8, out Bucket members));
        Assert.True(members.TryGet("8e9e05c52164694d"u8, out ReadOnlySpan<byte> json));
        Assert.Equal(
            "{\"id\":10276657743932975437,\"peerURLs\":[\"http://localhost:2380\"],\"name\":\"default\"}",
            System.Text.Encoding.ASCII.GetString(json));
        Assert.True(open.Current.TryBucket("meta"u8, out Bucket meta));
        Assert.True(meta.TryGet("consistent_index"u8, out ReadOnlySpan<byte> index));
        Assert.Equal("0000000000000001", Convert.ToHexStringLower(index));
        Assert.True(meta.TryGet("scheduledCompactRev"u8, out ReadOnlySpan<byte> compact));
        Assert.Equal("00000000000001c15f0000000000000000", Convert.ToHexStringLower(compact));
    }

    [Fact]
    public void WrongInputIsRefusedInTheOriginalsWords()
    {
        byte[] good = Recorded.Read("Server/data/snap-35.db");
        byte[] bad = (byte[])good.Clone();
        bad[^1] ^= 1;
        Assert.StartsWith("expected sha256 [", Restore(bad, 0).Error, StringComparison.Ordinal);
        Assert.EndsWith("not empty or could not be read", Restore(good, 0).Error, StringComparison.Ordinal);
        Directory.Delete(Path.Combine(_directory, "d"), true);
        Assert.Equal("snapshot missing hash but --skip-hash-check=false", Restore(good[..^32], 0).Error);
    }

    private static WalOptions Options() => new(LinuxDisk.Instance, SystemClock.Instance, Log.None)
    {
        SegmentBytes = 1 << 20,
    };

    private RestoreResult Restore(byte[] snapshot, long bump)
    {
        string source = Path.Combine(_directory, "s.db");
        File.WriteAllBytes(source, snapshot);
        string data = Path.Combine(_directory, "d");
        return new SnapshotRestore(Options(), SystemRandomness.Instance).Run(
            new RestoreRequest(source, data, Path.Combine(data, "member/wal"), "default")
            {
                InitialCluster = [("default", ["http://localhost:2380"])],
                Token = "etcd-cluster",
                BumpRevision = bump,
            });
    }
}
