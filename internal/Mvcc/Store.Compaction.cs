// Compaction (spec storage §4.5) in bounded steps: logical at once, then the hash, then index and db records together,
// found through the index so that bolt's pages need not be read for it. owned by: core thread.
// It must never drop what a reader of an older view or a guard can still see.
using EtcdAot.Backend;
using EtcdAot.Observe;

namespace EtcdAot.Mvcc;

public sealed unsafe partial class Store
{
    private const int HashBudget = 2000;
    private const int KeysPerStep = 4000;

    private readonly Queue<CompactionJob> _compactions = new();
    private readonly List<(nint Record, int From, int FirstKept)> _dropping = [];
    private long _compactionDone = -1;
    private long _nextCompactionStep;

    private enum Phase
    {
        Waiting,
        Hashing,
        Dropping,
        Committing,
    }

    private sealed class CompactionJob
    {
        public long Revision;
        public long Previous;
        public bool WantsHash;
        public long Ticket;
        public long Epoch = long.MaxValue;
        public Phase Phase;
        public RevisionHash Hash;
        public long StartedNanos;
        public byte[] LastKey = [];

        /// <summary>Where the walk goes on, −1 at the start.</summary>
        public int LastKeyLength = -1;

        /// <summary>Revisions of the key that it goes on with whose records are deleted already; their entries leave the
        /// index together with the last of them.</summary>
        public int Deleted;
    }

    /// <summary>Hashes of past compactions; any thread.</summary>
    public CompactionHashes Hashes { get; } = new();

    /// <summary>Core thread: compacts at a revision. Reads below it fail from the next publication on; the record of it
    /// is committed by force (spec storage §7.5).</summary>
    public MvccStatus Compact(long revision)
    {
        if (revision <= _compacted)
        {
            return MvccStatus.Compacted;
        }

        if (revision > _revision)
        {
            return MvccStatus.FutureRevision;
        }

        if (_compactions.Count > 0)
        {
            Probe.Hit("a compaction is scheduled while another one runs");
        }

        Schedule(revision, _compacted, wantsHash: _compactions.Count == 0);
        return MvccStatus.Ok;
    }

    /// <summary>True when a compaction's records are gone and that is durable (`physical=true`).</summary>
    public bool CompactionDone(long revision) => _compactionDone >= revision;

    /// <summary>Core thread: background work in bounded steps. Publish afterwards.</summary>
    /// <returns>When to be called again at the latest; <see cref="long.MaxValue"/> when nothing is under way.</returns>
    public long Step(long nowNanos)
    {
        if (!_compactions.TryPeek(out CompactionJob? job))
        {
            Settle();
            return _passing.Count > 0 ? nowNanos + _options.CompactionPauseNanos : long.MaxValue;
        }

        if (nowNanos < _nextCompactionStep)
        {
            return _nextCompactionStep;
        }

        bool pause = job.Phase switch
        {
            Phase.Waiting => !TryStart(job, nowNanos),
            Phase.Hashing => StepHash(job),
            Phase.Dropping => StepDrop(job),
            _ => StepCommit(job, nowNanos),
        };
        _nextCompactionStep = pause ? nowNanos + _options.CompactionPauseNanos : nowNanos;
        return _nextCompactionStep;
    }

    private void Schedule(long revision, long previous, bool wantsHash)
    {
        _compacted = revision;
        _changed = true;
        Span<byte> mark = stackalloc byte[Mvcc.Revision.TombstoneKeyBytes];
        int length = new Revision(revision, 0).Encode(mark);
        _backend.Put(BackendBucket.Meta, BackendNames.ScheduledCompactRevision, mark[..length]);
        long ticket = _backend.ForceCommit();
        _compactions.Enqueue(new CompactionJob
        {
            Revision = revision,
            Previous = previous,
            WantsHash = wantsHash,
            Ticket = ticket,
        });
    }

    private void ResumeCompaction(long scheduled)
    {
        Probe.Hit("a compaction that an earlier life scheduled is done");
        Schedule(scheduled, _compacted, wantsHash: false);
    }

    private void TagCompactions(long epoch)
    {
        foreach (CompactionJob job in _compactions)
        {
            job.Epoch = Math.Min(job.Epoch, epoch);
        }
    }

    private bool TryStart(CompactionJob job, long nowNanos)
    {
        bool passed = job.Epoch != long.MaxValue && _readers.OldestActive() > job.Epoch;
        if (Guards.Oldest < job.Revision)
        {
            Probe.Hit("a compaction waits for a guard of the past");
        }

        if (!passed || Guards.Oldest < job.Revision || !_backend.IsCommitted(job.Ticket))
        {
            return false;
        }

        job.StartedNanos = nowNanos;
        _options.Log.Info("mvcc/index.go", "compact tree index").With("revision", job.Revision).Write();
        if (job.WantsHash)
        {
            job.Hash = new RevisionHash(job.Revision, job.Previous, keepsTombstones: true);
        }

        job.Phase = job.WantsHash ? Phase.Hashing : Phase.Dropping;
        return true;
    }

