// The log on disk: real segments with damage, and records of any content in frames that are right.
using System.Buffers.Binary;
using EtcdAot.Observe;
using EtcdAot.Sys;
using EtcdAot.Tests.Unit.Fakes;
using EtcdAot.Wal;
using EtcdAot.Wire;
using EtcdAot.Wire.Codecs;

namespace EtcdAot.Tests.Fuzz.Targets;

/// <summary>Input: {name 1, length 3, bytes}… the files of one WAL directory.</summary>
internal sealed class WalTarget : FuzzTarget
{
    private const string Directory = "/d/member/wal";

    private static readonly string[] Names =
    [
        "0000000000000000-0000000000000000.wal", "0000000000000001-0000000000000005.wal",
        "0000000000000002-0000000000000009.wal", "0.tmp", "1.tmp", "0000000000000000-0000000000000000.wal.broken",
        "0000000000000007-0000000000000000.wal", "x.wal", "0000000000000000-00000000000000ff.wal", "junk",
    ];

    public override string Name => "wal";

    public override string About => "a WAL directory: damaged segments, odd names";

    public override int LengthMax => 128 * 1024;

    public override int CountOf(int wanted) => wanted / 2;

    public override IEnumerable<byte[]> Seeds()
    {
        yield return File(0, Written(3, 64 * 1024, 0));
        (byte[] first, byte[] second) = TwoSegments();
        yield return [.. File(0, first), .. File(1, second)];
        byte[] real = Resources.Recorded("Wal/35-empty-kill-m1.wal", 4096);
        yield return File(0, real);
        yield return [.. File(0, Resources.Recorded("Wal/36-mixed-clean-m1.wal", 100_000)), .. File(3, new byte[100])];
    }

    public override string Run(byte[] input)
    {
        var disk = new FaultyDisk();
        disk.Put(Directory + "/junk", []);
        int files = 0;
        for (int at = 0; input.Length - at >= 4 && files < 6; files++)
        {
            int length = BinaryPrimitives.ReadInt32BigEndian(input.AsSpan(at)) & 0xFFFFFF;
            length = Math.Min(length, input.Length - at - 4);
            disk.Put($"{Directory}/{Names[input[at] % Names.Length]}", input.AsSpan(at + 4, length).ToArray());
            at += 4 + length;
        }

        return WalWalk.Open(disk, Directory);
    }

    private static byte[] File(byte name, byte[] bytes) =>
        [name, (byte)(bytes.Length >> 16), (byte)(bytes.Length >> 8), (byte)bytes.Length, .. bytes];

    private static byte[] Written(int entries, long segment, ulong from)
    {
        FaultyDisk disk = Empty();
        using WriteAheadLog log = Create(disk, segment);
        Append(log, from, entries);
        return disk.Bytes($"{Directory}/{Names[0]}");
    }

    private static (byte[] First, byte[] Second) TwoSegments()
    {
        FaultyDisk disk = Empty();
        using WriteAheadLog log = Create(disk, 4096);
        Append(log, 0, 4);
        _ = log.Cut();
        Append(log, 4, 3);
        return (disk.Bytes($"{Directory}/{Names[0]}"), disk.Bytes($"{Directory}/{Names[1]}"));
    }

    private static FaultyDisk Empty()
    {
        var disk = new FaultyDisk();
        _ = disk.MakeDirectory("/d", 0x1C0);
        _ = disk.MakeDirectory("/d/member", 0x1C0);
        return disk;
    }

    private static WriteAheadLog Create(FaultyDisk disk, long segment)
    {
        WalError e = WriteAheadLog.Create(WalWalk.Options(disk, segment), Directory, new WalMetadata(1, 2), out WriteAheadLog? log);
        BrokenPromiseException.Unless(!e.Failed, e.Text ?? "");
        return log!;
    }

    private static void Append(WriteAheadLog log, ulong from, int count)
    {
        for (int i = 1; i <= count; i++)
        {
            var data = new SlabSlice(NativeSlab.Allocate(40), 0, 40);
            data.Slab!.Span.Fill((byte)i);
            var entry = new LogEntry { Term = 1, Index = from + (ulong)i, Data = data };
            _ = log.Append(new DurableState(1, 1, from + (ulong)i), [entry]);
            data.Release();
        }

        _ = log.Sync();
    }
}

/// <summary>Input: {type 1, length 2, data}… as records with right frames and checksums.</summary>
internal sealed class WalRecordsTarget : FuzzTarget
{
    private const string Directory = "/d/member/wal";

    public override string Name => "wal-records";

    public override string About => "records of any content behind right checksums";

    public override int CountOf(int wanted) => wanted / 2;

