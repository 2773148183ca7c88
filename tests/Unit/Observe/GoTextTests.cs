using System.Text;
using CsCheck;
using EtcdAot.Observe;

namespace EtcdAot.Tests.Unit.Observe;

/// <summary>Goal: numbers, durations and quotes read and write as Go's do, errors included. The texts are
/// from recorded runs of the original.</summary>
public class GoTextTests
{
    [Theory]
    [InlineData("abc", 0, "strconv.ParseInt: parsing \"abc\": invalid syntax")]
    [InlineData("1.5", 0, "strconv.ParseInt: parsing \"1.5\": invalid syntax")]
    [InlineData("0b2", 0, "strconv.ParseInt: parsing \"0b2\": invalid syntax")]
    [InlineData("0x", 0, "strconv.ParseInt: parsing \"0x\": invalid syntax")]
    [InlineData("_1", 0, "strconv.ParseInt: parsing \"_1\": invalid syntax")]
    [InlineData("1_", 0, "strconv.ParseInt: parsing \"1_\": invalid syntax")]
    [InlineData("1_0", 10, "strconv.ParseInt: parsing \"1_0\": invalid syntax")]
    [InlineData("", 10, "strconv.ParseInt: parsing \"\": invalid syntax")]
    [InlineData("99999999999999999999", 0,
        "strconv.ParseInt: parsing \"99999999999999999999\": value out of range")]
    [InlineData("ffffffffffffffff", 16, "strconv.ParseInt: parsing \"ffffffffffffffff\": value out of range")]
    public void BadIntegersNameTheirFault(string text, int radix, string expected)
    {
        Assert.Equal(expected, GoNumber.ParseInt(text, radix, out _));
    }

    [Theory]
    [InlineData("0x10", 0, 16)]
    [InlineData("1_0", 0, 10)]
    [InlineData("0x_1f", 0, 31)]
    [InlineData("017", 0, 15)]
    [InlineData("-5", 10, -5)]
    [InlineData("-9223372036854775808", 10, long.MinValue)]
    [InlineData("7fffffffffffffff", 16, long.MaxValue)]
    public void GoodIntegersAreRead(string text, int radix, long expected)
    {
        Assert.Null(GoNumber.ParseInt(text, radix, out long value));
        Assert.Equal(expected, value);
    }

    [Theory]
    [InlineData("5", "time: missing unit in duration \"5\"")]
    [InlineData("abc", "time: invalid duration \"abc\"")]
    [InlineData("", "time: invalid duration \"\"")]
    [InlineData("1x", "time: unknown unit \"x\" in duration \"1x\"")]
    [InlineData("9999999h", "time: invalid duration \"9999999h\"")]
    [InlineData("9000000000000000000h", "time: invalid duration \"9000000000000000000h\"")]
    [InlineData(".s", "time: invalid duration \".s\"")]
    [InlineData("1.2.3s", "time: invalid duration \"1.2.3s\"")]
    [InlineData("-", "time: invalid duration \"-\"")]
    [InlineData("1m2", "time: missing unit in duration \"1m2\"")]
    public void BadDurationsNameTheirFault(string text, string expected)
    {
        Assert.Equal(expected, GoDuration.Parse(text, out _));
    }

    [Theory]
    [InlineData("0", 0)]
    [InlineData("-0", 0)]
    [InlineData("1m30s", 90_000_000_000)]
    [InlineData("+1.5h", 5_400_000_000_000)]
    [InlineData("-.5µs", -500)]
    [InlineData("1h1ns", 3_600_000_000_001)]
    public void GoodDurationsAreRead(string text, long expected)
    {
        Assert.Null(GoDuration.Parse(text, out long nanos));
        Assert.Equal(expected, nanos);
    }

