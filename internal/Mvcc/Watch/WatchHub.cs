// The watchers of one I/O thread (spec api-v3 §3; DESIGN 4.12): cursors over the history, found by interval. Nothing is
// pushed by the core: the thread calls Advance with the view of its wake before it serves reads from that view, so a
// read never returns a revision whose events are not queued on the streams of the same thread.
// owned by: one I/O thread, inside its wakes. It must never keep a view, and a slow stream costs only its cursor.
using EtcdAot.Observe;
using EtcdAot.Wire.Codecs;

namespace EtcdAot.Mvcc.Watch;

/// <summary>Watchers of a thread.</summary>
public sealed class WatchHub
{
    /// <summary>Watchers that one catch-up scan serves.</summary>
    public const int ScanWatchers = 512;

    /// <summary>Distinct revisions in one catch-up response.</summary>
    public const int ScanRevisions = 1000;

    /// <summary>Pause before a stream without room is asked again, nanoseconds.</summary>
    public const long RetryNanos = 10_000_000;

    private const int ScanRecords = 5000;
    private const int ScanBytes = 4 << 20;

    private readonly WatchIntervals _intervals = new();
    private readonly EventScratch _scratch = new();
    private readonly List<Watcher> _unsynced = [];
    private readonly List<Watcher> _found = [];
    private readonly List<Watcher> _touched = [];
    private int _generation = -1;
    private long _scan;

    /// <summary>Everything up to here was offered to the synced watchers.</summary>
    public long Revision { get; private set; }

    /// <summary>Watchers registered; a thread with none need not be woken by publications.</summary>
    public int Count => _intervals.Count;

    /// <summary>Watchers that are behind.</summary>
    public int UnsyncedCount => _unsynced.Count;

    /// <summary>Registers a watcher. The created response must be queued before the next Advance or Step.</summary>
    /// <param name="view">View of this wake, already advanced to.</param>
    /// <param name="key">As in the request; an empty key was made `\0` by the caller.</param>
    /// <param name="rangeEnd">As in the request: empty single key, `\0` open end. Checked by the caller.</param>
    /// <param name="options">Start, filters, previous values.</param>
    /// <param name="sink">The stream.</param>
    public Watcher Add(
        View view, ReadOnlySpan<byte> key, ReadOnlySpan<byte> rangeEnd, in WatchOptions options, IWatchSink sink)
    {
        Advance(view);
        var range = new KeyRange(key, rangeEnd);
        long cursor = options.StartRevision > 0 ? options.StartRevision : view.Revision + 1;
        byte[]? end = range.IsOpenEnd ? null : rangeEnd.ToArray();
        var watcher = new Watcher(key.ToArray(), end, range.IsSingle, options, sink, cursor);
        _intervals.Add(watcher);
        if (cursor <= view.Revision)
        {
            FallBehind(watcher, cursor, 0);
        }

        return watcher;
    }

    /// <summary>Forgets a watcher.</summary>
    public void Remove(Watcher watcher)
    {
        Invariant.Check(watcher.Standing != Watcher.State.Removed, "a watcher is removed once");
        if (watcher.Standing == Watcher.State.Unsynced)
        {
            _ = _unsynced.Remove(watcher);
        }

        watcher.Standing = Watcher.State.Removed;
        _intervals.Remove(watcher);
    }

    /// <summary>Offers every new revision of the view to the synced watchers, one batch for each revision.</summary>
    public void Advance(View view)
    {
        if (view.Generation != _generation)
        {
            Restart(view);
            return;
        }

        if (view.Revision <= Revision)
        {
            return;
        }

        if (_intervals.Count == 0)
        {
            Revision = view.Revision;
            return;
        }

        if (view.Source.Log.FirstMain > Revision + 1)
        {
            // The thread has slept longer than the log remembers.
            EveryoneFallsBehind(view);
            return;
        }

        var reader = new HistoryReader(view, Revision + 1);
        long main = 0;
        _scratch.Clear();
        while (reader.Next())
        {
            if (reader.Revision.Main != main)
            {
                Deliver(main);
                main = reader.Revision.Main;
            }

            Match(view, reader, scan: 0);
        }

        Deliver(main);
        _scratch.Clear();
        Revision = view.Revision;
    }

    /// <summary>Catches unsynced watchers up: one scan over the history for many (spec api-v3 §3.6).</summary>
    /// <returns>When to be called again; <see cref="long.MaxValue"/> when nobody is behind.</returns>
    public long Step(View view, long nowNanos)
    {
        Advance(view);
        if (_unsynced.Count == 0)
        {
            return long.MaxValue;
        }

        long from = Choose(view, nowNanos);
        if (from != long.MaxValue)
        {
            long end = Scan(view, from);
            Serve(view, end, nowNanos);
        }

        long next = long.MaxValue;
        foreach (Watcher watcher in _unsynced)
        {
            next = Math.Min(next, Math.Max(watcher.RetryAt, nowNanos));
        }

        return next;
    }

