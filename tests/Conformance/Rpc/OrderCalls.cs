// Requests with two things wrong at once: which of them is told is part of the protocol. Every pair of operations in a
// txn, in the branch that is taken and in the other, on one level and on two; then the single calls.
using EtcdAot.Wire.Etcdserverpb;
using Google.Protobuf;
using SortOrder = EtcdAot.Wire.Etcdserverpb.RangeRequest.Types.SortOrder;
using SortTarget = EtcdAot.Wire.Etcdserverpb.RangeRequest.Types.SortTarget;

namespace EtcdAot.Tests.Conformance.Rpc;

/// <summary>Order of validation.</summary>
internal sealed class OrderCalls(Lockstep pair)
{
    private const long UnknownLease = 4040;
    private static readonly ByteString Zero = ByteString.CopyFrom(0);
    private static readonly ByteString There = ByteString.CopyFromUtf8("b");
    private static readonly ByteString Other = ByteString.CopyFromUtf8("c");
    private static readonly ByteString Missing = ByteString.CopyFromUtf8("missing");

    public void Run()
    {
        pair.Unary(RawMethods.Put, new PutRequest { Key = There, Value = There });
        pair.Unary(RawMethods.Put, new PutRequest { Key = Other, Value = There });
        pair.Unary(RawMethods.Compact, new CompactionRequest { Revision = pair.Revision - 1, Physical = true });
        Pairs();
        Compares();
        EarlierOps();
        Puts();
        Ranges();
        LargeReplies();
        Deletes();
        Compactions();
        Leases();
    }

    // Everything that can be wrong with an operation, and some that are right.
    private RequestOp[] Ops() =>
    [
        new() { RequestRange = new RangeRequest() },
        new() { RequestRange = new RangeRequest { Key = There, Revision = pair.Revision + 100_000 } },
        new() { RequestRange = new RangeRequest { Key = There, Revision = 1 } },
        new() { RequestRange = new RangeRequest { Key = There, Revision = -1 } },
        new() { RequestRange = new RangeRequest { Key = There, RangeEnd = Zero, CountOnly = true } },
        new() { RequestPut = new PutRequest { Value = There } },
        new() { RequestPut = new PutRequest { Key = Missing, Value = There, IgnoreValue = true, IgnoreLease = true, Lease = 5 } },
        new() { RequestPut = new PutRequest { Key = There, IgnoreLease = true, Lease = UnknownLease } },
        new() { RequestPut = new PutRequest { Key = There, Lease = UnknownLease } },
        new() { RequestPut = new PutRequest { Key = Missing, IgnoreValue = true } },
        new() { RequestPut = new PutRequest { Key = Missing, IgnoreLease = true, Lease = 0 } },
        new() { RequestPut = new PutRequest { Key = Missing, IgnoreValue = true, Lease = UnknownLease } },
        new() { RequestPut = new PutRequest { Key = There, Value = Other, PrevKv = true } },
        new() { RequestDeleteRange = new DeleteRangeRequest() },
        new() { RequestDeleteRange = new DeleteRangeRequest { Key = Other, RangeEnd = There, PrevKv = true } },
        new(),
        new() { RequestTxn = new TxnRequest() },
    ];

    private void Pairs()
    {
        int count = Ops().Length;
        for (int i = 0; i < count * count; i++)
        {
            RequestOp first = Ops()[i / count];
            RequestOp second = Ops()[i % count];
            var flat = new TxnRequest();
            flat.Success.AddRange([first, second]);
            pair.Unary(RawMethods.Txn, flat);
            var branches = new TxnRequest();
            branches.Success.Add(first);
            branches.Failure.Add(second);
            pair.Unary(RawMethods.Txn, branches);
            var inner = new TxnRequest();
            inner.Compare.Add(new Compare { Key = Missing, Target = Compare.Types.CompareTarget.Value });
            inner.Success.Add(new RequestOp { RequestDeleteRange = new DeleteRangeRequest { Key = Missing } });
            inner.Failure.Add(first);
            var nested = new TxnRequest();
            nested.Success.AddRange([new RequestOp { RequestTxn = inner }, second]);
            pair.Unary(RawMethods.Txn, nested);
        }
    }

    // Bad compares beside bad operations, and compares of a nested txn, which see the state before everything.
    private void Compares()
    {
        foreach (RequestOp op in Ops())
        {
            var txn = new TxnRequest();
            txn.Compare.Add(new Compare());
            txn.Success.Add(op);
            pair.Unary(RawMethods.Txn, txn);
            var inner = new TxnRequest();
            inner.Compare.Add(new Compare());
            var nested = new TxnRequest();
            nested.Success.AddRange([op, new RequestOp { RequestTxn = inner }]);
            pair.Unary(RawMethods.Txn, nested);
        }

        foreach (int target in new[] { 0, 1, 2, 3, 4, 9 })
        {
            foreach (ByteString end in new[] { ByteString.Empty, Zero, Other, ByteString.CopyFromUtf8("a") })
            {
                var compare = new Compare { Key = There, RangeEnd = end, Target = (Compare.Types.CompareTarget)target };
                compare.Value = There;
                var txn = new TxnRequest();
                txn.Compare.AddRange([compare, compare]);
                txn.Success.Add(new RequestOp { RequestRange = new RangeRequest { Key = There } });
                pair.Unary(RawMethods.Txn, txn);
            }
        }
    }

