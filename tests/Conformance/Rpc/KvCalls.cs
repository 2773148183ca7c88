// Draws and sends KV calls: every option, nested transactions, every compare, the limits.
using EtcdAot.Wire.Etcdserverpb;
using Google.Protobuf;

namespace EtcdAot.Tests.Conformance.Rpc;

/// <summary>KV of the comparison.</summary>
internal sealed class KvCalls(Lockstep pair, Dice dice, long[] leases)
{
    private const int MaxTxnOps = 128;

    /// <summary>Draws one request of any KV method.</summary>
    public (RawMethod Method, IMessage Request) Draw()
    {
        int kind = dice.Below(100);
        return kind switch
        {
            < 35 => (RawMethods.Range, Range()),
            < 58 => (RawMethods.Put, Put()),
            < 67 => (RawMethods.DeleteRange, DeleteRange()),
            < 97 => (RawMethods.Txn, LeftOut.Defuse(Txn(0))),
            _ => (RawMethods.Compact, Compaction()),
        };
    }

    /// <summary>Draws one write.</summary>
    public (RawMethod Method, IMessage Request) DrawWrite() => dice.Below(10) switch
    {
        < 5 => (RawMethods.Put, Put()),
        < 7 => (RawMethods.DeleteRange, DeleteRange()),
        _ => (RawMethods.Txn, LeftOut.Defuse(Txn(1))),
    };

    public void Random(int calls)
    {
        for (int i = 0; i < calls; i++)
        {
            (RawMethod method, IMessage request) = Draw();
            pair.Unary(method, request);
        }
    }

    /// <summary>Every pair of sort order and target, with and without a limit and filters.</summary>
    public void Orders()
    {
        ByteString all = ByteString.CopyFrom(0);
        foreach (int target in Enumerable.Range(0, 5))
        {
            foreach (int order in new[] { 0, 1, 2, 7, -1 })
            {
                foreach (long limit in new long[] { 0, 3, -5, long.MaxValue })
                {
                    pair.Unary(RawMethods.Range, new RangeRequest
                    {
                        Key = all,
                        RangeEnd = all,
                        Limit = limit,
                        SortOrder = (RangeRequest.Types.SortOrder)order,
                        SortTarget = (RangeRequest.Types.SortTarget)target,
                        KeysOnly = dice.Chance(30),
                        MinModRevision = dice.Chance(20) ? pair.Revision / 2 : 0,
                    });
                }
            }
        }
    }

    /// <summary>Every compare target with every result, on a key that is there and on one that is not.</summary>
    public void Compares()
    {
        var there = ByteString.CopyFromUtf8("b");
        pair.Unary(RawMethods.Put, new PutRequest { Key = there, Value = ByteString.CopyFromUtf8("v1") });
        foreach (int target in new[] { 0, 1, 2, 3, 4, 9, -3 })
        {
            foreach (int result in new[] { 0, 1, 2, 3, 8, -2 })
            {
                foreach (ByteString key in new[] { there, ByteString.CopyFromUtf8("missing") })
                {
                    var txn = new TxnRequest();
                    txn.Compare.Add(Comparison(key, target, result));
                    txn.Success.Add(new RequestOp { RequestRange = new RangeRequest { Key = there, KeysOnly = true } });
                    pair.Unary(RawMethods.Txn, txn);
                }
            }
        }
    }

