// Seam: the end of the process. In the simulator it ends that one member.
using System.Diagnostics.CodeAnalysis;

namespace EtcdAot.Sys;

/// <summary>Ends the member at once, without clean-up.</summary>
public interface IFatalExit
{
    /// <summary>Ends with <paramref name="exitCode"/> (1 = fatal, 2 = panic as the original's).</summary>
    [DoesNotReturn]
    void Exit(int exitCode, string reason);
}
