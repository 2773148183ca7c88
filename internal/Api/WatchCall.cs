// One watch stream (spec api-v3 §3): its watchers by id, their responses, its progress ticker. The hub of the loop finds
// the events; here they become messages. Owned by: the I/O thread of the call. It must never let a slow client cost more
// than its queue: above the limit watchers stay where they are and requests are parked.
using EtcdAot.Grpc;
using EtcdAot.Mvcc;
using EtcdAot.Mvcc.Watch;
using EtcdAot.Net;
using EtcdAot.Wire;
using EtcdAot.Wire.Codecs;

namespace EtcdAot.Api;

/// <summary>State of a watch stream.</summary>
internal sealed class WatchCall : Call, IWatchSink
{
    /// <summary>Bytes that may wait for the client's window before its watchers pause.</summary>
    public const long QueuedMax = 2 << 20;

    private const int GrpcOverheadBytes = 512 * 1024;
    private static readonly byte[] BadRange = "mvcc: watcher range is empty"u8.ToArray();
    private static readonly byte[] DuplicateId = "mvcc: duplicate watch ID provided on the WatchStream"u8.ToArray();
    private static readonly byte[] Compaction = System.Text.Encoding.UTF8.GetBytes(EtcdError.Compacted.Text);

    private readonly Dictionary<long, Watcher> _watchers = [];
    private readonly List<Watcher> _reporting = [];
    private readonly Ticker _ticker;
    private ApiLoops _loops = null!;
    private ApiLoop _home = null!;
    private LoopTimer? _timer;
    private long _nextId;

    public WatchCall()
    {
        _ticker = new Ticker(this);
    }

    public bool HasRoom => QueuedBytes <= QueuedMax;

    /// <summary>The stream begins.</summary>
    public void Begin(ApiLoops loops)
    {
        _loops = loops;
        _home = loops.Of(Loop);
        _nextId = 0;
    }

    /// <summary>The stream ends: its watchers are gone.</summary>
    public void Close()
    {
        _timer?.Cancel();
        _timer = null;
        foreach (Watcher watcher in _watchers.Values)
        {
            _home.Watches.Hub.Remove(watcher);
        }

        _watchers.Clear();
        _reporting.Clear();
        _home.Watches.StopListeningWhenEmpty();
    }

    /// <summary>The queue has left.</summary>
    public void GoOn()
    {
        if (_watchers.Count > 0)
        {
            _home.Watches.Resume();
        }
    }

    public void Create(in WatchCreateView create)
    {
        _home.Watches.Listen();
        View view = _home.BeginRead();
        ReadOnlySpan<byte> key = create.Key.IsEmpty ? [0] : create.Key;
        byte[]? reason = create.StartRevision < 0 ? Compaction
            : new KeyRange(key, create.RangeEnd).IsEmpty ? BadRange
            : create.WatchId != 0 && _watchers.ContainsKey(create.WatchId) ? DuplicateId : null;
        if (reason is not null)
        {
            Respond(view.Revision, -1, created: true, canceled: true, reason);
        }
        else
        {
            Register(view, key, create);
        }

        _home.EndRead();
        _home.Watches.Settle();
        _home.Watches.StopListeningWhenEmpty();
    }

    public void Cancel(long id)
    {
        if (!_watchers.Remove(id, out Watcher? watcher))
        {
            return;
        }

        View view = _home.BeginRead();
        _home.Watches.Hub.Remove(watcher);
        if (watcher.Options.ProgressNotify)
        {
            _ = _reporting.Remove(watcher);
        }

        Respond(view.Revision, id, canceled: true);
        _home.EndRead();
        _home.Watches.StopListeningWhenEmpty();
    }

    /// <summary>Answers only when every watcher has got everything up to the revision that is named (§3.4).</summary>
    public void Progress()
    {
        View view = _home.BeginRead();
        bool allCan = _watchers.Count > 0;
        foreach (Watcher watcher in _watchers.Values)
        {
            allCan &= watcher.CanReport(view.Revision);
        }

        if (allCan)
        {
            Respond(view.Revision, -1);
        }

        _home.EndRead();
    }

