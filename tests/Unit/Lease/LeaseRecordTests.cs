using EtcdAot.Backend;
using EtcdAot.Lease;

namespace EtcdAot.Tests.Unit.Lease;

/// <summary>Goal: bucket `lease` holds the original's bytes; hostile records end the start with a sentence, and what a
/// record may claim does no harm.</summary>
public class LeaseRecordTests
{
    private const long Second = 1_000_000_000;

    [Theory]
    [InlineData(100, 10, 2)]
    [InlineData(100, 5, 1)]
    [InlineData(500, 10, 8)]
    [InlineData(10, 10, 1)]
    public void TheShortestTtlIsOneAndAHalfElectionTimeouts(int tick, int ticks, long seconds)
    {
        Assert.Equal(seconds, Lessor.MinTtlOf(tick, ticks));
    }

    [Fact]
    public void TheRecordIsTheGoldenBytesAndGoesWithTheRevocation()
    {
        using var rig = new LessorRig();
        Assert.Equal(LeaseStatus.Ok, rig.Lessor.Grant(0x1122334455667788, 1, 0, out _));
        Assert.Equal(LeaseStatus.Ok, rig.Lessor.Grant(-1, 300, 0, out _));
        rig.Commit();
        Assert.Equal("0888ef99abc5e88c91111002", Record(rig, "1122334455667788"));
        Assert.Equal("08ffffffffffffffffff0110ac02", Record(rig, "ffffffffffffffff"));
        Assert.Equal(LeaseStatus.Ok, rig.Lessor.Revoke(-1));
        rig.Commit();
        Assert.Null(Record(rig, "ffffffffffffffff"));
    }

    [Theory]
    [InlineData("01", "08011002")]
    [InlineData("0000000000000001", "080110")]
    [InlineData("0000000000000001", "0a0110")]
    [InlineData("0000000000000001", "08021002")]
    [InlineData("0000000000000000", "1002")]
    public void HostileRecordsEndTheStartWithASentence(string key, string value)
    {
        using var rig = new LessorRig();
        rig.Backend.Put(BackendBucket.Lease, Convert.FromHexString(key), Convert.FromHexString(value));
        Assert.False(rig.TryRestart(out string problem));
        Assert.Equal($"failed to unmarshal lease proto item: bucket lease holds {key} = {value}", problem);
    }

    [Fact]
    public void WhatARecordMayClaimIsBounded()
    {
        using var rig = new LessorRig();
        byte[] key = [0, 0, 0, 0, 0, 0, 0, 9];

        // TTL 1 and a field of the future; then a TTL that was never granted.
        rig.Backend.Put(BackendBucket.Lease, key, Convert.FromHexString("0809100122026162"));
        Assert.True(rig.TryRestart(out string problem), problem);
        Assert.True(rig.Lessor.TryTimeToLive(9, 0, out _, out long granted));
        Assert.Equal(2, granted);
        rig.Backend.Put(BackendBucket.Lease, key, Convert.FromHexString("080910ffffffffffffffff7f"));
        Assert.True(rig.TryRestart(out problem), problem);
        rig.Lessor.Promote(Second, Second);
        Assert.True(rig.Lessor.TryTimeToLive(9, Second, out long remaining, out _));
        Assert.Equal(Lessor.MaxTtl + 1, remaining);
    }

    [Fact]
    public void TheLongestTtlIsCountedInFull()
    {
        using var rig = new LessorRig();
        rig.Lessor.Promote(0, Second);
        Assert.Equal(LeaseStatus.Ok, rig.Lessor.Grant(1, Lessor.MaxTtl, 0, out _));
        Assert.True(rig.Lessor.TryTimeToLive(1, 1, out long remaining, out _));
        Assert.Equal(Lessor.MaxTtl - 1, remaining);
    }

    [Fact]
    public void ARenewalAfterAPromotionEndsItsExtension()
    {
        using var rig = new LessorRig();
        Assert.Equal(LeaseStatus.Ok, rig.Lessor.Grant(1, 10, 0, out _));
        rig.Lessor.Promote(0, 5 * Second);
        Assert.Equal(LeaseStatus.Ok, rig.Lessor.Renew(1, Second, out _, out _));
        var expired = new List<long>();
        _ = rig.Lessor.Step(11 * Second, expired);
        Assert.Equal([1], expired);
    }

    private static string? Record(LessorRig rig, string key)
    {
        return rig.Backend.Snapshot.TryGet(BackendBucket.Lease, Convert.FromHexString(key), out ReadOnlySpan<byte> value)
            ? Convert.ToHexStringLower(value) : null;
    }
}
