// Compares the lines that a server wrote in a scenario with the recorded ones: which, how many, levels, callers, fields, order.
using System.Text.Json;
using System.Text.RegularExpressions;

namespace EtcdAot.Tests.Conformance.Log;

/// <summary>How a scenario is judged.</summary>
/// <param name="Name">Its name in the recording.</param>
/// <param name="Head">Its first lines, in exactly this order; all of them where one thread writes all.</param>
internal sealed record LogScenario(string Name, params string[] Head)
{
    /// <summary>A scenario whose values it shares where it has none of its own.</summary>
    public string Like { get; init; } = "";

    /// <summary>True when the last bytes of ids, indexes and revisions are known: a first start.</summary>
    public bool IsFresh { get; init; }
}

/// <summary>The comparison of one scenario.</summary>
internal sealed class LogComparison(GoldenLog golden, LogScenario scenario, LogNames names, IReadOnlyList<string> args)
{
    // The two are one decision: the first election is hastened at once, or after a look at what the log holds (a race in
    // the original).
    public const string Hastened = "L019";
    public const string ToBeHastened = "L053";

    private static readonly string[] BuildFields = ["git-sha", "go-version"];
    private static readonly string[] Positions = ["current-rev", "index", "snapshot-index"];

    private readonly IReadOnlyList<GoldenEntry> _sequence = golden.SequenceOf(scenario.Name, scenario.Head);
    private readonly bool _isRestart = golden.SequenceOf(scenario.Name, scenario.Head).Any(static e => e.Id == "L050");
    private readonly List<(int Place, string Sentence)> _faults = [];

    /// <summary>Recorded lines, each as often as it has to come.</summary>
    public int Expected { get; private set; }

    /// <summary>Those of them that came, alike and in order.</summary>
    public int Matched { get; private set; }

    /// <summary>The differences.</summary>
    public List<string> Differences { get; } = [];

    /// <summary>Compares.</summary>
    public void Run(IReadOnlyList<string> written)
    {
        var order = new LineOrder(scenario.Head, _sequence);
        Differences.AddRange(order.Contradictions(_sequence).Select(static c => "the test itself: " + c));
        List<JsonElement> lines = Parse(written);
        GoldenLine[] known = [.. _sequence.Select(e => golden.LineOf(e.Id, scenario.Name, scenario.Like))];
        var ids = new List<string>();
        for (int place = 0; place < lines.Count; place++)
        {
            GoldenLine? line = lines[place].ValueKind != JsonValueKind.Object ? null : Find(known, lines[place]);
            ids.Add(line?.Id ?? "");
            if (line is null)
            {
                Differences.Add($"+ {written[place]}");
            }
            else
            {
                int nth = ids.Count(i => i == line.Id) - 1;
                _faults.AddRange(Compare(line, lines[place], nth).Select(f => (place, $"{line.Id} \"{line.Message}\": {f}")));
            }
        }

        _faults.AddRange(order.Violations(ids));
        Count(ids);
        Differences.AddRange(_faults.Select(static f => f.Sentence));
    }

    /// <summary>Lines as objects; what is none stays undefined.</summary>
    public static List<JsonElement> Parse(IReadOnlyList<string> written)
    {
        var lines = new List<JsonElement>();
        foreach (string line in written)
        {
            try
            {
                lines.Add(JsonDocument.Parse(line).RootElement);
            }
            catch (JsonException)
            {
                lines.Add(default);
            }
        }

        return lines;
    }

    private void Count(List<string> ids)
    {
        bool counted = false;
        foreach (GoldenEntry entry in _sequence)
        {
            (int least, int most) = (entry.Least, entry.Most);
            string other = entry.Id;
            if (_isRestart && entry.Id is Hastened or ToBeHastened)
            {
                if (counted)
                {
                    continue;
                }

                counted = true;
                other = entry.Id == Hastened ? ToBeHastened : Hastened;
                (least, most) = (1, 1);
            }

            int[] places = [.. Enumerable.Range(0, ids.Count).Where(i => ids[i] == entry.Id || ids[i] == other)];
            Expected += least;
            Matched += Math.Max(0, Math.Min(places.Length, least) - places.Count(p => _faults.Exists(f => f.Place == p)));
            if (places.Length < least || places.Length > most)
            {
                string message = golden.LineOf(entry.Id).Message;
                Differences.Add($"{(places.Length < least ? "-" : "+")} {entry.Id} \"{message}\": {places.Length} times, " +
                    $"recorded {(least == most ? $"{least}" : $"{least} to {most}")}");
            }
        }
    }

