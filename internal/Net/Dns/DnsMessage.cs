// DNS queries and replies (RFC 1035 §4, SRV: RFC 2782). A reply is matched against its query and walked within bounds;
// nothing in it is believed. Pure.
using System.Buffers.Binary;
using EtcdAot.Sys;

namespace EtcdAot.Net.Dns;

/// <summary>Record types that are asked for.</summary>
public enum DnsType
{
    A = 1,
    Cname = 5,
    Aaaa = 28,
    Srv = 33,
}

/// <summary>One service endpoint.</summary>
/// <param name="Target">Host without trailing dot.</param>
/// <param name="Port">0–65535.</param>
/// <param name="Priority">Lower first.</param>
/// <param name="Weight">Share among equals.</param>
public readonly record struct SrvRecord(string Target, int Port, int Priority, int Weight);

/// <summary>What became of a received packet.</summary>
internal enum DnsVerdict
{
    /// <summary>Not an answer to this query: to be ignored.</summary>
    NotOurs,

    /// <summary>Ours, but cannot be read.</summary>
    Malformed,

    /// <summary>Ours, cut to the size of a datagram: ask by TCP.</summary>
    Truncated,

    /// <summary>SERVFAIL, REFUSED and the like: another server may know.</summary>
    ServerFailed,

    /// <summary>NXDOMAIN, or no record of the type.</summary>
    NoSuchHost,

    /// <summary>Records are there.</summary>
    Answered,
}

/// <summary>The records of an answer.</summary>
internal sealed class DnsAnswer
{
    internal List<NetworkAddress> Addresses { get; } = [];

    internal List<SrvRecord> Services { get; } = [];
}

internal static class DnsMessage
{
    internal const int HeaderLength = 12;

    /// <summary>Longest query: header, name, type and class.</summary>
    internal const int MaxQuery = HeaderLength + 255 + 4;

    /// <summary>Most aliases that are followed.</summary>
    private const int MaxAliases = 16;

    private const ushort ClassInternet = 1;

    /// <summary>Writes a recursive query for a valid name.</summary>
    internal static int WriteQuery(Span<byte> destination, ushort id, string name, DnsType type)
    {
        destination[..HeaderLength].Clear();
        BinaryPrimitives.WriteUInt16BigEndian(destination, id);
        destination[2] = 1; // recursion desired
        destination[5] = 1; // one question
        int at = HeaderLength + DnsName.Write(name, destination[HeaderLength..]);
        BinaryPrimitives.WriteUInt16BigEndian(destination[at..], (ushort)type);
        BinaryPrimitives.WriteUInt16BigEndian(destination[(at + 2)..], ClassInternet);
        return at + 4;
    }

    /// <summary>Reads a packet as the reply to such a query.</summary>
    internal static DnsVerdict Read(
        ReadOnlySpan<byte> packet, ushort id, string name, DnsType type, out DnsAnswer answer)
    {
        answer = new DnsAnswer();
        int at = HeaderLength;
        if (!IsReplyTo(packet, id, name, type, ref at))
        {
            return DnsVerdict.NotOurs;
        }

        if ((packet[2] & 0x02) != 0)
        {
            return DnsVerdict.Truncated;
        }

        switch (packet[3] & 0x0f)
        {
            case 0:
                break;
            case 3:
                return DnsVerdict.NoSuchHost;
            default:
                return DnsVerdict.ServerFailed;
        }

        if (!TryReadRecords(packet, at, out List<DnsRecord> records))
        {
            return DnsVerdict.Malformed;
        }

        List<string> owners = NamesOf(name, records);
        foreach (DnsRecord record in records)
        {
            if (record.Type == type && IsOwner(owners, record.Owner) && !TryTake(packet, record, answer))
            {
                return DnsVerdict.Malformed;
            }
        }

        return answer.Addresses.Count + answer.Services.Count > 0 ? DnsVerdict.Answered : DnsVerdict.NoSuchHost;
    }

