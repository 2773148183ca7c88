using EtcdAot.Tests.Bench;

namespace EtcdAot.Tests.Unit.Bench;

/// <summary>Goal: the bench says what it measured. Method: its pure parts on numbers and texts that are known; what runs
/// processes is not tested here, and nothing is timed.</summary>
public class BenchTests
{
    private static readonly Case Required = new("put", 100);
    private static readonly Case Other = new("put", 1);

    private static Options Parse(params string[] arguments) =>
        Options.Parse(["--ours", "a", "--theirs", "b", .. arguments])!;

    private static RowResult Row(Case at, double seconds, long operations, double p99, double cpu) =>
        new(at.Row, at.Clients, seconds, operations, 0, 1, p99, p99, cpu, 1 << 20, 1 << 20);

    private static Results Pairs(int pairs, double ourCpu, double ourP99)
    {
        var results = new Results();
        for (int i = 0; i < pairs; i++)
        {
            results.Add(ours: true, Row(Required, 1, 1000, ourP99, ourCpu));
            results.Add(ours: false, Row(Required, 1, 2000, 10, 1));
        }

        return results;
    }

    [Fact]
    public void MedianOfOddAndEvenCounts()
    {
        Assert.Equal(new Spread(1, 3, 9, 3), Spread.Of([9, 1, 3]));
        Assert.Equal(new Spread(1, 2.5, 9, 4), Spread.Of([3, 9, 1, 2]));
        Assert.Equal("1.00–2.50–9.00", Spread.Of([3, 9, 1, 2]).ToString());
    }

    [Fact]
    public void NoValuesMeetNoBound()
    {
        Assert.Equal(Verdict.Missed, Figure.AtMost("x", 1, "", Spread.Of([]).Median, "").Verdict);
        Assert.Equal(Verdict.Met, Figure.AtMost("x", 1, "", 1, "").Verdict);
        Assert.Equal(Verdict.Missed, Figure.AtMost("x", 1, "", 1.01, "").Verdict);
    }

    [Fact]
    public void RatiosArePerOperation()
    {
        // Half the processor seconds for half the operations is no gain.
        Spread cpu = Pairs(1, ourCpu: 0.5, ourP99: 5).Ratios(Required, static r => r.CpuPer100K);
        Assert.Equal(1, cpu.Median, 9);
        Assert.Equal(0.5, Pairs(1, 0.5, 5).Ratios(Required, static r => r.Throughput).Median, 9);
    }

    [Theory]
    [InlineData(7, 0.29, 12, "Met Met")]
    [InlineData(7, 0.31, 12, "Missed Met")]
    [InlineData(7, 0.29, 12.1, "Met Missed")]
    [InlineData(6, 0.29, 12, "NotJudged NotJudged")]
    public void FiguresOfRows(int pairs, double ourCpu, double ourP99, string expected)
    {
        var plan = new Plan(Parse("--rows", "put", "--clients", "100"));
        IEnumerable<Figure> figures = RequiredFigures.OfRows(plan, Pairs(pairs, ourCpu, ourP99), trial: false);
        Assert.Equal(expected, string.Join(' ', figures.Select(static f => f.Verdict)));
    }

    [Fact]
    public void TheTrialHasItsOwnBounds()
    {
        var plan = new Plan(Parse("--trial", "--clients", "100"));
        Figure[] figures = [.. RequiredFigures.OfRows(plan, Pairs(7, 0.21, 100), trial: true)];
        Assert.Equal(["≤ 0.4", "≤ 0.25"], figures.Select(static f => f.Bound));
        Assert.Equal(Verdict.Missed, figures[0].Verdict);
    }

    [Fact]
    public void RequiredCasesRunFirstAndMoreOften()
    {
        var plan = new Plan(Parse("--rows", "put,get", "--clients", "1,100", "--pairs", "3", "--other-pairs", "1"));
        Assert.Equal(3, plan.Pairs);
        Assert.Equal([Required, new Case("get", 100), Other, new Case("get", 1)], plan.Of(0));
        Assert.Equal([Required, new Case("get", 100)], plan.Of(2));
        Assert.Equal([true, false, true], Enumerable.Range(0, 3).Select(Plan.OursFirst));
    }

    [Fact]
    public void RowsWithoutARequiredOneRunAsOftenAsOthers()
    {
        var plan = new Plan(Parse("--rows", "watch", "--clients", "100", "--pairs", "7", "--other-pairs", "2"));
        Assert.Equal(2, plan.Pairs);
        Assert.Single(plan.Of(1));
    }

    [Theory]
    [InlineData("--rows", "put,got")]
    [InlineData("--pairs", "0")]
    [InlineData("--without", "rss")]
    [InlineData("--clients", "0")]
    [InlineData("--nonsense", "1")]
    public void ArgumentsThatMakeNoSense(string name, string value) =>
        Assert.Null(Options.Parse(["--ours", "a", "--theirs", "b", name, value]));

    [Fact]
    public void EitherTwoServersOrOne()
    {
        Assert.NotNull(Options.Parse(["--endpoint", "127.0.0.1:1"]));
        Assert.Null(Options.Parse(["--ours", "a"]));
        Assert.Null(Options.Parse(["--ours", "a", "--theirs", "b", "--endpoint", "127.0.0.1:1"]));
    }

    [Fact]
    public void ValuesOfAMetricsPage()
    {
        var page = new MetricsPage("HTTP/1.1 200 OK\r\n\r\n# TYPE a gauge\na 1.5e+06\na_max 7\nb{c=\"d\"} 2\n");
        Assert.Equal(1_500_000, page.Value("a"));
        Assert.Equal(7, page.Value("a_max"));
        Assert.True(double.IsNaN(page.Value("b")));
        Assert.True(double.IsNaN(page.Value("absent")));
    }

    [Fact]
    public void SyncsInATrace()
    {
        string[] lines = [
            "10 epoll_wait(3, [], 256, 100) = 0",
            "11 fdatasync(14 <unfinished ...>",
            "10 epoll_wait(3,  <unfinished ...>",
            "11 <... fdatasync resumed>) = 0",
            "11 fsync(15) = 0",
        ];
        Assert.Equal(2, SyncTrace.Count(lines));
        Assert.Equal(0, SyncTrace.Count(lines[..1]));
    }

    [Fact]
    public void ATraceWithoutACallIsNotBelieved() => Assert.Null(SyncTrace.Count([]));

    [Fact]
    public void TheDeepestMountHoldsTheFolder()
    {
        string[] mounts = [
            "22 1 254:0 / / rw,relatime - ext4 /dev/root rw",
            "30 22 0:27 / /data rw,nosuid shared:3 - xfs /dev/x rw",
            "31 22 0:28 / /dat rw - tmpfs tmpfs rw",
        ];
        Assert.Equal("xfs", Machine.FileSystem("/data/bench", mounts));
        Assert.Equal("ext4", Machine.FileSystem("/database", mounts));
    }

    [Fact]
    public void TheKernelIsNamedWithoutItsBuilder() => Assert.Equal("6.8.0", Machine.Kernel("6.8.0-host7-build"));
}
