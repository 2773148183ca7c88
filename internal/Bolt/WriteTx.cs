// The one write transaction: buckets in nodes, pages taken and given up, and the commit in bbolt's order
// (spec storage §2.9). Owned by the writer's actor. Never overwrites a page that the current or the previous
// meta reaches.
using EtcdAot.Observe;

namespace EtcdAot.Bolt;

/// <summary>Bytes in native memory that does not move during the transaction.</summary>
internal readonly unsafe struct SpanRef(byte* at, int length)
{
    public ReadOnlySpan<byte> Span => new(at, length);
}

/// <summary>A write transaction; begun by <see cref="Db.Begin"/>, ended by Commit or Rollback, then used
/// again.</summary>
public sealed unsafe class WriteTx
{
    private const int PooledNodes = 256;

    // What stands for a new bucket in the root tree until the commit lays the bucket out.
    private static readonly byte[] EmptyBucket = new byte[Bucket.HeaderSize + Page.HeaderSize];

    private readonly Db _db;
    private readonly List<WriteBucket> _buckets = [];
    private readonly List<DirtyRun> _dirty = [];
    private readonly List<Run> _freed = [];
    private readonly Stack<Node> _nodes = new();
    private WriteBucket _root = null!;

    internal WriteTx(Db db)
    {
        _db = db;
    }

    /// <summary>The id that the commit will write.</summary>
    public ulong TxId { get; private set; }

    /// <summary>Puts and deletes so far.</summary>
    public long Operations { get; private set; }

    /// <summary>Bytes of keys and values put so far.</summary>
    public long PendingBytes { get; private set; }

    internal bool IsOpen { get; private set; }

    internal TxArena Arena { get; } = new();

    internal List<Item> Parts { get; } = [];

    internal Pages Pages { get; private set; }

    internal int PageSize => Pages.PageSize;

    /// <summary>First page id never allocated, with what this transaction took.</summary>
    internal ulong HighWaterMark { get; private set; }

    internal List<DirtyRun> Dirty => _dirty;

    internal List<Run> Freed => _freed;

    /// <summary>The bucket by this name, created empty when absent. Fails when the name is empty, too long,
    /// or a plain key.</summary>
    public BoltError CreateBucketIfNotExists(ReadOnlySpan<byte> name, out WriteBucket? bucket)
    {
        bucket = null;
        if (!IsOpen)
        {
            return BoltError.TxClosed;
        }

        if (name.IsEmpty)
        {
            return BoltError.BucketNameRequired;
        }

        if (name.Length > Limits.MaxKeyBytes)
        {
            return BoltError.KeyTooLarge;
        }

        if (TryBucket(name, out bucket))
        {
            return BoltError.Ok;
        }

        if (_root.TryFind(name, out _, out bool isBucket))
        {
            return BoltError.IncompatibleValue;
        }

        Invariant.Check(!isBucket, "an absent name is no bucket");
        byte* copy = Arena.Copy(name, default);
        bucket = new WriteBucket(this, new SpanRef(copy, name.Length), default, isNew: true);
        _buckets.Add(bucket);

        // The entry stands in the root tree from now on, so that the names' order and the tree's shape are
        // settled early.
        _ = _root.PutItem(name, EmptyBucket, (ushort)Page.BucketFlag);
        return BoltError.Ok;
    }

    /// <summary>Finds a bucket. The same object for the same name while the transaction lives.</summary>
    public bool TryBucket(ReadOnlySpan<byte> name, out WriteBucket? bucket)
    {
        bucket = null;
        foreach (WriteBucket open in _buckets)
        {
            if (open.Name.Span.SequenceEqual(name))
            {
                bucket = open;
                return true;
            }
        }

        if (!IsOpen || !_root.TryFind(name, out ReadOnlySpan<byte> value, out bool isBucket) || !isBucket)
        {
            return false;
        }

        bool parsed = Bucket.TryParse(Pages, value, out Bucket stored);
        Invariant.Check(parsed, "a bucket's value was checked at opening");
        byte* copy = Arena.Copy(name, default);
        bucket = new WriteBucket(this, new SpanRef(copy, name.Length), stored, isNew: false);
        _buckets.Add(bucket);
        return true;
    }

