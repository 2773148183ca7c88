// What one watch stream was told, and whether it was all of it, in order and once.
using EtcdAot.Tests.Simulation.World;

namespace EtcdAot.Tests.Simulation.Checkers;

/// <summary>An event as a watcher got it.</summary>
internal readonly record struct WatchEvent(long Revision, string Key, string? Value, long Created, long Version, long Lease);

/// <summary>Events of one watcher.</summary>
/// <param name="start">First revision asked for.</param>
/// <param name="prefix">Keys watched.</param>
internal sealed class WatchRecord(long start, string prefix)
{
    private readonly List<WatchEvent> _events = [];
    private long _through;

    /// <summary>True while the client wants more of it.</summary>
    public bool IsOpen { get; set; } = true;

    /// <summary>First revision asked for.</summary>
    public long Start { get; set; } = start;

    /// <summary>Revision of the last event.</summary>
    public long LastRevision => _events.Count > 0 ? _events[^1].Revision : Start - 1;

    public int Count => _events.Count;

    /// <summary>Adds a response's events; a revision never comes in two responses.</summary>
    public void Add(List<WatchEvent> events, long headerRevision)
    {
        if (events.Count == 0)
        {
            return;
        }

        if (events[0].Revision <= LastRevision)
        {
            throw new BrokenPromiseException(
                $"a watcher of {prefix} got revision {events[0].Revision} after {LastRevision}");
        }

        if (events[^1].Revision > headerRevision)
        {
            throw new BrokenPromiseException($"a watch response of revision {headerRevision} tells of {events[^1].Revision}");
        }

        _events.AddRange(events);
    }

    /// <summary>The member said that everything up to a revision was told.</summary>
    public void Progress(long revision) => _through = Math.Max(_through, revision);

    /// <summary>Compares with what happened.</summary>
    /// <param name="chronicle">What happened.</param>
    /// <param name="through">Everything up to here must have been told by now.</param>
    public void Check(Chronicle chronicle, long through)
    {
        through = Math.Max(through, Math.Max(LastRevision, _through));
        int next = 0;
        for (int i = chronicle.FirstOf(Start); i < chronicle.Changes.Count; i++)
        {
            Change change = chronicle.Changes[i];
            if (change.Revision > through)
            {
                break;
            }

            if (!change.Key.StartsWith(prefix, StringComparison.Ordinal))
            {
                continue;
            }

            var expected = new WatchEvent(
                change.Revision, change.Key, change.Value, change.Created, change.Version, change.Lease);
            if (next == _events.Count || _events[next] != expected)
            {
                string got = next < _events.Count ? _events[next].ToString() : "nothing";
                throw new BrokenPromiseException(
                    $"a watcher of {prefix} from {Start} (told through {through}) got {got} instead of {expected}");
            }

            next++;
        }

        if (next != _events.Count)
        {
            throw new BrokenPromiseException($"a watcher of {prefix} got {_events[next]}, which never happened");
        }
    }
}