    private bool StepHash(CompactionJob job)
    {
        if (job.Hash.Step(Working, _committed, HashBudget))
        {
            job.Phase = Phase.Dropping;
        }

        return false;
    }

    /// <summary>Walks on from where it was: drops old revisions from the index and their records from the db. A key with
    /// more of them than a step may delete takes several.</summary>
    private bool StepDrop(CompactionJob job)
    {
        Span<byte> start = job.LastKeyLength < 0 ? default : job.LastKey.AsSpan(0, job.LastKeyLength);
        IndexCursor cursor = IndexCursor.Seek(_index.Root, start);
        int left = _options.CompactionBatch;
        bool ended = false;
        _dropping.Clear();
        for (int keys = 0; keys < KeysPerStep && left > 0 && !ended; keys++)
        {
            KeyRecord* record = cursor.Current(out _);
            ended = record == null;
            if (ended)
            {
                break;
            }

            KeyHistory.Keep(KeyRecord.History(record), job.Revision, out int firstKept, out _);
            int from = job.Deleted;
            int take = Math.Min(left, firstKept - from);
            left -= take;
            if (from + take < firstKept)
            {
                DeleteRecords(record, from, from + take);
                job.Deleted = from + take;
                GoOnAt(job, KeyRecord.Key(record), behind: false);
                break;
            }

            cursor.Next();
            job.Deleted = 0;
            GoOnAt(job, KeyRecord.Key(record), behind: true);
            if (firstKept > 0)
            {
                _dropping.Add(((nint)record, from, firstKept));
            }
        }

        foreach ((nint record, int from, int firstKept) in _dropping)
        {
            DeleteRecords((KeyRecord*)record, from, firstKept);
            _index.Drop((KeyRecord*)record, firstKept);
            _changed = true;
        }

        if (ended)
        {
            Finish(job);
            return false;
        }

        Probe.Hit("a compaction goes on in another step");
        return left < _options.CompactionBatch;
    }

    /// <summary>The next possible key is the key and a zero byte behind it.</summary>
    private static void GoOnAt(CompactionJob job, ReadOnlySpan<byte> key, bool behind)
    {
        if (job.LastKey.Length < key.Length + 1)
        {
            job.LastKey = new byte[Math.Max(256, (key.Length + 1) * 2)];
        }

        key.CopyTo(job.LastKey);
        job.LastKey[key.Length] = 0;
        job.LastKeyLength = key.Length + (behind ? 1 : 0);
    }

    private void DeleteRecords(KeyRecord* record, int from, int end)
    {
        Span<byte> key = stackalloc byte[Mvcc.Revision.TombstoneKeyBytes];
        RevisionEntry* entries = KeyHistory.Entries(KeyRecord.History(record));
        for (int i = from; i < end; i++)
        {
            int length = entries[i].Revision.Encode(key, entries[i].IsTombstone);
            _backend.Delete(BackendBucket.Key, key[..length]);
        }
    }

    private void Finish(CompactionJob job)
    {
        Span<byte> mark = stackalloc byte[Mvcc.Revision.TombstoneKeyBytes];
        int length = new Revision(job.Revision, 0).Encode(mark);
        _backend.Put(BackendBucket.Meta, BackendNames.FinishedCompactRevision, mark[..length]);
        job.Ticket = _backend.ForceCommit();
        job.Phase = Phase.Committing;
    }

    private bool StepCommit(CompactionJob job, long nowNanos)
    {
        if (!_backend.IsCommitted(job.Ticket))
        {
            return true;
        }

        _compactionDone = job.Revision;
        _ = _compactions.Dequeue();
        Report(job, nowNanos - job.StartedNanos);
        return false;
    }

    private void Report(CompactionJob job, long tookNanos)
    {
        LogLine line = _options.Log.Info("mvcc/kvstore_compaction.go", "finished scheduled compaction")
            .With("compact-revision", job.Revision).With("took", GoDuration.Text(tookNanos));
        line = job.WantsHash ? line.With("hash", (long)job.Hash.Value) : line;
        line.With("current-db-size-bytes", _backend.SizeBytes).With("current-db-size", HumanBytes.Text(_backend.SizeBytes))
            .With("current-db-size-in-use-bytes", _backend.InUseBytes)
            .With("current-db-size-in-use", HumanBytes.Text(_backend.InUseBytes)).Write();
        if (job.WantsHash)
        {
            Hashes.Add(new CompactionHash(job.Revision, job.Previous, job.Hash.Value));
            _options.Log.Info("mvcc/hash.go", "storing new hash").With("hash", (long)job.Hash.Value)
                .With("revision", job.Revision).With("compact-revision", job.Previous).Write();
        }
    }
}
