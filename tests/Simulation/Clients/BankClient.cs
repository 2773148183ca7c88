// Moves money between accounts in transactions: whatever is read together, now or at a revision of the past, has the same
// sum.
using System.Globalization;
using EtcdAot.Sys;
using EtcdAot.Tests.Simulation.Checkers;
using EtcdAot.Tests.Simulation.World;
using EtcdAot.Wire.Etcdserverpb;

namespace EtcdAot.Tests.Simulation.Clients;

/// <summary>The transaction workload.</summary>
internal sealed class BankClient(ClientWorld shared, int number) : SimClient(shared, number)
{
    private const int Accounts = 5;
    private const long Each = 100;
    private long _openedAt;

    protected override async Task Act()
    {
        RangeRequest request = Prefix("b/");
        request.Serializable = Dice.OneIn(3);
        long called = Now;
        Reply reply = await Call("/etcdserverpb.KV/Range", request);
        if (!reply.Ok)
        {
            return;
        }

        RangeResponse all = reply.Read(RangeResponse.Parser);
        if (all.Kvs.Count == 0)
        {
            await OpenAccounts();
            return;
        }

        _openedAt = Math.Max(_openedAt, all.Kvs[0].CreateRevision);
        CheckSum(all, all.Header.Revision);
        if (!request.Serializable)
        {
            Evidence.Revisions.Add(new AnsweredRevision(called, Now, all.Header.Revision));
        }

        await (Dice.OneIn(4) ? ReadPast(all.Header.Revision) : Move(all));
    }

    private static string Account(int i) => "b/" + i.ToString(CultureInfo.InvariantCulture);

    private static long Balance(Wire.Mvccpb.KeyValue kv) => long.Parse(Text(kv.Value), CultureInfo.InvariantCulture);

    private static PutRequest Put(string key, long balance) => new()
    {
        Key = Bytes(key),
        Value = Bytes(balance.ToString(CultureInfo.InvariantCulture)),
    };

    private static void CheckSum(RangeResponse all, long revision)
    {
        long sum = all.Kvs.Sum(Balance);
        if (all.Kvs.Count != Accounts || sum != Accounts * Each)
        {
            throw new BrokenPromiseException(
                $"{all.Kvs.Count} accounts with {sum} in all at revision {revision}, not {Accounts * Each}");
        }
    }

    private async Task OpenAccounts()
    {
        var txn = new TxnRequest();
        txn.Compare.Add(Unchanged(Account(0), 0));
        for (int i = 0; i < Accounts; i++)
        {
            txn.Success.Add(new RequestOp { RequestPut = Put(Account(i), Each) });
        }

        _ = await Call("/etcdserverpb.KV/Txn", txn);
    }

    private async Task Move(RangeResponse all)
    {
        int from = Dice.Below(Accounts);
        int to = (from + 1 + Dice.Below(Accounts - 1)) % Accounts;
        long amount = Dice.Between(1, 20);
        var txn = new TxnRequest();
        txn.Compare.Add(Unchanged(Account(from), all.Kvs[from].ModRevision));
        txn.Compare.Add(Unchanged(Account(to), all.Kvs[to].ModRevision));
        PutRequest less = Put(Account(from), Balance(all.Kvs[from]) - amount);
        PutRequest more = Put(Account(to), Balance(all.Kvs[to]) + amount);
        txn.Success.Add(new RequestOp { RequestPut = less });
        txn.Success.Add(new RequestOp { RequestPut = more });
        txn.Failure.Add(new RequestOp { RequestRange = Prefix("b/") });
        Reply reply = await Call("/etcdserverpb.KV/Txn", txn);
        if (!reply.Ok)
        {
            return;
        }

        TxnResponse answer = reply.Read(TxnResponse.Parser);
        if (answer.Succeeded)
        {
            Evidence.Writes.Add(new AcknowledgedWrite(answer.Header.Revision, Account(from), Text(less.Value), Now));
            Evidence.Writes.Add(new AcknowledgedWrite(answer.Header.Revision, Account(to), Text(more.Value), Now));
        }
        else
        {
            CheckSum(answer.Responses[0].ResponseRange, answer.Header.Revision);
        }
    }

    private async Task ReadPast(long current)
    {
        long at = Dice.Between(Math.Max(_openedAt, current - 200), current + 1);
        RangeRequest request = Prefix("b/");
        request.Revision = at;
        Reply reply = await Call("/etcdserverpb.KV/Range", request);
        if (reply.Ok)
        {
            RangeResponse all = reply.Read(RangeResponse.Parser);
            CheckSum(all, at);
            string text = string.Concat(all.Kvs.Select(kv => $"{Text(kv.Key)}={Text(kv.Value)};"));
            Evidence.Reads.Add(new ReadAt(at, "b/", text));
        }
    }

    private static Compare Unchanged(string key, long revision) => new()
    {
        Key = Bytes(key),
        Target = Compare.Types.CompareTarget.Mod,
        Result = Compare.Types.CompareResult.Equal,
        ModRevision = revision,
    };
}
