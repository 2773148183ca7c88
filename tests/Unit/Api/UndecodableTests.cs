namespace EtcdAot.Tests.Unit.Api;

/// <summary>Goal: a request that does not decode is refused in the words of a real 3.5.30, also where another decoder
/// serves it (health) and on streams. Method: hostile bytes into a whole member; the texts are recorded ones.</summary>
public sealed class UndecodableTests : MemberTests
{
    private const string Unary = "grpc: error unmarshalling request: ";
    private const string Stream = "grpc: failed to unmarshal the received message: ";

    [Theory]
    [InlineData("etcdserverpb.Lease/LeaseTimeToLive", "0a00", Unary + "proto: wrong wireType = 2 for field ID")]
    [InlineData("etcdserverpb.Lease/LeaseTimeToLive", "1200", Unary + "proto: wrong wireType = 2 for field Keys")]
    [InlineData("etcdserverpb.Lease/LeaseTimeToLive", "0001",
        Unary + "proto: LeaseTimeToLiveRequest: illegal tag 0 (wire type 0)")]
    [InlineData("etcdserverpb.Lease/LeaseLeases", "bc3e",
        Unary + "proto: LeaseLeasesRequest: wiretype end group for non-group")]
    [InlineData("etcdserverpb.Lease/LeaseLeases", "be3e", Unary + "proto: illegal wireType 6")]
    [InlineData("etcdserverpb.Lease/LeaseKeepAlive", "0a00", Stream + "proto: wrong wireType = 2 for field ID")]
    [InlineData("etcdserverpb.Lease/LeaseKeepAlive", "08", Stream + "unexpected EOF")]
    [InlineData("etcdserverpb.Maintenance/Snapshot", "0001",
        Stream + "proto: SnapshotRequest: illegal tag 0 (wire type 0)")]
    [InlineData("grpc.health.v1.Health/Check", "80", Unary + "proto:%C2%A0cannot parse invalid wire-format data")]
    [InlineData("grpc.health.v1.Health/Watch", "bc3e", Stream + "proto:%C2%A0cannot parse invalid wire-format data")]
    [InlineData("grpc.health.v1.Health/Check", "08ffffffffffffffffff02",
        Unary + "proto:%C2%A0cannot parse invalid wire-format data")]
    [InlineData("grpc.health.v1.Health/Check", "0a01ff", Unary + "string field contains invalid UTF-8")]
    [InlineData("grpc.health.v1.Health/Watch", "0a01ff", Stream + "string field contains invalid UTF-8")]
    public void TheWordsAreTheOriginals(string method, string hex, string text)
    {
        Member member = NewMember().Started();
        Grpc.FakeStream stream = member.Begin("/" + method, Convert.FromHexString(hex));
        member.Settle();
        Has("grpc-status=13 grpc-message=" + text, stream.Line);
        Assert.True(stream.Ended);
    }

    // Health's decoder takes a known field in another wire type for an unknown one.
    [Theory]
    [InlineData("grpc.health.v1.Health/Check", "0805")]
    [InlineData("etcdserverpb.Maintenance/Status", "0b00010c")]
    public void WhatTheOriginalTakesIsTaken(string method, string hex)
    {
        Member member = NewMember().Started();
        Grpc.FakeStream stream = member.Begin("/" + method, Convert.FromHexString(hex));
        member.Settle();
        Has("grpc-status=0", stream.Line);
    }
}
