// A running hash over everything that happens: two runs that differ anywhere differ in it. With a sink it is also text.
namespace EtcdAot.Tests.Simulation.World;

/// <summary>What happened, as a number.</summary>
internal sealed class Trace(TextWriter? sink)
{
    private const ulong Prime = 0x100000001B3;

    /// <summary>Hash so far.</summary>
    public ulong Hash { get; private set; } = 0xCBF29CE484222325;

    /// <summary>Events so far.</summary>
    public long Count { get; private set; }

    /// <summary>True when somebody reads along.</summary>
    public bool IsText => sink is not null;

    /// <summary>Adds an event.</summary>
    public void Add(long nanos, string what, ulong detail = 0, ulong more = 0)
    {
        Count++;
        ulong h = Mix(Hash, (ulong)nanos);
        foreach (char c in what)
        {
            h = (h ^ c) * Prime;
        }

        Hash = Mix(Mix(h, detail), more);
        sink?.WriteLine($"{nanos / 1e9:F6} {what} {detail:x} {more:x}");
    }

    /// <summary>Text for the reader alone.</summary>
    public void Say(long nanos, string text) => sink?.WriteLine($"{nanos / 1e9:F6}   {text}");

    private static ulong Mix(ulong h, ulong value)
    {
        h = (h ^ value) * 0x9E3779B97F4A7C15;
        return h ^ (h >> 29);
    }
}
