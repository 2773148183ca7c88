// What the disk says of the log at start: identity, snapshot, entries, v2 tree (spec storage §5.8–§5.10, §6.1). Either
// recovered from a member's earlier life or founded. Start-up thread only.
using EtcdAot.Backend;
using EtcdAot.Members;
using EtcdAot.Observe;
using EtcdAot.Sys;
using EtcdAot.V2;
using EtcdAot.Wal;
using EtcdAot.Wire;
using EtcdAot.Wire.Codecs;

namespace EtcdAot.Server;

/// <summary>The member's log as found or founded.</summary>
internal sealed class RecoveredLog
{
    public required WriteAheadLog Wal { get; init; }

    public required ulong MemberId { get; init; }

    public required ulong ClusterId { get; init; }

    /// <summary>Null when there is no snapshot.</summary>
    public required LoadedSnapshot? Snapshot { get; init; }

    public required V2Tree Tree { get; init; }

    public required DurableState State { get; init; }

    /// <summary>Entries behind the snapshot, each with one count.</summary>
    public required LogEntry[] Entries { get; init; }

    /// <summary>True when the member has lived before.</summary>
    public required bool Restarted { get; init; }

    /// <summary>Index of the last entry, or of the snapshot that stands for it.</summary>
    public ulong LastIndex => Entries.Length > 0 ? Entries[^1].Index : Snapshot?.Index ?? 0;

    /// <summary>Founders of a new cluster at its first start, by ascending id; else empty.</summary>
    public IReadOnlyList<Member> Founders { get; init; } = [];

    /// <summary>Members that a joiner was told of.</summary>
    public IReadOnlyList<Member> Remotes { get; init; } = [];

    /// <summary>True when raft starts from it by force.</summary>
    public bool IsForced { get; private init; }

    /// <summary>True when there is nothing but the header.</summary>
    public bool HoldsNothing => Snapshot is null && Entries.Length == 0 && State.IsEmpty;

    /// <summary>The same log with another end, forced by the operator.</summary>
    public RecoveredLog With(LogEntry[] entries, DurableState state) => new()
    {
        Wal = Wal,
        MemberId = MemberId,
        ClusterId = ClusterId,
        Snapshot = Snapshot,
        Tree = Tree,
        State = state,
        Entries = entries,
        Restarted = Restarted,
        IsForced = true,
    };
}

/// <summary>Why a start ended: level, line and error.</summary>
/// <param name="Message">The line's msg.</param>
/// <param name="Error">Its error field.</param>
/// <param name="IsPanic">True for level panic, exit 2.</param>
public sealed record StartFailure(string Message, string Error, bool IsPanic = false);

