// The recorded log lines of the original: scenarios, their sequences, and each distinct line with its fields. Immutable.
using System.Text.Json;
using System.Text.RegularExpressions;

namespace EtcdAot.Tests.Conformance.Log;

/// <summary>A distinct line.</summary>
/// <param name="Id">"L017".</param>
/// <param name="Level">"info".</param>
/// <param name="Logger">"raft", or empty.</param>
/// <param name="Message">The msg with placeholders, as an example where it is a template.</param>
/// <param name="Caller">Directory and file.</param>
/// <param name="FieldOrder">Names of the fields in order.</param>
/// <param name="Fields">Their values.</param>
internal sealed record GoldenLine(
    string Id, string Level, string Logger, string Message, string Caller, IReadOnlyList<string> FieldOrder,
    IReadOnlyDictionary<string, GoldenValue> Fields);

/// <summary>What a field holds.</summary>
/// <param name="Type">"string", "int", "bool", "array&lt;string&gt;", "array&lt;empty&gt;".</param>
/// <param name="Seen">The example and the other values seen.</param>
/// <param name="IsVolatile">True when it may hold something else of the kind.</param>
internal sealed record GoldenValue(string Type, IReadOnlyList<JsonElement> Seen, bool IsVolatile);

/// <summary>An entry of a sequence.</summary>
/// <param name="Id">The line.</param>
/// <param name="Least">How many times at least.</param>
/// <param name="Most">How many times at most.</param>
/// <param name="IsLoose">True when its order against the entry before it was not stable.</param>
internal sealed record GoldenEntry(string Id, int Least, int Most, bool IsLoose);

/// <summary>The recording.</summary>
internal sealed partial class GoldenLog
{
    private readonly Dictionary<string, IReadOnlyList<GoldenEntry>> _sequences = new(StringComparer.Ordinal);
    private readonly Dictionary<string, Variant> _variants = new(StringComparer.Ordinal);
    private readonly Dictionary<string, GoldenLine> _lines = new(StringComparer.Ordinal);
    private readonly Dictionary<(string Scenario, string Id), IReadOnlyDictionary<string, GoldenValue>> _others = [];

    private sealed record Variant(
        string Baseline, IReadOnlyList<GoldenEntry> Extra, IReadOnlyList<GoldenEntry>? Missing, int Lines);

    /// <summary>All scenarios, as recorded.</summary>
    public IEnumerable<string> Scenarios => _sequences.Keys.Concat(_variants.Keys).Order(StringComparer.Ordinal);

    public static GoldenLog Load()
    {
        var log = new GoldenLog();
        foreach (string text in File.ReadLines(Programs.Data("log-golden.jsonl")))
        {
            JsonElement row = JsonDocument.Parse(text).RootElement;
            string scenario = Text(row, "scenario");
            if (row.TryGetProperty("sequence", out JsonElement sequence))
            {
                log._sequences[scenario] = Entries(sequence);
            }
            else if (row.TryGetProperty("missing", out JsonElement missing))
            {
                log._variants[scenario] = new Variant(Text(row, "baseline"), Entries(row.GetProperty("extra")),
                    missing.ValueKind == JsonValueKind.Array ? Entries(missing) : null,
                    row.GetProperty("lines_per_sample").GetInt32());
            }
            else if (row.TryGetProperty("same_as", out JsonElement id))
            {
                log._others[(scenario, id.GetString()!)] = Values(row);
            }
            else
            {
                GoldenLine line = Line(row);
                log._lines[line.Id] = line;
            }
        }

        return log;
    }

    /// <summary>Order of first appearance in a scenario. One that is recorded as the difference to another has its head
    /// first; one that ended early has nothing else.</summary>
    public IReadOnlyList<GoldenEntry> SequenceOf(string scenario, IReadOnlyList<string> head)
    {
        if (_sequences.TryGetValue(scenario, out IReadOnlyList<GoldenEntry>? sequence))
        {
            return sequence;
        }

        Variant variant = _variants[scenario];
        List<GoldenEntry> first = [.. head.GroupBy(static id => id)
            .Select(static g => new GoldenEntry(g.Key, g.Count(), g.Count(), IsLoose: false))];
        if (variant.Missing is not null)
        {
            List<GoldenEntry> all = [.. _sequences[variant.Baseline].Concat(variant.Extra)];
            first = [.. first.Select(f => all.FindLast(e => e.Id == f.Id) ?? f)];
            first.AddRange(all.Where(e => !head.Contains(e.Id) && variant.Missing.All(m => m.Id != e.Id)));
        }

        Assert.True(first.Sum(static e => e.Most) == variant.Lines, $"{scenario} has {variant.Lines} lines");
        return first;
    }

    /// <summary>A line with the values that it has in a scenario, or else in the nearest of the scenarios it is like.
    /// </summary>
    public GoldenLine LineOf(string id, params IEnumerable<string> scenarioAndLike)
    {
        GoldenLine line = _lines[id];
        foreach (string scenario in scenarioAndLike)
        {
            if (_others.TryGetValue((scenario, id), out IReadOnlyDictionary<string, GoldenValue>? values))
            {
                return line with
                {
                    Fields = line.FieldOrder.ToDictionary(n => n, n => values.GetValueOrDefault(n, line.Fields[n])),
                };
            }
        }

        return line;
    }

    private static List<GoldenEntry> Entries(JsonElement list) =>
        [.. list.EnumerateArray().Select(static e => Entry(e.GetString()!))];

    private static GoldenEntry Entry(string text)
    {
        Match match = EntryForm().Match(text);
        int most = match.Groups["most"].Success ? int.Parse(match.Groups["most"].Value) : 1;
        int least = match.Groups["least"].Success ? int.Parse(match.Groups["least"].Value) : most;
        return new GoldenEntry(match.Groups["id"].Value, least, most, text.StartsWith('~'));
    }

    private static GoldenLine Line(JsonElement row) => new(
        Text(row, "id"), Text(row, "level"), Text(row, "logger"),
        row.TryGetProperty("msg_example", out JsonElement example) ? example.GetString()! : Text(row, "msg"),
        Text(row, "caller"), [.. row.GetProperty("field_order").EnumerateArray().Select(static n => n.GetString()!)],
        Values(row));

    private static Dictionary<string, GoldenValue> Values(JsonElement row) =>
        row.GetProperty("fields").EnumerateObject().ToDictionary(static f => f.Name, static f => new GoldenValue(
            Text(f.Value, "type"),
            [f.Value.GetProperty("example"), .. f.Value.TryGetProperty("also", out JsonElement also)
                ? also.EnumerateArray() : Enumerable.Empty<JsonElement>()],
            f.Value.GetProperty("volatile").GetBoolean()));

    private static string Text(JsonElement row, string name) =>
        row.TryGetProperty(name, out JsonElement value) ? value.GetString() ?? "" : "";

    [GeneratedRegex(@"^~?(?<id>L\d+)(x((?<least>\d+)\.\.)?(?<most>\d+))?$")]
    private static partial Regex EntryForm();
}
