// Grants a lease, puts a key under it, keeps it alive for a while, then lets it go: the key must not vanish before the last
// renewal's TTL has passed, and must vanish afterwards.
using System.Globalization;
using EtcdAot.Sys;
using EtcdAot.Tests.Simulation.Members;
using EtcdAot.Tests.Simulation.World;
using EtcdAot.Wire.Etcdserverpb;

namespace EtcdAot.Tests.Simulation.Clients;

/// <summary>The lease workload.</summary>
internal sealed class LeaseClient(ClientWorld shared, int number) : SimClient(shared, number)
{
    // A revocation goes through the log of a member that may be down meanwhile; the client looks again and again.
    private const long GivesUpAfter = 120 * World.World.Second;

    protected override async Task Act()
    {
        long ttl = Dice.Between(1, 8);
        long called = Now;
        Reply reply = await Call("/etcdserverpb.Lease/LeaseGrant", new LeaseGrantRequest { TTL = ttl });
        if (!reply.Ok)
        {
            return;
        }

        LeaseGrantResponse grant = reply.Read(LeaseGrantResponse.Parser);
        if (grant.TTL < ttl)
        {
            throw new BrokenPromiseException($"a lease of {ttl} s was granted {grant.TTL} s");
        }

        string key = "l/" + grant.ID.ToString("x", CultureInfo.InvariantCulture);
        reply = await Call("/etcdserverpb.KV/Put",
            new PutRequest { Key = Bytes(key), Value = Bytes("leased"), Lease = grant.ID });
        long alive = called + (grant.TTL * World.World.Second);
        if (reply.Outcome != Outcome.Ok)
        {
            CheckRefusal(reply, grant.ID, alive);
            return;
        }

        for (int i = Dice.Below(5); i > 0 && !Shared.Stopping; i--)
        {
            await Sleep((long)(grant.TTL * World.World.Second * Dice.Unit() * 0.9));
            called = Now;
            if (await Renew(grant.ID) > 0)
            {
                alive = called + (grant.TTL * World.World.Second);
            }

            await Look(key, alive);
        }

        await (Dice.OneIn(4) ? Revoke(grant.ID, key) : AwaitEnd(grant.ID, key, alive));
    }

    private void CheckRefusal(Reply reply, long id, long alive)
    {
        if (reply.Outcome == Outcome.Failed && reply.Text.Contains("lease not found", StringComparison.Ordinal) && Now < alive)
        {
            throw new BrokenPromiseException($"lease {id:x} is gone {(alive - Now) / 1e9:F3} s too early");
        }
    }

    /// <summary>True when the key is gone.</summary>
    private async Task<bool> Look(string key, long alive)
    {
        Reply reply = await Call("/etcdserverpb.KV/Range", new RangeRequest { Key = Bytes(key) });
        bool gone = reply.Ok && reply.Read(RangeResponse.Parser).Kvs.Count == 0;
        if (gone && Now < alive)
        {
            throw new BrokenPromiseException($"the key of lease {key} is gone {(alive - Now) / 1e9:F3} s too early");
        }

        return gone;
    }

    private async Task AwaitEnd(long id, string key, long alive)
    {
        long until = Math.Max(Now, alive) + GivesUpAfter;
        while (!await Look(key, alive))
        {
            if (Now > until)
            {
                throw new BrokenPromiseException($"the key of lease {id:x} is still there {GivesUpAfter / 1e9} s after its end");
            }

            if (Shared.Stopping)
            {
                return;
            }

            await Sleep(Dice.Between(World.World.Second / 10, 2 * World.World.Second));
            if (Dice.OneIn(4))
            {
                // Also shortly after its end, when the member may have begun to revoke it.
                long called = Now;
                long ttl = await Renew(id);
                alive = ttl > 0 ? called + (ttl * World.World.Second) : alive;
                until = Math.Max(until, alive + GivesUpAfter);
            }
        }

        Evidence.Counts["lease ended by itself"] = Evidence.Counts.GetValueOrDefault("lease ended by itself") + 1;
    }

    private async Task Revoke(long id, string key)
    {
        Reply reply = await Call("/etcdserverpb.Lease/LeaseRevoke", new LeaseRevokeRequest { ID = id });
        if (reply.Ok && !await Look(key, 0))
        {
            reply = await Call("/etcdserverpb.KV/Range", new RangeRequest { Key = Bytes(key) });
            if (reply.Ok && reply.Read(RangeResponse.Parser).Kvs.Count > 0)
            {
                throw new BrokenPromiseException($"lease {id:x} was revoked, its key is still there");
            }
        }
    }

    private async Task<long> Renew(long id)
    {
        var keepAlive = new KeepAlive();
        Machine machine = Shared.Machines[Dice.Below(Shared.Machines.Length)];
        if (Shared.Network.Open(machine, "/etcdserverpb.Lease/LeaseKeepAlive", keepAlive) is not { } stream)
        {
            return 0;
        }

        stream.Send(Google.Protobuf.MessageExtensions.ToByteArray(new LeaseKeepAliveRequest { ID = id }), last: true);
        Shared.World.After(3 * World.World.Second, () =>
        {
            if (!keepAlive.Answer.IsCompleted)
            {
                stream.Cancel();
                keepAlive.OnEnd(Reply.TimedOut, "");
            }
        });
        return await keepAlive.Answer;
    }

    private sealed class KeepAlive : IStreamClient
    {
        private readonly TaskCompletionSource<long> _answer = new();
        private long _ttl;

        public Task<long> Answer => _answer.Task;

        public void OnMessage(ReadOnlySpan<byte> message) => _ttl = LeaseKeepAliveResponse.Parser.ParseFrom(message).TTL;

        public void OnEnd(int status, string message) => _answer.TrySetResult(status == 0 ? _ttl : 0);
    }
}
