// The few numbers that a table is made of. Pure.
using System.Globalization;

namespace EtcdAot.Tests.Bench;

/// <summary>Smallest, middle and largest of some values.</summary>
internal readonly record struct Spread(double Min, double Median, double Max, int Count)
{
    /// <summary>Of no values: all NaN, which no bound is met by.</summary>
    internal static Spread Of(IEnumerable<double> values)
    {
        double[] sorted = [.. values.Order()];
        if (sorted.Length == 0)
        {
            return new Spread(double.NaN, double.NaN, double.NaN, 0);
        }

        double median = sorted.Length % 2 == 1
            ? sorted[sorted.Length / 2]
            : (sorted[(sorted.Length / 2) - 1] + sorted[sorted.Length / 2]) / 2;
        return new Spread(sorted[0], median, sorted[^1], sorted.Length);
    }

    public override string ToString() =>
        string.Create(CultureInfo.InvariantCulture, $"{Min:F2}–{Median:F2}–{Max:F2}");
}
