// One recorded run of the original etcdctl. Immutable.
using System.IO.Compression;
using System.Text.Json;

namespace EtcdAot.Tests.Conformance.Ctl;

/// <summary>A line of the golden file.</summary>
internal sealed class GoldenRow(JsonElement json)
{
    public string Set => Text("set") ?? "";

    public int Step => json.GetProperty("step").GetInt32();

    /// <summary>set:step.</summary>
    public string Name => $"{Set}:{Step}";

    public string[] Args => [.. json.GetProperty("argv").EnumerateArray().Select(a => a.GetString() ?? "")];

    public int Exit => json.GetProperty("exit").GetInt32();

    public string Output => Text("stdout") ?? "";

    public string Error => Text("stderr") ?? "";

    /// <summary>Raw output instead of <see cref="Output"/>, for protobuf.</summary>
    public byte[]? RawOutput => Text("stdout_b64") is string text ? Convert.FromBase64String(text) : null;

    public string? Endpoint => Text("ep");

    public string? Before => Text("before");

    public string? Signal => Text("signal");

    public int? KillAfterMillis => Number("kill_after_ms");

    public bool IsBackground => Text("background") is not null;

    public int StoppedBeforeStep => Number("stopped_before_step") ?? int.MaxValue;

    public bool MasksTexts => Text("mask") is not null;

    public bool IsUnordered => json.TryGetProperty("unordered", out JsonElement value) && value.GetBoolean();

    /// <summary>True where the original crashed: any clear error line is right there.</summary>
    public bool IsCrash => Error.StartsWith("panic:", StringComparison.Ordinal);

    /// <summary>True where the answer hangs on a name server that says "no such host".</summary>
    public bool AsksForNames => Error.Contains("{DNS}", StringComparison.Ordinal);

    public IEnumerable<(string Name, string Value)> Variables =>
        json.GetProperty("env").EnumerateObject().Select(p => (p.Name, p.Value.GetString() ?? ""));

    public IEnumerable<(string Name, string Pattern)> Captures =>
        json.TryGetProperty("capture", out JsonElement value)
        ? value.EnumerateObject().Select(p => (p.Name, p.Value.GetString() ?? ""))
        : [];

    /// <summary>Pieces of standard input, each with the pause behind it.</summary>
    public List<(string Text, int PauseMillis)> Input
    {
        get
        {
            if (json.TryGetProperty("stdin_chunks", out JsonElement chunks))
            {
                return [.. chunks.EnumerateArray().Select(c => (c[0].GetString() ?? "", c[1].GetInt32()))];
            }

            if (json.TryGetProperty("stdin_repeat", out JsonElement repeat))
            {
                return [(new string((repeat[0].GetString() ?? " ")[0], repeat[1].GetInt32()), 0)];
            }

            return [(Text("stdin") ?? "", Number("stdin_hold_ms") ?? 0)];
        }
    }

    public bool HasLongInput => json.TryGetProperty("stdin_repeat", out _);

    /// <summary>All rows of a set, in order.</summary>
    public static List<GoldenRow> Load(string set)
    {
        using Stream packed = typeof(GoldenRow).Assembly.GetManifestResourceStream("ctl-golden.jsonl.gz")!;
        using var reader = new StreamReader(new GZipStream(packed, CompressionMode.Decompress));
        var rows = new List<GoldenRow>();
        while (reader.ReadLine() is string line)
        {
            rows.Add(new GoldenRow(JsonDocument.Parse(line).RootElement));
        }

        return rows.FindAll(r => r.Set == set);
    }

    private string? Text(string name)
    {
        return json.TryGetProperty(name, out JsonElement value) && value.ValueKind == JsonValueKind.String
            ? value.GetString()
            : null;
    }

    private int? Number(string name) =>
        json.TryGetProperty(name, out JsonElement value) ? value.GetInt32() : null;
}
