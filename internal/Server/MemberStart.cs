// Puts one member together from its disk (spec storage §1.2–§1.3, §3.6, §4.4): directories, log, db, leases, index, raft.
// What the files hold and this build does not have ends the start with a sentence. Start-up thread only.
using EtcdAot.Backend;
using EtcdAot.Bolt;
using EtcdAot.Members;
using EtcdAot.Mvcc;
using EtcdAot.Observe;
using EtcdAot.Raft;
using EtcdAot.Sys;
using EtcdAot.Wal;
using EtcdAot.Wire;

namespace EtcdAot.Server;

/// <summary>The seams that a member runs on.</summary>
/// <param name="Disk">Files.</param>
/// <param name="Clock">Time.</param>
/// <param name="Randomness">For elections and names of temporary files.</param>
/// <param name="Exit">The end of the member.</param>
/// <param name="Log">Its log.</param>
/// <param name="Pause">Lets so many nanoseconds pass; only before the member runs.</param>
public sealed record MemberSeams(
    IDisk Disk, IClock Clock, IRandomness Randomness, IFatalExit Exit, Log Log, Action<long> Pause)
{
    /// <summary>Members that already run, for a first start.</summary>
    public IClusterSource Cluster { get; init; } = NoClusterSource.Instance;
}

/// <summary>Starts members.</summary>
public sealed class MemberStart
{
    private readonly ServerOptions _options;
    private readonly MemberSeams _seams;
    private readonly FatalEnd _fatal;
    private readonly SnapFiles _snaps;
    private readonly Log _log;

    public MemberStart(ServerOptions options, MemberSeams seams)
    {
        _options = options;
        _seams = seams;
        _log = seams.Log;
        _fatal = new FatalEnd(seams.Log, seams.Exit);
        _snaps = new SnapFiles(seams.Disk, options.SnapDir, seams.Randomness, seams.Log);
    }

    /// <summary>True when there is a log of an earlier life.</summary>
    public static bool HasLog(ServerOptions options, IDisk disk)
    {
        _ = WriteAheadLog.HasSegments(disk, options.EffectiveWalDir, out bool has);
        return has;
    }

    /// <summary>Opens everything; afterwards the actors are given threads.</summary>
    /// <param name="server">The member, when the result is null.</param>
    public StartFailure? Open(out EtcdServer? server)
    {
        server = null;
        StartReport.WriteRequestLimit(_log, _options);
        var directory = new DataDirectory(_seams.Disk, _log);
        if (directory.Prepare(_options) is { } unusable)
        {
            return new StartFailure("discovery failed", unusable);
        }

        WalError e = WriteAheadLog.HasSegments(_seams.Disk, _options.EffectiveWalDir, out bool haveWal);
        if (e.Failed)
        {
            return new StartFailure("discovery failed", e.Text);
        }

        StartFailure? failure = OpenBackend(!haveWal, out BackendStore? backend);
        if (failure is not null)
        {
            return failure;
        }

        RecoveredLog? log = null;
        try
        {
            // Not before the db's lock is held: until then they may be another member's, at work.
            e = _snaps.RemoveLeftovers();
            if (e.Failed)
            {
                _log.Error("etcdserver/server.go", "failed to remove temp file(s) in snapshot directory")
                    .With("path", _options.SnapDir).WithError(e.Text).Write();
            }

            failure = OpenLog(directory, haveWal, backend!, out log);
            if (failure is null)
            {
                var contents = new StartContents(log!);
                failure = contents.FindUnbuiltInLog()
                    ?? (_options.ReachesPeers ? null : contents.FindOtherMembers()) ?? CheckBackend(ref backend, log!)
                    ?? contents.FindDbAhead(backend!, _options) ?? contents.FindUnbuiltInDb(backend!);
            }

            failure ??= Compose(log!, backend!, out server);
        }
        finally
        {
            // Also when a seam has ended the member in the middle of it.
            if (server is null)
            {
                log?.Wal.Dispose();
                backend?.Abandon();
            }
        }

        return failure;
    }

