using EtcdAot.Sys;
using EtcdAot.Tests.Unit.Fakes;
using EtcdAot.Wal;
using EtcdAot.Wire;
using EtcdAot.Wire.Codecs;

namespace EtcdAot.Tests.Unit.Wal;

/// <summary>Goal: what is appended is read back, over cuts and reopening; bytes, names and zeros are where the format
/// wants them; damage is refused with the original's words.</summary>
public class WriteAheadLogTests
{
    private const string First = WalFixture.Directory + "/0000000000000000-0000000000000000.wal";

    [Fact]
    public void TheHeadOfANewLogIsTheGoldenBytes()
    {
        FaultyDisk disk = WalFixture.NewDisk();
        WalFixture.Create(disk).Dispose();
        byte[] bytes = disk.Bytes(First);
        Assert.Equal(64 * 1024, bytes.Length);
        Assert.Equal("04000000000000840804100000000000", Convert.ToHexStringLower(bytes[..16]));

        // metadata {08 b4 24, 10 f8 ac 01}: frame of 16 bytes, no pad
        uint crc = Crc32C.Append(0, Convert.FromHexString("08b42410f8ac01"));
        Assert.Equal("08b42410f8ac01", Convert.ToHexStringLower(WalFixture.Identity.ToBytes()));
        Assert.Equal("0801", Convert.ToHexStringLower(bytes[24..26]));
        Assert.True(WalRecordView.TryParse(bytes.AsSpan(24, bytes[16]), out WalRecordView record));
        Assert.Equal(crc, record.Crc);
        Assert.Equal(-1, bytes.AsSpan(80).IndexOfAnyExcept((byte)0));
    }

    [Fact]
    public void EntriesAndStateComeBackOverManyCuts()
    {
        FaultyDisk disk = WalFixture.NewDisk();
        WriteAheadLog log = WalFixture.Create(disk);
        for (ulong i = 1; i <= 500; i++)
        {
            WalFixture.Ok(log.Append(new DurableState(1, 7, i - 1), [WalFixture.Entry(i, 1, (int)(i * 37 % 3000))]));
            WalFixture.Ok(log.NeedsCut ? log.Cut() : log.Sync());
            if (i % 3 == 0)
            {
                WalFixture.Ok(log.PrepareNext());
            }
        }

        Assert.False(disk.List(WalFixture.Directory, out DirectoryEntry[] files).Failed);
        Assert.True(files.Length > 8);
        WalFixture.Ok(log.Close());
        Assert.False(disk.List(WalFixture.Directory, out files).Failed);
        Assert.DoesNotContain(files, f => f.Name.EndsWith(".tmp", StringComparison.Ordinal));
        (WriteAheadLog again, WalContents contents) = WalFixture.Reopen(disk);
        Check(contents, 500, i => (int)(i * 37 % 3000));
        Assert.Equal(new DurableState(1, 7, 499), contents.State);
        again.Dispose();
    }

    [Fact]
    public void EveryHeadOfASegmentIsCrcMetadataAndState()
    {
        FaultyDisk disk = WalFixture.NewDisk();
        WriteAheadLog log = WalFixture.Create(disk);
        WalFixture.Ok(log.Append(new DurableState(3, 9, 0), [WalFixture.Entry(1, 3), WalFixture.Entry(2, 3)]));
        WalFixture.Ok(log.Cut());
        string second = $"{WalFixture.Directory}/{new SegmentName(1, 3)}";
        Assert.EndsWith("/0000000000000001-0000000000000003.wal", second, StringComparison.Ordinal);
        Assert.False(disk.Open(second, OpenFlags.Read, 0, out IDiskFile? file).Failed);
        var reader = new RecordReader([new Segment(default, second, file!)]);
        WalFixture.Ok(reader.Next(out _));
        Assert.Equal(WalRecordType.Metadata, reader.Type);
        Assert.Equal(WalFixture.Identity.ToBytes(), reader.Data.ToArray());
        WalFixture.Ok(reader.Next(out _));
        Assert.Equal(WalRecordType.State, reader.Type);
        WalFixture.Ok(reader.Next(out bool end));
        Assert.True(end);

        // The closed segment ends with its content.
        Assert.NotEmpty(disk.Bytes(First));
        Assert.True(disk.Bytes(First).Length < 64 * 1024);
    }

