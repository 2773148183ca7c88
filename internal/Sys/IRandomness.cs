// Seam: randomness. The simulator gives a seeded one.
namespace EtcdAot.Sys;

/// <summary>Source of random numbers.</summary>
public interface IRandomness
{
    /// <summary>64 uniform bits.</summary>
    ulong NextUInt64();
}

/// <summary>Helpers every source shares.</summary>
public static class Randomness
{
    /// <summary>A uniform number in [0, exclusiveMax); exclusiveMax must be at least 1.</summary>
    public static int Below(this IRandomness randomness, int exclusiveMax)
    {
        // The modulo bias is below 2^-32 for every bound an int can hold.
        return (int)(randomness.NextUInt64() % (ulong)exclusiveMax);
    }

    /// <summary>Fills the span with random bytes.</summary>
    public static void Fill(this IRandomness randomness, Span<byte> destination)
    {
        Span<byte> word = stackalloc byte[8];
        while (destination.Length > 0)
        {
            System.Buffers.Binary.BinaryPrimitives.WriteUInt64LittleEndian(word, randomness.NextUInt64());
            int n = Math.Min(8, destination.Length);
            word[..n].CopyTo(destination);
            destination = destination[n..];
        }
    }
}
