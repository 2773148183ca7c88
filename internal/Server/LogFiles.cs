// What is done to a member's log on its disk: WAL, snap files, purging, in the orders of DESIGN 4.5 c. Every call may wait
// for the disk; a failing one ends the member, nothing is tried twice. Owned by: whoever holds the log (LogWriter).
using EtcdAot.Observe;
using EtcdAot.Raft;
using EtcdAot.Wal;
using EtcdAot.Wire;
using EtcdAot.Wire.Codecs;

namespace EtcdAot.Server;

/// <summary>A snapshot of the own state, to be saved.</summary>
/// <param name="Index">Applied index; the db is durable up to it.</param>
/// <param name="Term">Its term.</param>
/// <param name="Members">Configuration there.</param>
/// <param name="Tree">The v2 tree as JSON.</param>
internal sealed record LogSnapshot(ulong Index, ulong Term, ConfiguredMembers Members, byte[] Tree);

/// <summary>The files of the log.</summary>
internal sealed class LogFiles(
    WriteAheadLog wal, SnapFiles snaps, FilePurger[] purgers, FatalEnd fatal, Histogram syncs, Log log)
{
    private bool _nextPrepared;
    private bool _owesSync;

    /// <summary>Appends without making durable; a received snapshot of the append is durable afterwards.</summary>
    public void Append(in LogAppend append, ReadOnlySpan<LogEntry> first, ReadOnlySpan<LogEntry> second)
    {
        if (append.Snapshot is { } snapshot)
        {
            SaveReceived(snapshot, append.State ?? wal.State);
            Check(wal.Append(default, first));
            Check(wal.Append(default, second));
            return;
        }

        Check(wal.Append(default, first));
        Check(wal.Append(append.State ?? default, second));
    }

    /// <summary>Makes everything appended durable when asked to, or when a segment is full.</summary>
    public void Sync(bool mustSync)
    {
        if (wal.NeedsCut)
        {
            Check(wal.Cut());
            Probe.Hit("the log goes on in its next segment");
            syncs.ObserveNanos(wal.LastSyncNanos);
            _nextPrepared = false;
        }
        else if (mustSync && Mutants.AcknowledgeBeforeSync)
        {
            Check(wal.WriteOut());
            _owesSync = true;
        }
        else if (mustSync)
        {
            Check(wal.Sync());
            syncs.ObserveNanos(wal.LastSyncNanos);
        }
    }

    /// <summary>Saves an own snapshot and gives up what it makes needless.</summary>
    public void Save(LogSnapshot snapshot)
    {
        const string caption = "failed to save snapshot";
        WalError e = snaps.Save(snapshot.Term, snapshot.Index, snapshot.Members, snapshot.Tree);
        if (!e.Failed)
        {
            DurableState state = wal.State;
            state = state with { Commit = Math.Max(state.Commit, snapshot.Index) };
            e = wal.SaveSnapshot(new WalSnapshot(snapshot.Index, snapshot.Term, snapshot.Members), state);
        }

        if (e.Failed)
        {
            fatal.Panic("etcdserver/server.go", caption, e.Text);
        }

        Probe.Hit("a raft snapshot is saved");
        wal.ReleaseBefore(snapshot.Index);
        e = snaps.RemoveReceivedBefore(snapshot.Index);
        if (e.Failed)
        {
            log.Error("etcdserver/server.go", "failed to remove received databases").WithError(e.Text).Write();
        }
    }

    /// <summary>Deletes files beyond the limits.</summary>
    public void Purge()
    {
        foreach (FilePurger purger in purgers)
        {
            bool more = true;
            while (more)
            {
                WalError e = purger.Step(out more);
                if (e.Failed)
                {
                    fatal.End("etcdserver/server.go", $"failed to purge {purger.Kind} file", e.Text);
                }
            }
        }
    }

    /// <summary>Reserves the next segment when there is time for it. A failure is logged by the WAL and only counts at
    /// the next cut.</summary>
    public void PrepareNext()
    {
        if (_owesSync)
        {
            _owesSync = false;
            Check(wal.Sync());
        }

        if (!_nextPrepared)
        {
            _nextPrepared = true;
            _ = wal.PrepareNext();
        }
    }

    // The db of the snapshot lies in the snap directory already.
    private void SaveReceived(RaftSnapshot snapshot, DurableState state)
    {
        const string caption = "failed to save Raft snapshot";
        WalError e = snaps.Save(snapshot.Term, snapshot.Index, snapshot.Members, snapshot.Data.Span);
        if (!e.Failed)
        {
            state = state with { Commit = Math.Max(state.Commit, snapshot.Index) };
            e = wal.SaveSnapshot(new WalSnapshot(snapshot.Index, snapshot.Term, snapshot.Members), state);
        }

        if (e.Failed)
        {
            fatal.End("etcdserver/raft.go", caption, e.Text);
        }

        wal.ReleaseBefore(snapshot.Index);
    }

    private void Check(WalError error)
    {
        if (error.Failed)
        {
            fatal.End("etcdserver/raft.go", "failed to save Raft hard state and entries", error.Text);
        }
    }
}
