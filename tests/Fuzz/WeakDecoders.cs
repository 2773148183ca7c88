// Decoders that are wrong on purpose, for the self-check alone: each has the one defect that its name tells. They read
// {magic 2, count 1, count × {length 1, bytes}}, like much that is real.
namespace EtcdAot.Tests.Fuzz;

/// <summary>A weak decoder.</summary>
/// <param name="name">Its name.</param>
/// <param name="about">The defect.</param>
/// <param name="planted">What the finding's text must hold.</param>
/// <param name="flaw">Gets each record's length byte, its position and all bytes.</param>
internal sealed class WeakDecoder(string name, string about, string planted, Action<int, int, byte[]> flaw) : FuzzTarget
{
    public override string Name => name;

    public override string About => about;

    public string Planted => planted;

    /// <summary>True when the defect ends or stops the process itself.</summary>
    public bool Kills => planted.Length == 0;

    public override IEnumerable<byte[]> Seeds() => [[0xCA, 0xFE, 2, 3, 1, 2, 3, 1, 9]];

    public override string Run(byte[] input)
    {
        if (input.Length < 3 || input[0] != 0xCA || input[1] != 0xFE)
        {
            return "-magic";
        }

        int at = 3;
        for (int i = 0; i < input[2]; i++)
        {
            if (at >= input.Length)
            {
                return "-cut";
            }

            int length = input[at++];
            flaw(length, at, input);
            if (length > input.Length - at)
            {
                return "-length";
            }

            at += length;
        }

        return "+" + input[2];
    }
}

/// <summary>All of them.</summary>
internal static class WeakDecoders
{
    public static IReadOnlyList<FuzzTarget> All { get; } =
    [
        new WeakDecoder("weak-bounds", "reads at a length that was not checked", "IndexOutOfRange",
            static (length, at, all) => _ = all[at + Math.Max(length - 1, 0)]),
        new WeakDecoder("weak-allocation", "takes memory for a number before checking it", "allocates",
            static (length, _, _) => _ = GC.AllocateUninitializedArray<byte>(length << 19)),
        new WeakDecoder("weak-invariant", "calls what a peer sent impossible", "InvariantException",
            static (length, _, _) => Observe.Invariant.Check(length != 0x7F, "no peer sends such a length")),
        new WeakDecoder("weak-state", "breaks only at the fourth record of one input", "InvalidOperation",
            static (_, at, all) => ThrowIf(all[2] == 4 && at > 8)),
        new WeakDecoder("weak-slow", "takes quadratic time", "slow:",
            static (length, _, _) => Burn(length > 200 ? 2100 : 0)),
        new WeakDecoder("weak-recursion", "recurses as deep as it is told", "",
            static (length, _, all) => _ = length > 100 ? Deep(all) : 0),
    ];

    private static void ThrowIf(bool condition)
    {
        if (condition)
        {
            throw new InvalidOperationException("planted");
        }
    }

    private static void Burn(int millis)
    {
        using var self = System.Diagnostics.Process.GetCurrentProcess();
        double end = self.TotalProcessorTime.TotalMilliseconds + millis;
        while (self.TotalProcessorTime.TotalMilliseconds < end)
        {
            Thread.SpinWait(10_000);
            self.Refresh();
        }
    }

    private static int Deep(byte[] all) => all.Length == int.MaxValue ? 0 : 1 + Deep(all);
}
