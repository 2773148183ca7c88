// A member's start over a data directory in which records of db and log are anything: it refuses with a sentence, or runs.
using EtcdAot.Backend;
using EtcdAot.Bolt;
using EtcdAot.Observe;
using EtcdAot.Sys;
using EtcdAot.Wal;
using EtcdAot.Wire;
using EtcdAot.Wire.Codecs;
using Google.Protobuf;
using Rpc = EtcdAot.Wire.Etcdserverpb;

namespace EtcdAot.Tests.Fuzz.Targets;

/// <summary>Input: {place 1, key length 1, key, length 2, bytes}… Places 0–9: a record of that bucket (no bytes: deleted);
/// 10: a log entry's data; 11: a conf change in the log. Each in frames and with checksums that are right.</summary>
internal sealed class StartTarget : FuzzTarget, IDisposable
{
    private const byte LogEntryPlace = 10;
    private const byte ConfChangePlace = 11;
    private const int UsedMax = 256 * 1024;
    private readonly string _root = Directory.CreateTempSubdirectory("fuzz-start").FullName;
    private string? _template;

    public override string Name => "start";

    public override string About => "a start over hostile records of db and log, behind right checksums";

    public override int LengthMax => 4096;

    public override int MillisMax => 4000;

    public override int CountOf(int wanted) => wanted / 20;

    public void Dispose() => Directory.Delete(_root, recursive: true);

    public override IEnumerable<byte[]> Seeds()
    {
        byte[] put = Messages.Request(RaftOp.Put, Messages.Put("k", "v"));
        byte[] txn = Messages.Request(RaftOp.Txn, Messages.Txn(3).ToByteArray(), 78);
        byte[] grant = Messages.Request(RaftOp.LeaseGrant, new Rpc.LeaseGrantRequest { ID = 5, TTL = 60 }.ToByteArray(), 79);
        byte[] revoke = Messages.Request(RaftOp.LeaseRevoke, new Rpc.LeaseRevokeRequest { ID = 5 }.ToByteArray(), 80);
        byte[] delete = Messages.Request(RaftOp.DeleteRange, Messages.Deletes().ToByteArray(), 81);
        byte[] compact = Messages.Request(RaftOp.Compaction, new Rpc.CompactionRequest { Revision = 2 }.ToByteArray(), 82);
        byte[] alarm = Messages.Request(RaftOp.Alarm, new Rpc.AlarmRequest
        {
            Action = Rpc.AlarmRequest.Types.AlarmAction.Activate,
            MemberID = 1,
            Alarm = Rpc.AlarmType.Nospace,
        }.ToByteArray(), 83);
        byte[] record = [10, 1, 97, 16, 2, 24, 2, 32, 1, 42, 1, 98];
        yield return [.. Entry(put), .. Entry(txn), .. Entry(delete)];
        yield return [.. Entry(grant), .. Entry(put), .. Entry(revoke), .. Entry(compact)];
        yield return [.. Entry(alarm), .. Entry(V2.V2Request.PutVersion(9, "3.5.0")), .. Entry([])];
        yield return [.. Record(BackendBucket.Key, RevisionKey(9), record), .. Record(BackendBucket.Lease, RevisionKey(5)[..8], [8, 5, 16, 60])];
        yield return [.. Record(BackendBucket.Alarm, [8, 1, 16, 1], "x"u8.ToArray()),
            .. Record(BackendBucket.Meta, "scheduledCompactRev"u8.ToArray(), RevisionKey(1))];
        yield return Record(BackendBucket.Cluster, "clusterVersion"u8.ToArray(), "3.5.0"u8.ToArray());
        yield return Record(BackendBucket.MembersRemoved, "abc"u8.ToArray(), "removed"u8.ToArray());
    }

    public override bool TryMutate(byte[] input, Rng random, out byte[] changed)
    {
        changed = input;
        List<(byte Place, byte[] Key, byte[] Bytes)> records = Split(input);
        if (records.Count == 0)
        {
            return false;
        }

        int at = random.Below(records.Count);
        (byte place, byte[] key, byte[] bytes) = records[at];
        switch (random.Below(6))
        {
            case 0:
                records[at] = ((byte)random.Below(12), key, bytes);
                break;
            case 1:
                records.Insert(random.Below(records.Count + 1), records[at]);
                break;
            case 2 when key.Length > 0:
                byte[] other = [.. key];
                other[random.Below(key.Length)] = (byte)random.Next();
                records[at] = (place, random.OneIn(3) ? other[..^1] : other, bytes);
                break;
            default:
                bool good = ProtoMutator.TryMutate(bytes, random, out byte[] message);
                records[at] = (place, key, good ? message : [(byte)random.Next(), .. bytes]);
                break;
        }

        changed = [.. records.SelectMany(static r => Bytes(r.Place, r.Key, r.Bytes))];
        return true;
    }

