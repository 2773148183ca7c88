// What service Maintenance asks of a member: sizes, the hash of the whole db, a copy of it, defragmentation. Any thread
// asks; answers come on the core thread, which only hands them on. It must never make the core wait for the disk.
using System.Globalization;
using System.Text;
using EtcdAot.Backend;
using EtcdAot.Observe;
using EtcdAot.Sys;

namespace EtcdAot.Server;

/// <summary>The db file as Maintenance sees it (spec api-v3 §5.2).</summary>
public sealed class Maintenance
{
    private const string DbCaller = "backend/backend.go";

    private readonly CoreParts _parts;
    private readonly RaftLoop _core;
    private int _defragmentations;

    internal Maintenance(CoreParts parts, RaftLoop core)
    {
        _parts = parts;
        _core = core;
    }

    /// <summary>High-water mark × page size of the last commit, bytes.</summary>
    public long DatabaseSize => _parts.Store.Current.Backend.SizeBytes;

    /// <summary>The same without free pages.</summary>
    public long DatabaseSizeInUse => _parts.Store.Current.Backend.InUseBytes;

    /// <summary>Defragmentations asked for and not yet answered.</summary>
    public int DefragmentationsUnderWay => Volatile.Read(ref _defragmentations);

    /// <summary>Lines of this room's callers.</summary>
    public Log Log => _parts.Log;

    /// <summary>Text of what keeps the member from working, as Status.errors lists it; never null.</summary>
    public IReadOnlyList<string> Problems(ulong leader)
    {
        var problems = new List<string>();
        if (leader == 0)
        {
            problems.Add("etcdserver: no leader");
        }

        foreach (ActiveAlarm alarm in _parts.Alarms.Active)
        {
            problems.Add(TextOf(alarm));
        }

        return problems;
    }

    /// <summary>An alarm in the text form of its protobuf message, fields at their default left out.</summary>
    public static string TextOf(ActiveAlarm alarm)
    {
        var text = new StringBuilder();
        if (alarm.MemberId != 0)
        {
            text.Append("memberID:").Append(alarm.MemberId.ToString(CultureInfo.InvariantCulture)).Append(' ');
        }

        if (alarm.Kind != AlarmKind.None)
        {
            text.Append("alarm:").Append(Applier.NameOf(alarm.Kind)).Append(' ');
        }

        return text.ToString();
    }

    /// <summary>CRC32C over the whole db after a commit (spec storage §4.6); the answer comes on the core thread.</summary>
    public void Hash(Action<uint> done) => Ask(backend => backend.RequestHash(IsMemberOwn, done));

    /// <summary>A copy of the committed db; null when its file cannot be opened. On the core thread.</summary>
    public void Copy(Action<DatabaseCopy?> done)
    {
        Ask(backend => backend.RequestCopy(copy => done(copy is null ? null : new DatabaseCopy(copy))));
    }

    /// <summary>Copies the db into a fresh file and swaps them. Null, or the error's text; on the core thread.</summary>
    public void Defragment(Action<string?> done)
    {
        Interlocked.Increment(ref _defragmentations);
        Ask(backend =>
        {
            (long size, long inUse) = (backend.SizeBytes, backend.InUseBytes);
            long began = _parts.Clock.MonotonicNanos;
            _parts.Log.Info(DbCaller, "defragmenting").With("path", _parts.Options.BackendPath)
                .With("current-db-size-bytes", size).With("current-db-size", HumanBytes.Text(size))
                .With("current-db-size-in-use-bytes", inUse)
                .With("current-db-size-in-use", HumanBytes.Text(inUse)).Write();
            backend.RequestDefragment(result => OnDefragmented(result, backend, size, inUse, began, done));
        });
    }

    private void OnDefragmented(
        DefragmentResult result, BackendStore backend, long size, long inUse, long began, Action<string?> done)
    {
        if (result.IsFatal)
        {
            _parts.Fatal.End(DbCaller, "failed to rename tmp database", result.Error!);
        }

        Interlocked.Decrement(ref _defragmentations);
        if (result.Error is null)
        {
            long took = _parts.Clock.MonotonicNanos - began;
            _parts.Log.Info(DbCaller, "finished defragmenting directory").With("path", _parts.Options.BackendPath)
                .With("current-db-size-bytes-diff", backend.SizeBytes - size)
                .With("current-db-size-bytes", backend.SizeBytes)
                .With("current-db-size", HumanBytes.Text(backend.SizeBytes))
                .With("current-db-size-in-use-bytes-diff", backend.InUseBytes - inUse)
                .With("current-db-size-in-use-bytes", backend.InUseBytes)
                .With("current-db-size-in-use", HumanBytes.Text(backend.InUseBytes))
                .With("took", GoDuration.Text(took)).Write();
        }

        done(result.Error);
    }

    // What differs between members with the same data.
    private static bool IsMemberOwn(ReadOnlySpan<byte> bucket, ReadOnlySpan<byte> key)
    {
        return bucket.SequenceEqual("meta"u8) && (key.SequenceEqual("consistent_index"u8)
            || key.SequenceEqual("term"u8) || key.SequenceEqual("storageVersion"u8));
    }

    private void Ask(Action<BackendStore> ask) => _core.Post(new BackendWork(ask, _parts.Backend));

    private sealed class BackendWork(Action<BackendStore> ask, BackendStore backend) : ICoreWork
    {
        public void RunOnCore() => ask(backend);
    }
}

/// <summary>One committed state of the db as bytes, for one reader. Dispose it, or freed pages stay pending.</summary>
public sealed class DatabaseCopy : IDisposable
{
    private readonly HotCopy _copy;

    internal DatabaseCopy(HotCopy copy) => _copy = copy;

    /// <summary>Bytes in all.</summary>
    public long Length => _copy.Length;

    /// <summary>Fills the span from a place inside the copy. Null, or the error's text.</summary>
    public string? Read(long offset, Span<byte> destination)
    {
        Errno errno = _copy.Read(offset, destination, out int read);
        Invariant.Check(errno.Failed || read == destination.Length, "a copy is read inside its length");
        return errno.Failed ? "read db: " + errno : null;
    }

    public void Dispose() => _copy.Dispose();
}
