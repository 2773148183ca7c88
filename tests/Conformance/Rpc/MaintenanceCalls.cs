// Maintenance, MemberList and health. Alarms come last: they refuse writes while they stand.
using System.Globalization;
using System.Security.Cryptography;
using EtcdAot.Wire.Etcdserverpb;
using EtcdAot.Wire.Health;
using Google.Protobuf;
using AlarmAction = EtcdAot.Wire.Etcdserverpb.AlarmRequest.Types.AlarmAction;

namespace EtcdAot.Tests.Conformance.Rpc;

/// <summary>The calls about the member itself.</summary>
internal sealed class MaintenanceCalls(Lockstep pair, Dice dice, KvCalls kv)
{
    private const int ChunkBytes = 32768;
    private const int DigestBytes = 32;

    public void Run()
    {
        pair.Unary(RawMethods.MemberList, new MemberListRequest());
        pair.Unary(RawMethods.MemberList, new MemberListRequest { Linearizable = true });
        pair.Unary(RawMethods.Status, new StatusRequest());
        pair.Unary(RawMethods.Hash, new HashRequest());
        Hashes();
        Snapshot();
        pair.Unary(RawMethods.Defragment, new DefragmentRequest());
        pair.Unary(RawMethods.Status, new StatusRequest());
        kv.Random(30);
        Hashes();
        Health();
    }

    public void Alarms()
    {
        foreach (AlarmType type in new[] { AlarmType.None, AlarmType.Nospace, AlarmType.Corrupt, (AlarmType)9 })
        {
            Alarm(AlarmAction.Get, type, m => 0);
        }

        Alarm(AlarmAction.Activate, AlarmType.None, m => m.MemberId);
        Alarm(AlarmAction.Deactivate, AlarmType.Nospace, m => m.MemberId);
        foreach (AlarmType type in new[] { AlarmType.Nospace, AlarmType.Corrupt })
        {
            Alarm(AlarmAction.Activate, type, m => m.MemberId);
            Alarm(AlarmAction.Activate, type, m => m.MemberId);
            Alarm(AlarmAction.Get, AlarmType.None, m => m.MemberId);
            Alarm(AlarmAction.Get, AlarmType.Corrupt, m => 0);
            pair.Unary(RawMethods.Status, new StatusRequest());
            WhileAlarmed();
            Alarm(AlarmAction.Deactivate, type, m => 0);
            Alarm(AlarmAction.Deactivate, type, m => 4711);
            if (type == AlarmType.Nospace)
            {
                NestedPut();
            }

            Alarm(AlarmAction.Deactivate, type, m => m.MemberId);
            Alarm(AlarmAction.Get, AlarmType.None, m => 0);
            WhileAlarmed();
        }

        // An alarm for another member, and two at once.
        Alarm(AlarmAction.Activate, AlarmType.Nospace, m => 4711);
        Alarm(AlarmAction.Activate, AlarmType.Corrupt, m => m.MemberId);
        Alarm(AlarmAction.Get, AlarmType.None, m => 0);
        pair.Unary(RawMethods.Status, new StatusRequest());
        Alarm(AlarmAction.Deactivate, AlarmType.Nospace, m => 4711);
        Alarm(AlarmAction.Deactivate, AlarmType.Corrupt, m => m.MemberId);
        WhileAlarmed();
    }

    private static bool IsSnapshotWhole(List<byte[]> messages, List<string> lines)
    {
        using var digest = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        SnapshotResponse[] parts = [.. messages.Select(SnapshotResponse.Parser.ParseFrom)];
        long total = parts.Take(parts.Length - 1).Sum(static p => (long)p.Blob.Length);
        long left = total;
        for (int i = 0; i < parts.Length - 1; i++)
        {
            left -= parts[i].Blob.Length;
            digest.AppendData(parts[i].Blob.Span);
            bool whole = parts[i].Blob.Length == ChunkBytes || (i == parts.Length - 2 && parts[i].Blob.Length > 0);
            if (!whole || parts[i].RemainingBytes != (ulong)left || parts[i].Header is not null || parts[i].Version.Length > 0)
            {
                lines.Add($"part {i}: {parts[i].Blob.Length} bytes, {parts[i].RemainingBytes} remaining");
            }
        }

        return lines.Count == 0 && total % 512 == 0 && parts[^1].RemainingBytes == 0
            && parts[^1].Blob.Length == DigestBytes && parts[^1].Blob.Span.SequenceEqual(digest.GetHashAndReset());
    }

