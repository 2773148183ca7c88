// The grpc-timeout header: 1 to 8 digits and one of n u m S M H (api-v3 §1.1). Pure functions.
using System.Globalization;
using System.Text;
using EtcdAot.Observe;

namespace EtcdAot.Grpc;

/// <summary>Parses and formats grpc-timeout.</summary>
public static class GrpcTimeout
{
    /// <summary>Parses; false with the original's error text when malformed.</summary>
    /// <param name="text">Header value.</param>
    /// <param name="nanos">The timeout, clamped to <see cref="long.MaxValue"/>.</param>
    /// <param name="error">Text behind "malformed grpc-timeout: ".</param>
    public static bool TryParse(ReadOnlySpan<byte> text, out long nanos, out string error)
    {
        nanos = 0;
        error = "";
        if (text.Length < 2)
        {
            error = "transport: timeout string is too short: " + GoQuote.Bytes(text);
            return false;
        }

        if (text.Length > 9)
        {
            error = "transport: timeout string is too long: " + GoQuote.Bytes(text);
            return false;
        }

        long unit = Unit(text[^1]);
        if (unit == 0)
        {
            error = "transport: timeout unit is not recognized: " + GoQuote.Bytes(text);
            return false;
        }

        long count = 0;
        foreach (byte digit in text[..^1])
        {
            if (digit is < (byte)'0' or > (byte)'9')
            {
                error = $"strconv.ParseUint: parsing {GoQuote.Bytes(text[..^1])}: invalid syntax";
                return false;
            }

            count = (count * 10) + digit - '0';
        }

        nanos = count > long.MaxValue / unit ? long.MaxValue : count * unit;
        return true;
    }

    /// <summary>The header for a remaining time: the finest unit that fits 8 digits, rounded up.</summary>
    /// <param name="nanos">Remaining time; zero or less gives "0n".</param>
    public static byte[] Format(long nanos)
    {
        if (nanos <= 0)
        {
            return "0n"u8.ToArray();
        }

        foreach (char unit in "numSMH")
        {
            long size = Unit((byte)unit);
            long count = (nanos / size) + (nanos % size == 0 ? 0 : 1);
            if (count <= 99_999_999)
            {
                return Encoding.ASCII.GetBytes(count.ToString(CultureInfo.InvariantCulture) + unit);
            }
        }

        return "99999999H"u8.ToArray();
    }

    private static long Unit(byte letter) => letter switch
    {
        (byte)'n' => 1,
        (byte)'u' => 1_000,
        (byte)'m' => 1_000_000,
        (byte)'S' => 1_000_000_000,
        (byte)'M' => 60_000_000_000,
        (byte)'H' => 3_600_000_000_000,
        _ => 0,
    };
}