    // What ignore_value and ignore_lease need must be there before the txn; what a range sees need not.
    private void EarlierOps()
    {
        var created = ByteString.CopyFromUtf8("made/1");
        var put = new RequestOp { RequestPut = new PutRequest { Key = created, Value = There } };
        var keeps = new RequestOp { RequestPut = new PutRequest { Key = There, IgnoreValue = true, PrevKv = true } };
        var range = new RequestOp { RequestRange = new RangeRequest { Key = created } };
        var delete = new RequestOp { RequestDeleteRange = new DeleteRangeRequest { Key = created, PrevKv = true } };
        var fromKey = new RequestOp { RequestDeleteRange = new DeleteRangeRequest { Key = created, RangeEnd = Zero } };
        var keepsCreated = new TxnRequest();
        keepsCreated.Success.Add(new RequestOp { RequestPut = new PutRequest { Key = created, IgnoreLease = true } });
        var deletes = new TxnRequest();
        deletes.Success.AddRange([delete, range]);
        foreach (RequestOp[] ops in new RequestOp[][]
        {
            [put, range, keeps], [range, put, range], [delete, range], [new() { RequestTxn = keepsCreated }, put],
            [new() { RequestTxn = keepsCreated }], [put, new() { RequestTxn = deletes }, range],
            [fromKey, put, range], [put, fromKey, range], [fromKey, new() { RequestTxn = keepsCreated }],
            [put, range], [new() { RequestTxn = keepsCreated }, range], [delete, delete, range],
        })
        {
            var txn = new TxnRequest();
            txn.Success.AddRange(ops);
            pair.Unary(RawMethods.Txn, txn);
        }
    }

    private void Puts()
    {
        foreach (ByteString key in new[] { ByteString.Empty, There, Missing })
        {
            for (int bits = 0; bits < 16; bits++)
            {
                pair.Unary(RawMethods.Put, new PutRequest
                {
                    Key = key,
                    Value = (bits & 1) != 0 ? There : ByteString.Empty,
                    IgnoreValue = (bits & 2) != 0,
                    Lease = (bits & 4) != 0 ? UnknownLease : 0,
                    IgnoreLease = (bits & 8) != 0,
                    PrevKv = true,
                });
                pair.Unary(RawMethods.DeleteRange, new DeleteRangeRequest { Key = Missing, PrevKv = true });
            }
        }
    }

    private void Ranges()
    {
        for (int i = 0; i < 5; i++)
        {
            pair.Unary(RawMethods.Put, new PutRequest { Key = ByteString.CopyFromUtf8("r/" + (4 - i)), Value = There });
            pair.Unary(RawMethods.Put, new PutRequest { Key = ByteString.CopyFromUtf8("r/" + (i % 3)), Value = Other });
        }

        long now = pair.Revision;
        foreach (long revision in new[] { 0, now, now - 3, now - 7, 1, now + 1 })
        {
            foreach (SortTarget target in Enum.GetValues<SortTarget>())
            {
                foreach ((SortOrder order, long limit) in new[] { (SortOrder.None, 2L), (SortOrder.Descend, 2), (SortOrder.Ascend, 0) })
                {
                    pair.Unary(RawMethods.Range, new RangeRequest
                    {
                        Key = ByteString.CopyFromUtf8("r/"),
                        RangeEnd = ByteString.CopyFromUtf8("r0"),
                        Revision = revision,
                        SortTarget = target,
                        SortOrder = order,
                        Limit = limit,
                        MinModRevision = target == SortTarget.Mod ? now - 6 : 0,
                    });
                }
            }

            foreach (long limit in new long[] { 0, 1, 2, -1 })
            {
                pair.Unary(RawMethods.Range, new RangeRequest
                {
                    Key = ByteString.CopyFromUtf8("r/"),
                    RangeEnd = Zero,
                    Revision = revision,
                    CountOnly = true,
                    KeysOnly = limit == 1,
                    Limit = limit,
                    MaxCreateRevision = limit == 2 ? now - 5 : 0,
                });
            }

            pair.Unary(RawMethods.Range, new RangeRequest { Revision = revision, Serializable = true });
        }
    }

