using EtcdAot.Cmd.Etcdctl.Commands;
using EtcdAot.Cmd.Etcdctl.Flags;

namespace EtcdAot.Tests.Unit.Etcdctl;

/// <summary>Goal: a watch command line means the keys that it means to the original (recorded runs).</summary>
public class WatchLineTests
{
    [Theory]
    [InlineData("a", "", "a")]
    [InlineData("a", "b", "a", "b")]
    [InlineData("a", "", "a", "b", "c")]
    [InlineData("w", "x", "w", "--prefix")]
    [InlineData("\0", "\0", "")]
    public void WordsBecomeAKeyAndAnEnd(string key, string end, params string[] args)
    {
        WatchLine? line = WatchLine.Read(Parsed(args), false, out string bad);
        Assert.Equal("", bad);
        Assert.Equal(key, line!.Request.Key.ToStringUtf8());
        Assert.Equal(end, line.Request.RangeEnd.ToStringUtf8());
    }

    [Fact]
    public void WordsBehindDashesAreTheCommand()
    {
        WatchLine? line = WatchLine.Read(Parsed("w", "--rev=2", "--", "sh", "-c", "env"), true, out _);
        Assert.Equal(["sh", "-c", "env"], line!.Command);
        Assert.Equal(2, line.Request.StartRevision);
        Assert.True(line.Request.ProgressNotify);
    }

    [Theory]
    [InlineData("bad number of arguments")]
    [InlineData("`range_end` and `--prefix` are mutually exclusive", "a", "b", "--prefix")]
    public void WhatIsNoWatchIsRefused(string reason, params string[] args)
    {
        Assert.Null(WatchLine.Read(Parsed(args), false, out string bad));
        Assert.Equal(reason, bad);
    }

    private static FlagSet Parsed(params string[] args)
    {
        var flags = new FlagSet(WatchCommand.Watch.Flags);
        Assert.Null(flags.Parse(args));
        return flags;
    }
}
