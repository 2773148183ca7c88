// Counts what matches the recording and keeps the differences. Any thread.
namespace EtcdAot.Tests.Conformance.Log;

/// <summary>Hears the lines of each scenario.</summary>
internal interface ILogJudge
{
    /// <summary>The version that the program says it is.</summary>
    string Version { get; }

    /// <summary>Takes the lines of a scenario, and what else was wrong.</summary>
    void Judge(
        LogScenario scenario, IReadOnlyList<string> lines, LogNames names, IReadOnlyList<string> args, string? fault);
}

/// <summary>Judges scenarios.</summary>
/// <param name="golden">The recording.</param>
/// <param name="version">The version that the program says it is.</param>
/// <param name="only">The one scenario to judge; empty for all.</param>
internal sealed class LogJudge(GoldenLog golden, string version, string only) : ILogJudge
{
    private readonly Lock _guard = new();
    private readonly HashSet<string> _judged = new(StringComparer.Ordinal);

    public string Version => version;

    /// <summary>Recorded lines that came as recorded.</summary>
    public int Passed { get; private set; }

    /// <summary>Recorded lines.</summary>
    public int Total { get; private set; }

    /// <summary>A text for each scenario that differs.</summary>
    public List<string> Faults { get; } = [];

    /// <summary>Scenarios that were judged.</summary>
    public IReadOnlySet<string> Judged => _judged;

    /// <summary>Judges the lines of a scenario.</summary>
    public void Judge(
        LogScenario scenario, IReadOnlyList<string> lines, LogNames names, IReadOnlyList<string> args, string? fault)
    {
        var comparison = new LogComparison(golden, scenario, names, args);
        comparison.Run(lines);
        lock (_guard)
        {
            if (only.Length > 0 && only != scenario.Name)
            {
                return;
            }

            _judged.Add(scenario.Name);
            Passed += comparison.Matched;
            Total += comparison.Expected;
            if (fault is not null)
            {
                comparison.Differences.Add(fault);
            }

            if (comparison.Differences.Count > 0)
            {
                Faults.Add($"{scenario.Name}: {comparison.Matched} of {comparison.Expected} lines\n  " +
                    string.Join("\n  ", comparison.Differences) + $"\n  again: LOG={scenario.Name} dotnet run --project " +
                    "tests/Conformance -- -class EtcdAot.Tests.Conformance.Log.GoldenLogTests");
            }
        }
    }
}