    // Replies far above what a request may be.
    private void LargeReplies()
    {
        ByteString[] keys = [.. Enumerable.Range(0, 6).Select(static i => ByteString.CopyFromUtf8("s/" + i))];
        foreach (ByteString key in keys)
        {
            pair.Unary(RawMethods.Put, new PutRequest { Key = key, Value = ByteString.CopyFrom(new byte[1_200_000]) });
        }

        var all = new RangeRequest { Key = keys[0], RangeEnd = ByteString.CopyFromUtf8("s0") };
        pair.Unary(RawMethods.Range, all);
        RangeRequest sorted = all.Clone();
        (sorted.SortTarget, sorted.SortOrder, sorted.Limit) = (SortTarget.Value, SortOrder.Descend, 4);
        pair.Unary(RawMethods.Range, sorted);
        var txn = new TxnRequest();
        txn.Success.AddRange([new RequestOp { RequestRange = all }, new RequestOp { RequestRange = sorted }]);
        pair.Unary(RawMethods.Txn, txn);
        txn.Success.Add(new RequestOp
        {
            RequestDeleteRange = new DeleteRangeRequest { Key = all.Key, RangeEnd = all.RangeEnd, PrevKv = true },
        });
        pair.Unary(RawMethods.Txn, txn);
    }

    private void Deletes()
    {
        foreach (string key in new[] { "\0", "r/3", "r/1", "zzz" })
        {
            pair.Unary(RawMethods.DeleteRange, new DeleteRangeRequest
            {
                Key = ByteString.CopyFromUtf8(key),
                RangeEnd = key == "\0" ? ByteString.CopyFromUtf8("a") : Zero,
                PrevKv = true,
            });
        }

        pair.Unary(RawMethods.Put, new PutRequest { Key = There, Value = There });
        pair.Unary(RawMethods.DeleteRange, new DeleteRangeRequest { RangeEnd = Zero, PrevKv = true });
        pair.Unary(RawMethods.DeleteRange, new DeleteRangeRequest { Key = Zero, RangeEnd = Zero, PrevKv = true });
    }

    private void Compactions()
    {
        pair.Unary(RawMethods.Put, new PutRequest { Key = There, Value = There });
        foreach (bool physical in new[] { false, true })
        {
            foreach (long revision in new[]
            {
                0, -1, long.MinValue, pair.Compacted, pair.Compacted - 1, pair.Revision + 1, long.MaxValue, pair.Compacted + 1,
            })
            {
                pair.Unary(RawMethods.Compact, new CompactionRequest { Revision = revision, Physical = physical });
            }
        }

        // Hashes of compactions are remembered: the ten newest revisions answer although they are compacted.
        for (int i = 0; i < 13; i++)
        {
            pair.Unary(RawMethods.Put, new PutRequest { Key = i % 3 == 0 ? Other : There, Value = Other });
            if (i % 4 == 3)
            {
                pair.Unary(RawMethods.DeleteRange, new DeleteRangeRequest { Key = There });
            }

            pair.Unary(RawMethods.Compact, new CompactionRequest { Revision = pair.Revision, Physical = true });
        }

        for (long revision = pair.Revision - 20; revision <= pair.Revision + 1; revision++)
        {
            pair.Unary(RawMethods.HashKv, new HashKVRequest { Revision = revision });
        }
    }

    private void Leases()
    {
        const long Taken = 8300;
        pair.Unary(RawMethods.LeaseGrant, new LeaseGrantRequest { ID = Taken, TTL = 77_000 });
        foreach (long id in new[] { Taken, 0 })
        {
            foreach (long ttl in new long[] { 9_000_000_001, long.MaxValue, 0, -1, 66_000 })
            {
                if (id == Taken || ttl > 9_000_000_000)
                {
                    pair.Unary(RawMethods.LeaseGrant, new LeaseGrantRequest { ID = id, TTL = ttl });
                }
            }
        }

        using (var stream = new StreamPair(pair, RawMethods.LeaseKeepAlive))
        {
            stream.Exchange(new LeaseKeepAliveRequest { ID = Taken }, wanted: 1);
            stream.Exchange(new LeaseKeepAliveRequest { ID = UnknownLease }, wanted: 1);
            pair.Unary(RawMethods.LeaseRevoke, new LeaseRevokeRequest { ID = Taken });
            stream.Exchange(new LeaseKeepAliveRequest { ID = Taken }, wanted: 1);
            stream.Exchange(new LeaseKeepAliveRequest(), wanted: 1);
            stream.HalfClose();
        }

        pair.Unary(RawMethods.LeaseTimeToLive, new LeaseTimeToLiveRequest { ID = Taken, Keys = true });
        pair.Unary(RawMethods.LeaseRevoke, new LeaseRevokeRequest());
        pair.Unary(RawMethods.Put, new PutRequest { Key = There, Lease = Taken });
    }
}
