// mvccpb.KeyValue (spec storage §4.1): {1 key, 2 create_revision, 3 mod_revision, 4 version, 5 value, 6 lease}, proto3.
// The bytes of bucket `key`, of range answers and of watch events are all this form, so they are copied, not rebuilt.
namespace EtcdAot.Wire.Codecs;

/// <summary>A KeyValue as slices of its encoding.</summary>
public ref struct KeyValueView
{
    public ReadOnlySpan<byte> Key;
    public ReadOnlySpan<byte> Value;
    public long CreateRevision;
    public long ModRevision;
    public long Version;
    public long Lease;

    /// <summary>Reads an encoded KeyValue; false when malformed.</summary>
    public static bool TryParse(ReadOnlySpan<byte> message, out KeyValueView kv)
    {
        kv = default;
        var reader = new ProtoReader(message);
        while (reader.Next())
        {
            switch (reader.Field)
            {
                case 1:
                    kv.Key = reader.ReadBytes();
                    break;
                case 2:
                    kv.CreateRevision = reader.ReadInt64();
                    break;
                case 3:
                    kv.ModRevision = reader.ReadInt64();
                    break;
                case 4:
                    kv.Version = reader.ReadInt64();
                    break;
                case 5:
                    kv.Value = reader.ReadBytes();
                    break;
                case 6:
                    kv.Lease = reader.ReadInt64();
                    break;
                default:
                    break;
            }
        }

        return !reader.Failed;
    }

    /// <summary>Encoded size in bytes.</summary>
    public readonly int Size => ProtoWriter.SizeOfNonEmpty(1, Key.Length)
        + ProtoWriter.SizeOfNonZero(2, (ulong)CreateRevision) + ProtoWriter.SizeOfNonZero(3, (ulong)ModRevision)
        + ProtoWriter.SizeOfNonZero(4, (ulong)Version) + ProtoWriter.SizeOfNonEmpty(5, Value.Length)
        + ProtoWriter.SizeOfNonZero(6, (ulong)Lease);

    /// <summary>Writes exactly <see cref="Size"/> bytes.</summary>
    public readonly void WriteTo(Span<byte> destination)
    {
        var writer = new ProtoWriter(destination);
        WriteTo(ref writer);
    }

    /// <summary>Writes at the cursor.</summary>
    public readonly void WriteTo(ref ProtoWriter writer)
    {
        writer.NonEmpty(1, Key);
        writer.NonZero(2, (ulong)CreateRevision);
        writer.NonZero(3, (ulong)ModRevision);
        writer.NonZero(4, (ulong)Version);
        writer.NonEmpty(5, Value);
        writer.NonZero(6, (ulong)Lease);
    }
}