    private StartFailure? OpenLog(DataDirectory directory, bool haveWal, BackendStore backend, out RecoveredLog? log)
    {
        log = null;
        var recovery = new LogRecovery(_options, _seams.Disk, _seams.Clock, _snaps, _seams.Cluster, _log);
        if (haveWal)
        {
            if (directory.ProbeWal(_options.EffectiveWalDir) is { } e)
            {
                return new StartFailure("discovery failed", e);
            }

            // A founder that died behind its log's creation left the header only; the original never comes up on that, we
            // begin again (spec storage §10a.2). A joiner's log begins with no more than that: it goes on.
            StartFailure? failure = recovery.Recover(backend, out log);
            if (failure is not null)
            {
                return failure;
            }

            if (_options.NewCluster && log!.HoldsNothing && !backend.Snapshot.Cursor(BackendBucket.Members).First())
            {
                Probe.Hit("a log that holds its head only is founded anew");
                return recovery.FoundIn(log, out log);
            }

            return _options.ForceNewCluster ? Force(backend, _log, ref log!) : null;
        }

        string? parent = Path.GetDirectoryName(_options.EffectiveWalDir);
        Errno made = string.IsNullOrEmpty(parent) ? Errno.Ok : directory.MakeAll(parent);
        return made.Failed
            ? new StartFailure("failed to create WAL", $"mkdir {parent}: {made}", IsPanic: true)
            : recovery.Found(out log);
    }

    private static StartFailure? Force(BackendStore backend, Log lines, ref RecoveredLog log)
    {
        WalError e = ForcedCluster.Force(log, backend.ConsistentIndex, lines, out log);
        return e.Failed ? new StartFailure("failed to save Raft hard state and entries", e.Text) : null;
    }

    // Another process on the same db makes this one wait, as the original does (spec storage §1.4).
    private StartFailure? OpenBackend(bool firstStart, out BackendStore? backend)
    {
        const long retryNanos = 50_000_000;
        const long tellAfterNanos = 10_000_000_000;
        var options = new BackendOptions
        {
            BatchIntervalNanos = (_options.BackendBatchMillis > 0 ? _options.BackendBatchMillis : 100) * 1_000_000L,
            BatchOperations = _options.BackendBatchLimit > 0 ? _options.BackendBatchLimit : 10_000,
            NoSync = _options.UnsafeNoFsync,
            FirstStart = firstStart,
        };
        StartReport.WriteBatch(_log, _options);
        long began = _seams.Clock.MonotonicNanos;
        bool told = false;
        while (true)
        {
            BoltError error = BackendStore.Open(
                _seams.Disk, _options.BackendPath, options, OnCommitFailed, out backend);
            if (!error.Failed)
            {
                _log.Info("etcdserver/backend.go", "opened backend db").With("path", _options.BackendPath)
                    .With("took", GoDuration.Text(_seams.Clock.MonotonicNanos - began)).Write();
                return null;
            }

            if (error != BoltError.Locked)
            {
                return new StartFailure("failed to open database", error.Text!, IsPanic: true);
            }

            if (!told && _seams.Clock.MonotonicNanos - began > tellAfterNanos)
            {
                told = true;
                _log.Info("etcdserver/backend.go", "db file is flocked by another process, or taking too long")
                    .With("path", _options.BackendPath)
                    .With("took", GoDuration.Text(_seams.Clock.MonotonicNanos - began)).Write();
            }

            _seams.Pause(retryNanos);
        }
    }

    private void OnCommitFailed(string error) => _fatal.End("backend/batch_tx.go", "failed to commit tx", error);

