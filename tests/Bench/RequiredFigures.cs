// The figures that a build must reach (bounds in one place), and what was measured for each. Pure.
using System.Globalization;

namespace EtcdAot.Tests.Bench;

/// <summary>How a figure came out.</summary>
internal enum Verdict
{
    Met,
    Missed,
    NotJudged,
}

/// <summary>A required figure.</summary>
/// <param name="Name">What is measured.</param>
/// <param name="Bound">What it must be, in words.</param>
/// <param name="Measured">What it is.</param>
/// <param name="Verdict">Whether that is enough.</param>
internal sealed record Figure(string Name, string Bound, string Measured, Verdict Verdict)
{
    /// <summary>A number that must not pass a bound; NaN passes it.</summary>
    internal static Figure AtMost(string name, double bound, string unit, double value, string measured)
    {
        string limit = string.Create(CultureInfo.InvariantCulture, $"≤ {bound}{unit}");
        return new Figure(name, limit, measured, value <= bound ? Verdict.Met : Verdict.Missed);
    }
}

internal static class RequiredFigures
{
    /// <summary>Clients of the rows that figures rest on.</summary>
    internal const int Clients = 100;

    /// <summary>Pairs below which a median is not judged.</summary>
    internal const int PairsNeeded = 7;

    internal const double MostP99Ratio = 1.2;
    internal const double MostIdleMebibytes = 20;
    internal const double MostStartMillis = 100;
    internal const double MostHeapMebibytes = 32;
    internal const double MostPauseMillis = 3;

    /// <summary>Rows that figures rest on.</summary>
    internal static readonly string[] Rows = ["put", "get", "get-serializable"];

    private const double MostCpuRatio = 0.6;
    private const double MostTrialGetRatio = 0.25;
    private const double MostTrialPutRatio = 0.4;

    /// <summary>The figures that come from the rows.</summary>
    internal static IEnumerable<Figure> OfRows(Plan plan, Results results, bool trial)
    {
        foreach (Case at in plan.Cases.Where(static c => c.Required))
        {
            double most = !trial ? MostCpuRatio : at.Row == "put" ? MostTrialPutRatio : MostTrialGetRatio;
            Spread cpu = results.Ratios(at, static r => r.CpuPer100K);
            yield return Judge($"{at.Row}, {at.Clients} clients: cpu per operation, ours/theirs", most, cpu);
            if (!trial)
            {
                Spread p99 = results.Ratios(at, static r => r.P99Micros);
                yield return Judge($"{at.Row}, {at.Clients} clients: p99, ours/theirs", MostP99Ratio, p99);
            }
        }
    }

    internal static void Print(IReadOnlyCollection<Figure> figures)
    {
        Console.WriteLine();
        Console.WriteLine("required figures");
        foreach (Figure f in figures)
        {
            string verdict = f.Verdict switch
            {
                Verdict.Met => "MET",
                Verdict.Missed => "MISSED",
                _ => "not judged",
            };
            Console.WriteLine($"{f.Name,-62}{f.Bound,-10}{f.Measured,-52}{verdict}");
        }

        int Of(Verdict verdict) => figures.Count(f => f.Verdict == verdict);
        Console.WriteLine(
            $"required figures: {Of(Verdict.Met)} met, {Of(Verdict.Missed)} missed, {Of(Verdict.NotJudged)} not judged");
    }

    private static Figure Judge(string name, double bound, Spread ratios)
    {
        string measured = $"{ratios} over {ratios.Count} pairs";
        Figure figure = Figure.AtMost(name, bound, "", ratios.Median, measured);
        return ratios.Count < PairsNeeded ? figure with { Verdict = Verdict.NotJudged } : figure;
    }
}