    // Which compactions left a hash behind depends on whether the one before was done: what is asked here is above all that
    // were drawn.
    private void Hashes()
    {
        WaitForCompactions();
        for (int i = 0; i < 15; i++)
        {
            pair.Unary(RawMethods.Put, new PutRequest { Key = dice.Key(0), Value = dice.Value() });
        }

        pair.Unary(RawMethods.Compact, new CompactionRequest { Revision = pair.Revision - 12, Physical = true });
        foreach (long revision in new[]
        {
            0, pair.Revision, pair.Revision - 3, pair.Revision + 1, pair.Compacted, pair.Compacted - 1, 1, -1,
            long.MinValue, long.MaxValue, pair.Revision - 10,
        })
        {
            pair.Unary(RawMethods.HashKv, new HashKVRequest { Revision = revision });
        }

        pair.Unary(RawMethods.Compact, new CompactionRequest { Revision = pair.Revision - 5, Physical = true });
        for (int i = 0; i < 8; i++)
        {
            pair.Unary(RawMethods.HashKv, new HashKVRequest { Revision = pair.Revision - dice.Below(8) });
        }
    }

    // Files differ in size, so the parts are judged by their own rules: size, rest, digest, no header.
    private void Snapshot()
    {
        pair.Table.Count(new SnapshotRequest());
        List<string>[] answers = [.. new[] { pair.Real, pair.Ours }.Select(member =>
        {
            using RawStream stream = member.Open(RawMethods.Snapshot.Service, RawMethods.Snapshot.Name);
            stream.Send([]);
            stream.HalfClose();
            stream.WaitForEnd(TimeSpan.FromSeconds(20));
            List<byte[]> messages = stream.Take(int.MaxValue);
            var lines = new List<string>();
            bool whole = messages.Count > 1 && IsSnapshotWhole(messages, lines);
            lines.Insert(0, string.Create(CultureInfo.InvariantCulture, $"ended {stream.End}, whole: {whole}"));
            return lines;
        })];
        Assert.Equal("ended 0, whole: True", answers[0][0]);
        pair.Judge(RawMethods.Snapshot.Path, () => "", answers[0], answers[1]);
    }

    private void Health()
    {
        foreach (string service in new[] { "", "etcdserverpb.KV", "x" })
        {
            pair.Unary(RawMethods.HealthCheck, new HealthCheckRequest { Service = service });
            using var stream = new StreamPair(pair, RawMethods.HealthWatch);
            stream.Ask(new HealthCheckRequest { Service = service }, 1);
        }

        // Server streams have other words for what does not decode; health has a decoder of its own.
        foreach (RawMethod method in new[] { RawMethods.HealthWatch, RawMethods.HealthCheck, RawMethods.Snapshot })
        {
            foreach (string hex in new[]
            {
                "0001", "80", "bc3e", "bb3e0801", "be3e", "ba3e7f01", method == RawMethods.Snapshot ? "0c" : "0a01ff",
            })
            {
                using var stream = new StreamPair(pair, method);
                stream.Ask(Convert.FromHexString(hex), hex, 0);
            }
        }

        foreach (string hex in new[]
        {
            "0805", "08ffffffffffffffffff01", "08ffffffffffffffffff02", "0d01020304", "0a016b0a00", "bb3e00010c", "bb3ebc3e",
            "f8ffffff0f00", "f8ffffff7f00", "a0800001",
        })
        {
            pair.Odd(RawMethods.HealthCheck, Convert.FromHexString(hex), "two decoders");
            pair.Odd(RawMethods.Status, Convert.FromHexString(hex), "two decoders");
        }
    }