    public bool TryDeliver(Watcher watcher, in WatchBatch batch)
    {
        if (!HasRoom)
        {
            return false;
        }

        watcher.IsQuiet = false;
        var answer = new WatchAnswer(HeaderAt(batch.HeaderRevision), watcher.Id) { Events = batch.Events };
        int limit = _loops.Server.Options.MaxRequestBytes + GrpcOverheadBytes;
        if (watcher.Options.Fragment && batch.Ends.Length > 1 && answer.Size >= limit)
        {
            SendInPieces(answer, batch, limit);
        }
        else
        {
            answer.Send(this);
        }

        return true;
    }

    public void Compacted(Watcher watcher, long compactRevision)
    {
        new WatchAnswer(HeaderAt(0), watcher.Id) { Canceled = true, CompactRevision = compactRevision }.Send(this);
    }

    private void Register(View view, ReadOnlySpan<byte> key, in WatchCreateView create)
    {
        long id = create.WatchId;
        if (id == 0)
        {
            while (_watchers.ContainsKey(_nextId))
            {
                _nextId++;
            }

            id = _nextId++;
        }

        Respond(view.Revision, id, created: true);
        var options = new WatchOptions
        {
            StartRevision = create.StartRevision,
            NoPut = create.NoPut,
            NoDelete = create.NoDelete,
            PrevKv = create.PrevKv,
            Fragment = create.Fragment,
            ProgressNotify = create.ProgressNotify,
        };
        if (IsEnded)
        {
            return;
        }

        Watcher watcher = _home.Watches.Hub.Add(view, key, create.RangeEnd, options, this);
        watcher.Id = id;
        watcher.IsQuiet = true;
        _watchers.Add(id, watcher);
        if (create.ProgressNotify)
        {
            _reporting.Add(watcher);
            StartTicker();
        }
    }

    private void Respond(long revision, long id, bool created = false, bool canceled = false, byte[]? reason = null)
    {
        new WatchAnswer(HeaderAt(revision), id) { Created = created, Canceled = canceled, CancelReason = reason }
            .Send(this);
    }

    /// <summary>Pieces of one response, back to back: each holds at least one event and stays below the limit (§3.5).
    /// </summary>
    private void SendInPieces(WatchAnswer answer, in WatchBatch batch, int limit)
    {
        int around = answer.Size - batch.Events.Length;
        int start = 0;
        for (int i = 0; i < batch.Ends.Length; i++)
        {
            bool isLast = i == batch.Ends.Length - 1;
            if (isLast || around + batch.Ends[i + 1] - start >= limit)
            {
                answer.Fragment = !isLast;
                answer.Events = batch.Events[start..batch.Ends[i]];
                answer.Send(this);
                start = batch.Ends[i];
            }
        }
    }

    private AnswerHeader HeaderAt(long revision) => _loops.Server.HeaderAt(revision);

    /// <summary>A tick each interval and up to a tenth more, drawn once for a stream.</summary>
    private void StartTicker()
    {
        if (_timer is not null)
        {
            return;
        }

        long interval = _loops.Server.Options.WatchProgressNotifyMillis * 1_000_000;
        // Request ids are consecutive: the product spreads them over the whole tenth.
        ulong draw = (_loops.Server.Ids.Next() * 0x9E3779B97F4A7C15) >> 40;
        _ticker.IntervalNanos = interval + (long)((ulong)(interval / 10) * draw >> 24);
        _timer = _home.Loop.Schedule(_home.Loop.NowNanos + _ticker.IntervalNanos, _ticker);
    }

    private void Tick()
    {
        _timer = null;
        if (_reporting.Count == 0)
        {
            return;
        }

        View view = _home.BeginRead();
        foreach (Watcher watcher in _reporting)
        {
            if (watcher.IsQuiet && watcher.CanReport(view.Revision) && HasRoom)
            {
                Respond(view.Revision, watcher.Id);
            }

            watcher.IsQuiet = true;
        }

        _home.EndRead();
        _timer = _home.Loop.Schedule(_home.Loop.NowNanos + _ticker.IntervalNanos, _ticker);
    }

    private sealed class Ticker(WatchCall stream) : ILoopWork
    {
        public long IntervalNanos { get; set; }

        public void Run() => stream.Tick();
    }
}
