// Which lines of a member must come before which. A start is written by several threads of the original at once: what stands
// in the scenario's head comes in exactly that order with nothing in between, the rest follows the chains below. The chains
// are those that the recording's notes give for 112 starts; each is held against every recorded sequence.
namespace EtcdAot.Tests.Conformance.Log;

/// <summary>A line by its id and how many of its kind came before it behind the head.</summary>
internal readonly record struct LineAt(string Id, int Nth);

/// <summary>The order that recordings allow.</summary>
internal sealed class LineOrder
{
    // Behind "starting etcd server". A name is an id, with .2 for the second of its kind; absent ones are skipped.
    private static readonly string[][] Chains =
    [
        // The log's entries, as they are applied; with the version behind them when the log has it already.
        ["L011", "L020", "L022", "L025"],
        ["L020", "L035", "L036", "L038"],
        // The three purgers.
        ["L018", "L018.2", "L018.3", "L025"],
        // How the first election is hastened.
        ["L019", "L025"], ["L053", "L025"],
        // The ports.
        ["L017", "L021", "L025"], ["L017", "L023", "L024", "L025"],
        // The election.
        ["L025", "L026", "L027", "L028", "L029", "L030", "L031"],
        // Publishing; the init daemon is told when that is done, and clients are served.
        ["L031", "L032", "L033", "L039", "L041"], ["L032", "L037", "L017.2", "L040"],
    ];

    private readonly string[] _head;
    private readonly List<(LineAt Before, LineAt After)> _pairs = [];

    public LineOrder(IReadOnlyList<string> head, IReadOnlyList<GoldenEntry> sequence)
    {
        _head = [.. head];
        var rest = sequence.ToDictionary(static e => e.Id, e => e.Most - head.Count(h => h == e.Id));
        if (rest.ContainsKey(LogComparison.Hastened) || rest.ContainsKey(LogComparison.ToBeHastened))
        {
            (rest[LogComparison.Hastened], rest[LogComparison.ToBeHastened]) = (1, 1);
        }

        bool Has(LineAt at) => rest.GetValueOrDefault(at.Id) > at.Nth;
        foreach (string[] chain in Chains)
        {
            List<LineAt> present = [.. chain.Select(Parse).Where(Has)];
            _pairs.AddRange(present.Zip(present.Skip(1)));
        }

        // A first cluster version is set after the election; one that is in the log is applied again before it.
        var setting = new LineAt("L034", 0);
        if (Has(setting))
        {
            _pairs.Add((new LineAt("L031", 0), setting));
            _pairs.Add((setting, new LineAt("L035", 0)));
        }
        else if (Has(new LineAt("L036", 0)))
        {
            _pairs.Add((new LineAt("L036", 0), new LineAt("L025", 0)));
        }
    }

    /// <summary>Lines that come first, in this order, with nothing in between.</summary>
    public IReadOnlyList<string> Head => _head;

    /// <summary>Sentences about what is out of order; each with the place of the line that came too late or too early.
    /// </summary>
    /// <param name="ids">The lines as they came; empty for unknown ones.</param>
    public List<(int Place, string Sentence)> Violations(IReadOnlyList<string> ids)
    {
        var found = new List<(int, string)>();
        int place = 0;
        foreach (string expected in _head)
        {
            if (place >= ids.Count || ids[place] != expected)
            {
                string came = place >= ids.Count ? "the end" : ids[place].Length == 0 ? "an unknown line" : ids[place];
                found.Add((Math.Min(place, ids.Count - 1), $"order: line {place + 1} should be {expected}, it is {came}"));
                return found;
            }

            place++;
        }

        var places = new Dictionary<LineAt, int>();
        for (; place < ids.Count; place++)
        {
            int nth = places.Keys.Count(k => k.Id == ids[place]);
            places[new LineAt(ids[place], nth)] = place;
        }

        foreach ((LineAt before, LineAt after) in _pairs)
        {
            if (places.TryGetValue(before, out int first) && places.TryGetValue(after, out int then) && first > then)
            {
                found.Add((first, $"order: {before.Id} (line {first + 1}) has to come before {after.Id} (line {then + 1})"));
            }
        }

        return found;
    }

    /// <summary>What the recorded sequence says against this order: it must never be stricter than the recording.</summary>
    public List<string> Contradictions(IReadOnlyList<GoldenEntry> sequence)
    {
        var found = new List<string>();
        string[] firsts = [.. _head.Distinct(StringComparer.Ordinal)];
        string[] recorded = [.. sequence.Take(firsts.Length).Select(static e => e.Id)];
        if (!firsts.SequenceEqual(recorded))
        {
            found.Add($"the head {string.Join(' ', firsts)} is not the recorded {string.Join(' ', recorded)}");
        }

        List<string> rest = [.. sequence.Skip(firsts.Length).Select(static e => e.Id)];
        found.AddRange(_pairs
            .Where(p => p.Before.Nth == 0 && p.After.Nth == 0)
            .Where(p => rest.Contains(p.Before.Id) && rest.Contains(p.After.Id))
            .Where(p => rest.IndexOf(p.Before.Id) > rest.IndexOf(p.After.Id))
            .Select(static p => $"{p.Before.Id} does not come before {p.After.Id} in the recording"));
        for (int i = 1; i < sequence.Count; i++)
        {
            var before = new LineAt(sequence[i - 1].Id, 0);
            var after = new LineAt(sequence[i].Id, 0);
            if (sequence[i].IsLoose && Reaches(before, after))
            {
                found.Add($"{before.Id} and {after.Id} are in no order in the recording");
            }
        }

        return found;
    }

    private static LineAt Parse(string name)
    {
        string[] parts = name.Split('.');
        return new LineAt(parts[0], parts.Length == 1 ? 0 : int.Parse(parts[1]) - 1);
    }

    private bool Reaches(LineAt from, LineAt to) =>
        _pairs.Exists(p => p.Before == from && (p.After == to || Reaches(p.After, to)));
}
