using EtcdAot.Client;
using EtcdAot.Tests.Conformance.Servers;
using EtcdAot.Wire.Etcdserverpb;
using EtcdAot.Wire.Mvccpb;
using Google.Protobuf;
using Grpc.Core;

namespace EtcdAot.Tests.Conformance.Durability;

/// <summary>Goal: every put that was acknowledged before a SIGKILL is there after the restart, twenty times over on the
/// same directory.</summary>
public class KillLoopTests
{
    private const int Rounds = 20;
    private const int Writers = 4;
    private const int Seed = 4711;

    [Fact]
    public async Task AcknowledgedPutsOutliveKills()
    {
        using var scratch = new Scratch();
        var random = new Random(Seed);
        var acknowledged = new Dictionary<string, string>(StringComparer.Ordinal);
        string directory = scratch["data"];
        for (int round = 0; round < Rounds; round++)
        {
            using EtcdProcess server = EtcdProcess.Start(Programs.Etcd, directory, "--snapshot-count", "500");
            AssertAllThere(server.Client, acknowledged, round);
            Task<Dictionary<string, string>>[] writers =
                [.. Enumerable.Range(0, Writers).Select(n => PutUntilGoneAsync(server.Client, round, n))];
            await Task.Delay(random.Next(20, 400));
            server.Kill();
            foreach (Dictionary<string, string> part in await Task.WhenAll(writers))
            {
                foreach ((string key, string value) in part)
                {
                    acknowledged[key] = value;
                }
            }
        }

        using EtcdProcess last = EtcdProcess.Start(Programs.Etcd, directory);
        AssertAllThere(last.Client, acknowledged, Rounds);
        Assert.True(acknowledged.Count > Rounds * Writers, $"only {acknowledged.Count} puts were acknowledged");
    }

    private static async Task<Dictionary<string, string>> PutUntilGoneAsync(EtcdClient client, int round, int writer)
    {
        var done = new Dictionary<string, string>(StringComparer.Ordinal);
        for (int i = 0; ; i++)
        {
            string key = $"kill/{round:d2}/{writer}/{i:d6}";
            string value = $"value of {key} " + new string('x', i % 997);
            try
            {
                await client.Kv.PutAsync(
                    new PutRequest { Key = ByteString.CopyFromUtf8(key), Value = ByteString.CopyFromUtf8(value) },
                    deadline: DateTime.UtcNow.AddSeconds(20));
                done[key] = value;
            }
            catch (RpcException)
            {
                return done;
            }
        }
    }

    private static void AssertAllThere(EtcdClient client, Dictionary<string, string> acknowledged, int round)
    {
        var found = new Dictionary<string, string>(StringComparer.Ordinal);
        KeySpace.ForEach(client, 0, (KeyValue pair) => found[pair.Key.ToStringUtf8()] = pair.Value.ToStringUtf8());
        foreach ((string key, string value) in acknowledged)
        {
            Assert.True(found.TryGetValue(key, out string? held), $"round {round}: the acknowledged put of {key} is lost");
            Assert.True(held == value, $"round {round}: {key} has another value");
        }
    }
}
