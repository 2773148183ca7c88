// Writes what raft hands out to the WAL and makes it durable. For a sole voter it runs on the core thread itself: the
// disk is the only thing to wait for (DESIGN 3). A failing write or sync ends the member; nothing is tried twice.
// Owned by: core thread.
using EtcdAot.Observe;
using EtcdAot.Raft;
using EtcdAot.Wal;

namespace EtcdAot.Server;

/// <summary>The log actor's work, done in line.</summary>
internal sealed class LogWriter(WriteAheadLog wal, FatalEnd fatal, Histogram syncs)
{
    private bool _nextPrepared;
    private bool _owesSync;

    /// <summary>Appends, and syncs when the append asks for it. Returns only when the answer may be given.</summary>
    public void Write(in LogAppend append, EntrySpans entries)
    {
        Check(wal.Append(default, entries.First));
        Check(wal.Append(append.State ?? default, entries.Second));
        if (wal.NeedsCut)
        {
            Check(wal.Cut());
            Probe.Hit("the log goes on in its next segment");
            syncs.ObserveNanos(wal.LastSyncNanos);
            _nextPrepared = false;
        }
        else if (append.MustSync && Mutants.AcknowledgeBeforeSync)
        {
            Check(wal.WriteOut());
            _owesSync = true;
        }
        else if (append.MustSync)
        {
            Check(wal.Sync());
            syncs.ObserveNanos(wal.LastSyncNanos);
        }
    }

    /// <summary>Reserves the next segment when there is time for it. A failure is logged by the WAL and only counts at
    /// the next cut.</summary>
    public void PrepareWhenIdle()
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

    private void Check(WalError error)
    {
        if (error.Failed)
        {
            fatal.End("etcdserver/raft.go", "failed to save Raft hard state and entries", error.Text);
        }
    }
}
