// What the log holds behind a snapshot, read once at start (spec storage §5.8.4). Owned by the start-up thread, which hands
// the entries on to Raft. A few list slots for each entry while starting, no object for each.
using EtcdAot.Sys;
using EtcdAot.Wire;
using EtcdAot.Wire.Codecs;

namespace EtcdAot.Wal;

/// <summary>The log behind a snapshot.</summary>
public sealed class WalContents : IDisposable
{
    private readonly SlabArena _arena = new();

    /// <summary>Bytes of the metadata record, copied as found (trap 13); empty when there was none.</summary>
    public byte[] Metadata { get; private set; } = [];

    /// <summary>The last hard state; its commit may be stale (trap 10).</summary>
    public DurableState State { get; private set; }

    /// <summary>Entries behind the snapshot, contiguous; each holds one count on its payload.</summary>
    public List<LogEntry> Entries { get; } = [];

    /// <summary>Index of the last entry record, whether kept or not.</summary>
    public ulong LastIndex { get; private set; }

    /// <summary>True when the snapshot's own record was found.</summary>
    public bool SnapshotFound { get; private set; }

    /// <summary>Metadata taken apart; false when it is not readable.</summary>
    public bool TryGetIds(out WalMetadata ids) => WalMetadata.TryParse(Metadata, out ids);

    /// <summary>Gives up the entries' counts and the arena. Entries handed on must be counted by their new owner.</summary>
    public void Dispose()
    {
        DropFrom(0);
        _arena.Dispose();
    }

    /// <summary>Reads everything that the reader has.</summary>
    internal WalError ReadAll(RecordReader reader, WalSnapshot from)
    {
        while (true)
        {
            WalError e = reader.Next(out bool end);
            if (e.Failed || end)
            {
                return e;
            }

            e = Take(reader, from);
            if (e.Failed)
            {
                return e;
            }
        }
    }

    private WalError Take(RecordReader reader, WalSnapshot from)
    {
        switch (reader.Type)
        {
            case WalRecordType.Entry:
                return EntryView.TryParse(reader.Data, out EntryView entry)
                    ? TakeEntry(reader, entry, from.Index)
                    : Unreadable(reader, "entry");
            case WalRecordType.State:
                if (!DurableStateCodec.TryParse(reader.Data, out DurableState state))
                {
                    return Unreadable(reader, "hard state");
                }

                // The CRC does not cover a record's type: an entry turned into a state by one bit shows itself by term 0.
                if (state is { Term: 0, IsEmpty: false })
                {
                    return Unreadable(reader, "hard state");
                }

                State = state;
                return WalError.None;
            case WalRecordType.Metadata:
                if (Metadata.Length != 0 && !reader.Data.SequenceEqual(Metadata))
                {
                    return reader.Bad(WalErrorKind.Conflict, "wal: conflicting metadata found");
                }

                Metadata = reader.Data.ToArray();
                return WalError.None;
            case WalRecordType.Snapshot:
                if (!WalSnapshot.TryParse(reader.Data, out WalSnapshot snapshot))
                {
                    return Unreadable(reader, "snapshot");
                }

                if (snapshot.Index != from.Index)
                {
                    return WalError.None;
                }

                SnapshotFound = snapshot.Term == from.Term;
                return SnapshotFound
                    ? WalError.None
                    : reader.Bad(WalErrorKind.Conflict, "wal: snapshot mismatch");
            default:
                return reader.Bad(WalErrorKind.Corrupt, $"unexpected block type {(long)reader.Type}");
        }
    }

    private WalError TakeEntry(RecordReader reader, EntryView entry, ulong snapshotIndex)
    {
        LastIndex = entry.Index;
        if (entry.Index <= snapshotIndex)
        {
            return WalError.None;
        }

        ulong position = entry.Index - snapshotIndex - 1;
        if (position > (ulong)Entries.Count)
        {
            return reader.Bad(WalErrorKind.Conflict, "wal: slice bounds out of range");
        }

        // A later record overrides what an earlier leader left uncommitted (trap 12).
        DropFrom((int)position);
        Entries.Add(entry.ToLogEntry(_arena));
        return WalError.None;
    }

    private void DropFrom(int position)
    {
        for (int i = position; i < Entries.Count; i++)
        {
            Entries[i].Data.Release();
        }

        Entries.RemoveRange(position, Entries.Count - position);
    }

    private static WalError Unreadable(RecordReader reader, string what)
    {
        return reader.Bad(WalErrorKind.Corrupt, "proto: cannot parse " + what);
    }
}
