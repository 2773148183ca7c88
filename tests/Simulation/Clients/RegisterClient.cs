// Puts, gets, deletes and swaps on a handful of keys.
using System.Globalization;
using EtcdAot.Sys;
using EtcdAot.Tests.Simulation.Checkers;
using EtcdAot.Wire.Etcdserverpb;

namespace EtcdAot.Tests.Simulation.Clients;

/// <summary>The register workload.</summary>
internal sealed class RegisterClient(ClientWorld shared, int number, int valueBytes) : SimClient(shared, number)
{
    private const int Keys = 6;
    private long _seenRevision;
    private string _seenKey = "";

    protected override Task Act()
    {
        string key = "r/" + Dice.Below(Keys).ToString(CultureInfo.InvariantCulture);
        return Dice.Below(20) switch
        {
            < 7 => Put(key),
            < 14 => Get(key),
            < 15 => Delete(key),
            < 18 => Swap(_seenKey.Length > 0 ? _seenKey : key),
            _ => GetPast(key),
        };
    }

    private async Task Put(string key)
    {
        long value = Shared.NextUnique();
        string text = TextOf(value);
        long called = Now;
        Reply reply = await Call("/etcdserverpb.KV/Put",
            new PutRequest { Key = Bytes(key), Value = Bytes(text) });
        long revision = 0;
        if (reply.Ok)
        {
            revision = reply.Read(PutResponse.Parser).Header.Revision;
            Evidence.Writes.Add(new AcknowledgedWrite(revision, key, text, Now));
        }

        Record(key, new RegisterOp(RegisterKind.Put, value, reply.Ok, revision), reply, called, revision);
    }

    private async Task Get(string key)
    {
        long called = Now;
        Reply reply = await Call("/etcdserverpb.KV/Range", new RangeRequest { Key = Bytes(key) });
        if (!reply.Ok)
        {
            return;
        }

        RangeResponse range = reply.Read(RangeResponse.Parser);
        long value = 0;
        long modified = 0;
        string text = "";
        if (range.Kvs.Count > 0)
        {
            string found = Text(range.Kvs[0].Value);
            text = $"{key}={found};";
            value = ValueOf(found);
            modified = range.Kvs[0].ModRevision;
        }

        (_seenKey, _seenRevision) = (key, modified);
        Evidence.Reads.Add(new ReadAt(range.Header.Revision, key, text));
        Record(key, new RegisterOp(RegisterKind.Get, value, true, modified), reply, called, range.Header.Revision);
    }

    private async Task Delete(string key)
    {
        long called = Now;
        Reply reply = await Call("/etcdserverpb.KV/DeleteRange", new DeleteRangeRequest { Key = Bytes(key) });
        long revision = 0;
        bool any = false;
        if (reply.Ok)
        {
            DeleteRangeResponse deleted = reply.Read(DeleteRangeResponse.Parser);
            revision = deleted.Header.Revision;
            any = deleted.Deleted > 0;
            if (any)
            {
                Evidence.Writes.Add(new AcknowledgedWrite(revision, key, null, Now));
            }
        }

        Record(key, new RegisterOp(RegisterKind.Delete, 0, reply.Ok, revision, 0, any), reply, called, revision);
    }

    private async Task Swap(string key)
    {
        long expected = key == _seenKey ? _seenRevision : 0;
        long value = Shared.NextUnique();
        string text = TextOf(value);
        var txn = new TxnRequest();
        txn.Compare.Add(new Compare
        {
            Key = Bytes(key),
            Target = Compare.Types.CompareTarget.Mod,
            Result = Compare.Types.CompareResult.Equal,
            ModRevision = expected,
        });
        txn.Success.Add(new RequestOp { RequestPut = new PutRequest { Key = Bytes(key), Value = Bytes(text) } });
        long called = Now;
        Reply reply = await Call("/etcdserverpb.KV/Txn", txn);
        long revision = 0;
        bool succeeded = false;
        if (reply.Ok)
        {
            TxnResponse answer = reply.Read(TxnResponse.Parser);
            revision = answer.Header.Revision;
            succeeded = answer.Succeeded;
            if (succeeded)
            {
                Evidence.Writes.Add(new AcknowledgedWrite(revision, key, text, Now));
            }
        }

        var op = new RegisterOp(RegisterKind.CompareAndSwap, value, reply.Ok, revision, expected, succeeded);
        Record(key, op, reply, called, revision);
    }

    // A revision of the past, and a serializable read of now: both are judged by the chronicle alone.
    private async Task GetPast(string key)
    {
        bool past = Dice.OneIn(2) && _seenRevision > 0;
        var request = new RangeRequest { Key = Bytes(key), Serializable = !past || Dice.OneIn(2) };
        request.Revision = past ? _seenRevision : 0;
        Reply reply = await Call("/etcdserverpb.KV/Range", request);
        if (reply.Ok)
        {
            RangeResponse range = reply.Read(RangeResponse.Parser);
            string text = range.Kvs.Count > 0 ? $"{key}={Text(range.Kvs[0].Value)};" : "";
            Evidence.Reads.Add(new ReadAt(past ? request.Revision : range.Header.Revision, key, text));
        }
    }

    private void Record(string key, RegisterOp op, Reply reply, long called, long revision)
    {
        if (reply.Outcome == Outcome.Failed)
        {
            return;
        }

        Evidence.AddRegister(key, op, called, reply.Ok ? Now : long.MaxValue);
        if (reply.Ok)
        {
            Evidence.Revisions.Add(new AnsweredRevision(called, Now, revision));
        }
    }

    private string TextOf(long value) =>
        value.ToString(CultureInfo.InvariantCulture).PadRight(Dice.OneIn(4) ? valueBytes : 1, ' ');

    /// <summary>The number that a value stands for.</summary>
    public static long ValueOf(string text) => long.Parse(text.TrimEnd(), CultureInfo.InvariantCulture);
}
