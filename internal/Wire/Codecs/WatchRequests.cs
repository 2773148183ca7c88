// Requests of service Watch as slices of the received bytes (spec api-v3 §3). The last member of the union counts, as in
// the original. Any thread; lives on the stack.
namespace EtcdAot.Wire.Codecs;

/// <summary>Which member of etcdserverpb.WatchRequest's union is set.</summary>
public enum WatchRequestKind
{
    None,
    Create,
    Cancel,
    Progress,
}

/// <summary>etcdserverpb.WatchRequest.</summary>
public ref struct WatchRequestView
{
    public WatchRequestKind Kind;

    /// <summary>Set for Create.</summary>
    public WatchCreateView Create;

    /// <summary>Set for Cancel: the id to cancel.</summary>
    public long CancelId;

    /// <summary>False when the bytes are not a message.</summary>
    public static bool TryParse(ReadOnlySpan<byte> message, out WatchRequestView request)
    {
        request = default;
        var reader = new ProtoReader(message);
        while (reader.Next())
        {
            switch (reader.Field)
            {
                case 1:
                    request.Kind = WatchRequestKind.Create;
                    if (!WatchCreateView.TryParse(reader.ReadBytes(), out request.Create))
                    {
                        return false;
                    }

                    break;
                case 2:
                    request.Kind = WatchRequestKind.Cancel;
                    if (!TryReadId(reader.ReadBytes(), out request.CancelId))
                    {
                        return false;
                    }

                    break;
                case 3:
                    request.Kind = WatchRequestKind.Progress;
                    _ = reader.ReadBytes();
                    break;
                default:
                    break;
            }
        }

        return !reader.Failed;
    }

    private static bool TryReadId(ReadOnlySpan<byte> message, out long id)
    {
        id = 0;
        var reader = new ProtoReader(message);
        while (reader.Next())
        {
            id = reader.Field == 1 ? reader.ReadInt64() : id;
        }

        return !reader.Failed;
    }
}

/// <summary>etcdserverpb.WatchCreateRequest.</summary>
public ref struct WatchCreateView
{
    public ReadOnlySpan<byte> Key;
    public ReadOnlySpan<byte> RangeEnd;
    public long StartRevision;
    public bool ProgressNotify;

    /// <summary>Filter NOPUT; unknown filters are ignored.</summary>
    public bool NoPut;

    /// <summary>Filter NODELETE.</summary>
    public bool NoDelete;

    public bool PrevKv;
    public long WatchId;
    public bool Fragment;

    /// <summary>False when the bytes are not a message.</summary>
    public static bool TryParse(ReadOnlySpan<byte> message, out WatchCreateView create)
    {
        create = default;
        var reader = new ProtoReader(message);
        while (reader.Next())
        {
            switch (reader.Field)
            {
                case 1:
                    create.Key = reader.ReadBytes();
                    break;
                case 2:
                    create.RangeEnd = reader.ReadBytes();
                    break;
                case 3:
                    create.StartRevision = reader.ReadInt64();
                    break;
                case 4:
                    create.ProgressNotify = reader.ReadBool();
                    break;
                case 5 when reader.Type == WireType.Bytes:
                    if (!create.TryReadPackedFilters(reader.ReadBytes()))
                    {
                        return false;
                    }

                    break;
                case 5:
                    create.AddFilter(reader.ReadVarint());
                    break;
                case 6:
                    create.PrevKv = reader.ReadBool();
                    break;
                case 7:
                    create.WatchId = reader.ReadInt64();
                    break;
                case 8:
                    create.Fragment = reader.ReadBool();
                    break;
                default:
                    break;
            }
        }

        return !reader.Failed;
    }

    private bool TryReadPackedFilters(ReadOnlySpan<byte> packed)
    {
        var reader = new ProtoReader(packed);
        while (reader.TryReadRawVarint(out ulong filter))
        {
            AddFilter(filter);
        }

        return !reader.Failed;
    }

    private void AddFilter(ulong filter)
    {
        NoPut |= (int)filter == 0;
        NoDelete |= (int)filter == 1;
    }
}
