// What the index knows of one key (spec storage §4.3): its bytes and its ascending revisions, flat in native memory.
// A tombstone ends a generation; only the oldest generation can have lost its beginning, so one created revision and one
// version suffice. owned by: core thread (appends, trims); readers follow pointers and skip what is newer than their view.
// It must never change an entry that a reader can see: appending fills unused room, everything else is a new block.
using EtcdAot.Observe;
using EtcdAot.Sys;

namespace EtcdAot.Mvcc;

/// <summary>One revision of a key, 16 bytes.</summary>
internal struct RevisionEntry
{
    private const uint TombstoneBit = 0x8000_0000;

    public long Main;
    public int Sub;
    private uint _lengthAndKind;

    public RevisionEntry(Revision revision, int encodedLength, bool tombstone)
    {
        Main = revision.Main;
        Sub = revision.Sub;
        _lengthAndKind = (uint)encodedLength | (tombstone ? TombstoneBit : 0);
    }

    /// <summary>Bytes of the encoded KeyValue: sizes of replies are summed without touching a page.</summary>
    public readonly int EncodedLength => (int)(_lengthAndKind & ~TombstoneBit);

    public readonly bool IsTombstone => (_lengthAndKind & TombstoneBit) != 0;

    public readonly Revision Revision => new(Main, Sub);
}

/// <summary>Header of a block of revisions; the entries follow.</summary>
internal unsafe struct KeyHistory
{
    public int Count;
    public int Capacity;

    /// <summary>First entry of the last generation; for the writer, so that a put need not look back.</summary>
    public int LastStart;

    /// <summary>create_revision of the first generation.</summary>
    public long FirstCreated;

    /// <summary>version of the first entry.</summary>
    public long FirstVersion;

    public static int SizeOf(int capacity) => sizeof(KeyHistory) + (capacity * sizeof(RevisionEntry));

    public static RevisionEntry* Entries(KeyHistory* history) => (RevisionEntry*)(history + 1);

    /// <summary>Entries that may be read now; any thread.</summary>
    public static int CountOf(KeyHistory* history) => Volatile.Read(ref history->Count);

    /// <summary>Index of the last entry with main ≤ <paramref name="main"/>, −1 for none.</summary>
    public static int LastAt(KeyHistory* history, long main)
    {
        RevisionEntry* entries = Entries(history);
        int count = CountOf(history);
        if (count > 0 && entries[count - 1].Main <= main)
        {
            return count - 1;
        }

        int low = 0;
        int high = count - 1;
        while (low < high)
        {
            int middle = (low + high) >>> 1;
            if (entries[middle].Main <= main)
            {
                low = middle + 1;
            }
            else
            {
                high = middle;
            }
        }

        return low - 1;
    }

    /// <summary>First entry of the generation that holds <paramref name="index"/>. Writer only.</summary>
    public static int GenerationStart(KeyHistory* history, int index)
    {
        if (index == history->Count - 1)
        {
            return history->LastStart;
        }

        RevisionEntry* entries = Entries(history);
        while (index > 0 && !entries[index - 1].IsTombstone)
        {
            index--;
        }

        return index;
    }

    /// <summary>create_revision and version of an entry. Writer only.</summary>
    public static void Describe(KeyHistory* history, int index, out long created, out long version)
    {
        int start = GenerationStart(history, index);
        created = start == 0 ? history->FirstCreated : Entries(history)[start].Main;
        version = (start == 0 ? history->FirstVersion : 1) + (index - start);
    }

    /// <summary>What a compaction at <paramref name="main"/> keeps (spec storage §4.5): entries from
    /// <paramref name="firstKept"/> on stay in the index; <paramref name="kept"/> is the one that stands for the state
    /// at that revision, −1 for none. Its cost does not grow with the history: it is asked for each record hashed.</summary>
    public static void Keep(KeyHistory* history, long main, out int firstKept, out int kept)
    {
        RevisionEntry* entries = Entries(history);
        int last = LastAt(history, main);
        int first = LastAt(history, main - 1) + 1;

        // A generation that ends at that very revision ends with its tombstone, whatever the transaction did behind it.
        for (int i = first; i <= last; i++)
        {
            if (entries[i].IsTombstone)
            {
                firstKept = i;
                kept = i;
                return;
            }
        }

        bool ended = last < first && last >= 0 && entries[last].IsTombstone;
        kept = ended ? -1 : last;
        firstKept = kept >= 0 ? kept : first;
    }
}

