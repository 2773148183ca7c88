using System.Text;
using EtcdAot.Bolt;
using EtcdAot.Members;
using EtcdAot.Observe;
using EtcdAot.Server;
using EtcdAot.Sys;
using EtcdAot.Wal;
using EtcdAot.Wire;
using EtcdAot.Wire.Codecs;
using EtcdAot.Wire.Raftpb;

namespace EtcdAot.Tests.Unit.Server;

/// <summary>Goal: a start takes over what crashes and restores leave behind, and refuses what would lose data. On real
/// files, both actors stepped by the test.</summary>
public sealed class MemberStartTests : IDisposable, ILogSink
{
    private static readonly (string, IReadOnlyList<string>)[] Founders = [("m1", ["http://127.0.0.1:1"])];

    private readonly string _root = Directory.CreateTempSubdirectory("start.").FullName;
    private readonly List<string> _lines = [];
    private readonly ServerOptions _options;

    public MemberStartTests()
    {
        _options = new ServerOptions
        {
            Name = "m1",
            DataDir = Path.Combine(_root, "data"),
            InitialCluster = Founders.ToDictionary(static f => f.Item1, static f => f.Item2),
        };
    }

    public void Dispose() => Directory.Delete(_root, recursive: true);

    void ILogSink.WriteLine(ReadOnlySpan<byte> utf8) => _lines.Add(Encoding.UTF8.GetString(utf8));

    [Fact]
    public void HeaderOnlyLogIsFoundedAnew()
    {
        // The state of spec storage §10a.2: the first start died between the log's creation and the first append.
        Directory.CreateDirectory(_options.MemberDir);
        CreateLog(out WriteAheadLog begun, Identity());
        Assert.False(begun.Close().Failed);

        Assert.Null(RunToReady(out MemberList members));
        Assert.Equal(["m1"], members.Members.Select(static m => m.Name));
        Assert.Null(RunToReady(out _));
    }