    public override string Run(byte[] input)
    {
        _template ??= MakeTemplate();
        string directory = Path.Combine(_root, "data");
        CopyAll(_template, directory);
        try
        {
            List<(byte Place, byte[] Key, byte[] Bytes)> records = Split(input);
            WriteDb(Path.Combine(directory, "member/snap/db"), records);
            WriteLog(Path.Combine(directory, "member/wal"), records);
            string first = Start(directory, out bool runs);
            if (runs)
            {
                string second = Start(directory, out bool again);
                BrokenPromiseException.Unless(again, "what has run starts again: " + second);
            }

            return first;
        }
        finally
        {
            Directory.Delete(directory, recursive: true);
        }
    }

    private static string Start(string directory, out bool runs)
    {
        runs = false;
        FuzzMember member;
        try
        {
            member = new FuzzMember(directory, ShallowDisk.Instance);
        }
        catch (MemberEndedException e)
        {
            return "-" + string.Concat(e.Message.Where(char.IsAsciiLetter).Take(50));
        }

        try
        {
            long revision = member.Server.View.Revision;
            runs = true;
            return $"+{Math.Min(revision, 12)} {member.Server.IsReady}";
        }
        finally
        {
            member.Dispose();
        }
    }

    private string MakeTemplate()
    {
        string directory = Path.Combine(_root, "template");
        _ = Directory.CreateDirectory(directory);
        using (var member = new FuzzMember(directory, ShallowDisk.Instance))
        {
            member.Step(500);
            member.Step(500);
        }

        return directory;
    }

    private static void WriteDb(string path, List<(byte Place, byte[] Key, byte[] Bytes)> records)
    {
        BoltError opened = Db.Open(LinuxDisk.Instance, path, new DbOptions { GrowStep = 0 }, out Db? db);
        BrokenPromiseException.Unless(!opened.Failed, "the template's db opens");
        using Db open = db!;
        _ = open.Begin(out WriteTx? tx);
        foreach ((byte place, byte[] key, byte[] bytes) in records)
        {
            if (place < BackendNames.Count && key.Length > 0)
            {
                _ = tx!.CreateBucketIfNotExists(BackendNames.Of((BackendBucket)place), out WriteBucket? bucket);
                _ = bytes.Length == 0 ? bucket!.Delete(key) : bucket!.Put(key, bytes);
            }
        }

        BrokenPromiseException.Unless(!tx!.Commit().Failed, "the template's db takes records");
    }

    private static void WriteLog(string directory, List<(byte Place, byte[] Key, byte[] Bytes)> records)
    {
        var options = new WalOptions(ShallowDisk.Instance, SystemClock.Instance, Log.None) { NoSync = true };
        WalError e = WriteAheadLog.Open(options, directory, new WalSnapshot(0, 0, null), out WriteAheadLog? log, out WalContents? contents);
        BrokenPromiseException.Unless(!e.Failed, "the template's log opens: " + e.Text);
        using var arena = new SlabArena();
        DurableState state = contents!.State;
        ulong index = log!.LastIndex;
        foreach ((byte place, _, byte[] bytes) in records)
        {
            if (place is LogEntryPlace or ConfChangePlace)
            {
                var entry = new LogEntry
                {
                    Kind = place == ConfChangePlace ? EntryKind.ConfChange : EntryKind.Normal,
                    Term = state.Term,
                    Index = ++index,
                    Data = arena.Copy(bytes),
                };
                _ = log.Append(state with { Commit = index }, [entry]);
                entry.Data.Release();
            }
        }

        _ = log.Close();
        contents.Dispose();
    }

    private static byte[] RevisionKey(byte revision) => [0, 0, 0, 0, 0, 0, 0, revision, (byte)'_', 0, 0, 0, 0, 0, 0, 0, 0];

