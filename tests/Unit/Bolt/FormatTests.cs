using System.Buffers.Binary;
using System.IO.Compression;
using System.Security.Cryptography;
using System.Text;
using EtcdAot.Bolt;
using EtcdAot.Sys;

namespace EtcdAot.Tests.Unit.Bolt;

/// <summary>Goal: the bytes are bbolt's. Golden vectors, files that real etcd wrote (hashes as its own tools
/// print them), the order of the commit, and the copies.</summary>
public class FormatTests
{
    private static readonly DbOptions Options = new() { PageSize = 4096, ReserveBytes = 64 << 20 };

    [Fact]
    public void MetaIsAsAFreshEtcdWritesIt()
    {
        byte[] page = new byte[4096];
        new Meta(4096, Root: 2, Sequence: 0, Meta.NoFreelist, HighWaterMark: 5, TxId: 6).Write(page, 0);
        Assert.Equal("edda0ced02000000001000000000000002000000000000000000000000000000ffffffffffffffff"
            + "05000000000000000600000000000000c297d92a30dd6481", Convert.ToHexStringLower(page, 16, 64));
        Assert.False(Meta.Read(page, out Meta read).Failed);
        Assert.Equal(6UL, read.TxId);
    }

    [Fact]
    public void EveryDamagedBitOfAMetaIsSeen()
    {
        byte[] page = new byte[4096];
        new Meta(4096, 3, 0, Meta.NoFreelist, 5, 6).Write(page, 0);
        for (int bit = 16 * 8; bit < 80 * 8; bit++)
        {
            byte[] damaged = (byte[])page.Clone();
            damaged[bit / 8] ^= (byte)(1 << (bit % 8));
            BoltError expected = bit < 20 * 8 ? BoltError.Invalid
                : bit < 24 * 8 ? BoltError.VersionMismatch : BoltError.Checksum;
            Assert.Equal(expected, Meta.Read(damaged, out _));
        }
    }

    [Fact]
    public void ANewFileIsFourPagesWrittenAndSynced()
    {
        using var disk = new CrashDisk();
        using Db db = Open(disk);
        Assert.Equal(["write 0 16384", "datasync", "syncdir"], disk.Calls);
        ReadOnlySpan<byte> bytes = disk.Written;
        Assert.Equal(16384, bytes.Length);

        // txid 0 and 1, root 3, freelist 2, hwm 4; an empty freelist page; an empty leaf; nothing else.
        for (int meta = 0; meta < 2; meta++)
        {
            ReadOnlySpan<byte> page = bytes.Slice(meta * 4096, 4096);
            Assert.Equal(meta, page[0]);
            Assert.Equal(4, page[8]);
            Assert.Equal(3UL, BinaryPrimitives.ReadUInt64LittleEndian(page[32..]));
            Assert.Equal(2UL, BinaryPrimitives.ReadUInt64LittleEndian(page[48..]));
            Assert.Equal(4UL, BinaryPrimitives.ReadUInt64LittleEndian(page[56..]));
            Assert.Equal((ulong)meta, BinaryPrimitives.ReadUInt64LittleEndian(page[64..]));
            Assert.Equal(-1, page[80..].IndexOfAnyExcept((byte)0));
        }

        Assert.Equal("0200000000000000100000000000000000", Convert.ToHexStringLower(bytes.Slice(8192, 17)));
        Assert.Equal("0300000000000000020000000000000000", Convert.ToHexStringLower(bytes.Slice(12288, 17)));
        Assert.Equal(-1, bytes.Slice(8192 + 9, 4096 - 9).IndexOfAnyExcept((byte)0));
        Assert.Equal(-1, bytes[(12288 + 9)..].IndexOfAnyExcept((byte)0));
    }

    [Fact]
    public void MetasOfAnEarlierProcessAreMadeDurableBeforeAnythingElse()
    {
        // Found by the simulator: a meta written and never synced (its writer was killed, or the sync failed) was built on;
        // pages of the meta before it were reused, and a loss of power left that older meta over them.
        using var disk = new CrashDisk();
        Open(disk).Dispose();
        disk.Calls.Clear();
        using Db db = Open(disk);
        Assert.Equal(["write 0 8192", "datasync"], disk.Calls);
    }

