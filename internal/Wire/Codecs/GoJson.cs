// JSON text byte for byte as the original's encoder writes it: no spaces, & < > and the line separators escaped, invalid
// UTF-8 replaced. What stands in buckets, conf-change contexts and .snap files is compared and hashed as bytes, so a
// general JSON writer's other escapes would show. Stateless; any thread.
using System.Buffers;
using System.Buffers.Text;
using System.Text;

namespace EtcdAot.Wire.Codecs;

/// <summary>Pieces of JSON in the original's form.</summary>
public static class GoJson
{
    /// <summary>A quoted string.</summary>
    public static void String(IBufferWriter<byte> into, ReadOnlySpan<byte> utf8)
    {
        Raw(into, "\""u8);
        while (!utf8.IsEmpty)
        {
            int plain = PlainLength(utf8);
            Raw(into, utf8[..plain]);
            utf8 = utf8[plain..];
            if (!utf8.IsEmpty)
            {
                utf8 = utf8[Escape(into, utf8)..];
            }
        }

        Raw(into, "\""u8);
    }

    /// <summary>A quoted string.</summary>
    public static void String(IBufferWriter<byte> into, string text) => String(into, Encoding.UTF8.GetBytes(text));

    /// <summary>An unsigned number, never through a double.</summary>
    public static void Number(IBufferWriter<byte> into, ulong value)
    {
        Span<byte> span = into.GetSpan(20);
        Utf8Formatter.TryFormat(value, span, out int written);
        into.Advance(written);
    }

    /// <summary>An array of strings.</summary>
    public static void Strings(IBufferWriter<byte> into, IReadOnlyList<string> texts)
    {
        Raw(into, "["u8);
        for (int i = 0; i < texts.Count; i++)
        {
            Raw(into, i == 0 ? default : ","u8);
            String(into, texts[i]);
        }

        Raw(into, "]"u8);
    }

    /// <summary>Bytes as they are.</summary>
    public static void Raw(IBufferWriter<byte> into, ReadOnlySpan<byte> bytes) => into.Write(bytes);

    private static int PlainLength(ReadOnlySpan<byte> utf8)
    {
        int i = 0;
        while (i < utf8.Length && utf8[i] is >= 0x20 and < 0x80
            and not ((byte)'"' or (byte)'\\' or (byte)'<' or (byte)'>' or (byte)'&'))
        {
            i++;
        }

        return i;
    }

    /// <summary>Writes one character that may need an escape; returns the bytes it took of the input.</summary>
    private static int Escape(IBufferWriter<byte> into, ReadOnlySpan<byte> utf8)
    {
        byte b = utf8[0];
        if (b >= 0x80)
        {
            bool valid = Rune.DecodeFromUtf8(utf8, out Rune rune, out int length) == OperationStatus.Done;
            if (valid && rune.Value is not (0x2028 or 0x2029))
            {
                Raw(into, utf8[..length]);
                return length;
            }

            Raw(into, !valid ? "\\ufffd"u8 : rune.Value == 0x2028 ? "\\u2028"u8 : "\\u2029"u8);

            // An invalid sequence is replaced byte by byte.
            return valid ? length : 1;
        }

        switch (b)
        {
            case (byte)'"':
                Raw(into, "\\\""u8);
                break;
            case (byte)'\\':
                Raw(into, "\\\\"u8);
                break;
            case (byte)'\n':
                Raw(into, "\\n"u8);
                break;
            case (byte)'\r':
                Raw(into, "\\r"u8);
                break;
            case (byte)'\t':
                Raw(into, "\\t"u8);
                break;
            case (byte)'\b':
                Raw(into, "\\b"u8);
                break;
            case (byte)'\f':
                Raw(into, "\\f"u8);
                break;
            default:
                Raw(into, "\\u00"u8);
                Raw(into, [Hex(b >> 4), Hex(b & 15)]);
                break;
        }

        return 1;
    }

    private static byte Hex(int digit) => (byte)(digit < 10 ? '0' + digit : 'a' + digit - 10);
}
