// Duplicate keys of a transaction (spec api-v3 §2.5): puts against puts and deletes, nested ones included. A message holds
// more than a hundred thousand operations and its keys are chosen by the caller: nothing here compares each with each, and
// nothing hashes. Owned by: the I/O thread of the call.
using EtcdAot.Wire;
using EtcdAot.Wire.Codecs;

namespace EtcdAot.Api;

/// <summary>Finds a key that a branch changes twice.</summary>
internal static class TxnOverlap
{
    /// <summary>Checks one branch with everything nested in it; the message is well formed, so its depth is bounded.</summary>
    public static EtcdError? Check(RepeatedMessages ops) => Collect(ops, NewKeys(), new DeletedKeys());

    private static SortedSet<byte[]> NewKeys() => new(ByteOrder.Instance);

    private static EtcdError? Collect(RepeatedMessages ops, SortedSet<byte[]> puts, DeletedKeys deletes)
    {
        foreach (ReadOnlySpan<byte> message in ops)
        {
            _ = RequestOpView.TryParse(message, out RequestOpView op);
            if (op.Kind == OpKind.DeleteRange)
            {
                _ = DeleteRangeRequestView.TryParse(op.Body, out DeleteRangeRequestView delete);
                deletes.Add(delete.Key, delete.RangeEnd);
            }
        }

        foreach (ReadOnlySpan<byte> message in ops)
        {
            _ = RequestOpView.TryParse(message, out RequestOpView op);
            if (op.Kind == OpKind.Txn && AddNested(new TxnRequestView(op.Body), puts, deletes) is { } error)
            {
                return error;
            }
        }

        foreach (ReadOnlySpan<byte> message in ops)
        {
            _ = RequestOpView.TryParse(message, out RequestOpView op);
            if (op.Kind == OpKind.Put)
            {
                _ = PutRequestView.TryParse(op.Body, out PutRequestView put);
                if (deletes.Contain(put.Key) || !puts.Add(put.Key.ToArray()))
                {
                    return EtcdError.DuplicateKey;
                }
            }
        }

        return null;
    }

    // Only one branch of a nested txn runs, so the same key may stand in both.
    private static EtcdError? AddNested(TxnRequestView txn, SortedSet<byte[]> puts, DeletedKeys deletes)
    {
        SortedSet<byte[]> successPuts = NewKeys();
        var successDeletes = new DeletedKeys();
        EtcdError? error = Collect(txn.Success, successPuts, successDeletes);
        if (error is not null)
        {
            return error;
        }

        SortedSet<byte[]> failurePuts = NewKeys();
        var failureDeletes = new DeletedKeys();
        error = Collect(txn.Failure, failurePuts, failureDeletes);
        if (error is not null)
        {
            return error;
        }

        foreach (byte[] key in successPuts)
        {
            if (puts.Contains(key) || deletes.Contain(key))
            {
                return EtcdError.DuplicateKey;
            }
        }

        foreach (byte[] key in failurePuts)
        {
            if ((puts.Contains(key) && !successPuts.Contains(key)) || deletes.Contain(key))
            {
                return EtcdError.DuplicateKey;
            }
        }

        // One by one: a union of sorted sets may rebuild the larger one for each small one.
        AddAll(puts, successPuts);
        AddAll(puts, failurePuts);
        deletes.AddAll(successDeletes);
        deletes.AddAll(failureDeletes);
        return null;
    }

    private static void AddAll(SortedSet<byte[]> into, SortedSet<byte[]> keys)
    {
        foreach (byte[] key in keys)
        {
            _ = into.Add(key);
        }
    }
}

/// <summary>A set of key ranges: sorted runs of disjoint ranges, each at least twice as long as the next, so that adding
/// and asking take logarithmic time.</summary>
internal sealed class DeletedKeys
{
    private readonly List<(byte[] Start, byte[] End)[]> _runs = [];
    private readonly List<(byte[] Start, byte[] End)> _pending = [];

    /// <summary>Adds a deletion's range. The end "\0" is taken literally: such a range is empty (spec api-v3 §2.5).</summary>
    public void Add(ReadOnlySpan<byte> key, ReadOnlySpan<byte> end)
    {
        if (end.IsEmpty)
        {
            _pending.Add((key.ToArray(), [.. key, 0]));
        }
        else if (key.SequenceCompareTo(end) < 0)
        {
            _pending.Add((key.ToArray(), end.ToArray()));
        }
    }

    public void AddAll(DeletedKeys other)
    {
        _pending.AddRange(other._pending);
        foreach ((byte[], byte[])[] run in other._runs)
        {
            _pending.AddRange(run);
        }
    }

    /// <summary>True when some range covers the key.</summary>
    public bool Contain(ReadOnlySpan<byte> key)
    {
        if (_pending.Count > 0)
        {
            TakePending();
        }

        foreach ((byte[] Start, byte[] End)[] run in _runs)
        {
            int low = 0;
            int high = run.Length;
            while (low < high)
            {
                int middle = (low + high) / 2;
                bool after = key.SequenceCompareTo(run[middle].Start) >= 0;
                (low, high) = after ? (middle + 1, high) : (low, middle);
            }

            if (low > 0 && key.SequenceCompareTo(run[low - 1].End) < 0)
            {
                return true;
            }
        }

        return false;
    }

    private void TakePending()
    {
        while (_runs.Count > 0 && _runs[^1].Length < 2 * _pending.Count)
        {
            _pending.AddRange(_runs[^1]);
            _runs.RemoveAt(_runs.Count - 1);
        }

        _pending.Sort(static (a, b) => a.Start.AsSpan().SequenceCompareTo(b.Start));
        var merged = new List<(byte[] Start, byte[] End)>(_pending.Count);
        foreach ((byte[] start, byte[] end) in _pending)
        {
            if (merged.Count == 0 || merged[^1].End.AsSpan().SequenceCompareTo(start) < 0)
            {
                merged.Add((start, end));
            }
            else if (merged[^1].End.AsSpan().SequenceCompareTo(end) < 0)
            {
                merged[^1] = (merged[^1].Start, end);
            }
        }

        _runs.Add([.. merged]);
        _pending.Clear();
    }
}

/// <summary>Keys in their own order.</summary>
internal sealed class ByteOrder : IComparer<byte[]>
{
    public static readonly ByteOrder Instance = new();

    public int Compare(byte[]? x, byte[]? y) => x.AsSpan().SequenceCompareTo(y);
}
