// Reads every record from a revision on, in order: from bolt what is no longer in the log, then the log (spec api-v3 §3.2).
// owned by: whoever reads, inside one wake.
using EtcdAot.Backend;
using EtcdAot.Observe;

namespace EtcdAot.Mvcc.Watch;

/// <summary>A walk through the history of a view.</summary>
internal unsafe ref struct HistoryReader
{
    private readonly View _view;
    private BackendCursor _bolt;
    private bool _inBolt;
    private bool _started;
    private long _number;
    private long _end;

    public HistoryReader(View view, long fromMain)
    {
        _view = view;
        LogWindow log = view.Source.Log;
        long logFrom = Math.Max(fromMain, log.FirstMain);
        _end = log.FirstRecordOf(view.Revision + 1);
        _number = logFrom > view.Revision ? _end : log.FirstRecordOf(logFrom);
        _inBolt = fromMain < (Mutants.LoseWatchEvent ? log.FirstMain - 1 : log.FirstMain);
        if (_inBolt)
        {
            Probe.Hit("history is read out of the db");
            _bolt = view.Source.Backend.Cursor(BackendBucket.Key);
            Span<byte> key = stackalloc byte[Mvcc.Revision.TombstoneKeyBytes];
            int length = new Revision(fromMain, 0).Encode(key);
            _inBolt = _bolt.Seek(key[..length]);
        }
    }

    public Revision Revision { get; private set; }

    public bool IsTombstone { get; private set; }

    /// <summary>Encoded KeyValue; of a deletion only the key.</summary>
    public ReadOnlySpan<byte> KeyValue { get; private set; }

    /// <summary>The next record; false when the view's revision is reached.</summary>
    public bool Next()
    {
        if (_inBolt && NextInBolt())
        {
            return true;
        }

        if (_number >= _end)
        {
            return false;
        }

        LogRecord* record = _view.Source.Log.Record(_number++);
        Revision = LogRecord.RevisionOf(record);
        IsTombstone = LogRecord.IsTombstone(record);
        KeyValue = LogRecord.KeyValue(record);
        return true;
    }

    private bool NextInBolt()
    {
        bool more = !_started || _bolt.Next();
        _started = true;
        if (more)
        {
            bool sound = Revision.TryDecode(_bolt.Key, out Revision revision, out bool tombstone, out _);
            Invariant.Check(sound, "a record's key was read at start");
            if (revision.Main < _view.Source.Log.FirstMain)
            {
                Revision = revision;
                IsTombstone = tombstone;
                KeyValue = _bolt.Value;
                return true;
            }
        }

        _inBolt = false;
        return false;
    }
}
