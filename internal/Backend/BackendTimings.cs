// Where the backend's thread tells how long its work took. Set once before that thread runs.
using EtcdAot.Observe;
using EtcdAot.Sys;

namespace EtcdAot.Backend;

/// <summary>Durations of the backend's work.</summary>
/// <param name="Clock">The member's clock.</param>
/// <param name="Commit">Commits, from the first page written to the second sync.</param>
/// <param name="Defragment">Whole defragmentations.</param>
public sealed record BackendTimings(IClock Clock, Histogram Commit, Histogram Defragment);