/// <summary>A key's record: pointer to its history, then the key's bytes.</summary>
internal unsafe struct KeyRecord
{
    private const int HeaderBytes = 12;

    private KeyHistory* _history;
    private int _keyLength;

    public static int SizeOf(int keyLength) => HeaderBytes + keyLength;

    public static ReadOnlySpan<byte> Key(KeyRecord* record)
    {
        return new ReadOnlySpan<byte>((byte*)record + HeaderBytes, record->_keyLength);
    }

    public static KeyHistory* History(KeyRecord* record)
    {
        return (KeyHistory*)Volatile.Read(ref *(nint*)&record->_history);
    }

    public static KeyRecord* Create(NativeHeap heap, ReadOnlySpan<byte> key)
    {
        var record = (KeyRecord*)heap.Allocate(SizeOf(key.Length));
        record->_history = null;
        record->_keyLength = key.Length;
        key.CopyTo(new Span<byte>((byte*)record + HeaderBytes, key.Length));
        return record;
    }

    /// <summary>First entry of a new record.</summary>
    public static void Start(NativeHeap heap, KeyRecord* record, RevisionEntry entry, long created, long version)
    {
        KeyHistory* history = NewHistory(heap, 1, created, version);
        KeyHistory.Entries(history)[0] = entry;
        history->Count = 1;
        record->_history = history;
    }

    /// <summary>Adds an entry behind the last.</summary>
    public static void Append(NativeHeap heap, KeyRecord* record, RevisionEntry entry)
    {
        KeyHistory* history = record->_history;
        int count = history->Count;
        Invariant.Check(
            KeyHistory.Entries(history)[count - 1].Revision < entry.Revision,
            "a revision is greater than the ones before it");
        int start = KeyHistory.Entries(history)[count - 1].IsTombstone ? count : history->LastStart;
        if (count < history->Capacity)
        {
            history->LastStart = start;
            KeyHistory.Entries(history)[count] = entry;
            Volatile.Write(ref history->Count, count + 1);
            return;
        }

        int capacity = count < 4 ? count + 1 : count + (count >> 1);
        Replace(heap, record, 0, count, capacity, history->FirstCreated, history->FirstVersion, &entry);
        record->_history->LastStart = start;
    }

    /// <summary>Drops the entries before <paramref name="firstKept"/>; at least one stays.</summary>
    public static void Trim(NativeHeap heap, KeyRecord* record, int firstKept)
    {
        KeyHistory* history = record->_history;
        KeyHistory.Describe(history, firstKept, out long created, out long version);
        int left = history->Count - firstKept;
        Replace(heap, record, firstKept, left, left, created, version, null);
    }

    /// <summary>Gives the record and its history back once readers have passed.</summary>
    public static void Retire(NativeHeap heap, KeyRecord* record)
    {
        heap.Retire((byte*)record->_history, KeyHistory.SizeOf(record->_history->Capacity));
        heap.Retire((byte*)record, SizeOf(record->_keyLength));
    }

    private static KeyHistory* NewHistory(NativeHeap heap, int capacity, long created, long version)
    {
        var history = (KeyHistory*)heap.Allocate(KeyHistory.SizeOf(capacity));
        history->Count = 0;
        history->Capacity = capacity;
        history->LastStart = 0;
        history->FirstCreated = created;
        history->FirstVersion = version;
        return history;
    }

    private static void Replace(
        NativeHeap heap,
        KeyRecord* record,
        int from,
        int count,
        int capacity,
        long created,
        long version,
        RevisionEntry* added)
    {
        KeyHistory* old = record->_history;
        KeyHistory* fresh = NewHistory(heap, capacity, created, version);
        new Span<RevisionEntry>(KeyHistory.Entries(old) + from, count)
            .CopyTo(new Span<RevisionEntry>(KeyHistory.Entries(fresh), count));
        fresh->Count = count;
        fresh->LastStart = Math.Max(0, old->LastStart - from);
        if (added != null)
        {
            KeyHistory.Entries(fresh)[count] = *added;
            fresh->Count = count + 1;
        }

        Volatile.Write(ref *(nint*)&record->_history, (nint)fresh);
        heap.Retire((byte*)old, KeyHistory.SizeOf(old->Capacity));
    }
}