    public override IEnumerable<byte[]> Seeds()
    {
        byte[] metadata = new WalMetadata(1, 2).ToBytes();
        byte[] start = [.. Record(4, [0, 0]), .. Record(1, metadata), .. Record(5, [8, 0, 16, 0])];
        yield return start;
        yield return [.. start, .. Record(2, [8, 0, 16, 1, 24, 1, 34, 2, 1, 2]), .. Record(3, [8, 1, 16, 1, 24, 1])];
        yield return [.. start, .. Record(2, [8, 0, 16, 1, 24, 1]), .. Record(2, [8, 0, 16, 2, 24, 1]), .. Record(2, [8, 1, 16, 2, 24, 2])];
        yield return [.. start, .. Record(5, [8, 4, 16, 2, 26, 4, 8, 1, 40, 0]), .. Record(3, [8, 2, 16, 1, 24, 5]), .. Record(2, [8, 0, 16, 2, 24, 5])];
    }

    public override string Run(byte[] input)
    {
        var file = new List<byte>();
        uint crc = 0;
        for (int at = 0; input.Length - at >= 3;)
        {
            int length = Math.Min(BinaryPrimitives.ReadUInt16BigEndian(input.AsSpan(at + 1)), input.Length - at - 3);
            ReadOnlySpan<byte> data = input.AsSpan(at + 3, length);
            var type = (WalRecordType)(input[at] % 7);
            crc = type == WalRecordType.Crc ? crc : Crc32C.Append(crc, data);
            byte[] frame = new byte[RecordFrame.SizeOf(type, crc, length)];
            int head = RecordFrame.WriteHead(frame, type, crc, length);
            data.CopyTo(frame.AsSpan(head));
            file.AddRange(frame);
            at += 3 + length;
        }

        file.AddRange(new byte[1024]);
        var disk = new FaultyDisk();
        disk.Put(Directory + "/0000000000000000-0000000000000000.wal", [.. file]);
        return WalWalk.Open(disk, Directory);
    }

    /// <summary>Changes the data of one record as a message.</summary>
    public override bool TryMutate(byte[] input, Rng random, out byte[] changed)
    {
        changed = input;
        int at = 0;
        for (int skip = random.Below(6); input.Length - at >= 3; skip--)
        {
            int length = BinaryPrimitives.ReadUInt16BigEndian(input.AsSpan(at + 1));
            if (length > input.Length - at - 3)
            {
                return false;
            }

            if (skip == 0)
            {
                bool good = ProtoMutator.TryMutate(input.AsSpan(at + 3, length), random, out byte[] data);
                changed = good ? [.. input.AsSpan(0, at), .. Record(input[at], data), .. input.AsSpan(at + 3 + length)] : input;
                return good;
            }

            at += 3 + length;
        }

        return false;
    }

    private static byte[] Record(byte type, byte[] data) => [type, (byte)(data.Length >> 8), (byte)data.Length, .. data];
}

/// <summary>What a start does with a WAL.</summary>
internal static class WalWalk
{
    public static WalOptions Options(FaultyDisk disk, long segment = 64 * 1024) =>
        new(disk, SystemClock.Instance, Log.None) { SegmentBytes = segment };

    public static string Open(FaultyDisk disk, string directory)
    {
        WalError snapshots = WriteAheadLog.ValidSnapshots(Options(disk), directory, out List<WalSnapshot> valid);
        WalSnapshot from = snapshots.Failed || valid.Count == 0 ? new WalSnapshot(0, 0, null) : valid[^1];
        if (WriteAheadLog.Read(Options(disk), directory, from, out WalContents? read).Failed == false)
        {
            read!.Dispose();
        }

        WalError e = OpenOrRepair(disk, directory, from, out WriteAheadLog? log, out WalContents? contents);
        if (e.Failed)
        {
            return $"-{e.Kind} {Letters(e.Text)}";
        }

        string summary = $"+{Math.Min(contents!.Entries.Count, 9)} {Math.Min(valid.Count, 4)} {contents.SnapshotFound} {snapshots.Kind}";
        ulong next = log!.LastIndex + 1;
        var entry = new LogEntry { Term = contents.State.Term + 1, Index = next };
        WalError wrote = next == 0 ? default : log.Append(new DurableState(contents.State.Term + 1, 0, 0), [entry]);
        wrote = wrote.Failed ? wrote : log.Sync();
        log.Dispose();
        contents.Dispose();
        BrokenPromiseException.Unless(!wrote.Failed, "a log that opened takes an entry: " + wrote.Text);
        WalError again = OpenOrRepair(disk, directory, from, out log, out contents);
        BrokenPromiseException.Unless(!again.Failed, "a log that was appended to opens: " + again.Text);
        BrokenPromiseException.Unless(next == 0 || log!.LastIndex == next, "what was appended is there");
        log!.Dispose();
        contents!.Dispose();
        return summary;
    }

    // As a start does: a torn end is repaired once.
    private static WalError OpenOrRepair(
        FaultyDisk disk, string directory, WalSnapshot from, out WriteAheadLog? log, out WalContents? contents)
    {
        WalError e = WriteAheadLog.Open(Options(disk), directory, from, out log, out contents);
        if (e.Kind != WalErrorKind.TornTail)
        {
            return e;
        }

        WalError repair = WalRepair.Repair(Options(disk), directory);
        return repair.Failed ? repair : WriteAheadLog.Open(Options(disk), directory, from, out log, out contents);
    }

    private static string Letters(string text) => string.Concat(text.Where(static c => !char.IsAsciiDigit(c)).Take(60));
}
