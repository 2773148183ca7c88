using System.Text;
using System.Text.Json;
using EtcdAot.Observe;
using EtcdAot.Sys;

namespace EtcdAot.Tests.Unit.Observe;

/// <summary>Goal: lines have the original's members in its order, and a storm of them is thinned as the original thins it.
/// </summary>
public sealed class LogTests : IClock, ILogSink
{
    private readonly List<JsonElement> _lines = [];
    private long _now = 1_790_000_000_123_456_789;

    public long MonotonicNanos => _now;

    public long WallUnixNanos => _now;

    void ILogSink.WriteLine(ReadOnlySpan<byte> utf8) =>
        _lines.Add(JsonDocument.Parse(Encoding.UTF8.GetString(utf8)).RootElement);

    [Fact]
    public void MembersStandInOrder()
    {
        new Log(this, this).InfoOf("raft", "a/b.go", "m").With("k", "v").With("n", 1L).Write();
        Assert.Equal(["level", "ts", "logger", "caller", "msg", "k", "n"], Names(_lines[0]));
        Assert.Equal("2026-09-21T14:13:20.123456Z", _lines[0].GetProperty("ts").GetString());
    }

    [Theory]
    [InlineData(LogLevel.Warn, false)]
    [InlineData(LogLevel.Error, true)]
    [InlineData(LogLevel.Panic, true)]
    [InlineData(LogLevel.Fatal, true)]
    public void FromErrorOnTheStackComesLast(LogLevel level, bool withStack)
    {
        new Log(this, this).Line(level, "a/b.go", "m").WithError("e").Write();
        string[] names = Names(_lines[0]);
        Assert.Equal(withStack ? "stacktrace" : "error", names[^1]);
        if (withStack)
        {
            string[] frames = _lines[0].GetProperty("stacktrace").GetString()!.Split('\n');
            Assert.Contains(nameof(FromErrorOnTheStackComesLast), frames[0], StringComparison.Ordinal);
            Assert.True(frames.Length > 1, "the callers stand below");
        }
    }

    [Fact]
    public void OfAStormTheFirstHundredThenEveryHundredthAreWritten()
    {
        var log = new Log(this, this);
        for (int i = 1; i <= 350; i++)
        {
            log.Info("a/b.go", "storm").With("i", i).Write();
        }

        int[] written = [.. _lines.Select(static l => l.GetProperty("i").GetInt32())];
        Assert.Equal([.. Enumerable.Range(1, 100), 200, 300], written);

        // Another message, another level and the next second are counted by themselves.
        _lines.Clear();
        log.Info("a/b.go", "calm").Write();
        log.Warn("a/b.go", "storm").Write();
        _now += 1_000_000_000;
        log.Info("a/b.go", "storm").Write();
        Assert.Equal(["calm", "storm", "storm"], _lines.Select(static l => l.GetProperty("msg").GetString()));
    }

    [Theory]
    [InlineData(9, "9 B")]
    [InlineData(6_543, "6.5 kB")]
    [InlineData(118_784, "119 kB")]
    [InlineData(10 << 20, "10 MB")]
    [InlineData(2L << 30, "2.1 GB")]
    public void SizesAreRoundedAsTheOriginalRoundsThem(long bytes, string text) => Assert.Equal(text, HumanBytes.Text(bytes));

    [Theory]
    [InlineData(999_999_999, "now")]
    [InlineData(1_000_000_000, "1 second ago")]
    [InlineData(59_000_000_000, "59 seconds ago")]
    [InlineData(120_000_000_000, "2 minutes ago")]
    public void AgesAreInWords(long nanos, string text) => Assert.Equal(text, GoDuration.Ago(nanos));

    private static string[] Names(JsonElement line) => [.. line.EnumerateObject().Select(static p => p.Name)];
}
