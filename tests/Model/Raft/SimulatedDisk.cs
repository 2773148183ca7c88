// The log device of one simulated member: what is durable, and what is merely written. A crash keeps a drawn prefix of the
// rest, maybe a torn append.
using EtcdAot.Raft;
using EtcdAot.Sys;
using EtcdAot.Wire;

namespace EtcdAot.Tests.Model.Raft;

/// <summary>A write in the queue of the device; the snapshot index is local compaction when <see cref="Append"/> is empty.</summary>
internal readonly record struct PendingWrite(LogAppend Append, LogEntry[] Entries, RaftSnapshot? Compaction);

/// <summary>What a member finds after a crash.</summary>
internal sealed class SimulatedDisk
{
    private readonly List<PendingWrite> _pending = [];
    private readonly List<LogEntry> _log = [];

    public DurableState State { get; private set; }

    public RaftSnapshot Snapshot { get; private set; } = new(0, 0, ConfiguredMembers.Empty, default);

    public ulong LastIndex => Snapshot.Index + (ulong)_log.Count;

    public int Pending => _pending.Count;

    public ReadOnlySpan<LogEntry> Log => System.Runtime.InteropServices.CollectionsMarshal.AsSpan(_log);

    public void Format(LogEntry[] bootstrap)
    {
        _log.AddRange(bootstrap);
        State = new DurableState(1, 0, (ulong)bootstrap.Length);
    }

    public void Write(in LogAppend append, EntrySpans entries)
    {
        var copy = new LogEntry[entries.Count];
        entries.First.CopyTo(copy);
        entries.Second.CopyTo(copy.AsSpan(entries.First.Length));
        _pending.Add(new PendingWrite(append, copy, null));
    }

    public void WriteCompaction(RaftSnapshot snapshot) => _pending.Add(new PendingWrite(default, [], snapshot));

    /// <summary>Makes the oldest write durable.</summary>
    public LogAppend SyncOne()
    {
        PendingWrite write = _pending[0];
        _pending.RemoveAt(0);
        Store(in write, write.Entries.Length, withState: true);
        return write.Append;
    }

    /// <summary>Loses what is not durable, but for a drawn prefix.</summary>
    public void Crash(Dice dice)
    {
        int kept = dice.Chance(5000) ? 0 : dice.Below(_pending.Count + 1);
        for (int i = 0; i < kept; i++)
        {
            SyncOne();
        }

        if (_pending.Count > 0 && _pending[0].Entries.Length > 0 && _pending[0].Append.Snapshot is null && dice.Chance(5000))
        {
            PendingWrite torn = _pending[0];
            Store(in torn, dice.Below(torn.Entries.Length) + 1, withState: false);
        }

        _pending.Clear();
    }

    /// <summary>True when the durable log holds that entry, or the durable snapshot covers it.</summary>
    public bool Holds(ulong index, ulong term)
    {
        if (index <= Snapshot.Index)
        {
            return index < Snapshot.Index || term == Snapshot.Term || term == 0;
        }

        return index <= LastIndex && (term == 0 || _log[(int)(index - Snapshot.Index) - 1].Term == term);
    }

    private void Store(in PendingWrite write, int entries, bool withState)
    {
        RaftSnapshot? received = write.Append.Snapshot;
        if (received is not null)
        {
            Snapshot = received;
            _log.Clear();
        }

        if (write.Compaction is { } local && local.Index > Snapshot.Index)
        {
            _log.RemoveRange(0, (int)(local.Index - Snapshot.Index));
            Snapshot = local;
        }

        foreach (ref readonly LogEntry entry in write.Entries.AsSpan(0, entries))
        {
            if (entry.Index <= Snapshot.Index)
            {
                continue;
            }

            int position = (int)(entry.Index - Snapshot.Index) - 1;
            Checker.That(position <= _log.Count, "the log on disk has no gap");
            _log.RemoveRange(position, _log.Count - position);
            _log.Add(entry);
        }

        if (withState && write.Append.State is { } state)
        {
            State = state;
        }
    }
}
