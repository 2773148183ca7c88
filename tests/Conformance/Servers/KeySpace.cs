// What a member holds, in a form that can be compared: digest of all pairs, hashes, leases, alarms.
using System.Security.Cryptography;
using System.Text;
using EtcdAot.Client;
using EtcdAot.Wire.Etcdserverpb;
using EtcdAot.Wire.Mvccpb;
using Google.Protobuf;

namespace EtcdAot.Tests.Conformance.Servers;

/// <summary>Reads and digests of a whole member.</summary>
internal static class KeySpace
{
    private const int PageKeys = 500;

    /// <summary>Digest and number of all pairs at a revision (0: the latest). One line for each pair, ascending:
    /// KEY CREATE MOD VERSION LEASE VALUE with base64 and decimals; SHA-256 over all lines.</summary>
    public static (string Sha256, int Count) Digest(EtcdClient client, long revision)
    {
        using var sha = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        int count = 0;
        ForEach(client, revision, pair =>
        {
            sha.AppendData(Encoding.ASCII.GetBytes(
                $"{pair.Key.ToBase64()} {pair.CreateRevision} {pair.ModRevision} {pair.Version} {pair.Lease} " +
                $"{pair.Value.ToBase64()}\n"));
            count++;
        });
        return (Convert.ToHexStringLower(sha.GetHashAndReset()), count);
    }

    /// <summary>Calls back with every pair in key order, reading in pages.</summary>
    public static void ForEach(EtcdClient client, long revision, Action<KeyValue> take)
    {
        ByteString from = ByteString.CopyFrom(0);
        bool more = true;
        while (more)
        {
            RangeResponse page = client.Kv.Range(new RangeRequest
            {
                Key = from,
                RangeEnd = ByteString.CopyFrom(0),
                Revision = revision,
                Limit = PageKeys,
            });
            foreach (KeyValue pair in page.Kvs)
            {
                take(pair);
                from = ByteString.CopyFrom([.. pair.Key, 0]);
            }

            more = page.More;
        }
    }

    /// <summary>Hash of the key space at a revision (0: the latest).</summary>
    public static (uint Hash, long Compacted, long Revision) HashKv(EtcdClient client, long revision)
    {
        HashKVResponse answer = client.Maintenance.HashKV(new HashKVRequest { Revision = revision });
        return (answer.Hash, answer.CompactRevision, answer.Header.Revision);
    }

    /// <summary>Leases by id: "ID GRANTED KEY,KEY" with keys in base64, ascending.</summary>
    public static List<string> Leases(EtcdClient client)
    {
        var found = new List<string>();
        foreach (LeaseStatus lease in client.Lease.LeaseLeases(new LeaseLeasesRequest()).Leases.OrderBy(l => l.ID))
        {
            LeaseTimeToLiveResponse one = client.Lease.LeaseTimeToLive(
                new LeaseTimeToLiveRequest { ID = lease.ID, Keys = true });
            found.Add(LeaseLine(lease.ID, one.GrantedTTL, one.Keys.Select(static k => k.ToBase64())));
        }

        return found;
    }

    /// <summary>A line of <see cref="Leases"/>.</summary>
    public static string LeaseLine(long id, long granted, IEnumerable<string> keys)
    {
        return $"{id} {granted} {string.Join(',', keys.Order(StringComparer.Ordinal))}";
    }

    /// <summary>Active alarms as "MEMBER KIND".</summary>
    public static List<string> Alarms(EtcdClient client)
    {
        AlarmResponse answer = client.Maintenance.Alarm(
            new AlarmRequest { Action = AlarmRequest.Types.AlarmAction.Get });
        return [.. answer.Alarms.Select(static a => $"{a.MemberID} {a.Alarm.ToString().ToUpperInvariant()}")];
    }
}
