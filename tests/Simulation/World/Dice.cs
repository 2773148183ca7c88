// xoshiro256** from a seed: every choice of a run is drawn here, so the seed repeats it. One dice for each concern (world,
// disk, client …), forked from the first, so that a change in one does not reshuffle the others.
using System.Numerics;
using EtcdAot.Sys;

namespace EtcdAot.Tests.Simulation.World;

/// <summary>A seeded source of choices.</summary>
internal sealed class Dice : IRandomness
{
    private ulong _s0;
    private ulong _s1;
    private ulong _s2;
    private ulong _s3;

    public Dice(ulong seed)
    {
        // SplitMix64 spreads the seed, as the generator's authors advise.
        _s0 = Spread(ref seed);
        _s1 = Spread(ref seed);
        _s2 = Spread(ref seed);
        _s3 = Spread(ref seed);
    }

    public ulong NextUInt64()
    {
        ulong result = BitOperations.RotateLeft(_s1 * 5, 7) * 9;
        ulong t = _s1 << 17;
        _s2 ^= _s0;
        _s3 ^= _s1;
        _s1 ^= _s2;
        _s0 ^= _s3;
        _s2 ^= t;
        _s3 = BitOperations.RotateLeft(_s3, 45);
        return result;
    }

    /// <summary>A dice of its own for one concern.</summary>
    public Dice Fork() => new(NextUInt64());

    /// <summary>True with a chance of one in <paramref name="n"/>.</summary>
    public bool OneIn(int n) => this.Below(n) == 0;

    /// <summary>True with that chance, 0 to 1.</summary>
    public bool Chance(double p) => Unit() < p;

    /// <summary>Uniform in [0, 1).</summary>
    public double Unit() => (NextUInt64() >> 11) * (1.0 / (1UL << 53));

    /// <summary>Uniform between two numbers, the upper one excluded.</summary>
    public long Between(long from, long to) => from + (long)(NextUInt64() % (ulong)(to - from));

    /// <summary>A length of time whose logarithm is uniform: as often around a millisecond as around a second.</summary>
    public long Spread(long from, long to) => (long)(from * Math.Exp(Unit() * Math.Log((double)to / from)));

    /// <summary>One of several.</summary>
    public T Of<T>(params ReadOnlySpan<T> choices) => choices[this.Below(choices.Length)];

    private static ulong Spread(ref ulong seed)
    {
        seed += 0x9E3779B97F4A7C15;
        ulong z = seed;
        z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9;
        z = (z ^ (z >> 27)) * 0x94D049BB133111EB;
        return z ^ (z >> 31);
    }
}
