// Go's quoted strings (%q): written for error texts, log fields and the "fields" output, read in txn and watch -i.
// Works on bytes, because keys and values need not be UTF-8. Stateless; any thread.
using System.Globalization;
using System.Text;

namespace EtcdAot.Observe;

/// <summary>Quoting and unquoting as strconv.Quote and strconv.Unquote do it (etcdctl §10).</summary>
public static class GoQuote
{
    /// <summary><paramref name="text"/> in Go quotes.</summary>
    public static string Text(string text) => Bytes(Encoding.UTF8.GetBytes(text));

    /// <summary><paramref name="bytes"/> in Go quotes; what is not UTF-8 becomes \xff.</summary>
    public static string Bytes(ReadOnlySpan<byte> bytes)
    {
        var text = new StringBuilder("\"");
        while (bytes.Length > 0)
        {
            bool whole = Rune.DecodeFromUtf8(bytes, out Rune rune, out int used) ==
                System.Buffers.OperationStatus.Done;
            if (whole)
            {
                Append(text, rune);
                bytes = bytes[used..];
            }
            else
            {
                text.Append("\\x").Append(bytes[0].ToString("x2", CultureInfo.InvariantCulture));
                bytes = bytes[1..];
            }
        }

        return text.Append('"').ToString();
    }

    /// <summary>One character in Go's single quotes, for flag errors.</summary>
    public static string Character(char c)
    {
        string quoted = Text(c.ToString());
        return c switch
        {
            '\'' => "'\\''",
            '"' => "'\"'",
            _ => string.Concat("'", quoted.AsSpan(1, quoted.Length - 2), "'"),
        };
    }

    /// <summary>Reads a quoted string (double quotes with escapes, or back quotes) at the start of
    /// <paramref name="text"/>; false when there is none. <paramref name="used"/> counts the
    /// quotes.</summary>
    public static bool TryRead(ReadOnlySpan<char> text, out byte[] value, out int used)
    {
        value = [];
        used = 0;
        if (text.Length < 2 || text[0] is not ('"' or '`'))
        {
            return false;
        }

        if (text[0] == '`')
        {
            int end = text[1..].IndexOf('`');
            if (end < 0)
            {
                return false;
            }

            value = Encoding.UTF8.GetBytes(text.Slice(1, end).ToString());
            used = end + 2;
            return true;
        }

        var bytes = new List<byte>();
        int at = 1;
        while (at < text.Length && text[at] != '"')
        {
            if (text[at] == '\n' || !ReadCharacter(text, ref at, bytes))
            {
                return false;
            }
        }

        if (at >= text.Length)
        {
            return false;
        }

        value = [.. bytes];
        used = at + 1;
        return true;
    }

    private static void Append(StringBuilder text, Rune rune)
    {
        string? escape = rune.Value switch
        {
            7 => "\\a",
            8 => "\\b",
            9 => "\\t",
            10 => "\\n",
            11 => "\\v",
            12 => "\\f",
            13 => "\\r",
            '"' => "\\\"",
            '\\' => "\\\\",
            _ => null,
        };
        if (escape is not null)
        {
            text.Append(escape);
        }
        else if (IsPrint(rune))
        {
            text.Append(rune.ToString());
        }
        else if (rune.Value < 0x80)
        {
            text.Append("\\x").Append(rune.Value.ToString("x2", CultureInfo.InvariantCulture));
        }
        else if (rune.Value <= 0xffff)
        {
            text.Append("\\u").Append(rune.Value.ToString("x4", CultureInfo.InvariantCulture));
        }
        else
        {
            text.Append("\\U").Append(rune.Value.ToString("x8", CultureInfo.InvariantCulture));
        }
    }

    private static bool IsPrint(Rune rune)
    {
        return rune.Value == ' ' || Rune.GetUnicodeCategory(rune) is not (
            UnicodeCategory.Control or UnicodeCategory.Format or UnicodeCategory.Surrogate or
            UnicodeCategory.PrivateUse or UnicodeCategory.OtherNotAssigned or UnicodeCategory.SpaceSeparator or
            UnicodeCategory.LineSeparator or UnicodeCategory.ParagraphSeparator);
    }

    private static bool ReadCharacter(ReadOnlySpan<char> text, ref int at, List<byte> bytes)
    {
        if (text[at] != '\\')
        {
            Rune.DecodeFromUtf16(text[at..], out Rune plain, out int length);
            AddRune(bytes, plain);
            at += length;
            return true;
        }

        if (at + 1 >= text.Length)
        {
            return false;
        }

        char kind = text[at + 1];
        int simple = "abfnrtv\\\"".IndexOf(kind);
        if (simple >= 0)
        {
            bytes.Add((byte)"\a\b\f\n\r\t\v\\\""[simple]);
            at += 2;
            return true;
        }

        (int skip, int digits, int radix) = kind switch
        {
            'x' => (2, 2, 16),
            'u' => (2, 4, 16),
            'U' => (2, 8, 16),
            >= '0' and <= '7' => (1, 3, 8),
            _ => (0, 0, 0),
        };
        if (digits == 0 || at + skip + digits > text.Length ||
            GoNumber.ReadUint(text.Slice(at + skip, digits).ToString(), radix, out ulong code) != NumberFault.None)
        {
            return false;
        }

        at += skip + digits;
        if (kind is 'u' or 'U')
        {
            if (code > int.MaxValue || !Rune.TryCreate((int)code, out Rune rune))
            {
                return false;
            }

            AddRune(bytes, rune);
            return true;
        }

        bytes.Add(unchecked((byte)code));
        return code <= 255;
    }

    private static void AddRune(List<byte> bytes, Rune rune)
    {
        Span<byte> utf8 = stackalloc byte[4];
        bytes.AddRange(utf8[..rune.EncodeToUtf8(utf8)]);
    }
}