/// <summary>Reads or founds the log.</summary>
internal sealed class LogRecovery(
    ServerOptions options, IDisk disk, IClock clock, SnapFiles snaps, IClusterSource source, Log log)
{
    private readonly WalOptions _walOptions = new(disk, clock, log)
    {
        NoSync = options.UnsafeNoFsync,
        SegmentBytes = options.WalSegmentBytes,
    };

    /// <summary>Founds a new cluster: WAL with the members' entries (spec storage §7.4).</summary>
    public StartFailure? Found(out RecoveredLog? recovered) => Found(null, out recovered);

    /// <summary>The same in a log that holds its header only and was made for the same member.</summary>
    public StartFailure? FoundIn(RecoveredLog begun, out RecoveredLog? recovered) => Found(begun, out recovered);

    private StartFailure? Found(RecoveredLog? begun, out RecoveredLog? recovered)
    {
        recovered = null;
        if (!options.ReachesPeers && !options.NewCluster)
        {
            return Discovery("joining an existing cluster (--initial-cluster-state=existing) is not built yet");
        }

        if (new Founding(options, source).TryIdentify(out Identity? self) is { } problem)
        {
            return Discovery(problem);
        }

        if (!options.ReachesPeers && options.InitialCluster.Count > 1)
        {
            return Discovery(
                "a cluster of more than one member is not built yet: name only this member in --initial-cluster");
        }

        if (begun is not null && (begun.MemberId != self!.MemberId || begun.ClusterId != self.ClusterId))
        {
            return Discovery($"the log in {options.EffectiveWalDir} was begun for member {begun.MemberId:x} of cluster " +
                $"{begun.ClusterId:x} and holds nothing: remove it, or name that member's URLs");
        }

        WriteAheadLog? wal = begun?.Wal;
        if (wal is null)
        {
            var identity = new WalMetadata(self!.MemberId, self.ClusterId);
            WalError made = WriteAheadLog.Create(_walOptions, options.EffectiveWalDir, identity, out wal);
            if (made.Failed)
            {
                return new StartFailure("failed to create WAL", made.Text, IsPanic: true);
            }
        }

        return WriteFounders(wal!, self!, out recovered);
    }

    private static StartFailure? WriteFounders(WriteAheadLog wal, Identity self, out RecoveredLog? recovered)
    {
        recovered = null;
        LogEntry[] entries = [];
        if (self.Cluster is { } founded)
        {
            using var arena = new SlabArena();
            entries = founded.Entries(arena);
            WalError e = wal.Append(founded.State, entries);
            e = e.Failed ? e : wal.Sync();
            if (e.Failed)
            {
                return new StartFailure("failed to save Raft hard state and entries", e.Text);
            }
        }

        recovered = new RecoveredLog
        {
            Wal = wal,
            MemberId = self.MemberId,
            ClusterId = self.ClusterId,
            Snapshot = null,
            Tree = V2Tree.Create(),
            State = self.Cluster?.State ?? default,
            Entries = entries,
            Restarted = false,
            Founders = self.Cluster?.Members ?? [],
            Remotes = self.Remotes,
        };
        return null;
    }

    /// <summary>Recovers an earlier life. The backend is only looked at: whether it covers the snapshot.</summary>
    public StartFailure? Recover(BackendStore backend, out RecoveredLog? recovered)
    {
        recovered = null;
        string walDir = options.EffectiveWalDir;
        WalError e = WriteAheadLog.ValidSnapshots(_walOptions, walDir, out List<WalSnapshot> valid);
        LoadedSnapshot? snapshot = null;
        e = e.Failed ? e : snaps.LoadNewest(valid, out snapshot);
        if (e.Failed)
        {
            return Discovery(e.Text);
        }

        V2Tree? tree = V2Tree.Create();
        if (snapshot is not null && !V2Tree.TryLoad(snapshot.Data, out tree, out string problem))
        {
            return new StartFailure("failed to recover from snapshot", problem, IsPanic: true);
        }

        StartReport.WriteSnapshot(log, snapshot);
        if (snapshot is not null && backend.ConsistentIndex >= snapshot.Index)
        {
            StartReport.WriteBackend(log, backend);
        }

        StartFailure? failure = Open(walDir, snapshot, out WriteAheadLog? wal, out WalContents? contents);
        if (failure is not null)
        {
            return failure;
        }

        if (!contents!.TryGetIds(out WalMetadata ids))
        {
            return Discovery("wal: the metadata record cannot be read");
        }

        LogEntry[] entries = [.. contents.Entries];
        foreach (LogEntry entry in entries)
        {
            entry.Data.AddReference();
        }

        DurableState state = contents.State;
        contents.Dispose();
        ulong last = entries.Length > 0 ? entries[^1].Index : snapshot?.Index ?? 0;
        if (state.Commit > last)
        {
            foreach (LogEntry entry in entries)
            {
                entry.Data.Release();
            }

            wal!.Dispose();
            return new StartFailure(
                $"{ids.NodeId:x} state.commit {state.Commit} is out of range [{snapshot?.Index ?? 0}, {last}]",
                $"the log in {walDir} lost its end, or its files do not belong together", IsPanic: true);
        }

        recovered = new RecoveredLog
        {
            Wal = wal!,
            MemberId = ids.NodeId,
            ClusterId = ids.ClusterId,
            Snapshot = snapshot,
            Tree = tree!,
            State = state,
            Entries = entries,
            Restarted = true,
        };
        return null;
    }

    // A torn end is repaired once (spec storage §5.10).
    private StartFailure? Open(
        string walDir, LoadedSnapshot? snapshot, out WriteAheadLog? wal, out WalContents? contents)
    {
        var from = new WalSnapshot(snapshot?.Index ?? 0, snapshot?.Term ?? 0, null);
        WalError e = WriteAheadLog.Open(_walOptions, walDir, from, out wal, out contents);
        if (e.Kind == WalErrorKind.TornTail)
        {
            Probe.Hit("a torn end of the log is repaired");
            WalError repaired = WalRepair.Repair(_walOptions, walDir);
            if (repaired.Failed)
            {
                return new StartFailure("failed to repair WAL", e.Text);
            }

            log.Info("etcdserver/storage.go", "repaired WAL").WithError(e.Text).Write();
            e = WriteAheadLog.Open(_walOptions, walDir, from, out wal, out contents);
        }

        return !e.Failed ? null
            : e.Kind is WalErrorKind.Corrupt or WalErrorKind.TornTail
                ? new StartFailure("failed to read WAL, cannot be repaired", e.Text)
                : new StartFailure("failed to open WAL", e.Text);
    }

    private static StartFailure Discovery(string error) => new("discovery failed", error);
}
