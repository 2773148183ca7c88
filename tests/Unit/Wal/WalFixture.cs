using EtcdAot.Observe;
using EtcdAot.Sys;
using EtcdAot.Tests.Unit.Fakes;
using EtcdAot.Wal;
using EtcdAot.Wire;
using EtcdAot.Wire.Codecs;

namespace EtcdAot.Tests.Unit.Wal;

/// <summary>What the tests of this room share: a log on a disk in memory, and entries made from numbers.</summary>
internal static class WalFixture
{
    public const string Directory = "/d/member/wal";
    public static readonly WalSnapshot Start = new(0, 0, null);
    public static readonly WalMetadata Identity = new(0x1234, 0x5678);

    public static WalOptions Options(IDisk disk, long segmentBytes = 64 * 1024)
    {
        return new WalOptions(disk, SystemClock.Instance, Log.None) { SegmentBytes = segmentBytes };
    }

    public static FaultyDisk NewDisk(int seed = 1)
    {
        FaultyDisk disk = FaultyDisk.Tearing(seed);
        _ = disk.MakeDirectory("/d", 0x1C0);
        _ = disk.MakeDirectory("/d/member", 0x1C0);
        _ = disk.SyncDirectory("/");
        _ = disk.SyncDirectory("/d");
        return disk;
    }

    public static WriteAheadLog Create(FaultyDisk disk, long segmentBytes = 64 * 1024)
    {
        WalError e = WriteAheadLog.Create(Options(disk, segmentBytes), Directory, Identity, out WriteAheadLog? log);
        Assert.False(e.Failed, e.ToString());
        return log!;
    }

    /// <summary>A disk that holds one recorded segment as the first of its log.</summary>
    public static FaultyDisk WithRecorded(string name, int length = 2 << 20)
    {
        var disk = new FaultyDisk();
        disk.Put($"{Directory}/0000000000000000-0000000000000000.wal", Recorded.Read("Wal/data/" + name, length));
        return disk;
    }

    public static LogEntry Entry(ulong index, ulong term = 1, int size = 100)
    {
        // A slab of its own: test classes run side by side.
        var data = new SlabSlice(NativeSlab.Allocate(size), 0, size);
        Span<byte> bytes = data.Slab!.Span;
        for (int i = 0; i < size; i++)
        {
            bytes[i] = (byte)((index * 131) + (ulong)(i * 7) + term);
        }

        return new LogEntry { Term = term, Index = index, Data = data };
    }

    /// <summary>Opens, reads all, and checks that entries are contiguous and as <see cref="Entry"/> makes them.</summary>
    public static (WriteAheadLog Log, WalContents Contents) Reopen(FaultyDisk disk, WalSnapshot? from = null)
    {
        WalError e = Open(disk, from ?? Start, out WriteAheadLog? log, out WalContents? contents);
        Assert.False(e.Failed, e.ToString());
        return (log!, contents!);
    }

    public static WalError Open(
        FaultyDisk disk, WalSnapshot from, out WriteAheadLog? log, out WalContents? contents)
    {
        return WriteAheadLog.Open(Options(disk), Directory, from, out log, out contents);
    }

    /// <summary>As the server opens: one repair of a torn end, then another try.</summary>
    public static WalError OpenOrRepair(FaultyDisk disk, out WriteAheadLog? log, out WalContents? contents)
    {
        WalError e = Open(disk, Start, out log, out contents);
        if (e.Kind != WalErrorKind.TornTail)
        {
            return e;
        }

        e = WalRepair.Repair(Options(disk), Directory);
        return e.Failed ? e : Open(disk, Start, out log, out contents);
    }

    public static void Ok(WalError e) => Assert.False(e.Failed, e.ToString());
}
