// HashKV's loop (spec storage §4.6) as a resumable state: CRC32C over the bucket's name and every record up to a revision
// that a compaction has not made invisible. Pure; whoever steps it brings a source read inside its own wake.
// It must give the same value as every other member: the traps are the kept set and tombstones at the compacted revision.
using EtcdAot.Backend;
using EtcdAot.Observe;
using EtcdAot.Sys;
using EtcdAot.Wire.Codecs;

namespace EtcdAot.Mvcc;

/// <summary>A hash under way.</summary>
internal unsafe struct RevisionHash
{
    private readonly long _at;
    private readonly long _compacted;
    private readonly bool _keepsTombstones;
    private bool _filters;
    private long _keptAt;
    private bool _looking;
    private byte[]? _lookFrom;
    private Revision _next;
    private uint _crc;

    /// <param name="at">Last main revision hashed.</param>
    /// <param name="compacted">Compacted revision that decides what is invisible.</param>
    /// <param name="keepsTombstones">True for a compaction's own hash: a kept tombstone makes the kept set non-empty.</param>
    public RevisionHash(long at, long compacted, bool keepsTombstones)
    {
        _at = at;
        _compacted = compacted;
        _keepsTombstones = keepsTombstones;
        _looking = compacted >= 0;

        // When nothing is kept the original leaves nothing out of what is still on its disk. While its compaction is under
        // way that changes from moment to moment; what is hashed here is what the finished compaction leaves.
        _filters = compacted >= 0 && !keepsTombstones;
        _keptAt = compacted;
        _next = new Revision(0, 0);
        _crc = Crc32C.Append(0, "key"u8);
    }

    /// <summary>The value once <see cref="Step"/> has returned true.</summary>
    public readonly uint Value => _crc;

    /// <summary>Takes at most <paramref name="budget"/> records.</summary>
    /// <returns>True at the end.</returns>
    public bool Step(in ReadSource source, long committed, int budget)
    {
        if (_looking && !LookForKept(source.Root, ref budget))
        {
            return false;
        }

        if (_next.Main <= committed && !StepBolt(source, committed, ref budget))
        {
            return false;
        }

        return StepLog(source, budget);
    }

    private bool StepBolt(in ReadSource source, long committed, ref int budget)
    {
        Span<byte> from = stackalloc byte[Revision.TombstoneKeyBytes];
        int length = _next.Encode(from);
        BackendCursor cursor = source.Backend.Cursor(BackendBucket.Key);
        for (bool more = cursor.Seek(from[..length]); more; more = cursor.Next())
        {
            bool sound = Revision.TryDecode(cursor.Key, out Revision revision, out bool tombstone, out _);
            Invariant.Check(sound, "a record's key was read at start");
            if (revision.Main > _at || revision.Main > committed)
            {
                break;
            }

            if (budget-- <= 0)
            {
                _next = revision;
                return false;
            }

            Add(source.Root, revision, tombstone, cursor.Key, cursor.Value);
        }

        _next = new Revision(Math.Min(committed, _at) + 1, 0);
        return true;
    }

    private bool StepLog(in ReadSource source, int budget)
    {
        while (_next.Main <= _at)
        {
            long end = source.Log.FirstRecordOf(_next.Main + 1);
            for (long number = source.Log.FirstRecordOf(_next.Main) + _next.Sub; number < end; number++)
            {
                LogRecord* record = source.Log.Record(number);
                Revision revision = LogRecord.RevisionOf(record);
                if (budget-- <= 0)
                {
                    _next = revision;
                    return false;
                }

                bool tombstone = LogRecord.IsTombstone(record);
                Add(source.Root, revision, tombstone, LogRecord.BoltKey(record), LogRecord.KeyValue(record));
            }

            _next = new Revision(_next.Main + 1, 0);
        }

        return true;
    }

    private void Add(
        IndexPage* root, Revision revision, bool tombstone, ReadOnlySpan<byte> key, ReadOnlySpan<byte> value)
    {
        if (revision.Main <= _compacted && _filters && !IsKept(root, revision, value))
        {
            return;
        }

        if (tombstone && revision.Main == _compacted)
        {
            return;
        }

        _crc = Crc32C.Append(_crc, key);
        _crc = Crc32C.Append(_crc, value);
    }

