// The fuzzer's own random numbers: the same seed gives the same inputs on every machine and runtime. One thread.
namespace EtcdAot.Tests.Fuzz;

/// <summary>SplitMix64.</summary>
internal sealed class Rng(ulong seed)
{
    private ulong _state = seed;

    public ulong Next()
    {
        ulong z = _state += 0x9E3779B97F4A7C15;
        z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9;
        z = (z ^ (z >> 27)) * 0x94D049BB133111EB;
        return z ^ (z >> 31);
    }

    /// <summary>A number below the bound (at least 1).</summary>
    public int Below(int bound) => (int)(Next() % (uint)bound);

    /// <summary>True once in so many times.</summary>
    public bool OneIn(int times) => Below(times) == 0;

    /// <summary>One of these.</summary>
    public T Pick<T>(IReadOnlyList<T> of) => of[Below(of.Count)];
}
