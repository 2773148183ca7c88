using System.Buffers;
using System.Text;
using EtcdAot.Observe;

namespace EtcdAot.Tests.Unit.Observe;

/// <summary>Goal: numbers and pages in the exact spelling of the original's metrics library, since parsers and golden pages
/// compare text. Method: pages recorded from it, and edges of the number format.</summary>
public class MetricsTests
{
    [Theory]
    [InlineData(0, "0")]
    [InlineData(-1, "-1")]
    [InlineData(20000, "20000")]
    [InlineData(524288, "524288")]
    [InlineData(999999, "999999")]
    [InlineData(1e6, "1e+06")]
    [InlineData(1048576, "1.048576e+06")]
    [InlineData(2147483648, "2.147483648e+09")]
    [InlineData(18446744073709551615, "1.8446744073709552e+19")]
    [InlineData(0.001, "0.001")]
    [InlineData(0.0001, "0.0001")]
    [InlineData(0.00001, "1e-05")]
    [InlineData(9.0676e-05, "9.0676e-05")]
    [InlineData(6.41e-07, "6.41e-07")]
    [InlineData(0.1 + 0.2, "0.30000000000000004")]
    [InlineData(1234.5, "1234.5")]
    [InlineData(12345678.25, "1.234567825e+07")]
    [InlineData(-0.5, "-0.5")]
    [InlineData(1e-300, "1e-300")]
    [InlineData(double.MaxValue, "1.7976931348623157e+308")]
    public void NumbersAreGosShortest(double value, string text)
    {
        Assert.Equal(text, FloatText.Of(value));
    }

    [Fact]
    public void AnythingButANumberHasItsName()
    {
        Assert.Equal("NaN", FloatText.Of(double.NaN));
        Assert.Equal("+Inf", FloatText.Of(double.PositiveInfinity));
        Assert.Equal("-Inf", FloatText.Of(double.NegativeInfinity));
    }

    [Fact]
    public void APageIsSortedAndHistogramsAreCumulative()
    {
        var registry = new MetricsRegistry();
        Histogram times = registry.Histogram("b_seconds", "Times.", Histogram.Doubling(0.001, 3));
        Counter count = registry.Counter("a_total", "How many.");
        registry.Labeled("c", "gauge", "Never sampled.", static _ => { });
        registry.Labeled("d", "gauge", "Labelled.", static text =>
            text.Sample($"name=\"{MetricsText.Escape("a\"b\\c\n")}\"", 1));
        count.Add(41);
        count.Add();
        times.ObserveNanos(1_000_000);
        times.ObserveNanos(1_500_000);
        times.ObserveNanos(9_000_000);

        Assert.Equal(
            """
            # HELP a_total How many.
            # TYPE a_total counter
            a_total 42
            # HELP b_seconds Times.
            # TYPE b_seconds histogram
            b_seconds_bucket{le="0.001"} 1
            b_seconds_bucket{le="0.002"} 2
            b_seconds_bucket{le="0.004"} 2
            b_seconds_bucket{le="+Inf"} 3
            b_seconds_sum 0.0115
            b_seconds_count 3
            # HELP d Labelled.
            # TYPE d gauge
            d{name="a\"b\\c\n"} 1

            """,
            Page(registry));
    }

    [Fact]
    public void ManyThreadsLoseNoObservation()
    {
        var histogram = new Histogram([0.5]);
        var counter = new Counter();
        Parallel.For(0, 4, _ =>
        {
            for (int i = 0; i < 10_000; i++)
            {
                histogram.Observe(0.25);
                counter.Add();
            }
        });

        Assert.Equal(40_000, histogram.InBucket(0));
        Assert.Equal(10_000.0, histogram.Sum);
        Assert.Equal(40_000, counter.Value);
    }

    [Theory]
    [InlineData(0, "0 B")]
    [InlineData(9, "9 B")]
    [InlineData(999, "999 B")]
    [InlineData(1000, "1.0 kB")]
    [InlineData(20480, "20 kB")]
    [InlineData(49968, "50 kB")]
    [InlineData(118784, "119 kB")]
    [InlineData(2147483648, "2.1 GB")]
    public void SizesAreWrittenAsInTheOriginalsLines(long bytes, string text)
    {
        Assert.Equal(text, HumanBytes.Text(bytes));
    }

    private static string Page(MetricsRegistry registry)
    {
        var page = new ArrayBufferWriter<byte>();
        registry.WriteTo(page);
        return Encoding.UTF8.GetString(page.WrittenSpan);
    }
}
