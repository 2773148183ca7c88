using EtcdAot.Cmd.Etcd.Flags;

namespace EtcdAot.Tests.Unit.EtcdFlags;

/// <summary>Goal: a unix URL's address is its path.</summary>
public class UnixUrlTests
{
    [Fact]
    public void ThePathIsTheAddress()
    {
        Assert.Null(UrlList.Parse(["unix:///run/etcd.sock"], out IReadOnlyList<string> urls));
        Assert.True(UrlList.IsUnix(urls[0]));
        Assert.Equal("/run/etcd.sock", UrlList.Address(urls[0]));
        Assert.Null(UrlList.BindProblem(urls[0]));
    }
}
