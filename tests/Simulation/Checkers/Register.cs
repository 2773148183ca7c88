// A key as a register: put, get, delete, compare-and-swap on its modification revision. Values are numbers, unique to
// their put; the checker may know a value's revision before it knows which put made it.
namespace EtcdAot.Tests.Simulation.Checkers;

/// <summary>What was done to the register.</summary>
internal enum RegisterKind
{
    Put,
    Get,
    Delete,
    CompareAndSwap,
}

/// <summary>One operation.</summary>
/// <param name="Kind">Which.</param>
/// <param name="Value">Put or swapped in: the new value. Get: what was read, 0 for none.</param>
/// <param name="Known">False when no answer came: the result is open.</param>
/// <param name="Revision">Of a put, delete or swap: the revision it made. Of a get: the value's mod_revision.</param>
/// <param name="Expected">Of a swap: the mod_revision compared with, 0 for "no such key".</param>
/// <param name="Succeeded">Of a swap: whether the comparison held. Of a delete: whether there was anything.</param>
internal readonly record struct RegisterOp(
    RegisterKind Kind, long Value, bool Known, long Revision = 0, long Expected = 0, bool Succeeded = false);

/// <summary>Value and its mod_revision; −1 when that is not known.</summary>
internal readonly record struct RegisterState(long Value, long Revision);

/// <summary>The register.</summary>
internal sealed class RegisterModel : ISequentialModel<RegisterState, RegisterOp>
{
    private const long Open = -1;

    public RegisterState Initial => new(0, 0);

    public bool Step(RegisterState state, RegisterOp op, out RegisterState next)
    {
        next = state;
        switch (op.Kind)
        {
            case RegisterKind.Put:
                next = new RegisterState(op.Value, op.Known ? op.Revision : Open);
                return !op.Known || op.Revision > state.Revision;
            case RegisterKind.Get:
                if (!op.Known)
                {
                    return true;
                }

                next = state with { Revision = op.Value == 0 ? 0 : op.Revision };
                return state.Value == op.Value && (state.Revision == Open || state.Revision == next.Revision);
            case RegisterKind.Delete:
                next = new RegisterState(0, 0);
                return !op.Known || op.Succeeded == (state.Value != 0);
            default:
                return Swap(state, op, out next);
        }
    }

    private static bool Swap(RegisterState state, RegisterOp op, out RegisterState next)
    {
        next = state;
        bool holds = state.Revision == op.Expected;
        if (!op.Known)
        {
            // Whether it took effect is known only by the state that it met; an open revision may be either.
            if (holds || state.Revision == Open)
            {
                next = new RegisterState(op.Value, Open);
            }

            return true;
        }

        if (op.Succeeded)
        {
            next = new RegisterState(op.Value, op.Revision);
            return holds || (state.Revision == Open && op.Expected != 0);
        }

        return !holds;
    }
}
