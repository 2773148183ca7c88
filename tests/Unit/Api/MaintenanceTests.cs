using System.Security.Cryptography;
using EtcdAot.Server;
using EtcdAot.Wire.Etcdserverpb;
using Google.Protobuf;
using WireHealth = EtcdAot.Wire.Health;

namespace EtcdAot.Tests.Unit.Api;

/// <summary>Goal: the cold services answer as spec api-v3 §5 says, and no request can hurt the member. Method: a
/// whole member, stepped by hand.</summary>
public class MaintenanceTests : MemberTests
{
    private const string Service = "/etcdserverpb.Maintenance/";

    [Fact]
    public void StatusTellsWhatThisMemberKnows()
    {
        Member member = NewMember().Started();
        Put(member, "a", "1");
        StatusResponse status = member.Call(Service + "Status", new StatusRequest(), StatusResponse.Parser);

        Assert.Equal(member.Server.MemberId, status.Leader);
        Assert.Equal(member.Server.MemberId, status.Header.MemberId);
        Assert.Equal(2, status.Header.Revision);
        Assert.Equal(status.Header.RaftTerm, status.RaftTerm);
        Assert.Equal(status.RaftIndex, status.RaftAppliedIndex);
        Assert.Equal(EtcdVersion.Server, status.Version);
        Assert.True(status.DbSize >= status.DbSizeInUse && status.DbSizeInUse > 0);
        Assert.Empty(status.Errors);
        Assert.False(status.IsLearner);
    }

    [Fact]
    public void StatusOfAMemberWithoutLeaderSaysSo()
    {
        var member = NewMember();
        StatusResponse status = member.Call(Service + "Status", new StatusRequest(), StatusResponse.Parser);
        Assert.Equal(["etcdserver: no leader"], status.Errors);
        Assert.Equal(0UL, status.Leader);
    }

    [Fact]
    public void MemberListHasNoRevision()
    {
        Member member = NewMember().Started();
        MemberListResponse list = member.Call("/etcdserverpb.Cluster/MemberList",
            new MemberListRequest { Linearizable = true }, MemberListResponse.Parser);
        Assert.Equal(0, list.Header.Revision);
        Assert.Equal("default", Assert.Single(list.Members).Name);
        Assert.Equal(["http://localhost:2380"], list.Members[0].PeerURLs);
        Assert.Equal(["http://localhost:2379"], list.Members[0].ClientURLs);
    }

    [Fact]
    public void AnAlarmIsRaisedListedShownAndCleared()
    {
        Member member = NewMember().Started();
        AlarmResponse raised = Alarm(member, 1, 7, AlarmType.Corrupt);
        Assert.Equal(7UL, Assert.Single(raised.Alarms).MemberID);
        Assert.Single(Alarm(member, 1, 7, AlarmType.Corrupt).Alarms);
        Assert.Empty(Alarm(member, 0, 0, AlarmType.Nospace).Alarms);
        Assert.Single(Alarm(member, 0, 0, AlarmType.None).Alarms);
        StatusResponse status = member.Call(Service + "Status", new StatusRequest(), StatusResponse.Parser);
        Assert.Equal(["memberID:7 alarm:CORRUPT "], status.Errors);

        Assert.Empty(Alarm(member, 2, 0, AlarmType.Corrupt).Alarms);
        Assert.Single(Alarm(member, 2, 7, AlarmType.Corrupt).Alarms);
        Assert.Empty(Alarm(member, 0, 0, AlarmType.None).Alarms);
    }

    /// <summary>The original's 3.5 dies of the first of these, and again at every start.</summary>
    [Theory]
    [InlineData(3, 0)]
    [InlineData(-1, 1)]
    [InlineData(99, 2)]
    [InlineData(1, 3)]
    [InlineData(1, -1)]
    public void WhatTheApplierDoesNotKnowNeverReachesTheLog(int action, int kind)
    {
        Member member = NewMember().Started();
        ulong before = member.Server.Status.Committed;
        AlarmResponse answer = Alarm(member, action, 1, (AlarmType)kind);
        Assert.Empty(answer.Alarms);
        Assert.Equal(1, answer.Header.Revision);
        Assert.Equal(before, member.Server.Status.Committed);
    }

