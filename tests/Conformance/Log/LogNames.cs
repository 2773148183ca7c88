// Puts the recording's placeholders into what a server of ours wrote: its ids, ports, folders, and what no two runs have in
// common.
using System.Text.Json;
using System.Text.RegularExpressions;

namespace EtcdAot.Tests.Conformance.Log;

/// <summary>The names of one member.</summary>
/// <param name="dataDirectory">Its data directory.</param>
/// <param name="clientPort">Its client port.</param>
/// <param name="peerPort">Its peer port.</param>
internal sealed partial class LogNames(string dataDirectory, int clientPort, int peerPort)
{
    private string _self = "?";
    private string _cluster = "?";

    /// <summary>The name that the member was started with; the recording's is m1.</summary>
    public string Name { get; set; } = "m1";

    /// <summary>What stands for the recording's version, when another binary is looked at.</summary>
    public string Version { get; init; } = "3.5.33";

    /// <summary>Takes the member's ids from the line that tells them.</summary>
    public void Learn(IEnumerable<JsonElement> lines)
    {
        foreach (JsonElement line in lines)
        {
            if (line.ValueKind == JsonValueKind.Object && line.TryGetProperty("cluster-id", out JsonElement cluster)
                && line.TryGetProperty("local-member-id", out JsonElement self))
            {
                _self = self.GetString() ?? "?";
                _cluster = cluster.GetString() ?? "?";
            }
        }
    }

    /// <summary>A text with placeholders.</summary>
    public string Hide(string text)
    {
        text = text.Replace(dataDirectory, "<dir>/m1.etcd", StringComparison.Ordinal)
            .Replace($":{clientPort}", ":<client-port>", StringComparison.Ordinal)
            .Replace($":{peerPort}", ":<peer-port>", StringComparison.Ordinal)
            .Replace($"{{Name:{Name} ", "{Name:m1 ", StringComparison.Ordinal)
            .Replace($"{Name}=http", "m1=http", StringComparison.Ordinal);
        text = Position().Replace(text, "<seq>-<index>");
        if (_self.Length > 8)
        {
            text = text.Replace(_self, "<self>", StringComparison.Ordinal)
                .Replace(_cluster, "<cluster>", StringComparison.Ordinal)
                .Replace(Convert.ToUInt64(_self, 16).ToString(), "<self-decimal>", StringComparison.Ordinal);
        }

        return text;
    }

    /// <summary>What two texts of the same kind have in common: numbers, sizes and durations are taken out.</summary>
    public static string Shape(string text)
    {
        text = Duration().Replace(text, "<duration>");
        text = Size().Replace(text, "<size>");
        return Number().Replace(text, "<n>");
    }

    [GeneratedRegex(@"[0-9a-f]{16}-[0-9a-f]{16}")]
    private static partial Regex Position();

    [GeneratedRegex(@"^(\d+h)?(\d+m)?\d+(\.\d+)?(s|ms|µs|ns)$")]
    private static partial Regex Duration();

    [GeneratedRegex(@"^\d+(\.\d+)? ([kMGT]?B)$")]
    private static partial Regex Size();

    [GeneratedRegex(@"(?<![\w<])\d+(?![\w>])")]
    private static partial Regex Number();
}