    // The db may not be behind the snapshot that the log starts from, unless the leader's db waits beside it (spec storage
    // §3.6). A db that was lost and has just been made anew is such a case: it must not pass for an empty key space.
    private StartFailure? CheckBackend(ref BackendStore? backend, RecoveredLog log)
    {
        const string caption = "failed to recover v3 backend from snapshot";
        ulong snapshotIndex = log.Snapshot?.Index ?? 0;
        if (backend!.ConsistentIndex >= snapshotIndex)
        {
            return null;
        }

        string received = _snaps.ReceivedDatabasePath(snapshotIndex);
        if (_seams.Disk.Status(received, out _).Failed)
        {
            return new StartFailure(caption,
                "failed to find database snapshot file (snap: snapshot file doesn't exist)", IsPanic: true);
        }

        backend.Close();
        Errno e = _seams.Disk.Rename(received, _options.BackendPath);
        e = e.Failed ? e : _seams.Disk.SyncDirectory(_options.SnapDir);
        if (e.Failed)
        {
            return new StartFailure(caption, "failed to rename database snapshot file " +
                $"(rename {received} {_options.BackendPath}: {e})", IsPanic: true);
        }

        StartFailure? failure = OpenBackend(firstStart: false, out backend);
        if (failure is not null)
        {
            return failure;
        }

        if (backend!.ConsistentIndex == 0)
        {
            _log.Warn("etcdserver/server.go", "consistent index was never saved")
                .With("snapshot-index", snapshotIndex).Write();
        }

        if (backend.ConsistentIndex >= snapshotIndex || backend.ConsistentIndex == 0)
        {
            StartReport.WriteBackend(_log, backend);
            return null;
        }

        return new StartFailure(caption,
            $"database file ({_options.BackendPath} index {backend.ConsistentIndex}) does not match with snapshot " +
            $"(index {snapshotIndex})", IsPanic: true);
    }

    // The auth store counts its revisions from 1 at the first start on, long before auth is used (spec storage §3.1).
    private static void FoundAuth(BackendStore backend)
    {
        if (!backend.Snapshot.TryGet(BackendBucket.Auth, BackendNames.AuthRevision, out _))
        {
            backend.Put(BackendBucket.Auth, BackendNames.AuthRevision, [0, 0, 0, 0, 0, 0, 0, 1]);
        }
    }

    private StartFailure? Compose(RecoveredLog log, BackendStore backend, out EtcdServer? server)
    {
        server = null;
        var ids = new RequestIds(log.MemberId, _seams.Clock.WallUnixNanos / 1_000_000);
        var membership = new Membership(log.ClusterId);
        if (MembershipKeeper.Recover(log.Tree, membership) is { } unreadable)
        {
            return new StartFailure("failed to recover from snapshot", unreadable, IsPanic: true);
        }

        var keeper = new MembershipKeeper(membership, log.Tree, backend, log.MemberId, _fatal, _log);
        var readers = new ReaderRegistry();
        var alarms = new Alarms();
        var leases = new LeaseKeeper(_options, _seams.Clock, backend, _seams.Randomness.NextUInt64());
        if (!alarms.TryRestore(backend.Snapshot, out string problem) || !leases.TryRestore(out problem))
        {
            return new StartFailure("failed to restore", problem, IsPanic: true);
        }

        var store = new Store(backend, readers, StoreOptionsOf(_options) with { Log = _log }, leases);
        if (!store.Restore(out problem))
        {
            return new StartFailure("failed to restore the key space", problem, IsPanic: true);
        }

        FoundAuth(backend);
        var report = new StartReport(_options, log, _log);
        var raftLines = new RaftLines(_log, log.MemberId);
        report.WriteStarting();
        if (!log.Restarted)
        {
            raftLines.WriteFounded([.. log.Founders.Select(static m => m.Id)]);
        }

        RaftNode raft = StartRaft(log, raftLines);
        report.WriteMembers(membership);
        report.WriteRestored(store, backend.ConsistentIndex, membership.Version,
            knowsItself: Math.Max(log.Founders.Count, membership.Members.Count) == 1);
        var metrics = new ServerMetrics();
        backend.Timings = new BackendTimings(_seams.Clock, metrics.BackendCommit, metrics.Defragment);
        var files = new LogFiles(log.Wal, _snaps, Purgers(), _fatal, metrics.WalFsync, _log);
        var writer = new LogWriter(files);
        var parts = new CoreParts
        {
            Options = _options,
            MemberId = log.MemberId,
            ClusterId = log.ClusterId,
            Snaps = _snaps,
            Raft = raft,
            RaftLines = raftLines,
            LogWriter = writer,
            Peers = new PeerSet(log.MemberId),
            Store = store,
            Backend = backend,
            Leases = leases,
            Membership = keeper,
            Alarms = alarms,
            Publisher = new Publisher(_options, log.MemberId, log.ClusterId, keeper, ids, _log),
            Snapshotter = new Snapshotter(
                _options, log.MemberId, backend, keeper, writer, log.Snapshot?.Index ?? 0, _log),
            Ids = ids,
            Metrics = metrics,
            Clock = _seams.Clock,
            Fatal = _fatal,
            Log = _log,
        };
        leases.ForwardBy(new LeaseForwarding(keeper, log.MemberId));
        var core = new RaftLoop(parts);
        backend.OnReport(core.Kick);
        writer.OnReport(core.Kick);
        server = new EtcdServer(core, parts, log.ClusterId, readers,
            new MemberClosing(backend, writer, log.Wal, store, leases, _log))
        {
            KnownPeers = log.Founders.Count > 0 ? log.Founders : [.. membership.Members],
            KnownRemotes = log.Remotes,
        };
        metrics.Attach(server, core);
        return null;
    }

