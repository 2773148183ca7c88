// A list to which elements are appended and which is read as a whole; elements are unique. Its state is its length and a
// hash over the elements in order, so that states are small and equal lists are equal.
namespace EtcdAot.Tests.Simulation.Checkers;

/// <summary>An append, or a read of all.</summary>
/// <param name="IsAppend">Which.</param>
/// <param name="Element">The appended one.</param>
/// <param name="Known">False when no answer came.</param>
/// <param name="Revision">Revision of the append, or of the state that was read; 0 when it is not known.</param>
/// <param name="Read">What was read.</param>
internal readonly record struct AppendOp(
    bool IsAppend, long Element, bool Known, long Revision = 0, ListState Read = default);

/// <summary>A list, and the highest revision at which something is known of it.</summary>
internal readonly record struct ListState(int Count, ulong Hash, long Revision = 0)
{
    /// <summary>The list with one more element.</summary>
    public ListState With(long element)
    {
        ulong h = (Hash ^ (ulong)element) * 0x9E3779B97F4A7C15;
        return new ListState(Count + 1, h ^ (h >> 31), Revision);
    }

    /// <summary>True when the elements are the same.</summary>
    public bool Holds(ListState other) => Count == other.Count && Hash == other.Hash;
}

/// <summary>The list.</summary>
internal sealed class AppendModel : ISequentialModel<ListState, AppendOp>
{
    public ListState Initial => default;

    public bool Step(ListState state, AppendOp op, out ListState next)
    {
        next = op.IsAppend ? state.With(op.Element) : state;
        if (op.Revision > 0)
        {
            // An append has a revision of its own, a read may share it.
            next = next with { Revision = op.Revision };
            if (op.IsAppend ? op.Revision <= state.Revision : op.Revision < state.Revision)
            {
                return false;
            }
        }

        return op.IsAppend || !op.Known || op.Read.Holds(state);
    }
}
