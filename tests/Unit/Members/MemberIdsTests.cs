using EtcdAot.Members;
using EtcdAot.Sys;
using EtcdAot.Tests.Unit.Fakes;
using EtcdAot.Wire;

namespace EtcdAot.Tests.Unit.Members;

/// <summary>Goal: ids, JSON and bootstrap entries are what the real etcd makes of the same names and URLs.</summary>
public class MemberIdsTests
{
    private const int JsonLength = 77;

    [Theory]
    [InlineData("http://127.0.0.1:25001", 0x4f7188b814a18045, 0x6739cc590b19eb6e)]
    [InlineData("http://127.0.0.1:25011", 0x7fa0243da41856f2, 0x2f825f7ee614161e)]
    [InlineData("http://127.0.0.1:25003", 0x224afcb1fdd53e0, 0x8ebf977044b4c418)]
    public void IdsOfOneMemberClusters(string url, ulong member, ulong cluster)
    {
        Assert.Equal(member, MemberIds.OfBootstrapped([url], "etcd-cluster"));
        Assert.Equal(cluster, MemberIds.OfCluster([member]));
    }

    [Fact]
    public void IdsOfAThreeMemberClusterWithItsOwnToken()
    {
        Assert.True(Bootstrap.TryFound(
            [
                ("m1", ["http://127.0.0.1:25023"]),
                ("m2", ["http://127.0.0.1:25025"]),
                ("m3", ["http://127.0.0.1:25027"]),
            ],
            "tkn",
            out Bootstrap? founded,
            out _));
        Assert.Equal(0xa2c6feaced7f5cb1UL, founded!.ClusterId);
        Assert.Equal([0x401ecda2c2a1fb14UL, 0x4c7e4b9ec8d813cfUL, 0x4ddea35a390bcf01UL], founded.Members.Select(m => m.Id));
        Assert.Equal("m3", founded.Members[1].Name);
        Assert.Equal(new DurableState(1, 0, 3), founded.State);
    }

    [Fact]
    public void UrlsAreSortedBeforeTheyAreHashed()
    {
        Assert.Equal(
            MemberIds.OfBootstrapped(["http://a:1", "http://b:2"], "t"),
            MemberIds.OfBootstrapped(["http://b:2", "http://a:1"], "t"));
        Assert.NotEqual(MemberIds.OfAdded(["http://a:1"], 10), MemberIds.OfAdded(["http://a:1"], 11));
    }

    [Fact]
    public void TheBootstrapEntryIsTheGoldenBytes()
    {
        Assert.True(Bootstrap.TryFound([("m1", ["http://127.0.0.1:26201"])], "golden", out Bootstrap? founded, out _));
        using var arena = new SlabArena();
        LogEntry entry = Assert.Single(founded!.Entries(arena));
        Assert.Equal((EntryKind.ConfChange, 1UL, 1UL), (entry.Kind, entry.Term, entry.Index));

        // The first entry of a directory that the real etcd bootstrapped from the same flags.
        byte[] log = Recorded.Read("Wal/data/35-empty-kill-m1.wal");
        int json = log.AsSpan().IndexOf("{\"id\":13141966250290849466"u8);
        byte[] data = entry.Data.Span.ToArray();
        Assert.Equal(data, log[(json + JsonLength - data.Length)..(json + JsonLength)]);
        Assert.Equal("0800100018ba", Convert.ToHexStringLower(data[..6]));
        Assert.Equal(
            "{\"id\":13141966250290849466,\"peerURLs\":[\"http://127.0.0.1:26201\"],\"name\":\"m1\"}",
            System.Text.Encoding.ASCII.GetString(data[^JsonLength..]));
    }

    [Fact]
    public void IdenticalMembersAreRefused()
    {
        Assert.False(Bootstrap.TryFound([("a", ["http://x:1"]), ("b", ["http://x:1"])], "t", out _, out string problem));
        Assert.StartsWith("member exists with identical ID ", problem, StringComparison.Ordinal);
    }
}