    [Fact]
    public void AFullDatabaseRefusesPutsUntilItsAlarmIsCleared()
    {
        Member member = NewMember(new ServerOptions { QuotaBackendBytes = 60_000 }).Started();
        Grpc.FakeStream last = null!;
        for (int i = 0; i < 30; i++)
        {
            last = member.Begin("/etcdserverpb.KV/Put", PutOf("k" + i, new string('v', 3000)));
            member.Advance(200);
        }

        Has("grpc-status=8", last.Line);
        Has("database space exceeded", last.Line);
        Assert.True(member.Server.Alarms.HasNoSpace);
        Has("{\"health\":\"false\",\"reason\":\"ALARM NOSPACE\"}\n", member.Http("GET /health"));
        Has("200 OK", member.Http("GET /health?exclude=NOSPACE"));
        Has("200 OK", member.Http("GET /readyz"));

        Assert.Single(Alarm(member, 2, member.Server.MemberId, AlarmType.Nospace).Alarms);
        Has("200 OK", member.Http("GET /health"));
    }

    [Fact]
    public void HashKvStepsOverWakesAndRefusesBadRevisions()
    {
        Member member = NewMember().Started();
        for (int i = 0; i < 5000; i++)
        {
            member.Begin("/etcdserverpb.KV/Put", PutOf("key" + (i % 700), "value" + i));
        }

        member.Advance(200);
        HashKVResponse now = HashKv(member, 0);
        Assert.Equal(-1, now.CompactRevision);
        Assert.Equal(5001, now.Header.Revision);
        Assert.Equal(now.Hash, HashKv(member, 5001).Hash);
        Assert.NotEqual(now.Hash, HashKv(member, 5000).Hash);
        Assert.Equal(1084519789U, HashKv(member, -5).Hash);
        Has("required revision is a future revision", Failed(member, 5002));

        member.Begin("/etcdserverpb.KV/Compact", new CompactionRequest { Revision = 4000, Physical = true });
        member.Advance(1000);
        Has("required revision has been compacted", Failed(member, 3999));
        Assert.Equal(0, member.Server.Store.Guards.Count);
    }

    [Fact]
    public void APhysicalCompactionThatComesTooLateWaitsForTheOneBefore()
    {
        Member member = NewMember().Started();
        for (int i = 0; i < 200; i++)
        {
            member.Begin("/etcdserverpb.KV/Put", PutOf("key" + (i % 7), "value" + i));
        }

        member.Advance(200);
        Grpc.FakeStream first = member.Begin("/etcdserverpb.KV/Compact", new CompactionRequest { Revision = 150 });
        Grpc.FakeStream late = member.Begin("/etcdserverpb.KV/Compact", new CompactionRequest { Revision = 150 });
        Grpc.FakeStream waiting = member.Begin(
            "/etcdserverpb.KV/Compact", new CompactionRequest { Revision = 149, Physical = true });
        member.Settle();
        Has("grpc-status=0", first.Line);
        Has("required revision has been compacted", late.Line);
        Assert.False(waiting.Ended || member.Server.Store.CompactionDone(150));
        member.Advance(1000);
        member.Advance(1000);
        Assert.True(member.Server.Store.CompactionDone(150));
        Has("required revision has been compacted", waiting.Line);
    }

    [Fact]
    public void ACancelledHashGivesItsGuardBack()
    {
        Member member = NewMember().Started();
        for (int i = 0; i < 5000; i++)
        {
            member.Begin("/etcdserverpb.KV/Put", PutOf("key" + i, "v"));
        }

        member.Advance(200);
        Grpc.FakeStream stream = member.Begin(Service + "HashKV", new HashKVRequest());
        Assert.Equal(1, member.Server.Store.Guards.Count);
        member.Handlers[stream].OnReset(8, connectionLost: false);
        member.Settle();
        Assert.Equal(0, member.Server.Store.Guards.Count);
    }

