// etcdserverpb.Request, the v2 form of a log entry (spec storage §7.3), in the always-emit flavour; and how to tell it from an
// InternalRaftRequest. Lives on the stack; any thread.
using System.Text;
using EtcdAot.Wire.Codecs;

namespace EtcdAot.V2;

/// <summary>What a v2 request does to the cluster.</summary>
public enum V2RequestKind
{
    /// <summary>Nothing: a read, or a sweep of expired keys where none can expire.</summary>
    NoEffect,

    /// <summary>A member publishes its name and client URLs.</summary>
    MemberAttributes,

    /// <summary>The cluster version is set.</summary>
    ClusterVersion,

    /// <summary>It touches v2 user keys: not built yet, and ignoring it would lose data.</summary>
    NotBuiltYet,
}

/// <summary>A v2 request as slices of its encoding.</summary>
public ref struct V2Request
{
    private static readonly byte[] MembersPrefix = "/0/members/"u8.ToArray();
    private static readonly byte[] AttributesSuffix = "/attributes"u8.ToArray();

    public ulong Id;
    public ReadOnlySpan<byte> Method;
    public ReadOnlySpan<byte> Path;
    public ReadOnlySpan<byte> Value;

    /// <summary>Unix nanoseconds of a SYNC.</summary>
    public long Time;

    /// <summary>True when an entry's data is a v2 request: field 2 is bytes and one of the five methods. Everything else is
    /// an InternalRaftRequest (or garbage).</summary>
    public static bool IsV2(ReadOnlySpan<byte> data)
    {
        var reader = new ProtoReader(data);
        while (reader.Next())
        {
            if (reader.Field == 2)
            {
                return reader.Type == WireType.Bytes && IsMethod(reader.ReadBytes());
            }
        }

        return false;
    }

    /// <summary>Reads the fields that matter here; false when malformed.</summary>
    public static bool TryParse(ReadOnlySpan<byte> data, out V2Request request)
    {
        request = default;
        var reader = new ProtoReader(data);
        while (reader.Next())
        {
            switch (reader.Field)
            {
                case 1:
                    request.Id = reader.ReadVarint();
                    break;
                case 2:
                    request.Method = reader.ReadBytes();
                    break;
                case 3:
                    request.Path = reader.ReadBytes();
                    break;
                case 4:
                    request.Value = reader.ReadBytes();
                    break;
                case 15:
                    request.Time = reader.ReadInt64();
                    break;
                default:
                    break;
            }
        }

        return !reader.Failed;
    }

    /// <summary>A PUT of the member's attributes, as every start publishes it.</summary>
    public static byte[] PutAttributes(ulong requestId, ulong memberId, ReadOnlySpan<byte> attributesJson)
    {
        return Put(requestId, Encoding.ASCII.GetBytes($"/0/members/{memberId:x}/attributes"), attributesJson);
    }

    /// <summary>A PUT of the cluster version, as the leader proposes it.</summary>
    public static byte[] PutVersion(ulong requestId, string version)
    {
        return Put(requestId, "/0/version"u8, Encoding.ASCII.GetBytes(version));
    }

    /// <summary>What it does. <paramref name="hasUserKeys"/> tells whether the tree holds v2 user keys, which a SYNC may
    /// expire. <paramref name="memberId"/> is set for attributes.</summary>
    public readonly V2RequestKind Classify(bool hasUserKeys, out ulong memberId)
    {
        memberId = 0;
        if (Method.SequenceEqual("QGET"u8))
        {
            return V2RequestKind.NoEffect;
        }

        if (Method.SequenceEqual("SYNC"u8))
        {
            return hasUserKeys ? V2RequestKind.NotBuiltYet : V2RequestKind.NoEffect;
        }

        if (!Method.SequenceEqual("PUT"u8))
        {
            return V2RequestKind.NotBuiltYet;
        }

        if (Path.SequenceEqual("/0/version"u8))
        {
            return V2RequestKind.ClusterVersion;
        }

        return Path.StartsWith(MembersPrefix) && Path.EndsWith(AttributesSuffix)
            && Path.Length > MembersPrefix.Length + AttributesSuffix.Length
            && V2Tree.TryParseHexId(Path[MembersPrefix.Length..^AttributesSuffix.Length], out memberId)
            ? V2RequestKind.MemberAttributes
            : V2RequestKind.NotBuiltYet;
    }

    private static byte[] Put(ulong requestId, ReadOnlySpan<byte> path, ReadOnlySpan<byte> value)
    {
        ReadOnlySpan<byte> method = "PUT"u8;

        // Behind Val: dir, prevValue, prevIndex, expiration, wait, since, recursive, sorted, quorum, time, stream, all zero.
        ReadOnlySpan<byte> rest =
        [
            0x28, 0, 0x32, 0, 0x38, 0, 0x48, 0, 0x50, 0, 0x58, 0, 0x60, 0, 0x68, 0, 0x70, 0, 0x78, 0, 0x80, 1, 0,
        ];
        var bytes = new byte[ProtoWriter.SizeOf(1, requestId) + ProtoWriter.SizeOfBytes(2, method.Length)
            + ProtoWriter.SizeOfBytes(3, path.Length) + ProtoWriter.SizeOfBytes(4, value.Length) + rest.Length];
        var writer = new ProtoWriter(bytes);
        writer.Field(1, requestId);
        writer.Bytes(2, method);
        writer.Bytes(3, path);
        writer.Bytes(4, value);
        writer.Raw(rest);
        return bytes;
    }

    private static bool IsMethod(ReadOnlySpan<byte> method)
    {
        return method.SequenceEqual("PUT"u8) || method.SequenceEqual("QGET"u8) || method.SequenceEqual("SYNC"u8)
            || method.SequenceEqual("POST"u8) || method.SequenceEqual("DELETE"u8);
    }
}