    [Fact]
    public void ACommitGrowsWritesSyncsAndOnlyThenWritesTheMeta()
    {
        using var disk = new CrashDisk();
        using Db db = Open(disk);
        disk.Calls.Clear();
        Fill(db, "b", 1, 200);

        // hwm becomes 5: the file grows as bbolt's to 24,576 + 16 MiB.
        Assert.Equal("allocate 16384 16785408", disk.Calls[0]);
        Assert.Equal("sync", disk.Calls[1]);
        Assert.StartsWith("write 16384", disk.Calls[2], StringComparison.Ordinal);
        Assert.Equal("datasync", disk.Calls[^3]);
        Assert.Equal("write 0 4096", disk.Calls[^2]);
        Assert.Equal("datasync", disk.Calls[^1]);
        Assert.Equal(16801792, disk.Written.Length);

        disk.Calls.Clear();
        Assert.False(db.Begin(out WriteTx? empty).Failed);
        Assert.False(empty!.Commit().Failed);
        Assert.Equal(["datasync", "write 4096 4096", "datasync"], disk.Calls);
        Assert.Equal(3UL, db.Current.TxId);
    }

    [Theory]
    [InlineData("34-mixed", 589687179u, 356, 1454080)]
    [InlineData("35-manyrev", 1626046373u, 5226, 344064)]
    [InlineData("36-auth", 3586713098u, 357, 57344)]
    [InlineData("35-kill-commit", 3595288410u, 290, 90112)]
    [InlineData("35-snapshot", 1640937493u, 356, 53248)]
    public void FilesOfRealEtcdReadAsItsToolsSay(string name, uint hash, long keys, long size)
    {
        using var disk = new CrashDisk();
        disk.SetContents(RealFile(name));
        using Db db = Open(disk);
        Assert.Empty(db.Check());
        Assert.Equal(new StatusHash(hash, keys), StatusHash.Of(db.Current));
        Assert.Equal(size, db.SizeBytes);

        // And they take writes.
        Fill(db, "key", 500, 100);
        Assert.Empty(db.Check());
        Assert.Equal(keys + 500, StatusHash.Of(db.Current).Keys);
    }

    [Fact]
    public void APageSizeOtherThanTheHostsIsTakenFromEitherMeta()
    {
        using var disk = new CrashDisk();
        using (Db db = Open(disk, Options with { PageSize = 16384 }))
        {
            Fill(db, "b", 300, 100);
        }

        byte[] bytes = disk.Written.ToArray();
        disk.SetContents(bytes);
        using (Db db = Open(disk))
        {
            Assert.Equal(16384, db.PageSize);
            Assert.Empty(db.Check());
        }

        bytes[20] ^= 1;
        disk.SetContents(bytes);
        using (Db db = Open(disk))
        {
            Assert.Equal(16384, db.PageSize);
            Assert.Equal(1UL, db.Current.TxId);
        }

        bytes[16384 + 72] ^= 1;
        disk.SetContents(bytes);
        Assert.Equal(BoltError.VersionMismatch, Db.Open(disk, "/d/db", Options, out _));
    }

    [Fact]
    public void AStoredFreelistIsReadAndItsPageFreedOnlyByTheNextCommit()
    {
        using var disk = new CrashDisk();
        using Db db = Open(disk);
        Assert.Equal(0, db.PendingFreeBytes);
        Fill(db, "b", 1, 10);

        // Page 2 (freelist) and page 3 (old root) are free; the new root is page 4.
        Assert.Equal(2, db.Freelist.FreePages);
        Assert.True(db.Freelist.IsFree(2) && db.Freelist.IsFree(3));
        Assert.Empty(db.Check());
    }

