// The end of a member that cannot go on: one line of level fatal (exit 1) or panic (exit 2), as the original's
// (spec storage §10a). Any thread.
using System.Diagnostics.CodeAnalysis;
using EtcdAot.Observe;
using EtcdAot.Sys;

namespace EtcdAot.Server;

/// <summary>Logs and ends.</summary>
public sealed class FatalEnd(Log log, IFatalExit exit)
{
    /// <summary>Level fatal, exit 1.</summary>
    [DoesNotReturn]
    public void End(string caller, string message, string error)
    {
        log.Fatal(caller, message).WithError(error).Write();
        exit.Exit(1, message);
    }

    /// <summary>Level panic, exit 2.</summary>
    [DoesNotReturn]
    public void Panic(string caller, string message, string error)
    {
        log.Panic(caller, message).WithError(error).Write();
        exit.Exit(2, message);
    }
}