    private static byte[] Entry(byte[] data) => Bytes(LogEntryPlace, [], data);

    private static byte[] Record(BackendBucket bucket, byte[] key, byte[] bytes) => Bytes((byte)bucket, key, bytes);

    private static byte[] Bytes(byte place, byte[] key, byte[] bytes) =>
        [place, (byte)key.Length, .. key.AsSpan(0, Math.Min(key.Length, 255)), (byte)(bytes.Length >> 8), (byte)bytes.Length, .. bytes];

    private static List<(byte Place, byte[] Key, byte[] Bytes)> Split(byte[] input)
    {
        var records = new List<(byte, byte[], byte[])>();
        for (int at = 0; input.Length - at >= 4;)
        {
            byte place = (byte)(input[at] % 12);
            int keyLength = Math.Min(input[at + 1], input.Length - at - 4);
            byte[] key = input.AsSpan(at + 2, keyLength).ToArray();
            at += 2 + keyLength;
            int length = Math.Min((input[at] << 8) | input[at + 1], input.Length - at - 2);
            records.Add((place, key, input.AsSpan(at + 2, length).ToArray()));
            at += 2 + length;
        }

        return records;
    }

    private static void CopyAll(string from, string to)
    {
        _ = Directory.CreateDirectory(to);
        foreach (string directory in Directory.GetDirectories(from))
        {
            CopyAll(directory, Path.Combine(to, Path.GetFileName(directory)));
        }

        foreach (string file in Directory.GetFiles(from))
        {
            // The db reserves 16 MB and uses a few pages.
            byte[] used = new byte[Math.Min(new FileInfo(file).Length, UsedMax)];
            using FileStream source = File.OpenRead(file);
            source.ReadExactly(used);
            File.WriteAllBytes(Path.Combine(to, Path.GetFileName(file)), used);
        }
    }
}

/// <summary>The real disk, but for the 64 MB that a log segment reserves: nothing here lives long enough to need them.</summary>
internal sealed class ShallowDisk : IDisk
{
    public static ShallowDisk Instance { get; } = new();

    public Errno Open(string path, OpenFlags flags, int mode, out IDiskFile? file)
    {
        Errno e = LinuxDisk.Instance.Open(path, flags, mode, out file);
        file = file is not null && path.Contains("/wal", StringComparison.Ordinal) ? new ShallowFile(file) : file;
        return e;
    }

    public Errno List(string path, out DirectoryEntry[] entries) => LinuxDisk.Instance.List(path, out entries);

    public Errno Status(string path, out FileStatus status) => LinuxDisk.Instance.Status(path, out status);

    public Errno MakeDirectory(string path, int mode) => LinuxDisk.Instance.MakeDirectory(path, mode);

    public Errno Rename(string from, string to) => LinuxDisk.Instance.Rename(from, to);

    public Errno Remove(string path) => LinuxDisk.Instance.Remove(path);

    public Errno RemoveDirectory(string path) => LinuxDisk.Instance.RemoveDirectory(path);

    public Errno SyncDirectory(string path) => Errno.Ok;

    public Errno FreeSpace(string path, out long bytes) => LinuxDisk.Instance.FreeSpace(path, out bytes);

    private sealed class ShallowFile(IDiskFile file) : IDiskFile
    {
        private const long ReservedMax = 64 * 1024;

        public string Path => file.Path;

        public void Dispose() => file.Dispose();

        public Errno Length(out long bytes) => file.Length(out bytes);

        public Errno ReadAt(Span<byte> destination, long offset, out int read) => file.ReadAt(destination, offset, out read);

        public Errno WriteAt(ReadOnlySpan<byte> source, long offset) => file.WriteAt(source, offset);

        public Errno Allocate(long offset, long length) =>
            offset >= ReservedMax ? Errno.Ok : file.Allocate(offset, Math.Min(length, ReservedMax - offset));

        public Errno Truncate(long length) => file.Truncate(length);

        public Errno DataSync() => Errno.Ok;

        public Errno Sync() => Errno.Ok;

        public Errno TryLock(LockKind kind) => file.TryLock(kind);

        public Errno Unlock(LockKind kind) => file.Unlock(kind);

        public Errno SeekData(long offset, out long data) => file.SeekData(offset, out data);

        public Errno Map(long reserveBytes, out IFileMap? map) => file.Map(reserveBytes, out map);
    }
}
