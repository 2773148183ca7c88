// Seam: time. The simulator replaces it. Core code asks only this, never the system.
namespace EtcdAot.Sys;

/// <summary>Monotonic and wall time.</summary>
public interface IClock
{
    /// <summary>Nanoseconds since an arbitrary start; never goes back.</summary>
    long MonotonicNanos { get; }

    /// <summary>Nanoseconds since 1970-01-01 UTC; may jump.</summary>
    long WallUnixNanos { get; }
}
