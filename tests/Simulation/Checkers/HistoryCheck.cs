// The checkers over what clients saw, run when everything is over.
using EtcdAot.Tests.Simulation.World;

namespace EtcdAot.Tests.Simulation.Checkers;

/// <summary>Judges the record of a run.</summary>
internal static class HistoryCheck
{
    private const long MaxSteps = 2_000_000;

    /// <summary>What was acknowledged is in the history, at the revision that the answer named.</summary>
    public static void Writes(Evidence evidence, Chronicle chronicle)
    {
        foreach (AcknowledgedWrite write in evidence.Writes)
        {
            Change? change = chronicle.Exactly(write.Revision, write.Key);
            if (change is null || change.Value != write.Value)
            {
                throw new BrokenPromiseException($"an acknowledged write is lost: {write}; of that key there is "
                    + string.Join(", ", chronicle.Of(write.Key).TakeLast(3)) + $" and the last revision is {chronicle.Last}; around it is "
                    + string.Join(", ", chronicle.Changes.Where(c => Math.Abs(c.Revision - write.Revision) <= 2)));
            }
        }
    }

    /// <summary>What was read at a revision is what was there at it.</summary>
    public static void Reads(Evidence evidence, Chronicle chronicle)
    {
        foreach (ReadAt read in evidence.Reads)
        {
            string there = chronicle.Range(read.Revision, read.Prefix);
            if (read.Result != there)
            {
                throw new BrokenPromiseException($"a read at revision {read.Revision} gave '{read.Result}', not '{there}'");
            }
        }
    }

    /// <summary>An operation that began after another one's end has no smaller revision.</summary>
    public static void RevisionsInOrder(List<AnsweredRevision> answers)
    {
        AnsweredRevision[] byCall = [.. answers.OrderBy(static a => a.Called)];
        AnsweredRevision[] byReturn = [.. answers.OrderBy(static a => a.Returned)];
        long highest = 0;
        int next = 0;
        foreach (AnsweredRevision answer in byCall)
        {
            while (next < byReturn.Length && byReturn[next].Returned < answer.Called)
            {
                highest = Math.Max(highest, byReturn[next++].Revision);
            }

            if (answer.Revision < highest)
            {
                throw new BrokenPromiseException(
                    $"an operation called at {answer.Called / 1e9:F6} has revision {answer.Revision}; {highest} was answered before");
            }
        }
    }

    /// <summary>Each partition has an order that one copy could have given.</summary>
    /// <returns>Partitions that were not decided.</returns>
    public static int Linearizable<TState, TOp>(
        string what, ISequentialModel<TState, TOp> model, SortedDictionary<string, List<TimedOp<TOp>>> partitions)
        where TState : IEquatable<TState>
    {
        int undecided = 0;
        foreach ((string key, List<TimedOp<TOp>> history) in partitions)
        {
            switch (Linearizability.Check(model, history, MaxSteps, out List<int> deepest))
            {
                case Verdict.Broken:
                    throw new BrokenPromiseException($"{what} {key} is not linearizable; {deepest.Count} of {history.Count} "
                        + "operations fit, behind\n  " + string.Join("\n  ", deepest.TakeLast(3).Select(i => Line(history[i]))));
                case Verdict.Undecided:
                    undecided++;
                    break;
                default:
                    break;
            }
        }

        return undecided;
    }

    private static string Line<TOp>(TimedOp<TOp> op) =>
        $"{op.Called / 1e9:F6}..{(op.Returned == long.MaxValue ? "?" : (op.Returned / 1e9).ToString("F6"))} {op.Op}";
}
