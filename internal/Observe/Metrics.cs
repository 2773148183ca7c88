// The instruments that rooms write to: a counter and a histogram, both a few interlocked words. Any thread writes, any
// thread reads; nothing is allocated after they are made. They must never be static: several members live in one process.
namespace EtcdAot.Observe;

/// <summary>Counts up.</summary>
public sealed class Counter
{
    private long _value;

    public long Value => Volatile.Read(ref _value);

    public void Add(long amount = 1) => Interlocked.Add(ref _value, amount);
}

/// <summary>Counts observations by size.</summary>
public sealed class Histogram
{
    private readonly double[] _bounds;
    private readonly long[] _counts;
    private double _sum;

    /// <param name="bounds">Upper bounds, ascending; "+Inf" is implied.</param>
    public Histogram(double[] bounds)
    {
        _bounds = bounds;
        _counts = new long[bounds.Length + 1];
    }

    /// <summary>Upper bounds without "+Inf".</summary>
    public ReadOnlySpan<double> Bounds => _bounds;

    public double Sum => Volatile.Read(ref _sum);

    /// <summary>Bounds start, 2 × start, 4 × start …, as the original's.</summary>
    public static double[] Doubling(double start, int count)
    {
        double[] bounds = new double[count];
        for (int i = 0; i < count; i++)
        {
            bounds[i] = start;
            start *= 2;
        }

        return bounds;
    }

    /// <summary>Observations in one bucket, not those below it; the last bucket is "+Inf".</summary>
    public long InBucket(int bucket) => Volatile.Read(ref _counts[bucket]);

    /// <summary>Observes a duration in seconds.</summary>
    public void ObserveNanos(long nanos) => Observe(nanos / 1e9);

    public void Observe(double value)
    {
        int bucket = 0;
        while (bucket < _bounds.Length && value > _bounds[bucket])
        {
            bucket++;
        }

        Interlocked.Increment(ref _counts[bucket]);
        double seen = Volatile.Read(ref _sum);
        while (true)
        {
            double before = Interlocked.CompareExchange(ref _sum, seen + value, seen);
            if (before.Equals(seen))
            {
                return;
            }

            seen = before;
        }
    }
}
