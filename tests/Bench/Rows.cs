// The rows of the bench: names, and the clients that each is made of. Pure.
namespace EtcdAot.Tests.Bench;

/// <summary>A workload by name.</summary>
internal static class Rows
{
    internal static readonly string[] All =
        ["put", "get", "get-serializable", "range", "txn", "watch", "keepalive", "mixed"];

    /// <summary>Makes the clients, spread over the connections of one loop in turn.</summary>
    internal static List<BenchClient> Make(string row, IReadOnlyList<GrpcConnection> connections, Meter meter, int count)
    {
        var clients = new List<BenchClient>();
        GrpcConnection At(int i) => connections[i % connections.Count];
        if (row == "watch")
        {
            var fanOut = new FanOut(count);
            fanOut.Writer = new FanOutWriter(connections[^1], meter, count, fanOut);
            clients.Add(fanOut.Writer);
            for (int i = 0; i < count; i++)
            {
                clients.Add(new WatchClient(At(i), meter, i, fanOut));
            }

            return clients;
        }

        for (int i = 0; i < count; i++)
        {
            clients.Add(row switch
            {
                "txn" => new SwapClient(At(i), meter, i),
                "keepalive" => new KeepAliveClient(At(i), meter, i),
                _ => new UnaryClient(At(i), meter, i, Choices(row)),
            });
        }

        return clients;
    }

    private static (Template Template, int Keys, int Weight)[] Choices(string row)
    {
        const int prefixes = Messages.Keys / Messages.RangeKeys;
        return row switch
        {
            "put" => [(Messages.Put(), Messages.Keys, 1)],
            "get" => [(Messages.Get(serializable: false), Messages.Keys, 1)],
            "get-serializable" => [(Messages.Get(serializable: true), Messages.Keys, 1)],
            "range" => [(Messages.Range(), prefixes, 1)],
            "mixed" => [
                (Messages.Put(), Messages.Keys, 30),
                (Messages.Get(serializable: false), Messages.Keys, 50),
                (Messages.Get(serializable: true), Messages.Keys, 15),
                (Messages.Range(), prefixes, 5)],
            _ => throw new ArgumentException("unknown row " + row + "; rows: " + string.Join(' ', All)),
        };
    }
}
