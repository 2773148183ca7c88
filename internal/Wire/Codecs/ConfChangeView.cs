// raftpb.ConfChange {1 ID, 2 Type, 3 NodeID, 4 Context} in the always-emit flavour (spec storage §7.4). Any thread.
using EtcdAot.Wire.Raftpb;

namespace EtcdAot.Wire.Codecs;

/// <summary>One change of the configuration, as slices of its encoding.</summary>
public ref struct ConfChangeView
{
    /// <summary>Request id of the proposer, 0 for bootstrap.</summary>
    public ulong Id;
    public ConfChangeType Type;
    public ulong NodeId;

    /// <summary>JSON of the member; empty for a removal.</summary>
    public ReadOnlySpan<byte> Context;

    /// <summary>Reads a change; false when malformed or of a type that does not exist.</summary>
    public static bool TryParse(ReadOnlySpan<byte> message, out ConfChangeView change)
    {
        change = default;
        ulong type = 0;
        var reader = new ProtoReader(message);
        while (reader.Next())
        {
            switch (reader.Field)
            {
                case 1:
                    change.Id = reader.ReadVarint();
                    break;
                case 2:
                    type = reader.ReadVarint();
                    break;
                case 3:
                    change.NodeId = reader.ReadVarint();
                    break;
                case 4:
                    change.Context = reader.ReadBytes();
                    break;
                default:
                    break;
            }
        }

        change.Type = (ConfChangeType)type;
        return !reader.Failed && type <= (ulong)ConfChangeType.ConfChangeAddLearnerNode;
    }

    public readonly int Size => ProtoWriter.SizeOf(1, Id) + ProtoWriter.SizeOf(2, (ulong)Type)
        + ProtoWriter.SizeOf(3, NodeId) + ProtoWriter.SizeOfNonEmpty(4, Context.Length);

    /// <summary>Writes exactly <see cref="Size"/> bytes.</summary>
    public readonly void WriteTo(Span<byte> destination)
    {
        var writer = new ProtoWriter(destination);
        writer.Field(1, Id);
        writer.Field(2, (ulong)Type);
        writer.Field(3, NodeId);
        writer.NonEmpty(4, Context);
    }
}
