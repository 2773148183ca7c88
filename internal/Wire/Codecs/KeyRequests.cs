// The hot requests of service KV as slices of the received bytes: nothing is copied, nothing allocated. The generated
// classes are the oracle in tests. A repeated field keeps its last value, as the original does. Any thread.
namespace EtcdAot.Wire.Codecs;

/// <summary>etcdserverpb.RangeRequest.</summary>
public ref struct RangeRequestView
{
    public ReadOnlySpan<byte> Key;
    public ReadOnlySpan<byte> RangeEnd;
    public long Limit;
    public long Revision;
    public int SortOrder;
    public int SortTarget;
    public bool Serializable;
    public bool KeysOnly;
    public bool CountOnly;
    public long MinModRevision;
    public long MaxModRevision;
    public long MinCreateRevision;
    public long MaxCreateRevision;

    /// <summary>False when the bytes are not a message.</summary>
    public static bool TryParse(ReadOnlySpan<byte> message, out RangeRequestView request)
    {
        request = default;
        var reader = new ProtoReader(message);
        while (reader.Next())
        {
            switch (reader.Field)
            {
                case 1:
                    request.Key = reader.ReadBytes();
                    break;
                case 2:
                    request.RangeEnd = reader.ReadBytes();
                    break;
                case 3:
                    request.Limit = reader.ReadInt64();
                    break;
                case 4:
                    request.Revision = reader.ReadInt64();
                    break;
                case 5:
                    request.SortOrder = reader.ReadInt32();
                    break;
                case 6:
                    request.SortTarget = reader.ReadInt32();
                    break;
                case 7:
                    request.Serializable = reader.ReadBool();
                    break;
                case 8:
                    request.KeysOnly = reader.ReadBool();
                    break;
                case 9:
                    request.CountOnly = reader.ReadBool();
                    break;
                case 10:
                    request.MinModRevision = reader.ReadInt64();
                    break;
                case 11:
                    request.MaxModRevision = reader.ReadInt64();
                    break;
                case 12:
                    request.MinCreateRevision = reader.ReadInt64();
                    break;
                case 13:
                    request.MaxCreateRevision = reader.ReadInt64();
                    break;
                default:
                    break;
            }
        }

        return !reader.Failed;
    }
}

/// <summary>etcdserverpb.PutRequest.</summary>
public ref struct PutRequestView
{
    public ReadOnlySpan<byte> Key;
    public ReadOnlySpan<byte> Value;
    public long Lease;
    public bool PrevKv;
    public bool IgnoreValue;
    public bool IgnoreLease;

    /// <summary>False when the bytes are not a message.</summary>
    public static bool TryParse(ReadOnlySpan<byte> message, out PutRequestView request)
    {
        request = default;
        var reader = new ProtoReader(message);
        while (reader.Next())
        {
            switch (reader.Field)
            {
                case 1:
                    request.Key = reader.ReadBytes();
                    break;
                case 2:
                    request.Value = reader.ReadBytes();
                    break;
                case 3:
                    request.Lease = reader.ReadInt64();
                    break;
                case 4:
                    request.PrevKv = reader.ReadBool();
                    break;
                case 5:
                    request.IgnoreValue = reader.ReadBool();
                    break;
                case 6:
                    request.IgnoreLease = reader.ReadBool();
                    break;
                default:
                    break;
            }
        }

        return !reader.Failed;
    }
}

/// <summary>etcdserverpb.DeleteRangeRequest.</summary>
public ref struct DeleteRangeRequestView
{
    public ReadOnlySpan<byte> Key;
    public ReadOnlySpan<byte> RangeEnd;
    public bool PrevKv;

    /// <summary>False when the bytes are not a message.</summary>
    public static bool TryParse(ReadOnlySpan<byte> message, out DeleteRangeRequestView request)
    {
        request = default;
        var reader = new ProtoReader(message);
        while (reader.Next())
        {
            switch (reader.Field)
            {
                case 1:
                    request.Key = reader.ReadBytes();
                    break;
                case 2:
                    request.RangeEnd = reader.ReadBytes();
                    break;
                case 3:
                    request.PrevKv = reader.ReadBool();
                    break;
                default:
                    break;
            }
        }

        return !reader.Failed;
    }
}
