using EtcdAot.Http.H2;

namespace EtcdAot.Tests.Unit.Http;

/// <summary>Goal: closing a connection with very many streams costs a bounded walk for each. Method: the longest run of
/// occupied slots, which is what a removal may walk, counted after ids as a client gives them.</summary>
public class StreamTableTests
{
    [Theory]
    [InlineData(16)]
    [InlineData(1000)]
    [InlineData(100_000)]
    public void ConsecutiveIdsMakeNoLongRuns(int streams)
    {
        var table = new StreamTable();
        for (int i = 0; i < streams; i++)
        {
            table.Add(new H2Stream(null!) { StreamId = (2 * (uint)i) + 1 });
        }

        int run = 0;
        int longest = 0;
        foreach (H2Stream? slot in table.Slots)
        {
            run = slot is null ? 0 : run + 1;
            longest = Math.Max(longest, run);
        }

        Assert.InRange(longest, 1, 16);
        for (int i = 0; i < streams; i += 2)
        {
            table.Remove((2 * (uint)i) + 1);
        }

        for (int i = 0; i < streams; i++)
        {
            Assert.Equal(i % 2 == 1, table.Find((2 * (uint)i) + 1) is not null);
        }

        Assert.Equal(streams / 2, table.Count);
    }
}