    [Fact]
    public void ABatchIsOneWriteThatCarriesZerosAheadAndNeverPassesTheAllocatedEnd()
    {
        FaultyDisk disk = WalFixture.NewDisk();
        WriteAheadLog log = WalFixture.Create(disk, 300 * 1024);
        WalFixture.Ok(log.Append(default, [WalFixture.Entry(1, 1, 200 * 1024)]));
        WalFixture.Ok(log.Sync());
        disk.Trace = [];
        WalFixture.Ok(log.Append(new DurableState(1, 1, 1), [WalFixture.Entry(2, 1, 10), WalFixture.Entry(3, 1, 20)]));
        WalFixture.Ok(log.Sync());
        Assert.Equal(2, disk.Trace.Count);
        Assert.StartsWith("write ", disk.Trace[0], StringComparison.Ordinal);
        Assert.True(int.Parse(disk.Trace[0].Split(' ')[^1]) < 300, "known ground is not zeroed again: " + disk.Trace[0]);
        disk.Trace.Clear();
        WalFixture.Ok(log.Append(default, [WalFixture.Entry(4, 1, 60 * 1024)]));
        WalFixture.Ok(log.Sync());
        string[] write = disk.Trace[0].Split(' ');
        Assert.Equal(300 * 1024, int.Parse(write[^2]) + int.Parse(write[^1]));
        Assert.Equal(300 * 1024, disk.Bytes("/d/member/wal/0000000000000000-0000000000000000.wal").Length);
    }

    [Fact]
    public void ACommitAloneStaysInTheBuffer()
    {
        FaultyDisk disk = WalFixture.NewDisk();
        WriteAheadLog log = WalFixture.Create(disk);
        disk.Trace = [];
        WalFixture.Ok(log.Append(new DurableState(1, 1, 5), []));
        Assert.Empty(disk.Trace);
        WalFixture.Ok(log.WriteOut());
        Assert.Single(disk.Trace);
    }

    [Fact]
    public void AppendingAllocatesNothing()
    {
        FaultyDisk disk = WalFixture.NewDisk();
        WriteAheadLog log = WalFixture.Create(disk, 8 << 20);
        LogEntry[] batch = [WalFixture.Entry(1), WalFixture.Entry(2), WalFixture.Entry(3)];
        WalFixture.Ok(log.Append(new DurableState(1, 1, 1), batch));
        Assert.Equal(0, Fakes.Garbage.OfSteadyState(() =>
        {
            for (int i = 0; i < 1000; i++)
            {
                log.Append(new DurableState(1, 1, 1), batch);
            }
        }));
    }

    [Fact]
    public void ALaterEntryCutsOffWhatWasReadBefore()
    {
        FaultyDisk disk = WalFixture.NewDisk();
        WriteAheadLog log = WalFixture.Create(disk);
        WalFixture.Ok(log.Append(new DurableState(1, 0, 0), [.. Enumerable.Range(1, 9).Select(i => WalFixture.Entry((ulong)i))]));
        WalFixture.Ok(log.Append(new DurableState(2, 0, 0), [WalFixture.Entry(4, 2)]));
        WalFixture.Ok(log.Close());
        (WriteAheadLog again, WalContents contents) = WalFixture.Reopen(disk);
        Assert.Equal([1, 2, 3, 4], contents.Entries.Select(e => (int)e.Index));
        Assert.Equal(2UL, contents.Entries[3].Term);
        Assert.Equal(4UL, again.LastIndex);
        again.Dispose();
    }

    [Fact]
    public void AGapIsRefused()
    {
        FaultyDisk disk = WalFixture.NewDisk();
        WriteAheadLog log = WalFixture.Create(disk);
        WalFixture.Ok(log.Append(new DurableState(1, 0, 0), [WalFixture.Entry(1), WalFixture.Entry(3)]));
        WalFixture.Ok(log.Close());
        WalError e = WalFixture.Open(disk, WalFixture.Start, out _, out _);
        Assert.Equal((WalErrorKind.Conflict, "wal: slice bounds out of range"), (e.Kind, e.Text));
    }

