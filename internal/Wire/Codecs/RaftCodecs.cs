// Hand codecs of the raftpb messages that disk and peers share, in the always-emit flavour of 3.4–3.6 (spec storage §5.4):
// every scalar is written, also when zero. Reading takes absent as zero. Stateless; any thread.
using EtcdAot.Sys;

namespace EtcdAot.Wire.Codecs;

/// <summary>raftpb.Entry {1 Type, 2 Term, 3 Index, 4 Data}.</summary>
public ref struct EntryView
{
    public EntryKind Kind;
    public ulong Term;
    public ulong Index;

    /// <summary>Payload, a slice of the message; empty also when absent.</summary>
    public ReadOnlySpan<byte> Data;

    /// <summary>Reads one entry; false when malformed or of a kind that does not exist.</summary>
    public static bool TryParse(ReadOnlySpan<byte> message, out EntryView entry)
    {
        entry = default;
        var reader = new ProtoReader(message);
        ulong kind = 0;
        while (reader.Next())
        {
            switch (reader.Field)
            {
                case 1:
                    kind = reader.ReadVarint();
                    break;
                case 2:
                    entry.Term = reader.ReadVarint();
                    break;
                case 3:
                    entry.Index = reader.ReadVarint();
                    break;
                case 4:
                    entry.Data = reader.ReadBytes();
                    break;
                default:
                    break;
            }
        }

        entry.Kind = (EntryKind)kind;
        return !reader.Failed && kind <= (ulong)EntryKind.ConfChangeV2;
    }

    /// <summary>Encoded size of an entry; an entry without payload has no field 4.</summary>
    public static int SizeOf(in LogEntry entry) => ProtoWriter.SizeOf(1, (ulong)entry.Kind)
        + ProtoWriter.SizeOf(2, entry.Term) + ProtoWriter.SizeOf(3, entry.Index)
        + ProtoWriter.SizeOfNonEmpty(4, entry.Data.Length);

    /// <summary>Writes exactly <see cref="SizeOf"/> bytes.</summary>
    public static void Write(ref ProtoWriter writer, in LogEntry entry)
    {
        writer.Field(1, (ulong)entry.Kind);
        writer.Field(2, entry.Term);
        writer.Field(3, entry.Index);
        writer.NonEmpty(4, entry.Data.Span);
    }

    /// <summary>Copies the payload into a slice of the arena; the result holds one count.</summary>
    public readonly LogEntry ToLogEntry(SlabArena arena) => new()
    {
        Kind = Kind,
        Term = Term,
        Index = Index,
        Data = arena.Copy(Data),
    };
}

/// <summary>raftpb.HardState {1 term, 2 vote, 3 commit}.</summary>
public static class DurableStateCodec
{
    public static int SizeOf(in DurableState state) => ProtoWriter.SizeOf(1, state.Term)
        + ProtoWriter.SizeOf(2, state.Vote) + ProtoWriter.SizeOf(3, state.Commit);

    public static void Write(ref ProtoWriter writer, in DurableState state)
    {
        writer.Field(1, state.Term);
        writer.Field(2, state.Vote);
        writer.Field(3, state.Commit);
    }

    public static bool TryParse(ReadOnlySpan<byte> message, out DurableState state)
    {
        ulong term = 0, vote = 0, commit = 0;
        var reader = new ProtoReader(message);
        while (reader.Next())
        {
            switch (reader.Field)
            {
                case 1:
                    term = reader.ReadVarint();
                    break;
                case 2:
                    vote = reader.ReadVarint();
                    break;
                case 3:
                    commit = reader.ReadVarint();
                    break;
                default:
                    break;
            }
        }

        state = new DurableState(term, vote, commit);
        return !reader.Failed;
    }
}

/// <summary>raftpb.ConfState {1 voters, 2 learners, 3 voters_outgoing, 4 learners_next, 5 auto_leave}; the lists are
/// written unpacked and read in both forms.</summary>
public static class ConfStateCodec
{
    public static int SizeOf(ConfiguredMembers members)
    {
        return SizeOf(1, members.Voters) + SizeOf(2, members.Learners) + SizeOf(3, members.VotersOutgoing)
            + SizeOf(4, members.LearnersNext) + ProtoWriter.SizeOf(5, 0);
    }

