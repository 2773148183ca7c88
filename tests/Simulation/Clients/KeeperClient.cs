// What an operator's jobs do to a member beside the load: compaction, hashes, defragmentation, a look at leases.
using EtcdAot.Sys;
using EtcdAot.Tests.Simulation.Checkers;
using EtcdAot.Tests.Simulation.World;
using EtcdAot.Wire.Etcdserverpb;

namespace EtcdAot.Tests.Simulation.Clients;

/// <summary>The maintenance workload.</summary>
internal sealed class KeeperClient(ClientWorld shared, int number, Chronicle chronicle) : SimClient(shared, number)
{
    protected override async Task Act()
    {
        await Sleep(Dice.Spread(World.World.Second / 20, 3 * World.World.Second));
        await (Dice.Below(10) switch
        {
            < 5 => Hash(),
            < 8 => Compact(),
            < 9 => Call("/etcdserverpb.Maintenance/Defragment", new DefragmentRequest()),
            _ => Call("/etcdserverpb.Lease/LeaseLeases", new LeaseLeasesRequest()),
        });
    }

    // Few revisions, so that later lives are asked for the same.
    private async Task Hash()
    {
        long revision = chronicle.Last / 64 * 64;
        revision = Dice.OneIn(3) ? Math.Max(2, revision - 64) : Math.Max(2, revision);
        Reply reply = await Call("/etcdserverpb.Maintenance/HashKV", new HashKVRequest { Revision = revision });
        if (reply.Ok)
        {
            HashKVResponse hash = reply.Read(HashKVResponse.Parser);
            Evidence.AddHash(revision, hash.CompactRevision, hash.Hash);
        }
    }

    private async Task Compact()
    {
        long revision = chronicle.Last - Dice.Spread(1, 1000);
        if (revision <= chronicle.Compacted)
        {
            return;
        }

        _ = await Call("/etcdserverpb.KV/Compact",
            new CompactionRequest { Revision = revision, Physical = Dice.OneIn(2) });
    }
}
