// Appends to lists and reads them: an element is a key of its own, the list is a range in order of creation.
using System.Globalization;
using EtcdAot.Sys;
using EtcdAot.Tests.Simulation.Checkers;
using EtcdAot.Wire.Etcdserverpb;

namespace EtcdAot.Tests.Simulation.Clients;

/// <summary>The append workload.</summary>
internal sealed class AppendClient(ClientWorld shared, int number) : SimClient(shared, number)
{
    private const int Lists = 3;

    protected override Task Act()
    {
        string list = "a/" + Dice.Below(Lists).ToString(CultureInfo.InvariantCulture) + "/";
        return Dice.OneIn(3) ? Read(list) : Append(list);
    }

    /// <summary>The element that a key stands for.</summary>
    public static long ElementOf(string key) =>
        long.Parse(key[(key.LastIndexOf('.') + 1)..], CultureInfo.InvariantCulture);

    private async Task Append(string list)
    {
        long element = Shared.NextUnique();
        // Keys in no order, so that order of creation and order of keys differ.
        string key = list + (element * 2654435761 % 1_000_000).ToString("D6", CultureInfo.InvariantCulture)
            + "." + element.ToString(CultureInfo.InvariantCulture);
        long called = Now;
        Reply reply = await Call("/etcdserverpb.KV/Put", new PutRequest { Key = Bytes(key), Value = Bytes("x") });
        long revision = reply.Ok ? reply.Read(PutResponse.Parser).Header.Revision : 0;
        if (reply.Outcome != Outcome.Failed)
        {
            Evidence.AddList(list, new AppendOp(true, element, reply.Ok, revision), called, reply.Ok ? Now : long.MaxValue);
        }

        if (reply.Ok)
        {
            Evidence.Writes.Add(new AcknowledgedWrite(revision, key, "x", Now));
            Evidence.Revisions.Add(new AnsweredRevision(called, Now, revision));
        }
    }

    private async Task Read(string list)
    {
        RangeRequest request = Prefix(list);
        request.SortTarget = RangeRequest.Types.SortTarget.Create;
        request.SortOrder = RangeRequest.Types.SortOrder.Ascend;
        request.KeysOnly = Dice.OneIn(2);
        long called = Now;
        Reply reply = await Call("/etcdserverpb.KV/Range", request);
        if (!reply.Ok)
        {
            return;
        }

        RangeResponse range = reply.Read(RangeResponse.Parser);
        var state = default(ListState);
        foreach (Wire.Mvccpb.KeyValue kv in range.Kvs)
        {
            state = state.With(ElementOf(Text(kv.Key)));
        }

        Evidence.AddList(list, new AppendOp(false, 0, true, range.Header.Revision, state), called, Now);
        Evidence.Revisions.Add(new AnsweredRevision(called, Now, range.Header.Revision));
    }
}
