using System.Text.Json;
using System.Text.Json.Nodes;

namespace EtcdAot.Tests.Conformance.Log;

/// <summary>Goal: the comparison with the recording sees whatever is wrong with a line. Method: one real first boot; each of its
/// lines is left out, doubled, moved, given another level, caller, message, and each field is dropped, renamed, moved and
/// given another type; every one of these has to be found.</summary>
public class LogMutationTests(ITestOutputHelper output)
{
    private static readonly LogScenario Scenario = GoldenLogTests.FirstStart;

    // What a build says of itself.
    private static readonly string[] Free = ["git-sha", "go-version"];

    [Fact]
    public void NoMutationIsMissed()
    {
        var golden = GoldenLog.Load();
        var judge = new KeepingJudge(golden);
        using (var member = new SingleMember(Programs.Etcd, judge))
        {
            member.Start(Scenario);
        }

        Assert.Empty(judge.Differences(judge.Lines));
        int tried = 0;
        foreach ((string what, List<string> lines) in Mutations(judge.Lines))
        {
            tried++;
            Assert.True(judge.Differences(lines).Count > 0, $"not seen: {what}");
        }

        output.WriteLine($"{tried} mutations seen");
        Assert.True(tried > 500, $"only {tried} mutations");
    }

    private static IEnumerable<(string What, List<string> Lines)> Mutations(List<string> lines)
    {
        for (int i = 0; i < lines.Count; i++)
        {
            int place = i;
            string line = lines[i];
            yield return ($"left out: {line}", [.. lines.Where((_, n) => n != place)]);
            yield return ($"doubled: {line}", [.. lines[..(i + 1)], line, .. lines[(i + 1)..]]);
            if (i < Scenario.Head.Length - 1 && lines[i + 1] != line && Scenario.Head[i] != Scenario.Head[i + 1])
            {
                yield return ($"moved: {line}", [.. lines[..i], lines[i + 1], line, .. lines[(i + 2)..]]);
            }

            foreach ((string what, string changed) in Changes(line))
            {
                yield return ($"{what}: {line}", [.. lines[..i], changed, .. lines[(i + 1)..]]);
            }
        }

        int election = lines.FindIndex(static l => l.Contains("is starting a new election", StringComparison.Ordinal));
        yield return ("the election comes last", [.. lines.Where((_, n) => n != election), lines[election]]);
    }

    private static IEnumerable<(string What, string Line)> Changes(string line)
    {
        yield return ("no JSON", line[..^1]);
        string[] names = [.. JsonNode.Parse(line)!.AsObject().Select(static p => p.Key)];
        foreach (string name in names)
        {
            yield return ($"without {name}", Changed(line, o => o.Remove(name)));
            yield return ($"{name} of another type", Changed(line, o => o[name] = new JsonObject()));
            yield return ($"{name} renamed", Changed(line, o => o.Insert(o.IndexOf(name), name + "-", Taken(o, name))));
            if (name != names[^1])
            {
                yield return ($"{name} last", Changed(line, o => o[name] = Taken(o, name)));
            }
        }

        JsonObject parsed = JsonNode.Parse(line)!.AsObject();
        foreach (string name in names.Where(n => parsed[n]!.GetValueKind() == JsonValueKind.String && !Free.Contains(n)))
        {
            yield return ($"another {name}", Changed(line, o => o[name] = "x" + o[name]));
        }

        foreach (string name in names.Where(n => parsed[n]!.GetValueKind() is JsonValueKind.True or JsonValueKind.False))
        {
            yield return ($"another {name}", Changed(line, o => o[name] = !o[name]!.GetValue<bool>()));
        }
    }

    private static JsonNode? Taken(JsonObject o, string name)
    {
        JsonNode? value = o[name]?.DeepClone();
        o.Remove(name);
        return value;
    }

    private static string Changed(string line, Action<JsonObject> change)
    {
        JsonObject parsed = JsonNode.Parse(line)!.AsObject();
        change(parsed);
        return parsed.ToJsonString();
    }

    /// <summary>Keeps what it was given, to judge it again.</summary>
    private sealed class KeepingJudge(GoldenLog golden) : ILogJudge
    {
        private LogNames? _names;
        private IReadOnlyList<string> _args = [];

        public string Version => "3.5.33";

        public List<string> Lines { get; private set; } = [];

        public void Judge(
            LogScenario scenario, IReadOnlyList<string> lines, LogNames names, IReadOnlyList<string> args, string? fault)
        {
            (Lines, _names, _args) = ([.. lines], names, args);
        }

        public List<string> Differences(List<string> lines)
        {
            var comparison = new LogComparison(golden, Scenario, _names!, _args);
            comparison.Run(lines);
            return comparison.Differences;
        }
    }
}