    [Fact]
    public void ASnapshotIsTheDatabaseInChunksAndItsDigest()
    {
        Member member = NewMember().Started();
        for (int i = 0; i < 100; i++)
        {
            Put(member, "key" + i, new string('v', 5000));
        }

        member.Advance(200);
        Grpc.FakeStream stream = member.Begin(Service + "Snapshot", new SnapshotRequest());
        member.Settle();
        Has("grpc-status=0", stream.Line);
        var messages = stream.Messages
            .Select((_, i) => Member.Reply(stream, i, SnapshotResponse.Parser)).ToList();
        byte[] data = [.. messages.SkipLast(1).SelectMany(static m => m.Blob)];
        Assert.All(messages.SkipLast(2), static m => Assert.Equal(32768, m.Blob.Length));
        Assert.Equal(0, data.Length % 512);
        Assert.True(data.Length > 500_000);
        Assert.Equal(0UL, messages[^1].RemainingBytes);
        Assert.Equal(0UL, messages[^2].RemainingBytes);
        Assert.Equal((ulong)(data.Length - 32768), messages[0].RemainingBytes);
        Assert.Equal(SHA256.HashData(data), messages[^1].Blob.ToByteArray());
        Assert.Null(messages[0].Header);
    }

    [Fact]
    public void ASlowClientHoldsTheReadingAndACancelledOneFreesTheCopy()
    {
        Member member = NewMember().Started();
        for (int i = 0; i < 100; i++)
        {
            Put(member, "key" + i, new string('v', 5000));
        }

        member.Advance(200);
        Grpc.FakeStream stream = member.Begin(Service + "Snapshot", new SnapshotRequest());
        stream.Queued = 1;
        member.Settle();
        Assert.Empty(stream.Messages);
        stream.Queued = 0;
        member.Handlers[stream].OnWritable();
        Assert.InRange(stream.Messages.Count, 1, 8);
        stream.Queued = 1;
        int before = stream.Messages.Count;
        member.Settle();
        Assert.Equal(before, stream.Messages.Count);
        member.Handlers[stream].OnReset(8, connectionLost: true);
        member.Settle();
        Assert.Equal(before, stream.Messages.Count);
        Assert.True(((EtcdAot.Api.SnapshotCall)member.Handlers[stream]).Copy is null, "the copy is freed");
    }

    [Fact]
    public void DefragmentShrinksTheFileAndHasNoHeader()
    {
        Member member = NewMember().Started();
        for (int i = 0; i < 100; i++)
        {
            Put(member, "key", new string('v', 5000));
        }

        member.Advance(200);
        member.Begin("/etcdserverpb.KV/Compact", new CompactionRequest { Revision = 101, Physical = true });
        member.Advance(1000);
        member.Advance(1000);
        uint hash = HashKv(member, 0).Hash;
        long before = member.Server.Maintenance.DatabaseSize;
        DefragmentResponse answer = member.Call(
            Service + "Defragment", new DefragmentRequest(), DefragmentResponse.Parser);
        Assert.Null(answer.Header);
        Assert.True(member.Server.Maintenance.DatabaseSize < before / 4);
        Assert.Equal(hash, HashKv(member, 0).Hash);
        Put(member, "key", "after");
        member.Advance(200);
        Assert.NotEqual(hash, HashKv(member, 0).Hash);
        Assert.Contains(member.Log, static l => l.Contains("finished defragment\"", StringComparison.Ordinal));
    }

    [Fact]
    public void HashIsTheSameForTheSameDataWhateverTheIndex()
    {
        Member member = NewMember().Started();
        Put(member, "a", "b");
        HashResponse first = member.Call(Service + "Hash", new HashRequest(), HashResponse.Parser);
        Alarm(member, 0, 0, AlarmType.None);
        HashResponse second = member.Call(Service + "Hash", new HashRequest(), HashResponse.Parser);
        Assert.Equal(first.Hash, second.Hash);
        Assert.Equal(2, first.Header.Revision);
        Put(member, "a", "c");
        HashResponse third = member.Call(Service + "Hash", new HashRequest(), HashResponse.Parser);
        Assert.NotEqual(first.Hash, third.Hash);
    }