    [Fact]
    public void EverySingleFlippedBitIsNoticed()
    {
        FaultyDisk disk = WalFixture.NewDisk();
        WriteAheadLog log = WalFixture.Create(disk);
        WalFixture.Ok(log.Append(new DurableState(1, 0, 0), [WalFixture.Entry(1), WalFixture.Entry(2), WalFixture.Entry(3)]));
        int end = (int)log.Position;
        WalFixture.Ok(log.Close());
        byte[] good = disk.Bytes(First);
        for (int bit = 0; bit < end * 8; bit++)
        {
            byte[] bad = (byte[])good.Clone();
            bad[bit / 8] ^= (byte)(1 << (bit % 8));
            var damaged = new FaultyDisk();
            damaged.Put(First, bad);
            WalError e = WalFixture.Open(damaged, WalFixture.Start, out WriteAheadLog? opened, out WalContents? contents);
            if (!e.Failed)
            {
                // Pad bytes and the pad count are not covered by the CRC; then all that was written must be there.
                Assert.Equal(3, contents!.Entries.Count);
                Assert.Equal(WalFixture.Entry(2).Data.Span.ToArray(), contents.Entries[1].Data.Span.ToArray());
                opened!.Dispose();
            }
        }
    }

    [Fact]
    public void AFlippedBitInAnEntryIsNotATornWrite()
    {
        FaultyDisk disk = WalFixture.WithRecorded("35-empty-kill-m1.wal");
        byte[] bytes = disk.Bytes(First);
        bytes[bytes.AsSpan().IndexOf("peerURLs"u8)] ^= 0x10;
        disk.Put(First, bytes);
        WalError e = WalFixture.Open(disk, WalFixture.Start, out _, out _);
        Assert.Equal((WalErrorKind.Corrupt, "walpb: crc mismatch"), (e.Kind, e.Text));
        Assert.EndsWith(".wal", e.File, StringComparison.Ordinal);
    }

    [Fact]
    public void AWriteTornAtAnySectorIsRepairedToTheRecordBefore()
    {
        FaultyDisk disk = WalFixture.NewDisk();
        WriteAheadLog log = WalFixture.Create(disk);
        WalFixture.Ok(log.Append(new DurableState(1, 0, 0), [WalFixture.Entry(1), WalFixture.Entry(2)]));
        int start = (int)log.Position;
        WalFixture.Ok(log.Append(default, [WalFixture.Entry(3, 1, 5000)]));
        int end = (int)log.Position;
        WalFixture.Ok(log.Close());
        byte[] good = disk.Bytes(First);
        for (int sector = (start / 512) + 1; sector * 512 < end; sector++)
        {
            byte[] torn = (byte[])good.Clone();
            torn.AsSpan(sector * 512, Math.Min(512, end - (sector * 512))).Clear();
            var damaged = new FaultyDisk();
            damaged.Put(First, torn);
            WalFixture.Ok(WalFixture.OpenOrRepair(damaged, out WriteAheadLog? opened, out WalContents? contents));
            Assert.Equal(2, contents!.Entries.Count);
            WalFixture.Ok(opened!.Append(default, [WalFixture.Entry(3, 2)]));
            WalFixture.Ok(opened.Close());
            (WriteAheadLog again, contents) = WalFixture.Reopen(damaged);
            Assert.Equal(3, contents.Entries.Count);
            again.Dispose();
        }
    }

    [Fact]
    public void AFileCutInsideARecordSaysSoInTheOriginalsWords()
    {
        FaultyDisk disk = WalFixture.NewDisk();
        WriteAheadLog log = WalFixture.Create(disk);
        int start = (int)log.Position;
        WalFixture.Ok(log.Append(default, [WalFixture.Entry(1, 1, 5000)]));
        WalFixture.Ok(log.Close());
        disk.Put(First, disk.Bytes(First)[..(start + 2000)]);
        WalError e = WalFixture.Open(disk, WalFixture.Start, out _, out _);
        Assert.Equal(WalErrorKind.TornTail, e.Kind);
        Assert.Matches("^unexpected EOF: \\[wal\\] max entry size limit exceeded when decoding " +
            $"\"0000000000000000-0000000000000000\\.wal\", recBytes: \\d+, fileSize\\({start + 2000}\\) - offset\\({start}\\) - " +
            "padBytes\\(\\d\\) = entryLimit\\(\\d+\\)$", e.Text);
    }

