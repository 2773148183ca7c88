// How a life of a member ends in the middle of a step: thrown by the seams, caught by the member's pump, by nobody else.
namespace EtcdAot.Tests.Simulation.Disk;

/// <summary>Why a life ended.</summary>
internal enum LifeEnd
{
    /// <summary>The process is gone, the machine goes on: everything written stays.</summary>
    Killed,

    /// <summary>The machine lost its power: only what was synced stays for sure.</summary>
    PowerLost,

    /// <summary>The member ended itself.</summary>
    FatalExit,
}

/// <summary>The life is over.</summary>
internal sealed class LifeEndedException(LifeEnd end, string reason) : Exception(reason)
{
    public LifeEnd End { get; } = end;
}
