// Load of every kind that a directory can hold, drawn from a seed: puts, overwrites, deletes, txns, leases, compaction.
// Several workers at once, until the server dies under them.
using EtcdAot.Client;
using EtcdAot.Wire.Etcdserverpb;
using Google.Protobuf;
using Grpc.Core;

namespace EtcdAot.Tests.Conformance.Datadirs;

/// <summary>Writes until it is told to stop or its server is gone.</summary>
internal sealed class MixedLoad(EtcdClient client, int seed)
{
    private const int Workers = 4;
    private const int Keys = 200;
    private const long LeaseSeconds = 100_000;

    private volatile bool _stopped;
    private long _acknowledged;
    private Task[] _workers = [];

    /// <summary>Requests that were answered so far.</summary>
    public long Acknowledged => Interlocked.Read(ref _acknowledged);

    public void Start()
    {
        _workers = [.. Enumerable.Range(0, Workers).Select(n => Task.Run(() => WorkAsync(n)))];
    }

    /// <summary>Waits for so many answers.</summary>
    public void Await(long answers, TimeSpan limit)
    {
        var watch = System.Diagnostics.Stopwatch.StartNew();
        while (Acknowledged < answers)
        {
            Assert.True(watch.Elapsed < limit, $"{Acknowledged} of {answers} requests were answered in {limit}");
            Assert.DoesNotContain(_workers, static w => w.IsFaulted);
            Thread.Sleep(2);
        }
    }

    /// <summary>After the server's end.</summary>
    public void Join()
    {
        _stopped = true;
        Task.WaitAll(_workers, TimeSpan.FromSeconds(30));
    }

    private static ByteString Key(Random random, int worker)
    {
        return ByteString.CopyFromUtf8($"load/{worker}/{random.Next(Keys):d3}");
    }

    private static ByteString Value(Random random)
    {
        var bytes = new byte[random.Next(10) == 0 ? random.Next(20_000) : random.Next(300)];
        random.NextBytes(bytes);
        return ByteString.CopyFrom(bytes);
    }

    private async Task WorkAsync(int worker)
    {
        var random = new Random(seed + worker);
        var leases = new List<long>();
        long revision = 1;
        while (!_stopped)
        {
            try
            {
                revision = Math.Max(revision, await StepAsync(random, worker, leases, revision));
                Interlocked.Increment(ref _acknowledged);
            }
            catch (RpcException e) when (e.StatusCode is StatusCode.Unavailable or StatusCode.Internal
                or StatusCode.Cancelled or StatusCode.Unknown)
            {
                return;
            }
            catch (RpcException e) when (e.StatusCode is StatusCode.OutOfRange or StatusCode.NotFound)
            {
                // Another worker compacted further.
            }
        }
    }

    private async Task<long> StepAsync(Random random, int worker, List<long> leases, long revision)
    {
        int kind = random.Next(100);
        switch (kind)
        {
            case < 60:
                return (await client.Kv.PutAsync(new PutRequest
                {
                    Key = Key(random, worker),
                    Value = Value(random),
                    Lease = leases.Count > 0 && random.Next(4) == 0 ? leases[random.Next(leases.Count)] : 0,
                    PrevKv = random.Next(5) == 0,
                })).Header.Revision;
            case < 72:
                ByteString from = Key(random, worker);
                return (await client.Kv.DeleteRangeAsync(new DeleteRangeRequest
                {
                    Key = from,
                    RangeEnd = random.Next(6) == 0
                        ? ByteString.CopyFrom([.. from.Span[..^1], (byte)(from[^1] + 1)]) : ByteString.Empty,
                })).Header.Revision;
            case < 92:
                return (await client.Kv.TxnAsync(Txn(random, worker))).Header.Revision;
            case < 96:
                LeaseGrantResponse grant = await client.Lease.LeaseGrantAsync(
                    new LeaseGrantRequest { TTL = LeaseSeconds + random.Next(1000) });
                leases.Add(grant.ID);
                return revision;
            case < 98 when leases.Count > 2:
                long revoked = leases[0];
                leases.RemoveAt(0);
                await client.Lease.LeaseRevokeAsync(new LeaseRevokeRequest { ID = revoked });
                return revision;
            case 99 when worker == 0 && revision > 100:
                await client.Kv.CompactAsync(new CompactionRequest
                {
                    Revision = revision - random.Next(1, 90),
                    Physical = random.Next(2) == 0,
                });
                return revision;
            default:
                return revision;
        }
    }

    private static TxnRequest Txn(Random random, int worker)
    {
        ByteString key = Key(random, worker);
        var txn = new TxnRequest
        {
            Compare =
            {
                new Compare
                {
                    Key = key,
                    Target = Compare.Types.CompareTarget.Version,
                    Result = Compare.Types.CompareResult.Greater,
                    Version = random.Next(3),
                },
            },
        };
        for (int i = 0; i < 3; i++)
        {
            txn.Success.Add(new RequestOp
            {
                RequestPut = new PutRequest { Key = ByteString.CopyFromUtf8($"txn/{worker}/{i}"), Value = Value(random) },
            });
        }

        txn.Success.Add(new RequestOp { RequestDeleteRange = new DeleteRangeRequest { Key = Key(random, worker) } });
        txn.Failure.Add(new RequestOp { RequestPut = new PutRequest { Key = key, Value = Value(random) } });
        return txn;
    }
}