    [Fact]
    public void OldBytesBehindTheTailAreZeroedInPlaceBeforeTheFirstAppend()
    {
        FaultyDisk disk = WalFixture.NewDisk();
        WriteAheadLog log = WalFixture.Create(disk);
        WalFixture.Ok(log.Append(new DurableState(1, 0, 0), [WalFixture.Entry(1)]));
        int end = (int)log.Position;
        WalFixture.Ok(log.Close());
        byte[] bytes = disk.Bytes(First);
        bytes[end + 100] = 1;
        bytes[40_000] = 2;
        disk.Put(First, bytes);
        disk.Trace = [];
        (WriteAheadLog again, _) = WalFixture.Reopen(disk);
        Assert.DoesNotContain(disk.Trace, t => t.StartsWith("truncate", StringComparison.Ordinal));
        Assert.Contains(disk.Trace, t => t.StartsWith("fdatasync", StringComparison.Ordinal));
        Assert.Equal(-1, disk.Bytes(First).AsSpan(end).IndexOfAnyExcept((byte)0));
        Assert.Equal(bytes.Length, disk.Bytes(First).Length);
        again.Dispose();
    }

    [Fact]
    public void NamesLocksAndSnapshotsFailInTheOriginalsWords()
    {
        FaultyDisk disk = WalFixture.NewDisk();
        Assert.Equal("wal: file not found", WalFixture.Open(disk, WalFixture.Start, out _, out _).Text);
        WriteAheadLog log = WalFixture.Create(disk);
        Assert.Equal("fileutil: file already locked", WalFixture.Open(disk, WalFixture.Start, out _, out _).Text);
        var state = new DurableState(1, 0, 2);
        WalFixture.Ok(log.Append(state, [WalFixture.Entry(1), WalFixture.Entry(2)]));
        WalFixture.Ok(log.SaveSnapshot(new WalSnapshot(2, 1, new ConfiguredMembers([5], [])), state));
        WalFixture.Ok(log.Cut());
        WalFixture.Ok(log.Append(state with { Commit = 3 }, [WalFixture.Entry(3)]));
        WalFixture.Ok(log.Cut());
        WalFixture.Ok(log.Close());

        WalOptions options = WalFixture.Options(disk);
        WalFixture.Ok(WriteAheadLog.ValidSnapshots(options, WalFixture.Directory, out List<WalSnapshot> valid));
        Assert.Equal([0UL, 2UL], valid.Select(s => s.Index));
        Assert.Equal([5UL], valid[1].Members!.Voters);
        Assert.Equal("wal: snapshot mismatch", WalFixture.Open(disk, new WalSnapshot(2, 9, null), out _, out _).Text);
        Assert.Equal("wal: snapshot not found",
            WriteAheadLog.Read(options, WalFixture.Directory, new WalSnapshot(1, 1, null), out _).Text);
        Assert.False(disk.Remove($"{WalFixture.Directory}/{new SegmentName(1, 3)}").Failed);
        Assert.Equal("wal: file not found", WalFixture.Open(disk, WalFixture.Start, out _, out _).Text);
    }

    [Fact]
    public void AFailedWriteIsFinalAndNamesThePath()
    {
        FaultyDisk disk = WalFixture.NewDisk();
        WriteAheadLog log = WalFixture.Create(disk);
        disk.Inject = (call, _) => call == "write" ? Errno.NoSpace : Errno.Ok;
        WalFixture.Ok(log.Append(default, [WalFixture.Entry(1)]));
        WalError e = log.Sync();
        Assert.Equal("write /d/member/wal.tmp/0000000000000000-0000000000000000.wal: no space left on device", e.Text);
        disk.Inject = null;
        Assert.True(log.Append(default, [WalFixture.Entry(2)]).Failed);
        Assert.True(log.Sync().Failed);
        Assert.True(log.Cut().Failed);
    }

    internal static void Check(WalContents contents, int count, Func<ulong, int> size)
    {
        Assert.Equal(count, contents.Entries.Count);
        for (int i = 0; i < count; i++)
        {
            LogEntry expected = WalFixture.Entry((ulong)i + 1, contents.Entries[i].Term, size((ulong)i + 1));
            Assert.Equal(expected.Index, contents.Entries[i].Index);
            Assert.True(expected.Data.Span.SequenceEqual(contents.Entries[i].Data.Span), $"payload of {i + 1}");
            expected.Data.Release();
        }
    }
}