    private void WhileAlarmed()
    {
        var key = ByteString.CopyFromUtf8("b");
        var txn = new TxnRequest();
        txn.Failure.Add(new RequestOp { RequestPut = new PutRequest { Key = key, Value = key } });
        var deletes = new TxnRequest();
        deletes.Success.Add(new RequestOp { RequestDeleteRange = new DeleteRangeRequest { Key = key } });
        var reads = new TxnRequest();
        reads.Success.Add(new RequestOp { RequestRange = new RangeRequest { Key = key } });
        pair.Unary(RawMethods.Put, new PutRequest { Key = key, Value = key });
        pair.Unary(RawMethods.Put, new PutRequest());
        pair.Unary(RawMethods.Txn, txn);
        pair.Unary(RawMethods.Txn, deletes);
        pair.Unary(RawMethods.Txn, reads);
        pair.Unary(RawMethods.Txn, new TxnRequest());
        foreach (TxnRequest also in new[] { txn, deletes, reads })
        {
            TxnRequest future = also.Clone();
            future.Failure.Clear();
            future.Success.Add(txn.Failure[0]);
            future.Success.Add(new RequestOp { RequestRange = new RangeRequest { Key = key, Revision = pair.Revision + 99 } });
            pair.Unary(RawMethods.Txn, future);
            future.Success.RemoveAt(future.Success.Count - 2);
            pair.Unary(RawMethods.Txn, future);
        }

        pair.Unary(RawMethods.Range, new RangeRequest { Key = key });
        pair.Unary(RawMethods.DeleteRange, new DeleteRangeRequest { Key = key });
        pair.Unary(RawMethods.Compact, new CompactionRequest { Revision = pair.Revision });
        pair.Unary(RawMethods.LeaseGrant, new LeaseGrantRequest { ID = 6001, TTL = 300_000 });
        pair.Unary(RawMethods.LeaseTimeToLive, new LeaseTimeToLiveRequest { ID = 6001 });
        pair.Unary(RawMethods.LeaseRevoke, new LeaseRevokeRequest { ID = 6001 });
        WaitForCompactions();
        pair.Unary(RawMethods.HashKv, new HashKVRequest());
        pair.Unary(RawMethods.HealthCheck, new HealthCheckRequest());
    }

    // A compaction under way changes what the original hashes: a physical one that fails waits for those before it.
    private void WaitForCompactions() =>
        pair.Unary(RawMethods.Compact, new CompactionRequest { Revision = pair.Compacted, Physical = true });

    // Older ones count no cost for a nested put. Ours refuses it, and is brought level by a plain put of the same pair,
    // for which its alarm is lifted and raised again.
    private void NestedPut()
    {
        var put = new PutRequest { Key = ByteString.CopyFromUtf8("b/1"), Value = ByteString.CopyFromUtf8("nested") };
        var nested = new TxnRequest();
        nested.Success.Add(new RequestOp { RequestPut = put });
        var txn = new TxnRequest();
        txn.Success.Add(new RequestOp { RequestTxn = nested });
        if (Version.Parse(pair.Real.Version) >= new Version(3, 5, 33))
        {
            pair.Unary(RawMethods.Txn, txn);
            return;
        }

        string revision = (pair.Revision + 1).ToString(CultureInfo.InvariantCulture);
        pair.Expect(new ExpectedDifference(
            "nested txns count against the quota (3.5.33)",
            [
                "0", "header present", "header.cluster_id = {cluster}", "header.member_id = {member}",
                $"header.revision = {revision}", "header.raft_term = {term}", "succeeded = True", "responses[0] present",
                "responses[0].response_txn present", "responses[0].response_txn.header present",
                "responses[0].response_txn.succeeded = True", "responses[0].response_txn.responses[0] present",
                "responses[0].response_txn.responses[0].response_put present",
                "responses[0].response_txn.responses[0].response_put.header present",
                $"responses[0].response_txn.responses[0].response_put.header.revision = {revision}",
            ],
            ["8 etcdserver: mvcc: database space exceeded"]));
        pair.Unary(RawMethods.Txn, txn);
        Level(AlarmAction.Deactivate);
        Succeeds(pair.Ours.Unary(RawMethods.Put.Service, RawMethods.Put.Name, put.ToByteArray()));
        Level(AlarmAction.Activate);

        void Level(AlarmAction action) => Succeeds(pair.Ours.Unary(RawMethods.Alarm.Service, RawMethods.Alarm.Name,
            new AlarmRequest { Action = action, Alarm = AlarmType.Nospace, MemberID = pair.Ours.MemberId }.ToByteArray()));

        static void Succeeds(RawReply reply) => Assert.Equal("0", reply.Status);
    }

    private void Alarm(AlarmAction action, AlarmType type, Func<RpcMember, ulong> member) =>
        pair.Unary(RawMethods.Alarm, m => new AlarmRequest { Action = action, Alarm = type, MemberID = member(m) });
}