    [Theory]
    [InlineData("Status")]
    [InlineData("Hash")]
    [InlineData("HashKV")]
    [InlineData("Alarm")]
    [InlineData("Snapshot")]
    [InlineData("Defragment")]
    public void BytesThatAreNoMessageAreRefused(string method)
    {
        Member member = NewMember().Started();
        Grpc.FakeStream stream = member.Begin(Service + method, [0x0a, 0xff]);
        member.Settle();
        Has("grpc-status=13", stream.Line);
    }

    [Fact]
    public void ACallThatWantsALeaderIsRefusedWithoutOne()
    {
        var member = NewMember();
        Grpc.FakeStream stream = member.Begin(Service + "Status", new StatusRequest(), ("hasleader", "true"));
        Has("grpc-status=14", stream.Line);
        Has("etcdserver: no leader", stream.Line);
    }

    [Theory]
    [InlineData("Check", "", "D(0000000002" + "0801)", "grpc-status=0")]
    [InlineData("Check", "etcd", "", "grpc-status=5")]
    [InlineData("Watch", "", "D(00000000020801)", "")]
    [InlineData("Watch", "etcd", "D(00000000020803)", "")]
    public void HealthKnowsTheMemberOnly(string method, string service, string reply, string status)
    {
        Member member = NewMember().Started();
        Grpc.FakeStream stream = member.Begin(
            "/grpc.health.v1.Health/" + method, new WireHealth.HealthCheckRequest { Service = service });
        member.Settle();
        Has(reply, stream.Line);
        Has(status, stream.Line);
        Assert.Equal(method == "Watch", !stream.Ended);
    }

    [Fact]
    public void HealthListNamesTheMember()
    {
        Member member = NewMember().Started();
        WireHealth.HealthListResponse list = member.Call("/grpc.health.v1.Health/List",
            new WireHealth.HealthListRequest(), WireHealth.HealthListResponse.Parser);
        Assert.Equal(WireHealth.HealthCheckResponse.Types.ServingStatus.Serving, list.Statuses[""].Status);
    }

    [Theory]
    [InlineData("/etcdserverpb.Auth/AuthEnable", "unknown service etcdserverpb.Auth")]
    [InlineData("/etcdserverpb.Maintenance/Downgrade", "unknown method Downgrade for service ")]
    public void WhatIsNotBuiltAnswersLikeWhatDoesNotExist(string method, string text)
    {
        Member member = NewMember().Started();
        var stream = new Grpc.FakeStream(new Grpc.FakeLoop());
        member.Services.Grpc.OnRequest(stream, Grpc.FakeHeaders.Request(method), endOfStream: false);
        Has("grpc-status=12", stream.Line);
        Has(text, stream.Line);
    }

    private static PutRequest PutOf(string key, string value) => new()
    {
        Key = ByteString.CopyFromUtf8(key),
        Value = ByteString.CopyFromUtf8(value),
    };

    private static void Put(Member member, string key, string value)
    {
        member.Call("/etcdserverpb.KV/Put", PutOf(key, value), PutResponse.Parser);
    }

    private static AlarmResponse Alarm(Member member, int action, ulong id, AlarmType kind)
    {
        var request = new AlarmRequest
        {
            Action = (AlarmRequest.Types.AlarmAction)action,
            MemberID = id,
            Alarm = kind,
        };
        return member.Call(Service + "Alarm", request, AlarmResponse.Parser);
    }

    private static HashKVResponse HashKv(Member member, long revision)
    {
        return member.Call(Service + "HashKV", new HashKVRequest { Revision = revision }, HashKVResponse.Parser);
    }

    private static string Failed(Member member, long revision)
    {
        Grpc.FakeStream stream = member.Begin(Service + "HashKV", new HashKVRequest { Revision = revision });
        member.Settle();
        return stream.Line;
    }
}
