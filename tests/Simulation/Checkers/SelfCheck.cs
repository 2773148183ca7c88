// The linearizability checker on histories whose verdict is known, small ones by hand and drawn ones by construction: a
// checker that never says "broken" would let everything pass. tests/Model runs the same.
namespace EtcdAot.Tests.Simulation.Checkers;

/// <summary>Checks the checker.</summary>
internal static class SelfCheck
{
    private const long Never = long.MaxValue;

    /// <summary>Runs all and tells.</summary>
    public static int Run()
    {
        string? wrong = FindWrong();
        Console.WriteLine(wrong is null ? "the checkers judge known histories rightly" : "a checker is wrong: " + wrong);
        return wrong is null ? 0 : 1;
    }

    /// <summary>Name of the first history that is judged wrongly; null when there is none.</summary>
    public static string? FindWrong()
    {
        foreach ((string name, bool good, TimedOp<RegisterOp>[] history) in ByHand())
        {
            Verdict verdict = Linearizability.Check(new RegisterModel(), history, 100_000, out _);
            if (verdict != (good ? Verdict.Linearizable : Verdict.Broken))
            {
                return name;
            }
        }

        for (ulong seed = 1; seed <= 300; seed++)
        {
            List<TimedOp<RegisterOp>> drawn = Draw(new World.Dice(seed), operations: 60);
            if (Linearizability.Check(new RegisterModel(), drawn, 1_000_000, out _) != Verdict.Linearizable)
            {
                return $"drawn history {seed}, good";
            }

            if (Spoil(drawn)
                && Linearizability.Check(new RegisterModel(), drawn, 1_000_000, out _) != Verdict.Broken)
            {
                return $"drawn history {seed}, with a stale read";
            }
        }

        return null;
    }

    private static RegisterOp Put(long value, long revision, bool known = true) =>
        new(RegisterKind.Put, value, known, known ? revision : 0);

    private static RegisterOp Get(long value, long revision) => new(RegisterKind.Get, value, true, revision);

    private static RegisterOp Swap(long value, long revision, long expected, bool succeeded) =>
        new(RegisterKind.CompareAndSwap, value, true, revision, expected, succeeded);

    private static TimedOp<RegisterOp> At(RegisterOp op, long called, long returned) => new(op, called, returned);

    private static IEnumerable<(string Name, bool Good, TimedOp<RegisterOp>[] History)> ByHand()
    {
        yield return ("empty", true, []);
        yield return ("read of nothing", true, [At(Get(0, 0), 1, 2)]);
        yield return ("read of what was never put", false, [At(Get(7, 2), 1, 2)]);
        yield return ("read sees the put before it", true, [At(Put(1, 2), 1, 2), At(Get(1, 2), 3, 4)]);
        yield return ("stale read", false, [At(Put(1, 2), 1, 2), At(Put(2, 3), 3, 4), At(Get(1, 2), 5, 6)]);
        yield return ("overlapping read may be old", true,
            [At(Put(1, 2), 1, 2), At(Put(2, 3), 3, 6), At(Get(1, 2), 4, 5)]);
        yield return ("overlapping read may be new", true,
            [At(Put(1, 2), 1, 2), At(Put(2, 3), 3, 6), At(Get(2, 3), 4, 5)]);
        yield return ("reads go back in time", false,
            [At(Put(1, 2), 1, 2), At(Put(2, 3), 3, 9), At(Get(2, 3), 4, 5), At(Get(1, 2), 6, 7)]);
        yield return ("lost acknowledged put", false, [At(Put(1, 2), 1, 2), At(Get(0, 0), 3, 4)]);
        yield return ("open put took effect late", true,
            [At(Put(1, 0, known: false), 1, Never), At(Get(0, 0), 3, 4), At(Get(1, 2), 5, 6)]);
        yield return ("open put never took effect", true, [At(Put(1, 0, known: false), 1, Never), At(Get(0, 0), 3, 4)]);
        yield return ("open put came and went", false,
            [At(Put(1, 0, known: false), 1, Never), At(Get(1, 2), 3, 4), At(Get(0, 0), 5, 6)]);
        yield return ("swap on the right revision", true,
            [At(Put(1, 2), 1, 2), At(Swap(2, 3, 2, true), 3, 4), At(Get(2, 3), 5, 6)]);
        yield return ("two swaps on one revision", false,
            [At(Put(1, 2), 1, 2), At(Swap(2, 3, 2, true), 3, 6), At(Swap(3, 4, 2, true), 4, 7)]);
        yield return ("refused swap that should have held", false,
            [At(Put(1, 2), 1, 2), At(Swap(2, 2, 2, false), 3, 4)]);
        yield return ("revisions against the order of time", false, [At(Put(1, 5), 1, 2), At(Put(2, 4), 3, 4)]);
    }

    // Operations with points of effect in a drawn order, and times around them: good by construction.
    private static List<TimedOp<RegisterOp>> Draw(World.Dice dice, int operations)
    {
        var history = new List<TimedOp<RegisterOp>>();
        long value = 0;
        long revision = 1;
        long modified = 0;
        for (int i = 0; i < operations; i++)
        {
            long point = (i + 1) * 10;
            RegisterOp op;
            if (dice.OneIn(2))
            {
                op = Get(value, modified);
            }
            else
            {
                modified = ++revision;
                value = revision;
                op = Put(value, revision, known: !dice.OneIn(8));
            }

            long returned = op.Known ? point + dice.Between(1, 40) : Never;
            history.Add(At(op, point - dice.Between(1, 40), returned));
        }

        return history;
    }

    // The last read gets the first put's value, long overwritten and returned.
    private static bool Spoil(List<TimedOp<RegisterOp>> history)
    {
        int read = history.FindLastIndex(static o => o.Op.Kind == RegisterKind.Get);
        int put = history.FindIndex(static o => o.Op is { Kind: RegisterKind.Put, Known: true });
        int later = history.FindIndex(put + 1, o => o.Op is { Kind: RegisterKind.Put, Known: true }
            && o.Called > history[put].Returned);
        if (read < 0 || later < 0 || history[later].Returned >= history[read].Called)
        {
            return false;
        }

        history[read] = history[read] with { Op = Get(history[put].Op.Value, history[put].Op.Revision) };
        return true;
    }
}
