// Integers and durations in Go's spelling: base prefixes, underscores, units (spec server-config §1.1). Pure.
namespace EtcdAot.Cmd.Etcd.Flags;

/// <summary>Parsers; each returns null, or what Go's flag package says.</summary>
internal static class GoNumber
{
    private const string Syntax = "parse error";
    private const string Range = "value out of range";

    /// <summary>An integer with optional 0x, 0b, 0o or 0 in front.</summary>
    public static string? Integer(string text, bool signed, out Int128 number)
    {
        number = 0;
        bool negative = signed && text.StartsWith('-');
        string digits = negative || (signed && text.StartsWith('+')) ? text[1..] : text;
        (int radix, string rest) = Radix(digits);
        if (rest.Length == 0 || !UnderscoresSeparate(rest, prefixed: rest.Length < digits.Length))
        {
            return Syntax;
        }

        bool overflow = false;
        foreach (char c in rest)
        {
            if (c == '_')
            {
                continue;
            }

            int digit = char.IsAsciiHexDigit(c) ? Convert.ToInt32(c.ToString(), 16) : 99;
            if (digit >= radix)
            {
                return Syntax;
            }

            number = overflow ? number : (number * radix) + digit;
            overflow |= number > ulong.MaxValue;
        }

        number = negative ? -number : number;
        return overflow ? Range : null;
    }

    /// <summary>A duration in nanoseconds.</summary>
    public static string? Duration(string text, out long nanos)
    {
        nanos = 0;
        bool negative = text.StartsWith('-');
        string rest = negative || text.StartsWith('+') ? text[1..] : text;
        if (rest == "0")
        {
            return null;
        }

        string invalid = "time: invalid duration " + GoText.Quote(text);
        if (rest.Length == 0)
        {
            return invalid;
        }

        decimal sum = 0;
        while (rest.Length > 0)
        {
            int digits = Count(rest, 0, static c => char.IsAsciiDigit(c) || c == '.');
            int end = digits + Count(rest, digits, static c => !char.IsAsciiDigit(c) && c != '.');
            if (digits is 0 or > 24 || !decimal.TryParse(rest[..digits], System.Globalization.NumberStyles.AllowDecimalPoint,
                    System.Globalization.CultureInfo.InvariantCulture, out decimal part))
            {
                return invalid;
            }

            string unit = rest[digits..end];
            if (unit.Length == 0)
            {
                return "time: missing unit in duration " + GoText.Quote(text);
            }

            if (UnitNanos(unit) is not long scale)
            {
                return $"time: unknown unit {GoText.Quote(unit)} in duration {GoText.Quote(text)}";
            }

            // Compared before it is multiplied: a decimal ends at 8e28.
            if (part > (decimal)long.MaxValue / scale || (sum += part * scale) > long.MaxValue)
            {
                return invalid;
            }

            rest = rest[end..];
        }

        nanos = negative ? -(long)sum : (long)sum;
        return null;
    }

    private static int Count(string text, int from, Func<char, bool> wanted)
    {
        int end = from;
        while (end < text.Length && wanted(text[end]))
        {
            end++;
        }

        return end - from;
    }

    private static long? UnitNanos(string unit) => unit switch
    {
        "ns" => 1,
        "us" or "µs" or "μs" => 1_000,
        "ms" => 1_000_000,
        "s" => 1_000_000_000,
        "m" => 60_000_000_000,
        "h" => 3_600_000_000_000,
        _ => null,
    };

    private static (int Radix, string Digits) Radix(string text)
    {
        if (text.Length < 2 || text[0] != '0')
        {
            return (10, text);
        }

        return char.ToLowerInvariant(text[1]) switch
        {
            'x' => (16, text[2..]),
            'b' => (2, text[2..]),
            'o' => (8, text[2..]),
            _ => (8, text[1..]),
        };
    }

    // Each underscore stands between two digits, or between prefix and digit.
    private static bool UnderscoresSeparate(string digits, bool prefixed)
    {
        for (int i = 0; i < digits.Length; i++)
        {
            bool before = i > 0 ? digits[i - 1] != '_' : prefixed;
            bool after = i + 1 < digits.Length && digits[i + 1] != '_';
            if (digits[i] == '_' && (!before || !after))
            {
                return false;
            }
        }

        return true;
    }
}