    [Fact]
    public void HeaderOnlyLogOfAnotherMemberIsRefused()
    {
        Directory.CreateDirectory(_options.MemberDir);
        CreateLog(out WriteAheadLog begun, new WalMetadata(1, 2));
        Assert.False(begun.Close().Failed);

        StartFailure failure = RunToReady(out _)!;
        Assert.Contains("was begun for member 1 of cluster 2 and holds nothing", failure.Error, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("12010a", "cannot be read")] // field 2 and no method: neither a v2 request nor one of v3
    [InlineData("2202ffff", "cannot be read")] // a put whose message is cut
    [InlineData("3203120142", "cannot be read")] // a transaction whose operation is cut
    public void EntriesThatCannotBeAppliedEndTheStartWithASentence(string entry, string expected)
    {
        Assert.Null(RunToReady(out _));
        AppendToLog(Convert.FromHexString(entry));
        StartFailure failure = RunToReady(out _)!;
        Assert.Contains(expected, failure.Error, StringComparison.Ordinal);
    }

    [Fact]
    public void ATransactionTooDeepForTheStackEndsTheStartWithASentence()
    {
        Assert.Null(RunToReady(out _));
        byte[] message = [];
        for (int level = 0; level < 5000; level++)
        {
            message = Wrapped(2, Wrapped(4, message));
        }

        AppendToLog(Wrapped((int)RaftOp.Txn, message));
        StartFailure failure = RunToReady(out _)!;
        Assert.Contains("cannot be read", failure.Error, StringComparison.Ordinal);
    }

    [Fact]
    public void DbWhoseCreationLostItsPowerIsMadeAnew()
    {
        // Found by the simulator: of the new file's four pages the metas were on the disk, the free list was not.
        Directory.CreateDirectory(_options.SnapDir);
        byte[] torn = Db.NewFile(Environment.SystemPageSize);
        torn.AsSpan(2 * Environment.SystemPageSize, Environment.SystemPageSize).Clear();
        File.WriteAllBytes(_options.BackendPath, torn);
        Assert.Null(RunToReady(out _));

        // With a log beside it, or with other bytes in it, it is not ours to remove.
        File.WriteAllBytes(_options.BackendPath, torn);
        Assert.Equal("failed to open database", RunToReady(out _)!.Message);
        Directory.Delete(_options.EffectiveWalDir, recursive: true);
        torn[7000] = 1;
        File.WriteAllBytes(_options.BackendPath, torn);
        Assert.Equal("failed to open database", RunToReady(out _)!.Message);
    }

    [Fact]
    public void LostDbIsNeverTakenForAnEmptyOne()
    {
        Restore();
        File.Delete(_options.BackendPath);
        for (int i = 0; i < 2; i++)
        {
            StartFailure failure = RunToReady(out _)!;
            Assert.Equal("failed to recover v3 backend from snapshot", failure.Message);
            Assert.Equal("failed to find database snapshot file (snap: snapshot file doesn't exist)", failure.Error);
            Assert.True(failure.IsPanic);
        }
    }

    [Fact]
    public void DbReceivedFromALeaderIsAdopted()
    {
        Restore();
        string received = Path.Combine(_options.SnapDir, "0000000000000001.snap.db");
        File.Move(_options.BackendPath, received);

        Assert.Null(RunToReady(out _));
        Assert.False(File.Exists(received));
        Assert.Equal("kept", Read("meta", "marker"));
    }

    [Fact]
    public void BucketsAreMadeToSayWhatTheTreeSays()
    {
        // As a restore by 3.4 leaves them: members of the old cluster, and every restore an old configuration.
        Restore();
        Write("members", "dead", """{"id":57005,"peerURLs":["http://127.0.0.1:9"],"name":"old"}""");
        Write("meta", "confState", """{"voters":[57005],"auto_leave":false}""");

        Assert.Null(RunToReady(out MemberList members));
        string own = members.Members.Single().HexId;
        Assert.Null(Read("members", "dead"));
        Assert.Equal("removed", Read("members_removed", "dead"));
        Assert.Contains("\"name\":\"m1\"", Read("members", own), StringComparison.Ordinal);
        Assert.Equal(
            $$"""{"voters":[{{members.Members.Single().Id}}],"auto_leave":false}""", Read("meta", "confState"));
    }

    [Fact]
    public void LinesOfAFirstStartComeInTheOriginalsOrder()
    {
        Assert.Null(RunToReady(out _));
        InOrder("opened backend db", "starting local member", "newRaft", "kvstore restored", "starting etcd server",
            "started as single-node; fast-forwarding election ticks", "switched to configuration voters=(", "added member",
            "is starting a new election at term 1", "elected leader", "setting up initial cluster version using v2 API",
            "published local member to cluster through raft");
    }

    [Fact]
    public void LinesOfARestartFromTheLogComeInTheOriginalsOrder()
    {
        Assert.Null(RunToReady(out _));
        _lines.Clear();
        Assert.Null(RunToReady(out _));
        InOrder("opened backend db", "No snapshot found. Recovering WAL from scratch!", "restarting local member", "newRaft",
            "starting etcd server", "starting initial election tick advance", "switched to configuration voters=(",
            "added member", "is starting a new election at term 2", "published local member to cluster through raft");
    }

    [Fact]
    public void LinesOfARestartFromASnapshotComeInTheOriginalsOrder()
    {
        Restore();
        Assert.Null(RunToReady(out _));
        InOrder("recovered v2 store from snapshot", "recovered v3 backend from snapshot", "restarting local member",
            "switched to configuration voters=(", "newRaft", "recovered/added member from store", "starting etcd server",
            "started as single-node; fast-forwarding election ticks", "is starting a new election", "elected leader");
    }

    // Each text in a line behind that of the text before it.
    private void InOrder(params string[] texts)
    {
        int place = -1;
        foreach (string text in texts)
        {
            int next = _lines.FindIndex(place + 1, l => l.Contains(text, StringComparison.Ordinal));
            Assert.True(next >= 0, $"\"{text}\" does not come behind line {place} of\n{string.Concat(_lines)}");
            place = next;
        }
    }

    [Fact]
    public void AuthCountsItsRevisionsFromTheFirstStartOn()
    {
        Assert.Null(RunToReady(out _));
        Assert.Equal("\0\0\0\0\0\0\0\u0001", Read("auth", "authRevision"));
        Write("auth", "authRevision", "\0\0\0\0\0\0\0\u0005");
        Assert.Null(RunToReady(out _));
        Assert.Equal("\0\0\0\0\0\0\0\u0005", Read("auth", "authRevision"));
    }

    [Fact]
    public void AProgramWithoutPeersRefusesToBeOneOfSeveral()
    {
        ServerOptions alone = _options with { ReachesPeers = false };
        ServerOptions two = alone with
        {
            InitialCluster = new Dictionary<string, IReadOnlyList<string>>(_options.InitialCluster)
            {
                ["m2"] = ["http://127.0.0.1:3"],
            },
        };
        Assert.Contains("more than one member is not built yet", RefusalOf(two), StringComparison.Ordinal);
        Assert.Contains("joining an existing cluster", RefusalOf(alone with { NewCluster = false }), StringComparison.Ordinal);

        // A log that another program has begun for two, and for one who learns.
        Directory.CreateDirectory(_options.MemberDir);
        CreateLog(out WriteAheadLog log, Identity());
        using var arena = new SlabArena();
        LogEntry[] entries = new LogEntry[2];
        for (int i = 0; i < 2; i++)
        {
            var change = new ConfChangeView
            {
                Type = i == 0 ? ConfChangeType.ConfChangeAddNode : ConfChangeType.ConfChangeAddLearnerNode,
                NodeId = i == 0 ? Identity().NodeId : 77,
                Context = Encoding.UTF8.GetBytes($"{{\"id\":{(i == 0 ? Identity().NodeId : 77)},\"peerURLs\":[\"http://127.0.0.1:{i}\"]}}"),
            };
            SlabSlice data = arena.Rent(change.Size, out Span<byte> bytes);
            change.WriteTo(bytes);
            entries[i] = new LogEntry { Kind = EntryKind.ConfChange, Term = 1, Index = (ulong)i + 1, Data = data };
        }

        Assert.False(log.Append(new DurableState(1, 0, 2), entries).Failed);
        Assert.False(log.Close().Failed);
        Assert.Contains("cluster of several members, which is not built yet", RefusalOf(alone), StringComparison.Ordinal);
    }

    private string RefusalOf(ServerOptions options)
    {
        var seams = new MemberSeams(LinuxDisk.Instance, SystemClock.Instance, SystemRandomness.Instance,
            new NoExit(), new Log(SystemClock.Instance, this), static _ => throw new InvalidOperationException("the db is locked"));
        StartFailure? failure = new MemberStart(options, seams).Open(out _);
        Assert.NotNull(failure);
        return failure.Error;
    }

    private static WalMetadata Identity()
    {
        Assert.True(Bootstrap.TryFound(Founders, "etcd-cluster", out Bootstrap? cluster, out _));
        return new WalMetadata(cluster!.Members[0].Id, cluster.ClusterId);
    }

    private void CreateLog(out WriteAheadLog log, WalMetadata identity)
    {
        var options = new WalOptions(LinuxDisk.Instance, SystemClock.Instance, Log.None);
        Assert.False(WriteAheadLog.Create(options, _options.EffectiveWalDir, identity, out WriteAheadLog? made).Failed);
        log = made!;
    }

    // A member of one snapshot: its log starts behind index 1, its db must hold that much.
    private void Restore()
    {
        string source = Path.Combine(_root, "source.db");
        Write(source, "meta", "marker", "kept");
        var options = new WalOptions(LinuxDisk.Instance, SystemClock.Instance, Log.None);
        var request = new RestoreRequest(source, _options.DataDir, _options.EffectiveWalDir, "m1")
        {
            InitialCluster = Founders,
            Token = "etcd-cluster",
            SkipHashCheck = true,
        };
        Assert.Null(new SnapshotRestore(options, SystemRandomness.Instance).Run(request).Error);
    }

    private static byte[] Wrapped(int field, byte[] message)
    {
        byte[] bytes = new byte[ProtoWriter.SizeOfBytes(field, message.Length)];
        new ProtoWriter(bytes).Bytes(field, message);
        return bytes;
    }

    private void AppendToLog(byte[] data)
    {
        var options = new WalOptions(LinuxDisk.Instance, SystemClock.Instance, Log.None);
        Assert.False(WriteAheadLog.Open(options, _options.EffectiveWalDir, new WalSnapshot(0, 0, null),
            out WriteAheadLog? log, out WalContents? contents).Failed);
        using var arena = new SlabArena();
        ulong index = log!.LastIndex + 1;
        var entry = new EtcdAot.Wire.LogEntry { Term = contents!.State.Term, Index = index, Data = arena.Copy(data) };
        Assert.False(log.Append(contents.State with { Commit = index }, [entry]).Failed);
        Assert.False(log.Close().Failed);
        entry.Data.Release();
        contents.Dispose();
    }

    private StartFailure? RunToReady(out MemberList members)
    {
        members = new MemberList([], "");
        var seams = new MemberSeams(LinuxDisk.Instance, SystemClock.Instance, SystemRandomness.Instance,
            new NoExit(), new Log(SystemClock.Instance, this), static _ => throw new InvalidOperationException("the db is locked"));
        StartFailure? failure = new MemberStart(_options, seams).Open(out EtcdServer? server);
        if (failure is not null)
        {
            return failure;
        }

        // Virtual time: every round is one raft tick, so that the election comes without waiting for it.
        long now = SystemClock.Instance.MonotonicNanos;
        for (int i = 0; i < 1000 && !server!.IsReady; i++)
        {
            now += 100_000_000;
            server.CoreActor.Step(now);
            server.LogActor.Step(now);
            server.BackendActor.Step(now);
        }

        Assert.True(server!.IsReady);
        members = server.Members;
        server.Close();
        return null;
    }

    private string? Read(string bucket, string key)
    {
        Assert.False(Db.Open(LinuxDisk.Instance, _options.BackendPath, new DbOptions { ReadOnly = true }, out Db? db).Failed);
        using (db)
        {
            return db!.Current.TryBucket(Encoding.ASCII.GetBytes(bucket), out Bucket found)
                && found.TryGet(Encoding.ASCII.GetBytes(key), out ReadOnlySpan<byte> value)
                ? Encoding.UTF8.GetString(value) : null;
        }
    }

    private void Write(string bucket, string key, string value) => Write(_options.BackendPath, bucket, key, value);

    private static void Write(string path, string bucket, string key, string value)
    {
        Assert.False(Db.Open(LinuxDisk.Instance, path, new DbOptions(), out Db? db).Failed);
        using (db)
        {
            Assert.False(db!.Begin(out WriteTx? tx).Failed);
            Assert.False(tx!.CreateBucketIfNotExists(Encoding.ASCII.GetBytes(bucket), out WriteBucket? target).Failed);
            Assert.False(target!.Put(Encoding.ASCII.GetBytes(key), Encoding.UTF8.GetBytes(value)).Failed);
            Assert.False(tx.Commit().Failed);
        }
    }

    private sealed class NoExit : IFatalExit
    {
        [System.Diagnostics.CodeAnalysis.DoesNotReturn]
        public void Exit(int exitCode, string reason) => throw new InvalidOperationException(reason);
    }
}