    private readonly bool IsKept(IndexPage* root, Revision revision, ReadOnlySpan<byte> value)
    {
        bool sound = KeyValueView.TryParse(value, out KeyValueView kv);
        KeyRecord* record = sound ? TreeIndex.Find(root, kv.Key) : null;
        if (record == null)
        {
            return false;
        }

        KeyHistory* history = KeyRecord.History(record);
        KeyHistory.Keep(history, _keptAt, out _, out int kept);
        return kept >= 0 && KeyHistory.Entries(history)[kept].Revision == revision
            && !KeyHistory.Entries(history)[kept].IsTombstone;
    }

    // Whether the compaction keeps anything at all decides whether it filters. When every key is dead the whole index is
    // walked for that, so it goes in steps too; later writes do not change what is kept.
    private bool LookForKept(IndexPage* root, ref int budget)
    {
        IndexCursor cursor = IndexCursor.Seek(root, _lookFrom);
        for (KeyRecord* record = cursor.Current(out _); record != null; record = cursor.Current(out _))
        {
            if (budget-- <= 0)
            {
                _lookFrom = KeyRecord.Key(record).ToArray();
                return false;
            }

            cursor.Next();
            KeyHistory* history = KeyRecord.History(record);
            KeyHistory.Keep(history, _at, out _, out int kept);
            if (kept >= 0 && (_keepsTombstones || !KeyHistory.Entries(history)[kept].IsTombstone))
            {
                _filters = true;
                _keptAt = _at;
                break;
            }
        }

        _looking = false;
        _lookFrom = null;
        return true;
    }
}

/// <summary>Answer of HashKV.</summary>
/// <param name="Hash">CRC32C.</param>
/// <param name="CompactRevision">The one that the hash was computed with.</param>
/// <param name="HashRevision">The revision hashed.</param>
/// <param name="CurrentRevision">Store revision when the hash began; for the header.</param>
public readonly record struct HashKvResult(uint Hash, long CompactRevision, long HashRevision, long CurrentRevision);

/// <summary>HashKV in steps for a reading thread: each step inside a wake, with that wake's view.</summary>
public sealed class HashKvJob : IDisposable
{
    private readonly RevisionGuard _guard;
    private readonly int _generation;
    private readonly long _revision;
    private readonly long _compacted;
    private readonly long _current;
    private RevisionHash _hash;

    private HashKvJob(View view, long revision, RevisionGuard guard)
    {
        _guard = guard;
        _generation = view.Generation;
        _revision = revision;
        _compacted = view.CompactedRevision;
        _current = view.Revision;
        _hash = new RevisionHash(revision, _compacted, keepsTombstones: false);
    }

    /// <summary>Begins; revision 0 means current.</summary>
    /// <param name="store">The store.</param>
    /// <param name="view">View of this wake.</param>
    /// <param name="revision">As asked.</param>
    /// <param name="job">Step and dispose it; null when the status is not Ok, when <paramref name="cached"/> has the
    /// answer, or (status Ok) when no guard is free: answer `too many requests`.</param>
    /// <param name="cached">The cached hash of a compaction at that revision.</param>
    public static MvccStatus Begin(
        Store store, View view, long revision, out HashKvJob? job, out HashKvResult? cached)
    {
        job = null;
        cached = null;
        if (store.Hashes.TryGet(revision, out CompactionHash known))
        {
            // As in the original, after a compaction at 0 the question for 0 means that one, not the current revision.
            Probe.Hit("a hash is answered from the compaction of its revision");
            cached = new HashKvResult(known.Hash, known.CompactRevision, revision, view.Revision);
            return MvccStatus.Ok;
        }

        if (revision > 0 && revision < view.CompactedRevision)
        {
            return MvccStatus.Compacted;
        }

        if (revision > view.Revision)
        {
            return MvccStatus.FutureRevision;
        }

        // A negative revision is none: only the bucket's name is hashed, as in the original.
        long at = revision == 0 ? view.Revision : revision;
        if (store.Guards.TryAcquire(view, view.CompactedRevision, out RevisionGuard guard))
        {
            job = new HashKvJob(view, at, guard);
        }

        return MvccStatus.Ok;
    }

    /// <summary>Takes at most <paramref name="budget"/> records.</summary>
    /// <returns>True when done or when the store was replaced meanwhile (<see cref="Broken"/>).</returns>
    public bool Step(View view, int budget = 2000)
    {
        Broken |= view.Generation != _generation;
        return Broken || _hash.Step(view.Source, view.CommittedRevision, budget);
    }

    /// <summary>True when a snapshot replaced the store: begin again.</summary>
    public bool Broken { get; private set; }

    /// <summary>The answer once <see cref="Step"/> has returned true.</summary>
    public HashKvResult Result => new(_hash.Value, _compacted, _revision, _current);

    public void Dispose() => _guard.Dispose();
}
