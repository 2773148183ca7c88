// The log in memory: a ring of entry structs behind the compacted index, and the cursors that run along it. Holds one count
// of each entry's slice. Owned by: core thread. Must never do I/O or decide what is committed.
//
//   compacted ≤ applied ≤ handed out ≤ min(committed, durable);  durable ≤ handed to disk ≤ last
using EtcdAot.Observe;
using EtcdAot.Sys;
using EtcdAot.Wire;

namespace EtcdAot.Raft;

/// <summary>A run of entries in the ring, in one or two pieces. Valid until the next call on the node.</summary>
public readonly ref struct EntrySpans(ReadOnlySpan<LogEntry> first, ReadOnlySpan<LogEntry> second)
{
    public ReadOnlySpan<LogEntry> First { get; } = first;

    public ReadOnlySpan<LogEntry> Second { get; } = second;

    public int Count => First.Length + Second.Length;

    public ref readonly LogEntry this[int i] => ref (i < First.Length ? ref First[i] : ref Second[i - First.Length]);
}

/// <summary>The replicated log as this member holds it in memory.</summary>
public sealed class RaftLog
{
    private LogEntry[] _ring = new LogEntry[64];
    private ulong _compactedIndex;
    private ulong _compactedTerm;
    private int _count;

    internal RaftLog(ulong compactedIndex, ulong compactedTerm)
    {
        Reset(compactedIndex, compactedTerm);
    }

    /// <summary>First index in memory.</summary>
    public ulong FirstIndex => _compactedIndex + 1;

    /// <summary>Last index, the compacted one when the log is empty.</summary>
    public ulong LastIndex => _compactedIndex + (ulong)_count;

    /// <summary>Term of the last index.</summary>
    public ulong LastTerm => _count == 0 ? _compactedTerm : At(LastIndex).Term;

    /// <summary>Highest index known to be on a quorum.</summary>
    public ulong Committed { get; internal set; }

    /// <summary>Highest index given to the applier.</summary>
    public ulong HandedOut { get; internal set; }

    /// <summary>Highest index the applier has finished.</summary>
    public ulong Applied { get; internal set; }

    /// <summary>Highest index known to be durable here.</summary>
    public ulong Durable { get; internal set; }

    /// <summary>Highest index given to the log actor.</summary>
    public ulong HandedToDisk { get; internal set; }

    /// <summary>Bytes ever appended; the difference to the durable ones is what a crash would lose.</summary>
    internal long AppendedBytes { get; private set; }

    /// <summary>The term at an index; false when it is compacted or beyond the end.</summary>
    public bool TryTerm(ulong index, out ulong term)
    {
        if (index == _compactedIndex)
        {
            term = _compactedTerm;
            return true;
        }

        if (index < _compactedIndex || index > LastIndex)
        {
            term = 0;
            return false;
        }

        term = At(index).Term;
        return true;
    }

    /// <summary>True when the log holds that term at that index.</summary>
    public bool Matches(ulong index, ulong term) => TryTerm(index, out ulong own) && own == term;

    /// <summary>The entry at an index in memory.</summary>
    public ref readonly LogEntry At(ulong index)
    {
        Invariant.Check(index > _compactedIndex && index <= LastIndex, "an entry is read only while it is in the log");
        return ref _ring[Slot(index)];
    }

    /// <summary>Entries from <paramref name="first"/> on; all of them must be in memory.</summary>
    public EntrySpans Read(ulong first, int count)
    {
        if (count == 0)
        {
            return default;
        }

        Invariant.Check(first > _compactedIndex && first + (ulong)count - 1 <= LastIndex, "a range that is read is in the log");
        int slot = Slot(first);
        int head = Math.Min(count, _ring.Length - slot);
        return new EntrySpans(_ring.AsSpan(slot, head), _ring.AsSpan(0, count - head));
    }

    /// <summary>How many entries from <paramref name="first"/> to <paramref name="last"/> fit into the bytes; at least one
    /// when there is one.</summary>
    public int CountWithin(ulong first, ulong last, long bytes)
    {
        int count = 0;
        for (ulong i = first; i <= last; i++)
        {
            bytes -= WireSize(in _ring[Slot(i)]);
            if (bytes < 0 && count > 0)
            {
                break;
            }

            count++;
        }

        return count;
    }