    private RaftNode StartRaft(RecoveredLog log, RaftLines lines)
    {
        var config = new RaftConfig
        {
            Id = log.MemberId,
            Events = lines,
            ElectionTicks = _options.ElectionTicks,
            PreVote = _options.PreVote,
        };
        var start = new RaftStart
        {
            State = log.State,
            SnapshotIndex = log.Snapshot?.Index ?? 0,
            SnapshotTerm = log.Snapshot?.Term ?? 0,
            Members = log.Snapshot?.Members ?? ConfiguredMembers.Empty,
            Entries = log.Entries,
            Applied = log.Snapshot?.Index ?? 0,
        };
        return new RaftNode(config, _seams.Randomness, start);
    }

    private FilePurger[] Purgers() =>
    [
        new FilePurger(_seams.Disk, _options.SnapDir, SnapFiles.DatabaseSuffix, _options.MaxSnapshots, _log),
        new FilePurger(_seams.Disk, _options.SnapDir, SnapFiles.Suffix, _options.MaxSnapshots, _log),
        new FilePurger(_seams.Disk, _options.EffectiveWalDir, ".wal", _options.MaxWals, _log),
    ];

    private static StoreOptions StoreOptionsOf(ServerOptions options) => new()
    {
        CompactionBatch = options.CompactionBatchLimit,
        CompactionPauseNanos = options.CompactionSleepMillis * 1_000_000L,
    };
}

/// <summary>The orderly end of a member's files.</summary>
internal sealed class MemberClosing(
    BackendStore backend, LogWriter writer, WriteAheadLog wal, Store store, LeaseKeeper leases, Log log)
{
    /// <summary>After all actors' threads have stopped.</summary>
    public void Close()
    {
        _ = writer.Step(0);
        WalError e = wal.Close();
        if (e.Failed)
        {
            log.Error("etcdserver/server.go", "failed to close WAL").WithError(e.Text).Write();
        }

        backend.Close();
        store.Dispose();
        leases.Dispose();
    }

    /// <summary>Frees what <see cref="Close"/> frees, and writes nothing.</summary>
    public void Abandon()
    {
        wal.Dispose();
        backend.Abandon();
        store.Dispose();
        leases.Dispose();
    }
}
