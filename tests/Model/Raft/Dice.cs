using EtcdAot.Sys;

namespace EtcdAot.Tests.Model.Raft;

/// <summary>SplitMix64 from a seed: every choice of a run is drawn here, so the seed repeats it.</summary>
internal sealed class Dice(ulong seed) : IRandomness
{
    private ulong _state = seed;

    public ulong NextUInt64()
    {
        _state += 0x9E3779B97F4A7C15;
        ulong z = _state;
        z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9;
        z = (z ^ (z >> 27)) * 0x94D049BB133111EB;
        return z ^ (z >> 31);
    }

    /// <summary>True with a chance of <paramref name="n"/> in 10,000.</summary>
    public bool Chance(int n) => this.Below(10_000) < n;
}