    /// <summary>Sizes and counts at their limits.</summary>
    public void Limits()
    {
        var key = ByteString.CopyFromUtf8("c");
        foreach (int ops in new[] { MaxTxnOps, MaxTxnOps + 1 })
        {
            var wide = new TxnRequest();
            var compares = new TxnRequest();
            for (int i = 0; i < ops; i++)
            {
                wide.Failure.Add(new RequestOp { RequestRange = new RangeRequest { Key = key } });
                compares.Compare.Add(new Compare { Key = key });
            }

            pair.Unary(RawMethods.Txn, wide);
            pair.Unary(RawMethods.Txn, compares);
        }

        foreach ((int outer, int inner) in new[] { (127, 1), (128, 1), (100, 28), (100, 29), (1, 127), (1, 128) })
        {
            var txn = new TxnRequest();
            var nested = new TxnRequest();
            Fill(nested, inner);
            txn.Success.Add(new RequestOp { RequestTxn = nested });
            Fill(txn, outer - 1);
            pair.Unary(RawMethods.Txn, txn);
        }

        foreach (int bytes in new[] { 1_000_000, 1_572_700, 1_572_864, 2_000_000, 2_097_100, 2_097_152, 2_200_000 })
        {
            pair.Unary(RawMethods.Put, new PutRequest { Key = key, Value = ByteString.CopyFrom(new byte[bytes]) });
        }

        pair.Unary(RawMethods.DeleteRange, new DeleteRangeRequest { Key = key });

        void Fill(TxnRequest txn, int count)
        {
            for (int i = 0; i < count; i++)
            {
                txn.Success.Add(new RequestOp { RequestRange = new RangeRequest { Key = key, CountOnly = true } });
            }
        }
    }

    /// <summary>The overlap rules, case by case (spec 2.5).</summary>
    public void Overlaps()
    {
        RequestOp put = PutOp("aa");
        RequestOp delete = DeleteOp("aa", "");
        RequestOp fromKey = DeleteOp("a", "\0");
        RequestOp wide = DeleteOp("a", "b");
        RequestOp nestedPut = Nested([PutOp("aa")], []);
        RequestOp nestedElsePut = Nested([], [PutOp("aa")]);
        RequestOp nestedBoth = Nested([PutOp("aa")], [PutOp("aa")]);
        RequestOp nestedDelete = Nested([DeleteOp("aa", "")], []);
        RequestOp[] ops = [put, delete, fromKey, wide, nestedPut, nestedElsePut, nestedBoth, nestedDelete];
        foreach (RequestOp first in ops)
        {
            foreach (RequestOp second in ops)
            {
                var txn = new TxnRequest();
                txn.Success.Add(first);
                txn.Success.Add(second);
                pair.Unary(RawMethods.Txn, txn);
            }

            var sides = new TxnRequest();
            sides.Success.Add(first);
            sides.Failure.Add(put);
            pair.Unary(RawMethods.Txn, sides);
        }
    }

    public RangeRequest Range()
    {
        ByteString key = dice.Key();
        var request = new RangeRequest
        {
            Key = key,
            RangeEnd = dice.RangeEnd(key, pair.Table),
            SortOrder = (RangeRequest.Types.SortOrder)dice.Of(0, 0, 0, 1, 2, 5),
            SortTarget = (RangeRequest.Types.SortTarget)dice.Of(0, 0, 0, 1, 2, 3, 4),
            Serializable = dice.Chance(30),
            KeysOnly = dice.Chance(20),
            CountOnly = dice.Chance(10),
        };
        request.Limit = dice.Chance(35) ? dice.Of(1, 2, 5, -1) : 0;
        request.Revision = dice.Chance(35) ? dice.RevisionNear(pair) : 0;
        request.MinModRevision = dice.Chance(8) ? dice.RevisionNear(pair) : 0;
        request.MaxModRevision = dice.Chance(8) ? dice.RevisionNear(pair) : 0;
        request.MinCreateRevision = dice.Chance(8) ? dice.RevisionNear(pair) : 0;
        request.MaxCreateRevision = dice.Chance(8) ? dice.RevisionNear(pair) : 0;
        return request;
    }

    public PutRequest Put()
    {
        var request = new PutRequest { Key = dice.Key(), PrevKv = dice.Chance(30) };
        request.IgnoreValue = dice.Chance(12);
        request.IgnoreLease = dice.Chance(12);
        request.Value = request.IgnoreValue && dice.Chance(80) ? ByteString.Empty : dice.Value();
        request.Lease = request.IgnoreLease && dice.Chance(80) ? 0
            : dice.Chance(leases.Length > 0 ? 20 : 0) ? dice.Of<long>(leases) : dice.Chance(4) ? 987654321 : 0;
        return request;
    }

