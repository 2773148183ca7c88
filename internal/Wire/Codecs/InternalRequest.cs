// etcdserverpb.InternalRaftRequest (spec storage §7.2): what a normal log entry holds. Encoded once by the proposer; the
// client's own message bytes become the operation field, the header follows. Read as slices at apply. Any thread.
namespace EtcdAot.Wire.Codecs;

/// <summary>Field numbers of the operations.</summary>
public enum RaftOp
{
    None = 0,
    V2 = 2,
    Range = 3,
    Put = 4,
    DeleteRange = 5,
    Txn = 6,
    Compaction = 7,
    LeaseGrant = 8,
    LeaseRevoke = 9,
    Alarm = 10,
    LeaseCheckpoint = 11,
    AuthEnable = 1000,
    AuthDisable = 1011,
    Authenticate = 1012,
    AuthStatus = 1013,
    AuthUserAdd = 1100,
    AuthUserDelete = 1101,
    AuthUserGet = 1102,
    AuthUserChangePassword = 1103,
    AuthUserGrantRole = 1104,
    AuthUserRevokeRole = 1105,
    AuthUserList = 1106,
    AuthRoleList = 1107,
    AuthRoleAdd = 1200,
    AuthRoleDelete = 1201,
    AuthRoleGet = 1202,
    AuthRoleGrantPermission = 1203,
    AuthRoleRevokePermission = 1204,
    ClusterVersionSet = 1300,
    ClusterMemberAttrSet = 1301,
    DowngradeInfoSet = 1302,
    DowngradeVersionTest = 9900,
}

/// <summary>A decoded request: which operation, its bytes, who asked.</summary>
public ref struct InternalRequestView
{
    private const int HeaderField = 100;

    public RaftOp Op;

    /// <summary>The encoded operation message.</summary>
    public ReadOnlySpan<byte> Body;

    /// <summary>Request id: field 1 if set, else the header's.</summary>
    public ulong Id;
    public ReadOnlySpan<byte> Username;
    public ulong AuthRevision;

    /// <summary>False when the bytes are not such a message.</summary>
    public static bool TryParse(ReadOnlySpan<byte> message, out InternalRequestView request)
    {
        request = default;
        ulong topId = 0;
        var reader = new ProtoReader(message);
        while (reader.Next())
        {
            switch (reader.Field)
            {
                case 1:
                    topId = reader.ReadVarint();
                    break;
                case HeaderField:
                    if (!request.ReadHeader(reader.ReadBytes()))
                    {
                        return false;
                    }

                    break;
                default:
                    if (IsOperation(reader.Field))
                    {
                        request.Op = (RaftOp)reader.Field;
                        request.Body = reader.ReadBytes();
                    }

                    break;
            }
        }

        request.Id = topId != 0 ? topId : request.Id;
        return !reader.Failed;
    }

    /// <summary>Encoded size of a request with that operation and header.</summary>
    public static int SizeOf(RaftOp op, int bodyLength, ulong id, int usernameLength = 0, ulong authRevision = 0)
    {
        int header = HeaderSize(id, usernameLength, authRevision);
        return ProtoWriter.SizeOfBytes((int)op, bodyLength) + ProtoWriter.SizeOfBytes(HeaderField, header);
    }

    /// <summary>Writes exactly <see cref="SizeOf"/> bytes, fields in ascending order.</summary>
    public static void Write(Span<byte> destination, RaftOp op, ReadOnlySpan<byte> body, ulong id,
        ReadOnlySpan<byte> username = default, ulong authRevision = 0)
    {
        var writer = new ProtoWriter(destination);
        if ((int)op < HeaderField)
        {
            writer.Bytes((int)op, body);
        }

        writer.BytesHeader(HeaderField, HeaderSize(id, username.Length, authRevision));
        writer.NonZero(1, id);
        writer.NonEmpty(2, username);
        writer.NonZero(3, authRevision);
        if ((int)op > HeaderField)
        {
            writer.Bytes((int)op, body);
        }
    }

    private static int HeaderSize(ulong id, int usernameLength, ulong authRevision)
    {
        return ProtoWriter.SizeOfNonZero(1, id) + ProtoWriter.SizeOfNonEmpty(2, usernameLength)
            + ProtoWriter.SizeOfNonZero(3, authRevision);
    }

    private static bool IsOperation(int field)
    {
        return field is (>= 2 and <= 11) or 1000 or (>= 1011 and <= 1013) or (>= 1100 and <= 1107)
            or (>= 1200 and <= 1204) or (>= 1300 and <= 1302) or 9900;
    }

    private bool ReadHeader(ReadOnlySpan<byte> header)
    {
        var reader = new ProtoReader(header);
        while (reader.Next())
        {
            switch (reader.Field)
            {
                case 1:
                    Id = reader.ReadVarint();
                    break;
                case 2:
                    Username = reader.ReadBytes();
                    break;
                case 3:
                    AuthRevision = reader.ReadVarint();
                    break;
                default:
                    break;
            }
        }

        return !reader.Failed;
    }
}
