// Numbers and durations as Go's strconv and time packages read and write them: the error texts and the
// accepted forms (base prefixes, underscores, units) are part of etcdctl's contract (etcdctl §3). Pure.
using System.Globalization;
using System.Text;

namespace EtcdAot.Cmd.Etcdctl.Flags;

/// <summary>Integers, bools and durations in Go's spelling. Each parser returns null or Go's error
/// text.</summary>
internal static class GoNumber
{
    /// <summary>strconv.ParseInt with 64 bits; <paramref name="radix"/> 0 accepts prefixes and
    /// underscores.</summary>
    public static string? ParseInt(string text, int radix, out long value)
    {
        value = 0;
        bool negative = text.StartsWith('-');
        string digits = negative || text.StartsWith('+') ? text[1..] : text;
        string? why = Magnitude(digits, radix, out ulong magnitude);
        ulong limit = negative ? 1UL << 63 : long.MaxValue;
        if (why is null && magnitude > limit)
        {
            why = "value out of range";
        }

        if (why is not null)
        {
            return $"strconv.ParseInt: parsing {GoQuote.Text(text)}: {why}";
        }

        value = negative ? unchecked(-(long)magnitude) : (long)magnitude;
        return null;
    }

    /// <summary>strconv.ParseUint with 64 bits.</summary>
    public static string? ParseUint(string text, int radix, out ulong value)
    {
        string? why = Magnitude(text, radix, out value);
        return why is null ? null : $"strconv.ParseUint: parsing {GoQuote.Text(text)}: {why}";
    }

    /// <summary>strconv.ParseBool.</summary>
    public static string? ParseBool(string text, out bool value)
    {
        value = text is "1" or "t" or "T" or "TRUE" or "true" or "True";
        return value || text is "0" or "f" or "F" or "FALSE" or "false" or "False"
            ? null
            : $"strconv.ParseBool: parsing {GoQuote.Text(text)}: invalid syntax";
    }

    /// <summary>time.ParseDuration; the result is in nanoseconds.</summary>
    public static string? ParseDuration(string text, out long nanos)
    {
        nanos = 0;
        string rest = text.StartsWith('-') || text.StartsWith('+') ? text[1..] : text;
        if (rest == "0")
        {
            return null;
        }

        string invalid = "time: invalid duration " + GoQuote.Text(text);
        decimal sum = 0;
        if (rest.Length == 0)
        {
            return invalid;
        }

        while (rest.Length > 0)
        {
            int digits = 0;
            while (digits < rest.Length && (char.IsAsciiDigit(rest[digits]) || rest[digits] == '.'))
            {
                digits++;
            }

            string number = rest[..digits];
            if (!number.Any(char.IsAsciiDigit) || number.Count(c => c == '.') > 1 || digits > 25)
            {
                return invalid;
            }

            int end = digits;
            while (end < rest.Length && rest[end] != '.' && !char.IsAsciiDigit(rest[end]))
            {
                end++;
            }

            string unit = rest[digits..end];
            if (unit.Length == 0)
            {
                return "time: missing unit in duration " + GoQuote.Text(text);
            }

            if (UnitNanos(unit) is not long scale)
            {
                return $"time: unknown unit {GoQuote.Text(unit)} in duration {GoQuote.Text(text)}";
            }

            decimal part = decimal.Parse(number, NumberStyles.AllowDecimalPoint,
                CultureInfo.InvariantCulture);
            // Compared before it is multiplied: a decimal ends at 8e28.
            if (part > (decimal)long.MaxValue / scale || (sum += part * scale) > long.MaxValue)
            {
                return invalid;
            }

            rest = rest[end..];
        }

        nanos = text.StartsWith('-') ? -(long)sum : (long)sum;
        return null;
    }

    /// <summary>time.Duration.String of <paramref name="nanos"/>: 920.087µs, 1.5s, 1m30s, 0s.</summary>
    public static string Duration(long nanos)
    {
        if (nanos == 0)
        {
            return "0s";
        }

        string sign = nanos < 0 ? "-" : "";
        ulong n = nanos < 0 ? unchecked((ulong)-nanos) : (ulong)nanos;
        if (n < 1_000)
        {
            return $"{sign}{n}ns";
        }

        if (n < 1_000_000)
        {
            return sign + Fraction(n, 1_000) + "µs";
        }

        if (n < 1_000_000_000)
        {
            return sign + Fraction(n, 1_000_000) + "ms";
        }

        ulong minutes = n / 60_000_000_000;
        var text = new StringBuilder(sign);
        if (minutes >= 60)
        {
            text.Append(minutes / 60).Append('h');
        }

        if (minutes > 0)
        {
            text.Append(minutes % 60).Append('m');
        }

        return text.Append(Fraction(n % 60_000_000_000, 1_000_000_000)).Append('s').ToString();
    }

    private static string Fraction(ulong value, ulong scale)
    {
        string tail = (value % scale).ToString(CultureInfo.InvariantCulture)
            .PadLeft(scale.ToString(CultureInfo.InvariantCulture).Length - 1, '0').TrimEnd('0');
        return tail.Length == 0 ? $"{value / scale}" : $"{value / scale}.{tail}";
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

    private static string? Magnitude(string text, int radix, out ulong value)
    {
        value = 0;
        string digits = text;
        if (radix == 0)
        {
            (radix, digits) = Prefix(text);
            if (!UnderscoresSeparateDigits(text, digits))
            {
                return "invalid syntax";
            }

            digits = digits.Replace("_", "", StringComparison.Ordinal);
        }

        if (digits.Length == 0)
        {
            return "invalid syntax";
        }

        bool overflow = false;
        foreach (char c in digits)
        {
            int digit = char.IsAsciiHexDigit(c) ? Convert.ToInt32(c.ToString(), 16) : 99;
            if (digit >= radix)
            {
                return "invalid syntax";
            }

            UInt128 next = ((UInt128)value * (uint)radix) + (uint)digit;
            overflow |= next > ulong.MaxValue;
            value = overflow ? ulong.MaxValue : (ulong)next;
        }

        return overflow ? "value out of range" : null;
    }

    private static (int Radix, string Digits) Prefix(string text)
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

    private static bool UnderscoresSeparateDigits(string text, string digits)
    {
        bool prefixed = digits.Length < text.Length;
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