    private GoldenLine? Find(GoldenLine[] known, JsonElement line)
    {
        string message = LogNames.Shape(names.Hide(HeadOf(line, "msg")));
        IEnumerable<GoldenLine> all = _isRestart
            ? [.. known, golden.LineOf(Hastened), golden.LineOf(ToBeHastened)] : known;
        return all.FirstOrDefault(k => LogNames.Shape(k.Message) == message);
    }

    private IEnumerable<string> Compare(GoldenLine line, JsonElement actual, int nth)
    {
        string[] heads = line.Logger.Length > 0 ? ["level", "ts", "logger", "caller", "msg"] : ["level", "ts", "caller", "msg"];
        string[] expected = [.. heads, .. line.FieldOrder];
        string[] came = [.. actual.EnumerateObject().Select(static p => p.Name)];
        if (!expected.SequenceEqual(came))
        {
            yield return $"fields {string.Join(' ', came)}; recorded {string.Join(' ', expected)}";
            yield break;
        }

        foreach ((string name, string recorded) in new[] { ("level", line.Level), ("logger", line.Logger) })
        {
            string text = HeadOf(actual, name);
            if (text != recorded)
            {
                yield return $"{name} {text}; recorded {recorded}";
            }
        }

        string caller = Regex.Replace(HeadOf(actual, "caller"), @":\d+$", "");
        if (caller != line.Caller)
        {
            yield return $"caller {caller}; recorded {line.Caller}";
        }

        string time = HeadOf(actual, "ts");
        if (!Regex.IsMatch(time, @"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$"))
        {
            yield return $"ts {time}; recorded <time>";
        }

        foreach (string name in line.FieldOrder)
        {
            JsonElement value = actual.GetProperty(name);
            // The recording has this one with another size, which it does not mark; the flag's own line shows it.
            bool isFree = line.Id == "L213" && name.StartsWith("quota-size", StringComparison.Ordinal);
            if (!IsRight(name, isFree ? line.Fields[name] with { IsVolatile = true } : line.Fields[name], value, nth))
            {
                yield return $"{name} {value.GetRawText()}; recorded {line.Fields[name].Type} " +
                    string.Join(" or ", line.Fields[name].Seen.Select(static s => s.GetRawText()));
            }
        }
    }

    private static string HeadOf(JsonElement line, string name) =>
        !line.TryGetProperty(name, out JsonElement value) ? ""
        : value.ValueKind == JsonValueKind.String ? value.GetString()! : "(no text)";

    private bool IsRight(string name, GoldenValue recorded, JsonElement value, int nth)
    {
        if (TypeOf(value) != recorded.Type)
        {
            return false;
        }

        switch (name)
        {
            case "args":
                string[] line = [.. value.EnumerateArray().Select(static a => a.GetString() ?? "")];
                return line[1..].SequenceEqual(args) && Path.GetFileName(line[0]).Length > 0;
            case "name":
                return value.GetString() == names.Name;
            case "stacktrace":
                // Frames of a Go program cannot be ours; that there are some can.
                return value.GetString()!.Contains('\n', StringComparison.Ordinal);
            case "initial-cluster" when _isRestart:
                return value.GetString()!.Length == 0;
            case "etcd-version" or "local-server-version":
                return value.GetString() == names.Version;
        }

        if (BuildFields.Contains(name) || (Positions.Contains(name) && !scenario.IsFresh))
        {
            return true;
        }

        if (recorded.IsVolatile && recorded.Type == "int")
        {
            return value.GetInt64() >= 0;
        }

        // As many different values as lines: each has its place.
        IEnumerable<JsonElement> seen = name == "suffix" ? [recorded.Seen[Math.Min(nth, recorded.Seen.Count - 1)]] : recorded.Seen;
        string text = Text(value, recorded.IsVolatile);
        return seen.Any(s => Text(s, recorded.IsVolatile) == text);
    }

    private string Text(JsonElement value, bool shapeOnly)
    {
        string text = value.ValueKind switch
        {
            JsonValueKind.String => value.GetString() ?? "",
            JsonValueKind.Array => string.Join('\n', value.EnumerateArray().Select(static e => e.GetString())),
            _ => value.GetRawText(),
        };
        text = names.Hide(text);
        return shapeOnly ? LogNames.Shape(text) : text;
    }

    private static string TypeOf(JsonElement value) => value.ValueKind switch
    {
        JsonValueKind.String => "string",
        JsonValueKind.True or JsonValueKind.False => "bool",
        JsonValueKind.Number => value.TryGetInt64(out _) ? "int" : "float",
        JsonValueKind.Array when value.GetArrayLength() == 0 => "array<empty>",
        JsonValueKind.Array => "array<string>",
        _ => "other",
    };
}
