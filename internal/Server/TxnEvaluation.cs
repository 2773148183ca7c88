// Compares of a transaction (spec api-v3 §2.5): all of all levels are evaluated on the state before the transaction,
// before any operation runs. Pure; the reader decides what state it sees. Any thread.
using EtcdAot.Mvcc;
using EtcdAot.Wire.Codecs;

namespace EtcdAot.Server;

/// <summary>What compares read.</summary>
internal interface ITxnReader
{
    bool TryGet(ReadOnlySpan<byte> key, out ReadOnlySpan<byte> keyValue);

    void Range<TSink>(in RangeRequestView request, ref TSink sink)
        where TSink : IRangeSink, allows ref struct;
}

/// <summary>Reads the state that a write began on.</summary>
internal readonly struct WriteReader(WriteTxn txn) : ITxnReader
{
    public bool TryGet(ReadOnlySpan<byte> key, out ReadOnlySpan<byte> keyValue) => txn.TryGet(key, out keyValue);

    public void Range<TSink>(in RangeRequestView request, ref TSink sink)
        where TSink : IRangeSink, allows ref struct
    {
        _ = txn.Range(request, ref sink);
    }
}

/// <summary>Reads a published view.</summary>
internal readonly struct ViewReader(View view, RangeScratch scratch) : ITxnReader
{
    public bool TryGet(ReadOnlySpan<byte> key, out ReadOnlySpan<byte> keyValue)
    {
        return view.TryGet(key, view.Revision, out keyValue);
    }

    public void Range<TSink>(in RangeRequestView request, ref TSink sink)
        where TSink : IRangeSink, allows ref struct
    {
        _ = view.Range(request, scratch, ref sink);
    }
}

/// <summary>The branches that a transaction takes, in the order in which its nested transactions stand.</summary>
internal sealed class TxnPath
{
    private readonly List<bool> _taken = [];
    private int _next;

    /// <summary>Evaluates every level that will run.</summary>
    public void Evaluate<TReader>(TxnRequestView txn, TReader reader)
        where TReader : struct, ITxnReader
    {
        _taken.Clear();
        Walk(txn, reader);
        Rewind();
    }

    /// <summary>Starts over for another walk along the path.</summary>
    public void Rewind() => _next = 0;

    /// <summary>Branch of the next transaction on the walk.</summary>
    public bool Take() => _taken[_next++];

    private void Walk<TReader>(TxnRequestView txn, TReader reader)
        where TReader : struct, ITxnReader
    {
        bool succeeded = TxnCompare.All(txn.Compares, reader);
        _taken.Add(succeeded);
        foreach (ReadOnlySpan<byte> message in txn.Branch(succeeded))
        {
            _ = RequestOpView.TryParse(message, out RequestOpView op);
            if (op.Kind == OpKind.Txn)
            {
                Walk(new TxnRequestView(op.Body), reader);
            }
        }
    }
}

/// <summary>Evaluates compares.</summary>
internal static class TxnCompare
{
    private const int TargetVersion = 0;
    private const int TargetCreate = 1;
    private const int TargetMod = 2;
    private const int TargetValue = 3;
    private const int TargetLease = 4;

    public static bool All<TReader>(RepeatedMessages compares, TReader reader)
        where TReader : struct, ITxnReader
    {
        foreach (ReadOnlySpan<byte> message in compares)
        {
            _ = CompareView.TryParse(message, out CompareView compare);
            if (!Holds(compare, reader))
            {
                return false;
            }
        }

        return true;
    }

    private static bool Holds<TReader>(in CompareView compare, TReader reader)
        where TReader : struct, ITxnReader
    {
        if (compare.RangeEnd.IsEmpty)
        {
            return reader.TryGet(compare.Key, out ReadOnlySpan<byte> single)
                ? HoldsFor(compare, single) : HoldsForNothing(compare);
        }

        var request = new RangeRequestView { Key = compare.Key, RangeEnd = compare.RangeEnd };
        var sink = new CompareSink(compare);
        reader.Range(request, ref sink);
        return sink.Any ? sink.Holds : HoldsForNothing(compare);
    }

    private static bool HoldsForNothing(in CompareView compare)
    {
        return compare.Target != TargetValue && Decide(compare.Result, Order(compare, default));
    }

    private static bool HoldsFor(in CompareView compare, ReadOnlySpan<byte> encoded)
    {
        _ = KeyValueView.TryParse(encoded, out KeyValueView kv);
        return Decide(compare.Result, Order(compare, kv));
    }

    /// <summary>Actual against given: negative, zero, positive. An unknown target counts as equal.</summary>
    private static int Order(in CompareView compare, in KeyValueView kv) => compare.Target switch
    {
        TargetVersion => kv.Version.CompareTo(Given(compare, 4)),
        TargetCreate => kv.CreateRevision.CompareTo(Given(compare, 5)),
        TargetMod => kv.ModRevision.CompareTo(Given(compare, 6)),
        TargetValue => kv.Value.SequenceCompareTo(compare.UnionField == 7 ? compare.Value : default),
        TargetLease => kv.Lease.CompareTo(Given(compare, 8)),
        _ => 0,
    };

    /// <summary>A missing or mismatched member of the union counts as 0.</summary>
    private static long Given(in CompareView compare, int field) => compare.UnionField == field ? compare.Number : 0;

    private static bool Decide(int result, int order) => result switch
    {
        0 => order == 0,
        1 => order > 0,
        2 => order < 0,
        3 => order != 0,
        _ => true,
    };

    private ref struct CompareSink(CompareView compare) : IRangeSink
    {
        private readonly CompareView _compare = compare;

        public bool Any { get; private set; }

        public bool Holds { get; private set; } = true;

        public void Add(ReadOnlySpan<byte> keyValue)
        {
            Any = true;
            Holds = Holds && HoldsFor(_compare, keyValue);
        }
    }
}
