// NetworkAddress to and from struct sockaddr_in, sockaddr_in6 and sockaddr_un. Pure.
using System.Buffers.Binary;
using System.Runtime.InteropServices;
using System.Text;

namespace EtcdAot.Sys;

/// <summary>Kernel form of addresses.</summary>
internal static class SocketAddressCodec
{
    /// <summary>Room for every family: sockaddr_un is the longest (2 + 108).</summary>
    internal const int MaxLength = 112;

    private const int UnixPathMax = 108;

    /// <summary>Encodes; false when a unix path is too long. <paramref name="family"/> may be IPv6 for an IPv4 address:
    /// it is mapped then.</summary>
    internal static bool TryEncode(NetworkAddress address, int family, Span<byte> destination, out int length)
    {
        destination[..MaxLength].Clear();
        ushort native = (ushort)family;
        MemoryMarshal.Write(destination, in native);
        switch (family)
        {
            case LibcSocket.AF_INET:
                BinaryPrimitives.WriteUInt16BigEndian(destination[2..], (ushort)address.Port);
                address.WriteIp(destination[4..]);
                length = 16;
                return true;
            case LibcSocket.AF_INET6:
                BinaryPrimitives.WriteUInt16BigEndian(destination[2..], (ushort)address.Port);
                address.WriteIp(destination[8..]);
                length = 28;
                return address.Family == NetworkFamily.Ip6;
            default:
                return TryEncodePath(address.Path ?? "", destination, out length);
        }
    }

    /// <summary>Decodes what the kernel wrote.</summary>
    internal static NetworkAddress Decode(ReadOnlySpan<byte> source)
    {
        if (source.Length < 2)
        {
            return default;
        }

        int family = MemoryMarshal.Read<ushort>(source);
        return family switch
        {
            LibcSocket.AF_INET when source.Length >= 8 => NetworkAddress.FromBytes(source.Slice(4, 4), Port(source)),
            LibcSocket.AF_INET6 when source.Length >= 24 => NetworkAddress.FromBytes(source.Slice(8, 16), Port(source)),
            LibcSocket.AF_UNIX => NetworkAddress.Unix(DecodePath(source[2..])),
            _ => default,
        };
    }

    internal static int FamilyOf(NetworkAddress address) => address.Family switch
    {
        NetworkFamily.Ip4 => LibcSocket.AF_INET,
        NetworkFamily.Ip6 => LibcSocket.AF_INET6,
        _ => LibcSocket.AF_UNIX,
    };

    private static int Port(ReadOnlySpan<byte> source) => BinaryPrimitives.ReadUInt16BigEndian(source[2..]);

    private static bool TryEncodePath(string path, Span<byte> destination, out int length)
    {
        int bytes = Encoding.UTF8.GetByteCount(path);
        length = 2 + bytes + 1;
        if (bytes is 0 or >= UnixPathMax)
        {
            return false;
        }

        Encoding.UTF8.GetBytes(path, destination[2..]);
        if (path[0] == '@')
        {
            // The abstract name space: a leading zero and no terminator.
            destination[2] = 0;
            length = 2 + bytes;
        }

        return true;
    }

    private static string DecodePath(ReadOnlySpan<byte> path)
    {
        if (path.Length > 0 && path[0] == 0)
        {
            return path.Length == 1 ? "" : "@" + Encoding.UTF8.GetString(path[1..]);
        }

        int end = path.IndexOf((byte)0);
        return Encoding.UTF8.GetString(end < 0 ? path : path[..end]);
    }
}