    /// <summary>Removes a bucket with all that is in it.</summary>
    public BoltError DeleteBucket(ReadOnlySpan<byte> name)
    {
        if (!IsOpen)
        {
            return BoltError.TxClosed;
        }

        if (!TryBucket(name, out WriteBucket? bucket))
        {
            return _root.TryFind(name, out _, out _) ? BoltError.IncompatibleValue : BoltError.BucketNotFound;
        }

        if (!bucket!.IsNew && bucket.Stored.RootId != 0)
        {
            // Nodes of this bucket come from these pages or from none.
            var walk = new TreeWalk(Pages, maxErrors: 1) { OnRun = Free };
            walk.Walk(bucket.Stored.RootId);
            Invariant.Check(walk.Errors.Count == 0, "a bucket's tree was checked at opening");
        }

        _ = _buckets.Remove(bucket);
        return _root.Remove(name);
    }

    /// <summary>Writes and syncs everything; afterwards <see cref="Db.Current"/> is the new state. An error
    /// means that the file is in an unknown state: the caller ends the process (spec storage
    /// §10a.1).</summary>
    public BoltError Commit()
    {
        if (!IsOpen)
        {
            return BoltError.TxClosed;
        }

        foreach (WriteBucket bucket in _buckets)
        {
            bucket.Rebalance();
        }

        _root.Rebalance();
        foreach (WriteBucket bucket in _buckets)
        {
            if (bucket.IsDirty)
            {
                BoltError put = _root.PutItem(bucket.Name.Span, bucket.Spill(), (ushort)Page.BucketFlag);
                Invariant.Check(!put.Failed, "a bucket's name stands in the root");
            }
        }

        ulong root = _root.IsDirty ? _root.SpillRoot() : _db.Current.Meta.Root;
        BoltError error = _db.Publish(this, root);
        End();
        return error;
    }

    /// <summary>Forgets everything. Pages are taken only by Commit, so there is nothing to give
    /// back.</summary>
    public void Rollback() => End();

    internal void Start(ReadSnapshot from)
    {
        Invariant.Check(!IsOpen, "one write transaction at a time");
        IsOpen = true;
        TxId = from.TxId + 1;
        Pages = from.Pages;
        HighWaterMark = from.Meta.HighWaterMark;
        _root = new WriteBucket(this, default, from.Root, isNew: false);
    }

    internal void Dispose() => Arena.Dispose();

    internal void Count(int bytes)
    {
        Operations++;
        PendingBytes += bytes;
    }

    internal Node RentNode() => _nodes.TryPop(out Node? node) ? node : new Node();

    internal void ReturnNode(Node node)
    {
        if (_nodes.Count < PooledNodes)
        {
            node.Clear(isLeaf: true);
            _nodes.Push(node);
        }
    }

    /// <summary>Gives up pages of the state that the transaction began from; id 0 is none.</summary>
    internal void Free(ulong id, ulong count)
    {
        if (id != 0)
        {
            _freed.Add(new Run(id, count));
        }
    }

    /// <summary>Takes pages and lays part of a node out in them; they are written at the end.</summary>
    internal ulong WriteNode(Node node, int first, int end, long size)
    {
        long pages = (size + PageSize - 1) / PageSize;
        Invariant.Check(pages <= int.MaxValue, "a node is smaller than the address space");
        ulong id = _db.Freelist.Allocate((int)pages);
        if (id == 0)
        {
            id = HighWaterMark;
            HighWaterMark += (ulong)pages;
        }

        byte* memory = Arena.Allocate(pages * PageSize);
        node.Write(first, end, memory, pages * PageSize, id, (uint)(pages - 1));
        _dirty.Add(new DirtyRun(id, (nint)memory, pages));
        return id;
    }

    private void End()
    {
        IsOpen = false;
        Operations = 0;
        PendingBytes = 0;
        _buckets.Clear();
        _dirty.Clear();
        _freed.Clear();
        Parts.Clear();
        Arena.Reset();
    }

    /// <summary>Pages from an id on.</summary>
    internal readonly record struct Run(ulong Id, ulong Count);

    /// <summary>A run with its contents in the arena.</summary>
    internal readonly record struct DirtyRun(ulong Id, nint Memory, long Pages);
}