    public DeleteRangeRequest DeleteRange()
    {
        ByteString key = dice.Key();
        ByteString end = dice.Chance(70) ? ByteString.Empty : dice.RangeEnd(key, pair.Table);
        return new DeleteRangeRequest { Key = key, RangeEnd = end, PrevKv = dice.Chance(50) };
    }

    public TxnRequest Txn(int depth)
    {
        var txn = new TxnRequest();
        for (int i = dice.Below(4); i > 0; i--)
        {
            Compare compare = Comparison(dice.Key(1), dice.Of(0, 1, 2, 3, 4, 4, 3, 6), dice.Of(0, 1, 2, 3, 3, 2, 1, 7));
            compare.RangeEnd = dice.Chance(30) ? dice.RangeEnd(compare.Key, pair.Table) : ByteString.Empty;
            txn.Compare.Add(compare);
        }

        bool readOnly = dice.Chance(20);
        for (int i = dice.Below(4); i > 0; i--)
        {
            txn.Success.Add(Op(depth, readOnly));
        }

        for (int i = dice.Below(4); i > 0; i--)
        {
            txn.Failure.Add(Op(depth, readOnly));
        }

        return txn;
    }

    private CompactionRequest Compaction() => new()
    {
        Revision = dice.Chance(60) ? pair.Revision - dice.Below(40) : dice.RevisionNear(pair),
        Physical = dice.Chance(40),
    };

    private RequestOp Op(int depth, bool readOnly)
    {
        int kind = readOnly ? 0 : dice.Below(100);
        return kind switch
        {
            < 30 => new RequestOp { RequestRange = dice.Chance(80) ? Plain(Range()) : Range() },
            < 65 => new RequestOp { RequestPut = Put() },
            < 80 => new RequestOp { RequestDeleteRange = DeleteRange() },
            < 99 when depth < 3 => new RequestOp { RequestTxn = Txn(depth + 1) },
            _ => dice.Chance(10) ? new RequestOp() : new RequestOp { RequestDeleteRange = DeleteRange() },
        };
    }

    // Revisions out of reach in one range fail the whole txn; most shall pass.
    private static RangeRequest Plain(RangeRequest request)
    {
        request.Revision = 0;
        return request;
    }

    private Compare Comparison(ByteString key, int target, int result)
    {
        var compare = new Compare
        {
            Key = key,
            Target = (Compare.Types.CompareTarget)target,
            Result = (Compare.Types.CompareResult)result,
        };
        switch (dice.Chance(85) ? target : dice.Below(6))
        {
            case 0: compare.Version = dice.Of(0, 1, 2, -1); break;
            case 1: compare.CreateRevision = dice.Chance(50) ? 0 : pair.Revision - dice.Below(20); break;
            case 2: compare.ModRevision = dice.Chance(30) ? 0 : pair.Revision - dice.Below(20); break;
            case 3: compare.Value = dice.Value(); break;
            case 4: compare.Lease = dice.Chance(60) || leases.Length == 0 ? dice.Of(0, 5) : dice.Of<long>(leases); break;
        }

        return compare;
    }

    private static RequestOp PutOp(string key) => new()
    {
        RequestPut = new PutRequest { Key = ByteString.CopyFromUtf8(key), Value = ByteString.CopyFromUtf8("o") },
    };

    private static RequestOp DeleteOp(string key, string end) => new()
    {
        RequestDeleteRange = new DeleteRangeRequest
        {
            Key = ByteString.CopyFromUtf8(key),
            RangeEnd = ByteString.CopyFromUtf8(end),
        },
    };

    private static RequestOp Nested(RequestOp[] success, RequestOp[] failure)
    {
        var txn = new TxnRequest();
        txn.Success.AddRange(success);
        txn.Failure.AddRange(failure);
        return new RequestOp { RequestTxn = txn };
    }
}