    private static bool IsReplyTo(ReadOnlySpan<byte> packet, ushort id, string name, DnsType type, ref int at)
    {
        if (packet.Length < HeaderLength
            || BinaryPrimitives.ReadUInt16BigEndian(packet) != id
            || (packet[2] & 0x80) == 0
            || BinaryPrimitives.ReadUInt16BigEndian(packet[4..]) != 1
            || !DnsName.TryRead(packet, ref at, out string asked)
            || packet.Length - at < 4)
        {
            return false;
        }

        bool same = DnsName.Same(asked, name)
            && BinaryPrimitives.ReadUInt16BigEndian(packet[at..]) == (ushort)type
            && BinaryPrimitives.ReadUInt16BigEndian(packet[(at + 2)..]) == ClassInternet;
        at += 4;
        return same;
    }

    private static bool TryReadRecords(ReadOnlySpan<byte> packet, int at, out List<DnsRecord> records)
    {
        records = [];
        int count = BinaryPrimitives.ReadUInt16BigEndian(packet[6..]);
        for (int i = 0; i < count; i++)
        {
            // Each record takes at least 11 bytes, so a false count ends at the packet's end.
            if (!DnsName.TryRead(packet, ref at, out string owner) || packet.Length - at < 10)
            {
                return false;
            }

            int type = BinaryPrimitives.ReadUInt16BigEndian(packet[at..]);
            int @class = BinaryPrimitives.ReadUInt16BigEndian(packet[(at + 2)..]);
            int length = BinaryPrimitives.ReadUInt16BigEndian(packet[(at + 8)..]);
            at += 10;
            if (length > packet.Length - at)
            {
                return false;
            }

            if (@class == ClassInternet)
            {
                string alias = "";
                int inside = at;
                if (type == (int)DnsType.Cname && !DnsName.TryRead(packet, ref inside, out alias))
                {
                    return false;
                }

                records.Add(new DnsRecord(owner, (DnsType)type, at, length, alias));
            }

            at += length;
        }

        return true;
    }

    /// <summary>The name and what its aliases lead to, found once: a packet holds thousands of records, and each held
    /// against each would stop the loop for seconds.</summary>
    private static List<string> NamesOf(string name, List<DnsRecord> records)
    {
        List<string> names = [name];
        while (names.Count < MaxAliases)
        {
            string current = names[^1];
            int next = records.FindIndex(r => r.Type == DnsType.Cname && DnsName.Same(r.Owner, current));
            if (next < 0 || IsOwner(names, records[next].Alias))
            {
                break;
            }

            names.Add(records[next].Alias);
        }

        return names;
    }

    private static bool IsOwner(List<string> names, string owner)
    {
        foreach (string name in names)
        {
            if (DnsName.Same(owner, name))
            {
                return true;
            }
        }

        return false;
    }

    private static bool TryTake(ReadOnlySpan<byte> packet, DnsRecord record, DnsAnswer answer)
    {
        ReadOnlySpan<byte> data = packet.Slice(record.Offset, record.Length);
        switch (record.Type)
        {
            case DnsType.A when data.Length == 4:
            case DnsType.Aaaa when data.Length == 16:
                answer.Addresses.Add(NetworkAddress.FromBytes(data, 0));
                return true;
            case DnsType.Srv when data.Length >= 7:
                int at = record.Offset + 6;
                if (!DnsName.TryRead(packet, ref at, out string target))
                {
                    return false;
                }

                answer.Services.Add(new SrvRecord(
                    target,
                    BinaryPrimitives.ReadUInt16BigEndian(data[4..]),
                    BinaryPrimitives.ReadUInt16BigEndian(data),
                    BinaryPrimitives.ReadUInt16BigEndian(data[2..])));
                return true;
            default:
                return false;
        }
    }

    private readonly record struct DnsRecord(string Owner, DnsType Type, int Offset, int Length, string Alias);
}
