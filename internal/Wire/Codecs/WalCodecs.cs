// Hand codecs of what only the disk holds: walpb.Record and Snapshot, snappb, etcdserverpb.Metadata, in the always-emit
// flavour (spec storage §5.2–5.4, §6.1). Stateless; any thread.
namespace EtcdAot.Wire.Codecs;

/// <summary>Kinds of WAL record (spec storage §5.2).</summary>
public enum WalRecordType
{
    Metadata = 1,
    Entry = 2,
    State = 3,
    Crc = 4,
    Snapshot = 5,
}

/// <summary>walpb.Record {1 type int64, 2 crc uint32, 3 data}.</summary>
public ref struct WalRecordView
{
    public long Type;
    public uint Crc;
    public ReadOnlySpan<byte> Data;

    public static bool TryParse(ReadOnlySpan<byte> message, out WalRecordView record)
    {
        record = default;
        ulong crc = 0;
        var reader = new ProtoReader(message);
        while (reader.Next())
        {
            switch (reader.Field)
            {
                case 1:
                    record.Type = reader.ReadInt64();
                    break;
                case 2:
                    crc = reader.ReadVarint();
                    break;
                case 3:
                    record.Data = reader.ReadBytes();
                    break;
                default:
                    break;
            }
        }

        record.Crc = (uint)crc;
        return !reader.Failed && crc <= uint.MaxValue;
    }

    /// <summary>Size of a record whose data is <paramref name="dataLength"/> bytes, negative for a record without data.
    /// The CRC's own length varies, so it must be known first.</summary>
    public static int SizeOf(WalRecordType type, uint crc, int dataLength) => ProtoWriter.SizeOf(1, (ulong)type)
        + ProtoWriter.SizeOf(2, crc) + (dataLength < 0 ? 0 : ProtoWriter.SizeOfBytes(3, dataLength));
}

/// <summary>What a WAL snapshot record says: a position in the log and the configuration there.</summary>
/// <param name="Index">Log index, 0 for the start of the log.</param>
/// <param name="Term">Term of that entry.</param>
/// <param name="Members">Configuration at the index; null when the record has none (3.4, or the first record).</param>
public readonly record struct WalSnapshot(ulong Index, ulong Term, ConfiguredMembers? Members)
{
    /// <summary>walpb.Snapshot {1 index, 2 term, 3 conf_state}.</summary>
    public static bool TryParse(ReadOnlySpan<byte> message, out WalSnapshot snapshot)
    {
        ulong index = 0, term = 0;
        ConfiguredMembers? members = null;
        bool good = true;
        var reader = new ProtoReader(message);
        while (reader.Next())
        {
            switch (reader.Field)
            {
                case 1:
                    index = reader.ReadVarint();
                    break;
                case 2:
                    term = reader.ReadVarint();
                    break;
                case 3:
                    good &= ConfStateCodec.TryParse(reader.ReadBytes(), out members);
                    break;
                default:
                    break;
            }
        }

        snapshot = new WalSnapshot(index, term, members);
        return good && !reader.Failed;
    }

    public int Size => ProtoWriter.SizeOf(1, Index) + ProtoWriter.SizeOf(2, Term)
        + (Members is null ? 0 : ProtoWriter.SizeOfBytes(3, ConfStateCodec.SizeOf(Members)));

    public void WriteTo(ref ProtoWriter writer)
    {
        writer.Field(1, Index);
        writer.Field(2, Term);
        if (Members is not null)
        {
            writer.BytesHeader(3, ConfStateCodec.SizeOf(Members));
            ConfStateCodec.Write(ref writer, Members);
        }
    }
}

/// <summary>snappb.snapshot {1 crc uint32, 2 data}: the content of a <c>.snap</c> file.</summary>
public ref struct SnapFileView
{
    public uint Crc;
    public ReadOnlySpan<byte> Data;

    public static bool TryParse(ReadOnlySpan<byte> message, out SnapFileView snap)
    {
        snap = default;
        ulong crc = 0;
        var reader = new ProtoReader(message);
        while (reader.Next())
        {
            if (reader.Field == 1)
            {
                crc = reader.ReadVarint();
            }
            else if (reader.Field == 2)
            {
                snap.Data = reader.ReadBytes();
            }
        }

        snap.Crc = (uint)crc;
        return !reader.Failed && crc <= uint.MaxValue;
    }

    public readonly int Size => ProtoWriter.SizeOf(1, Crc) + ProtoWriter.SizeOfBytes(2, Data.Length);

    public readonly void WriteTo(ref ProtoWriter writer)
    {
        writer.Field(1, Crc);
        writer.Bytes(2, Data);
    }
}

/// <summary>etcdserverpb.Metadata {1 NodeID, 2 ClusterID}: whose WAL it is.</summary>
/// <param name="NodeId">Member id.</param>
/// <param name="ClusterId">Cluster id.</param>
public readonly record struct WalMetadata(ulong NodeId, ulong ClusterId)
{
    public static bool TryParse(ReadOnlySpan<byte> message, out WalMetadata metadata)
    {
        ulong node = 0, cluster = 0;
        var reader = new ProtoReader(message);
        while (reader.Next())
        {
            if (reader.Field == 1)
            {
                node = reader.ReadVarint();
            }
            else if (reader.Field == 2)
            {
                cluster = reader.ReadVarint();
            }
        }

        metadata = new WalMetadata(node, cluster);
        return !reader.Failed;
    }

    /// <summary>The encoding with both fields, as the head of a new WAL has it.</summary>
    public byte[] ToBytes()
    {
        var bytes = new byte[ProtoWriter.SizeOf(1, NodeId) + ProtoWriter.SizeOf(2, ClusterId)];
        var writer = new ProtoWriter(bytes);
        writer.Field(1, NodeId);
        writer.Field(2, ClusterId);
        return bytes;
    }
}