    [Fact]
    public void AHotCopyIsTheOldStateWhileWritingGoesOn()
    {
        using var disk = new CrashDisk();
        using Db db = Open(disk);
        Fill(db, "key", 3000, 100);
        StatusHash before = StatusHash.Of(db.Current);
        using var copy = new HotCopy(db);
        byte[] bytes = new byte[copy.Length];
        for (int round = 0; copy.Position < copy.Length; round++)
        {
            Assert.False(copy.Read(bytes.AsSpan((int)copy.Position..Math.Min(bytes.Length, (int)copy.Position + 20000)), out _)
                .Failed);
            Fill(db, "key", 100, 100 + round);
        }

        using var second = new CrashDisk();
        second.SetContents(bytes);
        using Db copied = Open(second);
        Assert.Equal(copy.TxId, copied.Current.TxId);
        Assert.Equal(before, StatusHash.Of(copied.Current));
        Assert.Empty(copied.Check());
        Assert.False(Meta.Read(bytes.AsSpan(4096), out Meta meta1).Failed);
        Assert.Equal(copy.TxId - 1, meta1.TxId);
    }

    [Fact]
    public void ACompactCopyHoldsTheSameInLessSpace()
    {
        using var disk = new CrashDisk();
        disk.SetContents(RealFile("35-manyrev"));
        using Db db = Open(disk);
        using var target = new CrashDisk();
        using Db compact = Open(target);
        Fill(db, "key", 12000, 60);
        using (var copy = new CompactCopy(db, compact))
        {
            while (!copy.Done)
            {
                Assert.False(copy.Step(100).Failed);
            }
        }

        Assert.Empty(compact.Check());
        Assert.Equal(StatusHash.Of(db.Current), StatusHash.Of(compact.Current));
        Assert.True(compact.InUseBytes <= db.InUseBytes, $"{compact.InUseBytes} > {db.InUseBytes}");
    }

    [Fact]
    public void WithEpochsAnOldStateStaysUntilItIsReleased()
    {
        using var disk = new CrashDisk();
        using Db db = Open(disk, Options with { ReadersByEpoch = true });
        Fill(db, "key", 2000, 100);
        ReadSnapshot old = db.Current;
        StatusHash before = StatusHash.Of(old);
        for (int round = 0; round < 5; round++)
        {
            Fill(db, "key", 100, 100);
        }

        Assert.Equal(before, StatusHash.Of(old));
        Assert.True(db.PendingFreeBytes > 0);
        db.ReleasePendingBefore(old.TxId);
        Assert.True(db.PendingFreeBytes > 0);
        Assert.Equal(before, StatusHash.Of(old));
        db.ReleasePendingBefore(ulong.MaxValue);
        Assert.Equal(0, db.PendingFreeBytes);
        Assert.Equal(db.Current.TxId, db.OldestReader);
        Assert.Empty(db.Check());
    }

    [Fact]
    public void ARolledBackTransactionLeavesNoTrace()
    {
        using var disk = new CrashDisk();
        using Db db = Open(disk);
        Fill(db, "key", 2000, 100);
        int calls = disk.Calls.Count;
        Assert.False(db.Begin(out WriteTx? tx).Failed);
        Assert.False(tx!.DeleteBucket("key"u8).Failed);
        Assert.False(tx.CreateBucketIfNotExists("other"u8, out WriteBucket? other).Failed);
        tx.Rollback();
        Assert.Equal(BoltError.TxClosed, other!.Put("k"u8, "v"u8));
        Assert.Equal(BoltError.TxClosed, tx.Commit());
        Assert.Equal(calls, disk.Calls.Count);
        Assert.Equal(2000, StatusHash.Of(db.Current).Keys);
        Assert.Empty(db.Check());
    }