    /// <summary>Bytes of the entry as a protobuf message, as raft counts sizes.</summary>
    public static int WireSize(in LogEntry entry)
    {
        int data = entry.Data.Length == 0 ? 0 : 1 + VarintSize((ulong)entry.Data.Length) + entry.Data.Length;
        return 2 + 1 + VarintSize(entry.Term) + 1 + VarintSize(entry.Index) + data;
    }

    /// <summary>The largest index ≤ <paramref name="index"/> whose term is ≤ <paramref name="term"/>, and its term; the term is
    /// 0 when it is unknown (spec cluster §1.5, §1.6).</summary>
    internal ulong FindConflictByTerm(ulong index, ulong term, out ulong foundTerm)
    {
        ulong i = Math.Min(index, LastIndex);
        while (TryTerm(i, out foundTerm) && foundTerm > term && i > 0)
        {
            i--;
        }

        return i;
    }

    /// <summary>True when a log that ends at (term, index) may lead this member.</summary>
    internal bool IsUpToDate(ulong lastTerm, ulong lastIndex)
    {
        ulong own = LastTerm;
        return lastTerm > own || (lastTerm == own && lastIndex >= LastIndex);
    }

    /// <summary>Appends behind the end, taking over the caller's count of the slice.</summary>
    internal void Append(EntryKind kind, ulong term, SlabSlice data)
    {
        if (_count == _ring.Length)
        {
            Grow();
        }

        ulong index = LastIndex + 1;
        _ring[Slot(index)] = new LogEntry { Kind = kind, Term = term, Index = index, Data = data };
        _count++;
        AppendedBytes += data.Length + EntryOverheadBytes;
    }

    /// <summary>Drops the entries from <paramref name="index"/> on and draws the cursors back.</summary>
    internal void TruncateFrom(ulong index)
    {
        Invariant.Check(index > Committed, "a committed entry is never overwritten");
        while (LastIndex >= index)
        {
            Clear(LastIndex);
            _count--;
        }

        Durable = Math.Min(Durable, index - 1);
        HandedToDisk = Math.Min(HandedToDisk, index - 1);
    }

    /// <summary>Forgets the entries up to an applied index; its term is kept.</summary>
    internal void Compact(ulong index)
    {
        if (index <= _compactedIndex)
        {
            return;
        }

        Invariant.Check(index <= Applied, "only applied entries are compacted");
        TryTerm(index, out ulong term);
        for (ulong i = FirstIndex; i <= index; i++)
        {
            Clear(i);
        }

        _count -= (int)(index - _compactedIndex);
        _compactedIndex = index;
        _compactedTerm = term;
    }

    /// <summary>The log becomes the snapshot: empty behind it, everything committed up to it.</summary>
    internal void Reset(ulong snapshotIndex, ulong snapshotTerm)
    {
        for (ulong i = FirstIndex; i <= LastIndex; i++)
        {
            Clear(i);
        }

        _count = 0;
        _compactedIndex = snapshotIndex;
        _compactedTerm = snapshotTerm;
        Committed = snapshotIndex;
        Durable = snapshotIndex;
        HandedToDisk = snapshotIndex;
    }

    // What an entry costs beside its payload: a flood of empty entries must count too.
    private const int EntryOverheadBytes = 40;

    private static int VarintSize(ulong value) => 1 + ((63 - System.Numerics.BitOperations.LeadingZeroCount(value | 1)) / 7);

    private int Slot(ulong index) => (int)(index & (ulong)(_ring.Length - 1));

    private void Clear(ulong index)
    {
        ref LogEntry entry = ref _ring[Slot(index)];
        entry.Data.Release();
        entry = default;
    }

    private void Grow()
    {
        var larger = new LogEntry[_ring.Length * 2];
        for (ulong i = FirstIndex; i <= LastIndex; i++)
        {
            larger[(int)(i & (ulong)(larger.Length - 1))] = _ring[Slot(i)];
        }

        _ring = larger;
    }
}
