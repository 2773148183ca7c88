// The bbolt file: real and own files with damage on any page; checksums of the metas mended or not.
using System.Buffers.Binary;
using System.Text;
using EtcdAot.Bolt;
using EtcdAot.Tests.Unit.Bolt;

namespace EtcdAot.Tests.Fuzz.Targets;

/// <summary>Input: {mend the metas' checksums? 1, file}.</summary>
internal sealed class BoltTarget : FuzzTarget
{
    private const int PageSize = 4096;
    private static readonly DbOptions Options = new() { PageSize = PageSize, ReserveBytes = 64 << 20, GrowStep = 0 };

    public override string Name => "bolt";

    public override string About => "a bbolt file: open, check, walk, write, copy";

    public override int LengthMax => 256 * 1024;

    public override int CountOf(int wanted) => wanted / 2;

    public override IEnumerable<byte[]> Seeds()
    {
        yield return [0, .. SmallFile()];
        yield return [1, .. SmallFile()];
        yield return [0, .. Resources.Recorded("Bolt/36-auth.db")];
        yield return [1, .. Resources.Recorded("Bolt/35-snapshot.db")];
    }

    /// <summary>Sets a number of a page's header or of its element table.</summary>
    public override bool TryMutate(byte[] input, Rng random, out byte[] changed)
    {
        changed = [.. input];
        int pages = (input.Length - 1) / PageSize;
        if (pages < 3)
        {
            return false;
        }

        int at = 1 + (random.Below(pages) * PageSize) + (random.Below(24) * 4);
        uint old = BinaryPrimitives.ReadUInt32LittleEndian(input.AsSpan(at));
        uint value = random.Below(6) switch
        {
            0 => (uint)random.Below(pages + 2),
            1 => old + (uint)random.Below(5) - 2,
            2 => (uint)random.Below(PageSize + 100),
            3 => uint.MaxValue - (uint)random.Below(20),
            4 => old ^ (1u << random.Below(32)),
            _ => random.Pick<uint>([0, 1, 2, 4, 16, 0x10000, 0x7FFFFFFF, 0x80000000]),
        };
        BinaryPrimitives.WriteUInt32LittleEndian(changed.AsSpan(at), value);
        changed[0] = 1;
        return true;
    }

    public override string Run(byte[] input)
    {
        byte[] file = input.Length == 0 ? [] : input[1..];
        if (input.Length > 0 && (input[0] & 1) != 0)
        {
            Mend(file, 0);
            Mend(file, PageSize);
        }

        using var disk = new CrashDisk();
        disk.SetContents(file);
        BoltError error = Db.Open(disk, "/d/db", Options, out Db? db);
        if (error.Failed)
        {
            return "-" + string.Concat(error.Text!.Where(static c => !char.IsAsciiDigit(c)).Take(40));
        }

        using Db open = db!;
        int problems = open.Check().Count;
        StatusHash hash = StatusHash.Of(open.Current);
        Copy(open);
        BoltError begun = open.Begin(out WriteTx? tx);
        if (begun.Failed)
        {
            return "+read-only " + begun.Text;
        }

        bool wrote = !tx!.CreateBucketIfNotExists("key"u8, out WriteBucket? bucket).Failed
            && !bucket!.Put("k00100"u8, new byte[300]).Failed && !bucket.Delete("k00101"u8).Failed;
        bool committed = !tx.Commit().Failed;
        int after = committed ? open.Check().Count : 0;
        BrokenPromiseException.Unless(problems > 0 || after == 0, "a sound file stays sound when it is written");
        return $"+{Math.Min(problems, 5)} {Math.Min(hash.Keys, 300) / 50} {wrote} {committed} {Math.Min(after, 5)}";
    }

    private static void Copy(Db open)
    {
        using var disk = new CrashDisk();
        if (Db.Open(disk, "/d/copy", Options, out Db? target).Failed)
        {
            return;
        }

        using (target)
        {
            using var copy = new CompactCopy(open, target!);
            for (int i = 0; i < 1000 && !copy.Done; i++)
            {
                if (copy.Step(1000).Failed)
                {
                    return;
                }
            }
        }
    }

    private static void Mend(byte[] file, int at)
    {
        if (file.Length < at + 80)
        {
            return;
        }

        ulong hash = 0xCBF29CE484222325;
        foreach (byte b in file.AsSpan(at + 16, 56))
        {
            hash = (hash ^ b) * 0x100000001B3;
        }

        BinaryPrimitives.WriteUInt64LittleEndian(file.AsSpan(at + 72), hash);
    }

    private static byte[] SmallFile()
    {
        using var disk = new CrashDisk();
        BrokenPromiseException.Unless(!Db.Open(disk, "/d/db", Options, out Db? db).Failed, "a new file opens");
        using Db open = db!;
        _ = open.Begin(out WriteTx? tx);
        _ = tx!.CreateBucketIfNotExists("key"u8, out WriteBucket? key);
        for (int i = 0; i < 200; i++)
        {
            _ = key!.Put(Encoding.ASCII.GetBytes($"k{i:d5}"), new byte[i == 77 ? 5000 : 40]);
        }

        _ = tx.CreateBucketIfNotExists("meta"u8, out WriteBucket? meta);
        _ = meta!.Put("consistent_index"u8, new byte[8]);
        _ = tx.Commit();
        return disk.Written.ToArray();
    }
}
