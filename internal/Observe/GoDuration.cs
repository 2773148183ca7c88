// Durations as Go's time package writes and reads them ("1.234567s", "350ms", "1m30s"): log lines, replies, flags.
// Stateless; any thread.
using System.Buffers;
using System.Globalization;

namespace EtcdAot.Observe;

/// <summary>Go's duration text.</summary>
public static class GoDuration
{
    // More digits than any duration that fits has.
    private const int DigitsMax = 25;

    private static readonly SearchValues<char> NumberCharacters = SearchValues.Create("0123456789.");

    /// <summary>The text of a span of nanoseconds.</summary>
    public static string Text(long nanos) => nanos switch
    {
        long.MinValue => "-2562047h47m16.854775808s",
        < 0 => "-" + Text(-nanos),
        0 => "0s",
        < 1_000 => Part(nanos, 1, "ns"),
        < 1_000_000 => Part(nanos, 1_000, "µs"),
        < 1_000_000_000 => Part(nanos, 1_000_000, "ms"),
        < 60_000_000_000 => Part(nanos, 1_000_000_000, "s"),
        < 3_600_000_000_000 => Minutes(nanos),
        _ => (nanos / 3_600_000_000_000).ToString(CultureInfo.InvariantCulture) + "h"
            + Minutes(nanos % 3_600_000_000_000),
    };

    /// <summary>time.ParseDuration: null, or the text of Go's error. The result is in nanoseconds.</summary>
    public static string? Parse(string text, out long nanos)
    {
        nanos = 0;
        bool negative = text.StartsWith('-');
        ReadOnlySpan<char> rest = text.AsSpan(negative || text.StartsWith('+') ? 1 : 0);
        if (rest is "0")
        {
            return null;
        }

        string invalid = "time: invalid duration " + GoQuote.Text(text);
        decimal sum = 0;
        do
        {
            int digits = rest.IndexOfAnyExcept(NumberCharacters);
            digits = digits < 0 ? rest.Length : digits;
            if (digits > DigitsMax || !decimal.TryParse(
                rest[..digits], NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out decimal part))
            {
                return invalid;
            }

            rest = rest[digits..];
            int letters = rest.IndexOfAny(NumberCharacters);
            ReadOnlySpan<char> unit = letters < 0 ? rest : rest[..letters];
            if (unit.Length == 0)
            {
                return "time: missing unit in duration " + GoQuote.Text(text);
            }

            if (UnitNanos(unit) is not long scale)
            {
                return $"time: unknown unit {GoQuote.Text(unit.ToString())} in duration {GoQuote.Text(text)}";
            }

            // Compared before it is multiplied: a decimal ends at 8e28.
            if (part > (decimal)long.MaxValue / scale || (sum += part * scale) > long.MaxValue)
            {
                return invalid;
            }

            rest = rest[unit.Length..];
        }
        while (rest.Length > 0);

        nanos = negative ? -(long)sum : (long)sum;
        return null;
    }

    /// <summary>How long ago something was, in the words of a few of the original's lines.</summary>
    public static string Ago(long nanos)
    {
        (long count, string unit) = nanos switch
        {
            < 60_000_000_000 => (nanos / 1_000_000_000, "second"),
            < 3_600_000_000_000 => (nanos / 60_000_000_000, "minute"),
            _ => (nanos / 3_600_000_000_000, "hour"),
        };
        return count == 0 ? "now"
            : string.Create(CultureInfo.InvariantCulture, $"{count} {unit}{(count == 1 ? "" : "s")} ago");
    }

    private static string Minutes(long nanos)
    {
        return (nanos / 60_000_000_000).ToString(CultureInfo.InvariantCulture) + "m"
            + Part(nanos % 60_000_000_000, 1_000_000_000, "s");
    }

    private static string Part(long nanos, long unit, string name)
    {
        return ((decimal)nanos / unit).ToString("0.#########", CultureInfo.InvariantCulture) + name;
    }

    private static long? UnitNanos(ReadOnlySpan<char> unit) => unit switch
    {
        "ns" => 1,
        "us" or "µs" or "μs" => 1_000,
        "ms" => 1_000_000,
        "s" => 1_000_000_000,
        "m" => 60_000_000_000,
        "h" => 3_600_000_000_000,
        _ => null,
    };
}
