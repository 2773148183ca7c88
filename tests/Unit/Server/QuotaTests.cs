using EtcdAot.Server;
using EtcdAot.Wire.Codecs;
using EtcdAot.Wire.Etcdserverpb;
using Google.Protobuf;

namespace EtcdAot.Tests.Unit.Server;

/// <summary>Goal: what a request costs and when the space quota refuses it is as spec storage §4.7 says.</summary>
public class QuotaTests
{
    [Theory]
    [InlineData(0, Quota.DefaultBytes)]
    [InlineData(-1, -1)]
    [InlineData(5, 5)]
    public void TheFlagsZeroIsTheDefault(long flag, long bytes) => Assert.Equal(bytes, Quota.FromFlag(flag).Bytes);

    [Theory]
    [InlineData(100, 60, 39, true)]
    [InlineData(100, 60, 40, false)]
    [InlineData(100, 200, 0, true)]
    [InlineData(-1, long.MaxValue, 1000, true)]
    public void WhatReachesTheLimitIsRefusedAndWhatCostsNothingNever(long limit, long db, long cost, bool allowed)
    {
        Assert.Equal(allowed, new Quota(limit).Allows(db, cost));
    }

    [Fact]
    public void CostsAreThoseOfKeysAndValues()
    {
        PutRequest put = CoreRig.PutOf("key", "value");
        Assert.Equal(256 + 8, Quota.CostOf(RaftOp.Put, put.ToByteArray()));
        Assert.Equal(64, Quota.CostOf(RaftOp.LeaseGrant, default));
        Assert.Equal(0, Quota.CostOf(RaftOp.DeleteRange, default));
        Assert.Equal(0, Quota.CostOf(RaftOp.Compaction, default));

        // The dearer branch counts, nested ones too.
        var txn = new TxnRequest();
        txn.Success.Add(new RequestOp { RequestPut = put });
        txn.Success.Add(new RequestOp { RequestRange = new RangeRequest { Key = put.Key } });
        Assert.Equal(264, Quota.CostOf(RaftOp.Txn, txn.ToByteArray()));
        var outer = new TxnRequest();
        outer.Success.Add(new RequestOp { RequestPut = put });
        outer.Failure.Add(new RequestOp { RequestTxn = txn });
        outer.Failure.Add(new RequestOp { RequestPut = CoreRig.PutOf("k", "v") });
        Assert.Equal(264 + 258, Quota.CostOf(RaftOp.Txn, outer.ToByteArray()));
    }
}