    public static void Write(ref ProtoWriter writer, ConfiguredMembers members)
    {
        Write(ref writer, 1, members.Voters);
        Write(ref writer, 2, members.Learners);
        Write(ref writer, 3, members.VotersOutgoing);
        Write(ref writer, 4, members.LearnersNext);
        writer.Field(5, members.AutoLeave ? 1UL : 0);
    }

    public static bool TryParse(ReadOnlySpan<byte> message, out ConfiguredMembers members)
    {
        var lists = new List<ulong>[] { [], [], [], [] };
        bool autoLeave = false;
        var reader = new ProtoReader(message);
        while (reader.Next())
        {
            if (reader.Field is >= 1 and <= 4)
            {
                reader.ReadVarints(lists[reader.Field - 1]);
            }
            else if (reader.Field == 5)
            {
                autoLeave = reader.ReadBool();
            }
        }

        members = new ConfiguredMembers([.. lists[0]], [.. lists[1]])
        {
            VotersOutgoing = [.. lists[2]],
            LearnersNext = [.. lists[3]],
            AutoLeave = autoLeave,
        };
        return !reader.Failed;
    }

    private static int SizeOf(int field, ulong[] numbers)
    {
        int size = 0;
        foreach (ulong number in numbers)
        {
            size += ProtoWriter.SizeOf(field, number);
        }

        return size;
    }

    private static void Write(ref ProtoWriter writer, int field, ulong[] numbers)
    {
        foreach (ulong number in numbers)
        {
            writer.Field(field, number);
        }
    }
}

/// <summary>raftpb.Snapshot {1 data, 2 metadata {1 conf_state, 2 index, 3 term}}.</summary>
public ref struct SnapshotView
{
    public ReadOnlySpan<byte> Data;
    public ulong Index;
    public ulong Term;
    public ConfiguredMembers Members;

    public static bool TryParse(ReadOnlySpan<byte> message, out SnapshotView snapshot)
    {
        snapshot = default;
        snapshot.Members = ConfiguredMembers.Empty;
        bool good = true;
        var reader = new ProtoReader(message);
        while (reader.Next())
        {
            if (reader.Field == 1)
            {
                snapshot.Data = reader.ReadBytes();
            }
            else if (reader.Field == 2)
            {
                good &= snapshot.ParseMetadata(reader.ReadBytes());
            }
        }

        return good && !reader.Failed;
    }

    public readonly int Size => (Data.IsEmpty ? 0 : ProtoWriter.SizeOfBytes(1, Data.Length))
        + ProtoWriter.SizeOfBytes(2, MetadataSize);

    private readonly int MetadataSize => ProtoWriter.SizeOfBytes(1, ConfStateCodec.SizeOf(Members))
        + ProtoWriter.SizeOf(2, Index) + ProtoWriter.SizeOf(3, Term);

    public readonly void WriteTo(ref ProtoWriter writer)
    {
        writer.NonEmpty(1, Data);
        writer.BytesHeader(2, MetadataSize);
        writer.BytesHeader(1, ConfStateCodec.SizeOf(Members));
        ConfStateCodec.Write(ref writer, Members);
        writer.Field(2, Index);
        writer.Field(3, Term);
    }

    private bool ParseMetadata(ReadOnlySpan<byte> message)
    {
        bool good = true;
        var reader = new ProtoReader(message);
        while (reader.Next())
        {
            switch (reader.Field)
            {
                case 1:
                    good &= ConfStateCodec.TryParse(reader.ReadBytes(), out Members);
                    break;
                case 2:
                    Index = reader.ReadVarint();
                    break;
                case 3:
                    Term = reader.ReadVarint();
                    break;
                default:
                    break;
            }
        }

        return good && !reader.Failed;
    }
}
