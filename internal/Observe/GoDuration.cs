// Durations in the text form of the original's log lines ("1.234567s", "350ms"). Stateless; any thread.
using System.Globalization;

namespace EtcdAot.Observe;

/// <summary>Go's duration text.</summary>
public static class GoDuration
{
    /// <summary>The text of a span of nanoseconds.</summary>
    public static string Text(long nanos) => nanos switch
    {
        0 => "0s",
        < 1_000 => Part(nanos, 1, "ns"),
        < 1_000_000 => Part(nanos, 1_000, "µs"),
        < 1_000_000_000 => Part(nanos, 1_000_000, "ms"),
        < 60_000_000_000 => Part(nanos, 1_000_000_000, "s"),
        < 3_600_000_000_000 => Minutes(nanos),
        _ => (nanos / 3_600_000_000_000).ToString(CultureInfo.InvariantCulture) + "h"
            + Minutes(nanos % 3_600_000_000_000),
    };

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
}
