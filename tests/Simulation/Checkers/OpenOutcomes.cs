// What became of operations without an answer: values are unique, so the chronicle tells whether one took effect, and at
// which revision. That leaves the linearizability search few open ends; what it cannot tell stays open.
using EtcdAot.Tests.Simulation.Clients;

namespace EtcdAot.Tests.Simulation.Checkers;

/// <summary>Closes open outcomes.</summary>
internal static class OpenOutcomes
{
    public static void Close(Evidence evidence, Chronicle chronicle)
    {
        var revisions = new Dictionary<(string Key, long Value), long>();
        foreach (Change change in chronicle.Changes)
        {
            if (change.Key.StartsWith("r/", StringComparison.Ordinal) && change.Value is not null)
            {
                revisions[(change.Key, RegisterClient.ValueOf(change.Value))] = change.Revision;
            }
            else if (change.Key.StartsWith("a/", StringComparison.Ordinal))
            {
                revisions[("a/", AppendClient.ElementOf(change.Key))] = change.Revision;
            }
        }

        foreach ((string key, List<TimedOp<RegisterOp>> history) in evidence.Registers)
        {
            Close(history, op => op.Known || op.Kind is RegisterKind.Delete or RegisterKind.Get ? null : op.Value,
                value => revisions.GetValueOrDefault((key, value)),
                (op, revision) => op with { Known = true, Revision = revision, Succeeded = true });
        }

        foreach (List<TimedOp<AppendOp>> history in evidence.Lists.Values)
        {
            Close(history, op => op.Known ? null : op.Element, element => revisions.GetValueOrDefault(("a/", element)),
                (op, revision) => op with { Known = true, Revision = revision });
        }
    }

    private static void Close<TOp>(List<TimedOp<TOp>> history, Func<TOp, long?> openValue, Func<long, long> revisionOf,
        Func<TOp, long, TOp> closed)
    {
        int kept = 0;
        for (int i = 0; i < history.Count; i++)
        {
            TimedOp<TOp> timed = history[i];
            long revision = openValue(timed.Op) is { } value ? revisionOf(value) : -1;
            if (revision != 0)
            {
                history[kept++] = revision > 0 ? timed with { Op = closed(timed.Op, revision) } : timed;
            }
        }

        history.RemoveRange(kept, history.Count - kept);
    }
}
