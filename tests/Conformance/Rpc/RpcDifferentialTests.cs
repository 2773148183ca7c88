using EtcdAot.Wire.Etcdserverpb;
using EtcdAot.Wire.Health;

namespace EtcdAot.Tests.Conformance.Rpc;

/// <summary>Goal: one member of ours answers raw gRPC calls as a real etcd 3.5 does, field by field, status by status.
/// Method: one seed draws the calls; each goes to both servers in turn, so that revisions stay equal. The run prints
/// how often each option of each message and each error text came up; a row with count 0 fails it.
/// RPC_SEED draws others; RPC_ONLY=kv,odd,… runs only those parts (then empty rows do not fail).</summary>
public class RpcDifferentialTests(ITestOutputHelper output)
{
    private const int DecidingSeed = 20261125;
    private const int FewestCalls = 500;
    private const int RandomKvCalls = 1200;

    private static readonly string[] Parts = ["kv", "lease", "watch", "order", "maintenance", "odd", "alarm"];

    [Fact]
    public void RawCallsAreAnsweredAlike()
    {
        int seed = int.TryParse(Environment.GetEnvironmentVariable("RPC_SEED"), out int own) ? own : DecidingSeed;
        string only = Environment.GetEnvironmentVariable("RPC_ONLY") ?? "";
        string[] parts = only.Length > 0 ? only.Split(',') : Parts;
        using var real = new RpcMember("the real server", Programs.Oracle("3.5", "etcd"));
        using var ours = new RpcMember("our server", Programs.Etcd);
        real.WaitUntilServing();
        ours.WaitUntilServing();
        var pair = new Lockstep(real, ours, new OptionTable());
        ErrorTexts.Declare(pair.Table);
        var dice = new Dice(seed);
        long[] leases = [];
        if (parts.Contains("lease"))
        {
            new LeaseCalls(pair, dice).GrantLasting();
            leases = LeaseCalls.Lasting;
        }

        var kv = new KvCalls(pair, dice, leases);
        foreach (string part in parts)
        {
            Run(part, pair, dice, kv);
        }

        Report(pair, seed, only.Length == 0);
    }

    private static void Run(string part, Lockstep pair, Dice dice, KvCalls kv)
    {
        switch (part)
        {
            case "kv":
                kv.Random(RandomKvCalls / 2);
                kv.Orders();
                kv.Compares();
                kv.Overlaps();
                kv.Limits();
                kv.Random(RandomKvCalls / 2);
                break;
            case "lease":
                new LeaseCalls(pair, dice).Run();
                break;
            case "watch":
                new WatchCalls(pair, dice, kv).Run();
                break;
            case "order":
                new OrderCalls(pair).Run();
                break;
            case "maintenance":
                new MaintenanceCalls(pair, dice, kv).Run();
                break;
            case "alarm":
                new MaintenanceCalls(pair, dice, kv).Alarms();
                break;
            case "odd":
                var odd = new OddBytes(pair, dice);
                odd.Send(RawMethods.Range, kv.Range);
                odd.Send(RawMethods.Put, kv.Put);
                odd.Send(RawMethods.DeleteRange, kv.DeleteRange);
                odd.Send(RawMethods.Txn, () => LeftOut.Defuse(kv.Txn(0)));
                odd.Send(RawMethods.Compact, () => new CompactionRequest { Revision = pair.Compacted });
                odd.Send(RawMethods.LeaseGrant, () => new LeaseGrantRequest { ID = 7001, TTL = 100_000 });
                pair.RevokeNamed();
                odd.Send(RawMethods.LeaseRevoke, () => new LeaseRevokeRequest { ID = 4 });
                odd.Send(RawMethods.LeaseTimeToLive, () => new LeaseTimeToLiveRequest { ID = 7001 });
                odd.Send(RawMethods.LeaseLeases, () => new LeaseLeasesRequest());
                odd.Send(RawMethods.MemberList, () => new MemberListRequest { Linearizable = true });
                odd.Send(RawMethods.Status, () => new StatusRequest());
                odd.Send(RawMethods.Alarm, () => new AlarmRequest());
                odd.Send(RawMethods.HashKv, () => new HashKVRequest());
                odd.Send(RawMethods.HealthCheck, () => new HealthCheckRequest());
                break;
            default:
                Assert.Fail($"RPC_ONLY names no part: {part}");
                break;
        }
    }

    private void Report(Lockstep pair, int seed, bool whole)
    {
        var lines = new List<string> { pair.Table.Print() };
        lines.AddRange(LeftOut.Calls.Select(static c => "left out: " + c));
        lines.AddRange(ExpectedDifference.OutOfReach.Select(static c => "expected difference of 3.5.30, out of reach here: " + c));
        lines.AddRange(ErrorTexts.Owed.Select(static o => $"owed texts ({o.Reason}): {string.Join(" · ", o.Texts)}"));
        lines.Add($"rpc calls: {pair.Calls}, differences: {pair.Differences.Count}");
        string report = string.Join("\n", lines);
        output.WriteLine(report);
        Console.WriteLine(report);
        string again = $"again: RPC_SEED={seed} dotnet run --project tests/Conformance -- -class {GetType().FullName}";
        Assert.True(pair.Differences.Count == 0, $"{string.Join("\n", pair.Differences)}\n{lines[^1]}\n{again}");
        if (whole)
        {
            List<string> missing = pair.Table.Missing;
            Assert.True(missing.Count == 0, $"rows with count 0: {string.Join("; ", missing)}\n{again}");
            Assert.True(pair.Calls >= FewestCalls, $"only {pair.Calls} calls\n{again}");
        }
    }
}
