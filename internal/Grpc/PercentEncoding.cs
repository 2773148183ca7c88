// The percent encoding of grpc-message. Stateless; any thread.
using System.Globalization;
using System.Text;

namespace EtcdAot.Grpc;

/// <summary>Status texts as they stand in a header.</summary>
public static class PercentEncoding
{
    /// <summary>Encodes a grpc-message: printable ASCII but '%' stays, every other byte becomes %XX.</summary>
    public static byte[] Encode(string text)
    {
        byte[] utf8 = Encoding.UTF8.GetBytes(text);
        int escapes = 0;
        foreach (byte b in utf8)
        {
            escapes += MustEscape(b) ? 1 : 0;
        }

        if (escapes == 0)
        {
            return utf8;
        }

        byte[] encoded = new byte[utf8.Length + (2 * escapes)];
        int at = 0;
        foreach (byte b in utf8)
        {
            if (MustEscape(b))
            {
                encoded[at++] = (byte)'%';
                encoded[at++] = Hex(b >> 4);
                encoded[at++] = Hex(b & 15);
            }
            else
            {
                encoded[at++] = b;
            }
        }

        return encoded;
    }

    /// <summary>Decodes a grpc-message; what is no valid escape stays as it is.</summary>
    public static string Decode(ReadOnlySpan<byte> encoded)
    {
        if (encoded.IndexOf((byte)'%') < 0)
        {
            return Encoding.UTF8.GetString(encoded);
        }

        byte[] decoded = new byte[encoded.Length];
        int count = 0;
        for (int i = 0; i < encoded.Length; i++)
        {
            if (encoded[i] == '%' && i + 2 < encoded.Length && byte.TryParse(
                    encoded.Slice(i + 1, 2), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out byte b))
            {
                decoded[count++] = b;
                i += 2;
            }
            else
            {
                decoded[count++] = encoded[i];
            }
        }

        return Encoding.UTF8.GetString(decoded, 0, count);
    }

    private static bool MustEscape(byte b) => b is < 0x20 or > 0x7e or (byte)'%';

    private static byte Hex(int nibble) => (byte)(nibble < 10 ? '0' + nibble : 'A' + nibble - 10);
}
