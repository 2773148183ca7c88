// A committed state of the db for reading. Immutable; any thread, but only inside a wake (DESIGN 4.10): its pages are
// reused once every reader has passed a newer one. It must never be stored by a reader.
using EtcdAot.Bolt;
using EtcdAot.Observe;

namespace EtcdAot.Backend;

/// <summary>One committed bolt state with its buckets looked up.</summary>
public sealed class BackendSnapshot
{
    private readonly Bucket[] _buckets = new Bucket[BackendNames.Count];
    private readonly bool[] _present = new bool[BackendNames.Count];

    internal BackendSnapshot(ReadSnapshot bolt, long inUseBytes, int file)
    {
        Bolt = bolt;
        File = file;
        InUseBytes = inUseBytes;
        for (int i = 0; i < BackendNames.Count; i++)
        {
            _present[i] = bolt.TryBucket(BackendNames.Of((BackendBucket)i), out _buckets[i]);
        }
    }

    /// <summary>Transaction that wrote it.</summary>
    public ulong TxId => Bolt.TxId;

    /// <summary>High-water mark × page size, bytes: what quota and status call the size.</summary>
    public long SizeBytes => Bolt.SizeBytes;

    /// <summary>Size without free pages, bytes.</summary>
    public long InUseBytes { get; }

    /// <summary>Counts the files that were the db in this process, one after the other.</summary>
    internal int File { get; }

    internal ReadSnapshot Bolt { get; }

    /// <summary>Finds a value; the span lies in the map, whatever the key's.</summary>
    public unsafe bool TryGet(BackendBucket bucket, scoped ReadOnlySpan<byte> key, out ReadOnlySpan<byte> value)
    {
        value = default;
        fixed (byte* at = key)
        {
            return _present[(int)bucket]
                && _buckets[(int)bucket].TryGet(new ReadOnlySpan<byte>(at, key.Length), out value);
        }
    }

    /// <summary>A cursor over a bucket; a missing bucket is empty.</summary>
    public BackendCursor Cursor(BackendBucket bucket)
    {
        return _present[(int)bucket] ? new BackendCursor(_buckets[(int)bucket].Cursor()) : default;
    }
}

/// <summary>Walks a bucket forward in key order. Spans lie in the map.</summary>
public struct BackendCursor
{
    private readonly bool _present;
    private Cursor _cursor;

    internal BackendCursor(Cursor cursor)
    {
        _present = true;
        _cursor = cursor;
    }

    public readonly bool Valid => _present && _cursor.Valid;

    public readonly ReadOnlySpan<byte> Key => _cursor.Key;

    public readonly ReadOnlySpan<byte> Value => _cursor.Value;

    public bool First() => _present && _cursor.First();

    public bool Last() => _present && _cursor.Last();

    /// <summary>Goes to the first entry not below the key.</summary>
    public bool Seek(ReadOnlySpan<byte> key) => _present && _cursor.Seek(key);

    public bool Next()
    {
        Invariant.Check(_present, "Next is called on a cursor that stands on an entry");
        return _cursor.Next();
    }
}
