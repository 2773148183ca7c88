// Domain names in text and on the wire (RFC 1035 §3.1, §4.1.4). Every byte of a packet is hostile: pointers must lead
// backwards, so that reading ends, and a name has at most 255 bytes. Pure.
using System.Text;

namespace EtcdAot.Net.Dns;

/// <summary>Reads, writes and checks domain names. Text has no trailing dot; the root is the empty string.</summary>
internal static class DnsName
{
    /// <summary>Most bytes of a name on the wire, length bytes and the root included.</summary>
    private const int MaxWire = 255;

    private const int MaxLabel = 63;

    /// <summary>True for labels of letters, digits, '-' and '_' of right length; a trailing dot is fine.</summary>
    internal static bool IsValid(ReadOnlySpan<char> name)
    {
        if (name.Length > 0 && name[^1] == '.')
        {
            name = name[..^1];
        }

        if (name.Length is 0 or > MaxWire - 2)
        {
            return false;
        }

        int label = 0;
        foreach (char c in name)
        {
            if (c == '.' && label == 0)
            {
                return false;
            }

            if (c != '.' && !char.IsAsciiLetterOrDigit(c) && c is not ('-' or '_'))
            {
                return false;
            }

            label = c == '.' ? 0 : label + 1;
            if (label > MaxLabel)
            {
                return false;
            }
        }

        return label > 0;
    }

    /// <summary>Writes a valid name; returns its bytes.</summary>
    internal static int Write(string name, Span<byte> destination)
    {
        int at = 0;
        foreach (Range range in name.AsSpan().Split('.'))
        {
            ReadOnlySpan<char> label = name.AsSpan()[range];
            if (label.Length > 0)
            {
                destination[at++] = (byte)label.Length;
                at += Encoding.ASCII.GetBytes(label, destination[at..]);
            }
        }

        destination[at++] = 0;
        return at;
    }

    /// <summary>Reads a name at <paramref name="offset"/> and moves it behind the name. False for anything malformed:
    /// a pointer that does not lead backwards, a cut, a label with other bytes than a host or service name has.</summary>
    internal static bool TryRead(ReadOnlySpan<byte> packet, ref int offset, out string name)
    {
        name = "";
        var text = new StringBuilder();
        int at = offset;
        int lowest = offset;
        int wire = 0;
        bool jumped = false;
        while (true)
        {
            if (at >= packet.Length)
            {
                return false;
            }

            int length = packet[at];
            if ((length & 0xc0) == 0xc0)
            {
                if (at + 1 >= packet.Length)
                {
                    return false;
                }

                int target = ((length & 0x3f) << 8) | packet[at + 1];
                offset = jumped ? offset : at + 2;
                jumped = true;
                if (target >= lowest)
                {
                    return false;
                }

                at = lowest = target;
                continue;
            }

            wire += length + 1;
            if (length > MaxLabel || wire > MaxWire || at + 1 + length > packet.Length)
            {
                return false;
            }

            if (length == 0)
            {
                offset = jumped ? offset : at + 1;
                name = text.ToString();
                return true;
            }

            if (!AppendLabel(packet.Slice(at + 1, length), text))
            {
                return false;
            }

            at += 1 + length;
        }
    }

    /// <summary>Names compare without case.</summary>
    internal static bool Same(ReadOnlySpan<char> a, ReadOnlySpan<char> b)
    {
        return a.TrimEnd('.').Equals(b.TrimEnd('.'), StringComparison.OrdinalIgnoreCase);
    }

    private static bool AppendLabel(ReadOnlySpan<byte> label, StringBuilder text)
    {
        if (text.Length > 0)
        {
            text.Append('.');
        }

        foreach (byte b in label)
        {
            if (b is <= (byte)' ' or >= 0x7f or (byte)'.')
            {
                return false;
            }

            text.Append((char)b);
        }

        return true;
    }
}
