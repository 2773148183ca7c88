// Texts as the original's language writes them: quoted strings in error messages, and the percent encoding of
// grpc-message. Pure functions.
using System.Globalization;
using System.Text;

namespace EtcdAot.Grpc;

/// <summary>Quoting and percent encoding.</summary>
public static class GoText
{
    /// <summary>Quotes as Go's %q does: escapes for control characters, \x for bytes that are no UTF-8.</summary>
    public static string Quote(ReadOnlySpan<byte> text)
    {
        var quoted = new StringBuilder(text.Length + 2).Append('"');
        while (!text.IsEmpty)
        {
            System.Buffers.OperationStatus status = Rune.DecodeFromUtf8(text, out Rune rune, out int used);
            if (status != System.Buffers.OperationStatus.Done)
            {
                quoted.Append("\\x").Append(text[0].ToString("x2", CultureInfo.InvariantCulture));
                text = text[1..];
                continue;
            }

            AppendQuoted(quoted, rune);
            text = text[used..];
        }

        return quoted.Append('"').ToString();
    }

    private static void AppendQuoted(StringBuilder quoted, Rune rune)
    {
        switch (rune.Value)
        {
            case '"':
                quoted.Append("\\\"");
                break;
            case '\\':
                quoted.Append("\\\\");
                break;
            case '\a':
                quoted.Append("\\a");
                break;
            case '\b':
                quoted.Append("\\b");
                break;
            case '\f':
                quoted.Append("\\f");
                break;
            case '\n':
                quoted.Append("\\n");
                break;
            case '\r':
                quoted.Append("\\r");
                break;
            case '\t':
                quoted.Append("\\t");
                break;
            case '\v':
                quoted.Append("\\v");
                break;
            case < 0x20 or 0x7f:
                quoted.Append("\\x").Append(rune.Value.ToString("x2", CultureInfo.InvariantCulture));
                break;
            default:
                quoted.Append(rune.ToString());
                break;
        }
    }

    /// <summary>Encodes a grpc-message: printable ASCII but '%' stays, every other byte becomes %XX.</summary>
    public static byte[] PercentEncode(string text)
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
    public static string PercentDecode(ReadOnlySpan<byte> encoded)
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
