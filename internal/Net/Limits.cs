// The bounds of this room, one place. Immutable; any thread. Tests make them small.
namespace EtcdAot.Net;

/// <summary>Bounds of loops and connections.</summary>
public sealed record Limits
{
    public static readonly Limits Default = new();

    /// <summary>Bytes of the receive buffer of a loop: one call takes what the kernel holds of a busy connection.</summary>
    public int ReceiveBuffer { get; init; } = 64 * 1024;

    /// <summary>Bytes taken from one connection in one wake; then the others have their turn (DESIGN 3).</summary>
    public int ReadBudget { get; init; } = 256 * 1024;

    /// <summary>Nanoseconds of work after which a wake flushes what is ready before it goes on (DESIGN 3).</summary>
    public long WakeBudgetNanos { get; init; } = 200_000;

    /// <summary>Unsent bytes above which a connection says that it is congested.</summary>
    public int HighWater { get; init; } = 256 * 1024;

    /// <summary>Unsent bytes at which it says that it has drained.</summary>
    public int LowWater { get; init; } = 64 * 1024;

    /// <summary>Nanoseconds that a closing connection may take to send what is unsent and hear the peer's end.</summary>
    public long LingerNanos { get; init; } = 5_000_000_000;

    /// <summary>Bytes dropped from a peer that goes on talking after our end; then the connection is cut.</summary>
    public int DrainBytes { get; init; } = 4 * 1024 * 1024;

    /// <summary>Connections taken by one wake of a listener.</summary>
    public int AcceptsPerWake { get; init; } = 64;

    /// <summary>Pause of a listener when the process has no descriptor or memory left for a connection.</summary>
    public long AcceptPauseNanos { get; init; } = 50_000_000;
}