    private void Match(View view, in HistoryReader reader, long scan)
    {
        bool parsed = KeyValueView.TryParse(reader.KeyValue, out KeyValueView kv);
        Invariant.Check(parsed, "a record's value was read at start");
        _found.Clear();
        _intervals.Find(kv.Key, _found);
        int number = -1;
        foreach (Watcher watcher in _found)
        {
            bool takesPart = scan == 0
                ? watcher.Standing == Watcher.State.Synced
                : watcher.Standing == Watcher.State.Unsynced && watcher.ScanMark == scan;
            if (!takesPart || !watcher.Wants(reader.IsTombstone, reader.Revision.Main))
            {
                continue;
            }

            number = number < 0 ? _scratch.Add(reader.Revision.Main) : number;
            _scratch.Encode(number, view, reader, kv, watcher.Options.PrevKv);
            if (watcher.Matched.Count == 0)
            {
                _touched.Add(watcher);
            }

            watcher.Matched.Add(number);
        }
    }

    private void Deliver(long main)
    {
        foreach (Watcher watcher in _touched)
        {
            WatchBatch batch = _scratch.Batch(watcher.Matched, watcher.Options.PrevKv, main);
            bool taken = watcher.Standing == Watcher.State.Synced && watcher.Sink.TryDeliver(watcher, batch);
            watcher.Matched.Clear();
            if (taken)
            {
                watcher.Cursor = main + 1;
            }
            else if (watcher.Standing == Watcher.State.Synced)
            {
                FallBehind(watcher, main, 0);
            }
        }

        _touched.Clear();
        if (_scratch.Bytes > ScanBytes)
        {
            _scratch.Clear();
        }
    }

    /// <summary>Marks who takes part in the next scan; tells those that are behind a compaction.</summary>
    private long Choose(View view, long nowNanos)
    {
        _scan++;
        long from = long.MaxValue;
        int chosen = 0;
        for (int i = 0; i < _unsynced.Count && chosen < ScanWatchers;)
        {
            Watcher watcher = _unsynced[i];
            if (watcher.Cursor < view.CompactedRevision)
            {
                watcher.Standing = Watcher.State.Compacted;
                _unsynced.RemoveAt(i);
                watcher.Sink.Compacted(watcher, view.CompactedRevision);
                continue;
            }

            if (watcher.RetryAt <= nowNanos)
            {
                watcher.ScanMark = _scan;
                from = Math.Min(from, watcher.Cursor);
                chosen++;
            }

            i++;
        }

        return from;
    }

    /// <summary>Matches records until a bound is met; returns the first revision not looked at.</summary>
    private long Scan(View view, long from)
    {
        _scratch.Clear();
        var reader = new HistoryReader(view, from);
        long main = 0;
        int revisions = 0;
        int records = 0;
        while (reader.Next())
        {
            if (reader.Revision.Main != main)
            {
                if (revisions >= ScanRevisions || records >= ScanRecords || _scratch.Bytes >= ScanBytes)
                {
                    return reader.Revision.Main;
                }

                main = reader.Revision.Main;
                revisions++;
            }

            records++;
            Match(view, reader, _scan);
        }

        return view.Revision + 1;
    }

    private void Serve(View view, long end, long nowNanos)
    {
        _touched.Clear();
        int kept = 0;
        for (int i = 0; i < _unsynced.Count; i++)
        {
            Watcher watcher = _unsynced[i];
            if (watcher.ScanMark == _scan && watcher.Standing == Watcher.State.Unsynced)
            {
                Serve(watcher, view, end, nowNanos);
            }

            if (watcher.Standing == Watcher.State.Unsynced)
            {
                _unsynced[kept++] = watcher;
            }
        }

        _unsynced.RemoveRange(kept, _unsynced.Count - kept);
        Rotate();
        _scratch.Clear();
    }

    private void Serve(Watcher watcher, View view, long end, long nowNanos)
    {
        bool taken = true;
        if (watcher.Matched.Count > 0)
        {
            WatchBatch batch = _scratch.Batch(watcher.Matched, watcher.Options.PrevKv, view.Revision);
            taken = watcher.Sink.TryDeliver(watcher, batch);
            watcher.Matched.Clear();
        }

        if (!taken)
        {
            watcher.RetryAt = nowNanos + RetryNanos;
            return;
        }

        watcher.Cursor = Math.Max(watcher.Cursor, end);
        if (watcher.Cursor > view.Revision)
        {
            watcher.Standing = Watcher.State.Synced;
        }
    }

    /// <summary>Those behind the first 512 come to their turn.</summary>
    private void Rotate()
    {
        if (_unsynced.Count > ScanWatchers)
        {
            List<Watcher> first = _unsynced.GetRange(0, ScanWatchers);
            _unsynced.RemoveRange(0, ScanWatchers);
            _unsynced.AddRange(first);
        }
    }

    private void FallBehind(Watcher watcher, long cursor, long retryAt)
    {
        watcher.Standing = Watcher.State.Unsynced;
        watcher.Cursor = Math.Max(watcher.Cursor, cursor);
        watcher.RetryAt = retryAt;
        _unsynced.Add(watcher);
    }

    private void EveryoneFallsBehind(View view)
    {
        foreach (Watcher watcher in _intervals.All())
        {
            if (watcher.Standing == Watcher.State.Synced && watcher.Cursor <= view.Revision)
            {
                FallBehind(watcher, Revision + 1, 0);
            }
        }

        Revision = view.Revision;
    }

    /// <summary>A snapshot replaced the store: every watcher goes on from its own cursor.</summary>
    private void Restart(View view)
    {
        bool first = _generation < 0;
        _generation = view.Generation;
        if (first)
        {
            Revision = view.Revision;
            return;
        }

        EveryoneFallsBehind(view);
    }
}