    [Theory]
    [InlineData("4294967295", 32, null)]
    [InlineData("4294967296", 32, "strconv.ParseUint: parsing \"4294967296\": value out of range")]
    [InlineData("18446744073709551615", 64, null)]
    [InlineData("18446744073709551616", 64, "strconv.ParseUint: parsing \"18446744073709551616\": value out of range")]
    [InlineData("-1", 64, "strconv.ParseUint: parsing \"-1\": invalid syntax")]
    [InlineData("+1", 64, "strconv.ParseUint: parsing \"+1\": invalid syntax")]
    public void UnsignedIntegersKnowTheirWidth(string text, int bits, string? expected)
    {
        Assert.Equal(expected, GoNumber.ParseUint(text, 10, out ulong value, bits));
        Assert.Equal(expected is null ? ulong.Parse(text) : 0, value);
    }

    [Theory]
    [InlineData("T", true, null)]
    [InlineData("False", false, null)]
    [InlineData("yes", false, "strconv.ParseBool: parsing \"yes\": invalid syntax")]
    public void BoolsAreReadAsGoDoes(string text, bool expected, string? error)
    {
        Assert.Equal(error, GoNumber.ParseBool(text, out bool value));
        Assert.Equal(expected, value);
    }

    [Theory]
    [InlineData(0, "0s")]
    [InlineData(999, "999ns")]
    [InlineData(920_087, "920.087µs")]
    [InlineData(1_690_000, "1.69ms")]
    [InlineData(1_000_584_301, "1.000584301s")]
    [InlineData(90_000_000_000, "1m30s")]
    [InlineData(3_600_000_000_000, "1h0m0s")]
    [InlineData(-1_500_000_000, "-1.5s")]
    [InlineData(long.MinValue, "-2562047h47m16.854775808s")]
    public void DurationsAreWrittenAsGoDoes(long nanos, string expected)
    {
        Assert.Equal(expected, GoDuration.Text(nanos));
    }

    [Fact]
    public void DurationsSurviveWritingAndReading()
    {
        Gen.Long[-1_000_000_000_000_000, 1_000_000_000_000_000].Sample(
            nanos =>
            {
                Assert.Null(GoDuration.Parse(GoDuration.Text(nanos), out long again));
                return again == nanos;
            },
            iter: 2000,
            seed: "0000KVMrP1s3");
    }

    [Theory]
    [InlineData("a\tb\u0001\u007f\r\n", "\"a\\tb\\x01\\x7f\\r\\n\"")]
    [InlineData("héllo ☃", "\"héllo ☃\"")]
    [InlineData("<a>&\u2028\"\\", "\"<a>&\\u2028\\\"\\\\\"")]
    [InlineData("\U000e0001", "\"\\U000e0001\"")]
    [InlineData("\a\b\f\v", "\"\\a\\b\\f\\v\"")]
    public void TextIsQuotedAsGoDoes(string text, string expected)
    {
        Assert.Equal(expected, GoQuote.Text(text));
    }

    [Fact]
    public void BytesSurviveQuotingAndReading()
    {
        Gen.Byte.Array[0, 40].Sample(
            bytes =>
            {
                string quoted = GoQuote.Bytes(bytes) + " tail";
                return GoQuote.TryRead(quoted, out byte[] again, out int used) && used == quoted.Length - 5 &&
                    again.AsSpan().SequenceEqual(bytes);
            },
            iter: 2000,
            seed: "0000KVMrP1s3");
    }

    [Fact]
    public void BytesThatAreNoUtf8AreQuotedOneByOne()
    {
        Assert.Equal("\"a\\\"\\n\\x01\\xff\"", GoQuote.Bytes([(byte)'a', (byte)'"', (byte)'\n', 1, 0xff]));
    }

    [Theory]
    [InlineData("\"open")]
    [InlineData("\"bad \\q\"")]
    [InlineData("\"\\400\"")]
    [InlineData("\"\\ud800\"")]
    [InlineData("\"\\x1\"")]
    [InlineData("`open")]
    [InlineData("plain")]
    public void BrokenQuotesAreRefused(string text)
    {
        Assert.False(GoQuote.TryRead(text, out _, out _));
    }

    [Fact]
    public void RawQuotesKeepBackslashes()
    {
        Assert.True(GoQuote.TryRead("`a\\n`)", out byte[] value, out int used));
        Assert.Equal("a\\n", Encoding.UTF8.GetString(value));
        Assert.Equal(5, used);
    }
}