    [Fact]
    public void BoundsOfKeysAndNamesAreBbolts()
    {
        using var disk = new CrashDisk();
        using Db db = Open(disk);
        Assert.False(db.Begin(out WriteTx? tx).Failed);
        Assert.Equal("bucket name required", tx!.CreateBucketIfNotExists(default, out _).Text);
        Assert.Equal("bucket not found", tx.DeleteBucket("none"u8).Text);
        Assert.False(tx.CreateBucketIfNotExists("b"u8, out WriteBucket? bucket).Failed);
        Assert.Equal("key required", bucket!.Put(default, "v"u8).Text);
        Assert.Equal("key too large", bucket.Put(new byte[32769], "v"u8).Text);
        Assert.False(bucket.Put(new byte[32768], default).Failed);
        Assert.False(tx.Commit().Failed);
        Assert.True(db.Current.TryBucket("b"u8, out Bucket read));
        Assert.True(read.TryGet(new byte[32768], out ReadOnlySpan<byte> empty));
        Assert.True(empty.IsEmpty);
    }

    [Fact]
    public void AFullDiskIsAnErrorWithBboltsTextAndEndsWriting()
    {
        using var disk = new CrashDisk { Failure = Errno.NoSpace };
        using Db db = Open(disk);
        Assert.False(db.Begin(out WriteTx? tx).Failed);
        Assert.False(tx!.CreateBucketIfNotExists("b"u8, out _).Failed);
        disk.FailAfter = 0;
        Assert.Equal("file resize error: truncate /d/db: no space left on device", tx.Commit().Text);
        Assert.Equal("file resize error: truncate /d/db: no space left on device", db.Begin(out _).Text);
        Assert.Equal(1UL, db.Current.TxId);
    }

    [Fact]
    public void ASecondOpenerIsToldThatTheFileIsLocked()
    {
        using var disk = new CrashDisk();
        using Db db = Open(disk);
        Assert.Equal(BoltError.Locked, Db.Open(disk, "/d/db", Options, out _));
    }

    [Fact]
    public void TheRealDiskGivesTheSameBytes()
    {
        string path = System.IO.Path.Combine(System.IO.Path.GetTempPath(), "bolt-" + Guid.NewGuid().ToString("N"));
        using var disk = new CrashDisk();
        try
        {
            using (Db real = Open(LinuxDisk.Instance, path))
            using (Db simulated = Open(disk))
            {
                for (int i = 0; i < 20; i++)
                {
                    Fill(real, "key", 500, 90);
                    Fill(simulated, "key", 500, 90);
                }

                Assert.Equal(BoltError.Locked, Db.Open(LinuxDisk.Instance, path, Options, out _));
            }

            Assert.Equal(SHA256.HashData(disk.Written), SHA256.HashData(File.ReadAllBytes(path)));
        }
        finally
        {
            File.Delete(path);
        }
    }

    internal static byte[] RealFile(string name)
    {
        using Stream packed = typeof(FormatTests).Assembly.GetManifestResourceStream($"Bolt/{name}.db.gz")!;
        using var unpacked = new MemoryStream();
        using var gzip = new GZipStream(packed, CompressionMode.Decompress);
        gzip.CopyTo(unpacked);
        return unpacked.ToArray();
    }

    private static void Fill(Db db, string bucketName, int count, int valueBytes)
    {
        Assert.False(db.Begin(out WriteTx? tx).Failed);
        Assert.False(tx!.CreateBucketIfNotExists(Encoding.UTF8.GetBytes(bucketName), out WriteBucket? bucket).Failed);
        bucket!.FillPercent = 0.9;
        byte[] key = new byte[17];
        for (int i = 0; i < count; i++)
        {
            BinaryPrimitives.WriteUInt64BigEndian(key, 0x0100000000000000 + (tx.TxId << 20) + (ulong)i);
            Assert.False(bucket.Put(key, new byte[valueBytes]).Failed);
        }

        Assert.False(tx.Commit().Failed);
    }

    private static Db Open(CrashDisk disk, DbOptions? options = null)
    {
        BoltError error = Db.Open(disk, "/d/db", options ?? Options, out Db? db);
        Assert.False(error.Failed, error.Text);
        return db!;
    }

    private static Db Open(IDisk disk, string path)
    {
        BoltError error = Db.Open(disk, path, Options, out Db? db);
        Assert.False(error.Failed, error.Text);
        return db!;
    }
}
