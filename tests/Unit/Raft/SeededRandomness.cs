using EtcdAot.Sys;

namespace EtcdAot.Tests.Unit.Raft;

/// <summary>SplitMix64: the same numbers for the same seed, on every machine.</summary>
internal sealed class SeededRandomness(ulong seed) : IRandomness
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
}
