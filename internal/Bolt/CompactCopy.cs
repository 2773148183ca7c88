// Copies all buckets into a fresh file without holes, in key order, in bounded steps (spec storage §4.9):
// offline defragmentation. Owned by the actor that owns both files. Never touches the source; renaming is the
// caller's affair.
using EtcdAot.Observe;

namespace EtcdAot.Bolt;

/// <summary>One copy of a pinned state into an empty file.</summary>
public sealed class CompactCopy : IDisposable
{
    /// <summary>Keys of one transaction in the target (etcd's defragLimit).</summary>
    public const int KeysPerCommit = 10_000;

    // The keys come in order, so pages are filled as for bucket `key`.
    private const double Fill = 0.9;

    // Large values would let 10,000 keys fill memory.
    private const long BytesPerCommit = 8 << 20;

    private readonly Db _source;
    private readonly Db _target;
    private readonly ulong _txId;
    private readonly ReadSnapshot _snapshot;
    private Cursor _buckets;
    private Cursor _entries;
    private bool _inBucket;
    private WriteTx? _tx;
    private WriteBucket? _bucket;
    private bool _pinned = true;

    /// <param name="source">Pinned in its current state.</param>
    /// <param name="target">A new file with no bucket in it.</param>
    public CompactCopy(Db source, Db target)
    {
        _source = source;
        _target = target;
        _snapshot = source.Current;
        _txId = _snapshot.TxId;
        source.Pin(_txId);
        _buckets = _snapshot.Root.Cursor();
        _ = _buckets.First();
    }

    /// <summary>True when all is copied and committed.</summary>
    public bool Done { get; private set; }

    /// <summary>Copies up to <paramref name="maxKeys"/> entries. Buckets within buckets are refused: etcd has
    /// none.</summary>
    public BoltError Step(int maxKeys)
    {
        for (int i = 0; i < maxKeys && !Done; i++)
        {
            BoltError error = CopyOne();
            if (error.Failed)
            {
                _tx?.Rollback();
                return error;
            }
        }

        return BoltError.Ok;
    }

    /// <summary>Ends the pin; an unfinished transaction in the target is dropped.</summary>
    public void Dispose()
    {
        _tx?.Rollback();
        if (_pinned)
        {
            _pinned = false;
            _source.Unpin(_txId);
        }
    }

    private BoltError CopyOne()
    {
        if (_tx is null)
        {
            BoltError begun = _target.Begin(out _tx);
            if (begun.Failed)
            {
                return begun;
            }
        }

        if (_inBucket && _entries.Valid)
        {
            return CopyEntry();
        }

        if (_inBucket)
        {
            _inBucket = false;
            _ = _buckets.Next();
        }

        return _buckets.Valid ? EnterBucket() : Finish();
    }

    private BoltError EnterBucket()
    {
        bool found = _snapshot.TryBucket(_buckets.Key, out Bucket bucket);
        if (!found)
        {
            return BoltError.IncompatibleValue;
        }

        _entries = bucket.Cursor();
        _ = _entries.First();
        _inBucket = true;
        return OpenTarget();
    }

    private BoltError OpenTarget()
    {
        BoltError error = _tx!.CreateBucketIfNotExists(_buckets.Key, out _bucket);
        if (!error.Failed)
        {
            _bucket!.FillPercent = Fill;
        }

        return error;
    }

    private BoltError CopyEntry()
    {
        if (_entries.IsBucket)
        {
            return BoltError.IncompatibleValue;
        }

        BoltError error = _bucket is null ? OpenTarget() : BoltError.Ok;
        error = error.Failed ? error : _bucket!.Put(_entries.Key, _entries.Value);
        if (error.Failed)
        {
            return error;
        }

        _ = _entries.Next();
        bool full = _tx!.Operations >= KeysPerCommit || _tx.PendingBytes >= BytesPerCommit;
        return full ? Commit() : BoltError.Ok;
    }

    private BoltError Commit()
    {
        Invariant.Check(_tx is not null, "a commit has its transaction");
        BoltError error = _tx.Commit();
        _tx = null;
        _bucket = null;
        return error;
    }

    private BoltError Finish()
    {
        Done = true;
        return Commit();
    }
}
