using System.Buffers.Binary;
using System.Text;
using EtcdAot.Bolt;

namespace EtcdAot.Tests.Unit.Bolt;

/// <summary>Goal: no file, however damaged, ends in an exception, a fault or a hang. Either it opens and can
/// be walked, checked and written, or there is an error that says where.</summary>
public class HostileFileTests
{
    private static readonly DbOptions Options = new() { PageSize = 4096, ReserveBytes = 64 << 20, GrowStep = 0 };

    [Fact]
    public void AFlippedByteAnywhereGivesAnErrorOrASoundFile()
    {
        byte[] good = SmallFile();
        int opened = 0;
        int refused = 0;
        for (int at = 0; at < good.Length; at++)
        {
            // Data bytes are all alike; of headers and the first elements each byte is tried.
            if (at % 4096 > 100 && at % 31 != 0)
            {
                continue;
            }

            byte[] bad = (byte[])good.Clone();
            bad[at] ^= (byte)(at % 3 == 0 ? 0x01 : at % 3 == 1 ? 0x80 : 0xFF);
            _ = TryFile(bad) ? opened++ : refused++;
        }

        Assert.True(opened > 500 && refused > 100, $"{opened} opened, {refused} refused");
    }

    [Fact]
    public void RandomDamageToARealFile()
    {
        byte[] good = FormatTests.RealFile("36-auth");
        var random = new Random(5);
        for (int round = 0; round < 400; round++)
        {
            byte[] bad = good.AsSpan(0, random.Next(10) == 0 ? random.Next(good.Length) : good.Length).ToArray();
            for (int i = random.Next(1, 6); i > 0 && bad.Length > 8192; i--)
            {
                // Behind the metas, headers and tables first.
                int page = random.Next(2, bad.Length / 4096);
                bad[(page * 4096) + random.Next(random.Next(2) == 0 ? 64 : 4096)] = (byte)random.Next(256);
            }

            _ = TryFile(bad);
        }
    }

    [Fact]
    public void TruncationsAreErrorsWithBboltsTexts()
    {
        byte[] good = SmallFile();
        Assert.Equal("invalid database", Error(new byte[100]));
        Assert.Equal("invalid database", Error(new byte[16384]));
        Assert.Equal("file size too small 4096", Error(good[..4096]));
        Assert.Contains("does not fit a file of 12288 bytes", Error(good[..12288]), StringComparison.Ordinal);
        byte[] version = (byte[])good.Clone();
        version[20] = version[4096 + 20] = 3;
        Assert.Equal("version mismatch", Error(version));
        byte[] checksum = (byte[])good.Clone();
        checksum[40] = checksum[4096 + 40] = 3;
        Assert.Equal("checksum error", Error(checksum));
    }

    [Fact]
    public void CyclesAndWrongPagesAreNamed()
    {
        byte[] good = SmallFile();
        Assert.False(Meta.Read(good.AsSpan(NewestMeta(good)), out Meta meta).Failed);
        ulong branch = FindBranch(good, meta.HighWaterMark);
        byte[] cycle = (byte[])good.Clone();
        BinaryPrimitives.WriteUInt64LittleEndian(cycle.AsSpan(((int)branch * 4096) + 16 + 8), branch);
        Assert.Contains($"page {branch}: multiple references (stack: [{branch} {branch}])", Error(cycle), StringComparison.Ordinal);
        byte[] beyond = (byte[])good.Clone();
        BinaryPrimitives.WriteUInt64LittleEndian(beyond.AsSpan(((int)branch * 4096) + 16 + 8), 999);
        Assert.Contains($"page 999: out of bounds: {meta.HighWaterMark} (stack: [{branch} 999])", Error(beyond),
            StringComparison.Ordinal);
        byte[] type = (byte[])good.Clone();
        type[((int)branch * 4096) + 8] = 0x10;
        Assert.Contains($"page {branch}: invalid type: freelist (stack: [{branch}])", Error(type), StringComparison.Ordinal);
    }

    [Fact]
    public void DisorderIsTold()
    {
        byte[] bytes = SmallFile();
        int at = bytes.AsSpan().LastIndexOf("k00150"u8);
        "k00140"u8.CopyTo(bytes.AsSpan(at));
        Assert.Contains("needs to be > (found <) than previous element (hex)6b3030313439", Error(bytes), StringComparison.Ordinal);
        "k00149"u8.CopyTo(bytes.AsSpan(at));
        Assert.Contains("needs to be > (found =) than previous element (hex)6b3030313439", Error(bytes), StringComparison.Ordinal);
    }

    private static int NewestMeta(byte[] bytes)
    {
        return BinaryPrimitives.ReadUInt64LittleEndian(bytes.AsSpan(64))
            > BinaryPrimitives.ReadUInt64LittleEndian(bytes.AsSpan(4096 + 64)) ? 0 : 4096;
    }

    private static ulong FindBranch(byte[] bytes, ulong hwm)
    {
        for (ulong id = 2; id < hwm; id++)
        {
            if (bytes[(int)id * 4096] == (byte)id && bytes[((int)id * 4096) + 8] == 1)
            {
                return id;
            }
        }

        throw new InvalidOperationException("the small file has a branch");
    }

    private static string Error(byte[] bytes)
    {
        using var disk = new CrashDisk();
        disk.SetContents(bytes);
        BoltError error = Db.Open(disk, "/d/db", Options, out _);
        Assert.True(error.Failed);
        return error.Text!;
    }

    /// <summary>A tree of two levels, an inline bucket, an overflow page, some free pages.</summary>
    private static byte[] SmallFile()
    {
        using var disk = new CrashDisk();
        Assert.False(Db.Open(disk, "/d/db", Options, out Db? db).Failed);
        Assert.False(db!.Begin(out WriteTx? tx).Failed);
        Assert.False(tx!.CreateBucketIfNotExists("key"u8, out WriteBucket? key).Failed);
        for (int i = 0; i < 200; i++)
        {
            Assert.False(key!.Put(Encoding.UTF8.GetBytes($"k{i:d5}"), new byte[i == 77 ? 5000 : 40]).Failed);
        }

        Assert.False(tx.CreateBucketIfNotExists("meta"u8, out WriteBucket? meta).Failed);
        Assert.False(meta!.Put("consistent_index"u8, new byte[8]).Failed);
        Assert.False(tx.Commit().Failed);
        byte[] bytes = disk.Written.ToArray();
        db.Dispose();
        return bytes;
    }

    /// <summary>Opens, checks, walks and writes; true when it could be opened.</summary>
    private static bool TryFile(byte[] bytes)
    {
        using var disk = new CrashDisk();
        disk.SetContents(bytes);
        if (Db.Open(disk, "/d/db", Options, out Db? db).Failed)
        {
            return false;
        }

        _ = db!.Check();
        _ = StatusHash.Of(db.Current);
        Assert.False(db.Begin(out WriteTx? tx).Failed);
        if (!tx!.CreateBucketIfNotExists("key"u8, out WriteBucket? bucket).Failed)
        {
            _ = bucket!.Put("k00100"u8, new byte[300]);
            _ = bucket.Delete("k00101"u8);
        }

        Assert.False(tx.Commit().Failed);
        _ = db.Check();
        db.Dispose();
        return true;
    }
}
