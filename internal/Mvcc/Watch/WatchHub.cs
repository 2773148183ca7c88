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

    // Bounds of one step, so that a wake stays short: records read, events matched to watchers, bytes encoded, bytes
    // copied to streams. Without the second, 512 watchers of one busy prefix would hold the thread for half a second.
    private readonly int _scanRecords;
    private const int ScanMatches = 20_000;
    private const int ScanBytes = 4 << 20;
    private const int ServeBytes = 16 << 20;

    // A catch-up response ends after ScanRevisions or at the present, as the original's; when a step ends earlier, what it
    // found is kept for the next. So much may be kept for all watchers of the thread; beyond it a response ends early, at
    // the end of a revision.
    private readonly int _partBytesMax;

    private readonly WatchIntervals _intervals = new();
    private readonly EventScratch _scratch = new();
    private readonly List<Watcher> _chosen = [];
    private List<Watcher> _unsynced = [];
    private List<Watcher> _waiting = [];
    private readonly List<Watcher> _found = [];
    private readonly List<Watcher> _touched = [];
    private int _generation = -1;
    private int _unsyncedCount;
    private int _full;
    private int _matches;
    private int _partBytes;
    private long _scan;

    /// <summary>A hub without watchers.</summary>
    /// <param name="partBytesMax">Bytes of unfinished catch-up responses that the hub may keep; the largest catch-up
    /// response is this and what one step finds. The default holds 1000 revisions of 64 KiB.</param>
    /// <param name="scanRecords">Records that one step reads.</param>
    public WatchHub(int partBytesMax = 64 << 20, int scanRecords = 5000)
    {
        _partBytesMax = partBytesMax;
        _scanRecords = scanRecords;
    }

    /// <summary>Everything up to here was offered to the synced watchers.</summary>
    public long Revision { get; private set; }

    /// <summary>Watchers registered; a thread with none need not be woken by publications.</summary>
    public int Count => _intervals.Count;

    /// <summary>Watchers that are behind.</summary>
    public int UnsyncedCount => _unsyncedCount;

    /// <summary>Bytes kept of unfinished catch-up responses.</summary>
    public int PartBytes => _partBytes;

    /// <summary>True when <see cref="Step"/> may find something to do; false when nobody is behind, or only watchers
    /// whose streams have no room.</summary>
    public bool NeedsStep { get; private set; }

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
            Probe.Hit("a watcher begins in the past");
            FallBehind(watcher, cursor);
        }

        return watcher;
    }

    /// <summary>Forgets a watcher.</summary>
    public void Remove(Watcher watcher)
    {
        Invariant.Check(watcher.Standing != Watcher.State.Removed, "a watcher is removed once");
        // Its place among the unsynced is swept by the next step.
        _unsyncedCount -= watcher.Standing == Watcher.State.Unsynced ? 1 : 0;
        watcher.Standing = Watcher.State.Removed;
        _ = TakePart(watcher);
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
            Probe.Hit("a loop has slept longer than the log remembers");
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

            Match(view, reader, ofScan: false);
        }

        Deliver(main);
        _scratch.Clear();
        Revision = view.Revision;
    }

    /// <summary>A stream has room again: its watchers take part in the next <see cref="Step"/>.</summary>
    public void Resume() => NeedsStep = _unsyncedCount > 0;

    /// <summary>Catches unsynced watchers up by a bounded amount: one scan over the history for many (spec api-v3
    /// §3.6). To be called again, in another wake, while <see cref="NeedsStep"/>.</summary>
    public void Step(View view)
    {
        Advance(view);
        long from = Choose(view);
        if (_chosen.Count > 0)
        {
            Serve(view, Scan(view, from));
        }

        // Who waits for room is resumed by its stream.
        NeedsStep = _chosen.Count > 0 && _unsyncedCount > 0;
        _chosen.Clear();
    }

    private void Match(View view, in HistoryReader reader, bool ofScan)
    {
        bool parsed = KeyValueView.TryParse(reader.KeyValue, out KeyValueView kv);
        Invariant.Check(parsed, "a record's value was read at start");
        _found.Clear();
        _intervals.Find(kv.Key, _found);
        int number = -1;
        foreach (Watcher watcher in _found)
        {
            bool takesPart = ofScan
                ? watcher.Standing == Watcher.State.Unsynced && watcher.ScanMark == _scan
                : watcher.Standing == Watcher.State.Synced;
            if (!takesPart || !watcher.Wants(reader.IsTombstone, reader.Revision.Main)
                || (ofScan && IsFull(watcher, reader.Revision.Main)))
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
            _matches++;
        }
    }

    /// <summary>True when this revision belongs into the watcher's next response.</summary>
    private bool IsFull(Watcher watcher, long main)
    {
        if (watcher.ScanEnd != long.MaxValue)
        {
            return true;
        }

        if (watcher.MatchedMain == main)
        {
            return false;
        }

        if (watcher.MatchedRevisions == ScanRevisions)
        {
            Probe.Hit("a catch-up response is full of revisions");
            watcher.ScanEnd = main;
            _full++;
            return true;
        }

        watcher.MatchedMain = main;
        watcher.MatchedRevisions++;
        return false;
    }

    private void Deliver(long main)
    {
        foreach (Watcher watcher in _touched)
        {
            WatchBatch batch = _scratch.Batch(watcher.Matched, watcher.Options.PrevKv, main);
            bool taken = watcher.Standing == Watcher.State.Synced && watcher.Sink.TryDeliver(watcher, batch);
            watcher.ForgetMatched();
            if (taken)
            {
                watcher.Cursor = main + 1;
            }
            else if (watcher.Standing == Watcher.State.Synced)
            {
                Probe.Hit("a watcher falls behind because its stream has no room");
                FallBehind(watcher, main);
            }
        }

        _touched.Clear();
        if (_scratch.Bytes > ScanBytes)
        {
            _scratch.Clear();
        }
    }

    /// <summary>Marks who takes part in the next scan; tells those that are behind a compaction.</summary>
    private long Choose(View view)
    {
        _scan++;
        _chosen.Clear();
        _waiting.Clear();
        long from = long.MaxValue;
        for (int i = 0; i < _unsynced.Count; i++)
        {
            Watcher watcher = _unsynced[i];
            if (_chosen.Count == ScanWatchers)
            {
                _waiting.AddRange(_unsynced.GetRange(i, _unsynced.Count - i));
                break;
            }

            if (watcher.Standing != Watcher.State.Unsynced)
            {
                continue;
            }

            if (!watcher.Sink.HasRoom)
            {
                GiveBack(watcher);
                _waiting.Add(watcher);
            }
            else if (watcher.Cursor < view.CompactedRevision)
            {
                Probe.Hit("a watcher is behind a compaction");
                watcher.Standing = Watcher.State.Compacted;
                _ = TakePart(watcher);
                _unsyncedCount--;
                watcher.Sink.Compacted(watcher, view.CompactedRevision);
            }
            else
            {
                watcher.BeginScan(_scan);
                from = Math.Min(from, watcher.Cursor);
                _chosen.Add(watcher);
            }
        }

        (_unsynced, _waiting) = (_waiting, _unsynced);
        return from;
    }

    /// <summary>Matches records until a bound is met; returns the first revision not looked at.</summary>
    private long Scan(View view, long from)
    {
        _scratch.Clear();
        _full = 0;
        _matches = 0;
        var reader = new HistoryReader(view, from);
        long main = 0;
        int records = 0;
        while (reader.Next())
        {
            if (reader.Revision.Main != main)
            {
                if (records >= _scanRecords || _matches >= ScanMatches || _scratch.Bytes >= ScanBytes
                    || _full == _chosen.Count)
                {
                    return reader.Revision.Main;
                }

                main = reader.Revision.Main;
            }

            records++;
            Match(view, reader, ofScan: true);
        }

        return view.Revision + 1;
    }

    /// <summary>Hands out what the scan found. Who is still behind comes after those that waited.</summary>
    private void Serve(View view, long end)
    {
        _touched.Clear();
        long room = ServeBytes;
        foreach (Watcher watcher in _chosen)
        {
            if (watcher.Standing == Watcher.State.Unsynced && !TryServe(watcher, view, end, ref room))
            {
                _unsynced.Add(watcher);
            }

            watcher.ForgetMatched();
        }

        _scratch.Clear();
    }

    /// <summary>False when the watcher is still behind.</summary>
    private bool TryServe(Watcher watcher, View view, long end, ref long room)
    {
        bool isWhole = watcher.ScanEnd != long.MaxValue || end > view.Revision;
        if (watcher.Matched.Count > 0 || (isWhole && watcher.Part is not null))
        {
            if (room <= 0)
            {
                return false;
            }

            WatchBatch batch = _scratch.Batch(watcher.Matched, watcher.Options.PrevKv, view.Revision);
            room -= batch.Events.Length;
            if (!isWhole && _partBytes + batch.Events.Length <= _partBytesMax)
            {
                Keep(watcher, batch);
            }
            else if (!TryDeliverWhole(watcher, batch) || watcher.Standing != Watcher.State.Unsynced)
            {
                return watcher.Standing != Watcher.State.Unsynced;
            }
        }

        watcher.Cursor = Math.Max(watcher.Cursor, Math.Min(end, watcher.ScanEnd));
        if (watcher.Cursor <= view.Revision)
        {
            Probe.Hit("a watcher is still behind after a catch-up");
            return false;
        }

        watcher.Standing = Watcher.State.Synced;
        _unsyncedCount--;
        return true;
    }

    private void Keep(Watcher watcher, in WatchBatch batch)
    {
        watcher.Part ??= new PartialResponse(watcher.Cursor);
        watcher.Part.Add(batch, watcher.MatchedRevisions);
        _partBytes += batch.Events.Length;
    }

    private bool TryDeliverWhole(Watcher watcher, in WatchBatch batch)
    {
        if (TakePart(watcher) is not { } part)
        {
            return watcher.Sink.TryDeliver(watcher, batch);
        }

        part.Add(batch, watcher.MatchedRevisions);
        bool taken = watcher.Sink.TryDeliver(watcher, part.Batch(batch.HeaderRevision));
        watcher.Cursor = taken ? watcher.Cursor : part.From;
        return taken;
    }

    /// <summary>A stream without room costs only cursors: what was gathered is read again later.</summary>
    private void GiveBack(Watcher watcher) => watcher.Cursor = TakePart(watcher)?.From ?? watcher.Cursor;

    private PartialResponse? TakePart(Watcher watcher)
    {
        PartialResponse? part = watcher.Part;
        watcher.Part = null;
        _partBytes -= part?.Length ?? 0;
        return part;
    }

    private void FallBehind(Watcher watcher, long cursor)
    {
        watcher.Standing = Watcher.State.Unsynced;
        watcher.Cursor = Math.Max(watcher.Cursor, cursor);
        _unsynced.Add(watcher);
        _unsyncedCount++;
        NeedsStep = true;
    }

    private void EveryoneFallsBehind(View view)
    {
        foreach (Watcher watcher in _intervals.All())
        {
            if (watcher.Standing == Watcher.State.Synced && watcher.Cursor <= view.Revision)
            {
                FallBehind(watcher, Revision + 1);
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
