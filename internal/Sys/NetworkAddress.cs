// Where a socket listens or connects: an IP address and port, or the path of a unix socket. Text forms are Go's, because
// they stand in log lines and error strings. Immutable; any thread.
using System.Globalization;
using System.Net;

namespace EtcdAot.Sys;

/// <summary>What an address is of.</summary>
public enum NetworkFamily
{
    /// <summary>No address.</summary>
    None,
    Ip4,
    Ip6,

    /// <summary>A unix socket.</summary>
    Unix,
}

/// <summary>An endpoint.</summary>
/// <param name="Family">Which of the fields count.</param>
/// <param name="Ip">Address bits in network order; the low 32 for <see cref="NetworkFamily.Ip4"/>.</param>
/// <param name="Port">0–65535.</param>
/// <param name="Path">Path of a unix socket, empty for an unnamed one; a leading '@' means the abstract space.</param>
public readonly record struct NetworkAddress(NetworkFamily Family, UInt128 Ip, int Port, string? Path)
{
    /// <summary>127.0.0.1 at a port.</summary>
    public static NetworkAddress Loopback(int port) => new(NetworkFamily.Ip4, 0x7f000001, port, null);

    /// <summary>A unix socket.</summary>
    public static NetworkAddress Unix(string path) => new(NetworkFamily.Unix, 0, 0, path);

    /// <summary>The wildcard of both families at a port.</summary>
    public static NetworkAddress Any(int port) => new(NetworkFamily.Ip6, 0, port, null);

    /// <summary>"tcp" or "unix", as Go's errors begin.</summary>
    public string Network => Family == NetworkFamily.Unix ? "unix" : "tcp";

    /// <summary>True for 0.0.0.0 and [::].</summary>
    public bool IsWildcard => Family is NetworkFamily.Ip4 or NetworkFamily.Ip6 && Ip == UInt128.Zero;

    /// <summary>The same address at another port.</summary>
    public NetworkAddress WithPort(int port) => this with { Port = port };

    /// <summary>Parses an IP literal (no brackets, no zone): dotted quad without leading zeros, or RFC 4291 text. An
    /// IPv4-mapped one becomes IPv4.</summary>
    public static bool TryParseIp(ReadOnlySpan<char> text, int port, out NetworkAddress address)
    {
        address = default;
        if (text.IndexOf(':') < 0)
        {
            return TryParseQuad(text, port, out address);
        }

        if (text.IndexOfAny('[', '%') >= 0 || !IPAddress.TryParse(text, out IPAddress? ip))
        {
            return false;
        }

        Span<byte> bytes = stackalloc byte[16];
        ip.TryWriteBytes(bytes, out _);
        address = FromBytes(bytes, port);
        return true;
    }

    /// <summary>Splits "host:port" or "[v6]:port"; the host comes without brackets.</summary>
    public static bool TrySplitHostPort(string text, out string host, out int port)
    {
        host = "";
        port = 0;
        int colon = text.LastIndexOf(':');
        if (colon < 0 || !TryParsePort(text.AsSpan(colon + 1), out port))
        {
            return false;
        }

        ReadOnlySpan<char> before = text.AsSpan(0, colon);
        if (before.Length > 0 && before[0] == '[')
        {
            if (before[^1] != ']')
            {
                return false;
            }

            host = before[1..^1].ToString();
            return true;
        }

        host = before.ToString();
        return before.IndexOf(':') < 0;
    }

    /// <summary>From 4 or 16 bytes in network order.</summary>
    public static NetworkAddress FromBytes(ReadOnlySpan<byte> bytes, int port)
    {
        UInt128 ip = UInt128.Zero;
        foreach (byte b in bytes)
        {
            ip = (ip << 8) | b;
        }

        bool mapped = bytes.Length == 16 && ip >> 32 == 0xffff;
        return bytes.Length == 4 || mapped
            ? new NetworkAddress(NetworkFamily.Ip4, ip & 0xffffffff, port, null)
            : new NetworkAddress(NetworkFamily.Ip6, ip, port, null);
    }

    /// <summary>Writes the address bits: 4 bytes for IPv4, 16 for IPv6; returns how many.</summary>
    public int WriteIp(Span<byte> destination)
    {
        int n = Family == NetworkFamily.Ip4 ? 4 : 16;
        for (int i = 0; i < n; i++)
        {
            destination[i] = (byte)(Ip >> (8 * (n - 1 - i)));
        }

        return n;
    }

    /// <summary>The IP alone, RFC 5952 text.</summary>
    public string IpText()
    {
        Span<byte> bytes = stackalloc byte[16];
        int n = WriteIp(bytes);
        return new IPAddress(bytes[..n]).ToString();
    }

    /// <summary>"1.2.3.4:5", "[::1]:5", the path of a unix socket, "@" for an unnamed one.</summary>
    public override string ToString() => Family switch
    {
        NetworkFamily.Ip4 => IpText() + ":" + Port.ToString(CultureInfo.InvariantCulture),
        NetworkFamily.Ip6 => "[" + IpText() + "]:" + Port.ToString(CultureInfo.InvariantCulture),
        NetworkFamily.Unix => string.IsNullOrEmpty(Path) ? "@" : Path,
        _ => "<nil>",
    };

    private static bool TryParseQuad(ReadOnlySpan<char> text, int port, out NetworkAddress address)
    {
        address = default;
        uint ip = 0;
        int parts = 0;
        foreach (Range range in text.Split('.'))
        {
            ReadOnlySpan<char> part = text[range];
            bool plain = part.Length is > 0 and <= 3 && (part.Length == 1 || part[0] != '0');
            if (++parts > 4 || !plain || !byte.TryParse(part, NumberStyles.None, CultureInfo.InvariantCulture, out byte b))
            {
                return false;
            }

            ip = (ip << 8) | b;
        }

        address = new NetworkAddress(NetworkFamily.Ip4, ip, port, null);
        return parts == 4;
    }

    private static bool TryParsePort(ReadOnlySpan<char> text, out int port)
    {
        return int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out port) && port <= 65535;
    }
}
