using CsCheck;
using EtcdAot.Wire.Codecs;
using EtcdAot.Wire.Etcdserverpb;
using Google.Protobuf;

namespace EtcdAot.Tests.Unit.Wire;

/// <summary>Goal: the hot requests read the same by slices as by the generated classes, and entries are written as the
/// generated classes write them.</summary>
public class RequestCodecTests
{
    private static readonly Gen<ByteString> Bytes = Gen.Byte.Array[0, 20].Select(ByteString.CopyFrom);

    private static readonly Gen<RangeRequest> Ranges = Gen.Select(
        Bytes, Bytes, Gen.Long, Gen.Long, Gen.Int[0, 4], Gen.Bool, Gen.Bool, Gen.Long,
        (key, end, limit, revision, number, one, two, filter) => new RangeRequest
        {
            Key = key,
            RangeEnd = end,
            Limit = limit,
            Revision = revision,
            SortOrder = (RangeRequest.Types.SortOrder)(number % 3),
            SortTarget = (RangeRequest.Types.SortTarget)number,
            Serializable = one,
            KeysOnly = two,
            CountOnly = one ^ two,
            MinModRevision = filter,
            MaxModRevision = filter / 2,
            MinCreateRevision = -filter,
            MaxCreateRevision = filter / 3,
        });

    private static readonly Gen<PutRequest> Puts = Gen.Select(Bytes, Bytes, Gen.Long, Gen.Bool, Gen.Bool,
        (key, value, lease, one, two) => new PutRequest
        {
            Key = key,
            Value = value,
            Lease = lease,
            PrevKv = one,
            IgnoreValue = two,
            IgnoreLease = one && two,
        });

    private static readonly Gen<TxnRequest> Txns = Gen.Select(
        Ranges.Array[0, 3], Puts.Array[0, 3], Bytes, Gen.Long, Gen.Int[0, 5], Gen.Int[0, 4],
        (ranges, puts, key, number, target, result) =>
        {
            var txn = new TxnRequest();
            var compare = new Compare
            {
                Key = key,
                RangeEnd = key,
                Target = (Compare.Types.CompareTarget)target,
                Result = (Compare.Types.CompareResult)result,
            };
            switch (target)
            {
                case 0:
                    compare.Version = number;
                    break;
                case 3:
                    compare.Value = key;
                    break;
                case 4:
                    compare.Lease = number;
                    break;
                default:
                    compare.ModRevision = number;
                    break;
            }

            txn.Compare.Add(compare);
            txn.Success.AddRange(ranges.Select(r => new RequestOp { RequestRange = r }));
            txn.Success.AddRange(puts.Select(p => new RequestOp { RequestPut = p }));
            txn.Failure.Add(new RequestOp
            {
                RequestDeleteRange = new DeleteRangeRequest { Key = key, RangeEnd = key, PrevKv = true },
            });
            txn.Failure.Add(new RequestOp { RequestTxn = txn.Clone() });
            return txn;
        });

    [Fact]
    public void RangeIsReadAsTheGeneratedCodecDoes()
    {
        Ranges.Sample(
            r =>
            {
                Assert.True(RangeRequestView.TryParse(r.ToByteArray(), out RangeRequestView v));
                Assert.Equal(r.Key.ToByteArray(), v.Key.ToArray());
                Assert.Equal(r.RangeEnd.ToByteArray(), v.RangeEnd.ToArray());
                Assert.Equal(
                    (r.Limit, r.Revision, (int)r.SortOrder, (int)r.SortTarget, r.Serializable, r.KeysOnly, r.CountOnly),
                    (v.Limit, v.Revision, v.SortOrder, v.SortTarget, v.Serializable, v.KeysOnly, v.CountOnly));
                Assert.Equal(
                    (r.MinModRevision, r.MaxModRevision, r.MinCreateRevision, r.MaxCreateRevision),
                    (v.MinModRevision, v.MaxModRevision, v.MinCreateRevision, v.MaxCreateRevision));
            },
            iter: 1000,
            seed: "0000RequestC0");
    }

    [Fact]
    public void PutIsReadAsTheGeneratedCodecDoes()
    {
        Puts.Sample(
            p =>
            {
                Assert.True(PutRequestView.TryParse(p.ToByteArray(), out PutRequestView v));
                Assert.Equal(p.Key.ToByteArray(), v.Key.ToArray());
                Assert.Equal(p.Value.ToByteArray(), v.Value.ToArray());
                Assert.Equal(
                    (p.Lease, p.PrevKv, p.IgnoreValue, p.IgnoreLease), (v.Lease, v.PrevKv, v.IgnoreValue, v.IgnoreLease));
            },
            iter: 1000,
            seed: "0000RequestC1");
    }

    [Fact]
    public void TxnIsWalkedAsTheGeneratedCodecReadsIt()
    {
        Txns.Sample(
            t =>
            {
                byte[] bytes = t.ToByteArray();
                Assert.True(TxnRequestView.IsWellFormed(bytes, 10, out _));
                SameTxn(t, new TxnRequestView(bytes));
            },
            iter: 500,
            seed: "0000RequestC2");
    }

    [Fact]
    public void TxnDeeperThanAllowedIsNotWellFormed()
    {
        var txn = new TxnRequest();
        for (int i = 0; i < 9; i++)
        {
            var outer = new TxnRequest();
            outer.Success.Add(new RequestOp { RequestTxn = txn });
            txn = outer;
        }

        Assert.True(TxnRequestView.IsWellFormed(txn.ToByteArray(), 10, out bool tooDeep));
        Assert.False(tooDeep);
        Assert.False(TxnRequestView.IsWellFormed(txn.ToByteArray(), 9, out tooDeep));
        Assert.True(tooDeep);
    }

    [Fact]
    public void EntryIsWrittenAndReadAsTheGeneratedCodecDoes()
    {
        Gen.Select(Puts, Gen.ULong, Bytes, Gen.ULong).Sample(
            (put, id, user, revision) =>
            {
                var request = new InternalRaftRequest
                {
                    Put = put,
                    Header = new RequestHeader { ID = id, Username = user, AuthRevision = revision },
                };
                byte[] body = put.ToByteArray();
                byte[] name = user.ToByteArray();
                byte[] written = new byte[InternalRequestView.SizeOf(RaftOp.Put, body.Length, id, name.Length, revision)];
                InternalRequestView.Write(written, RaftOp.Put, body, id, name, revision);
                Assert.Equal(request.ToByteArray(), written);
                Assert.True(InternalRequestView.TryParse(written, out InternalRequestView view));
                Assert.Equal((RaftOp.Put, id, revision), (view.Op, view.Id, view.AuthRevision));
                Assert.Equal(body, view.Body.ToArray());
            },
            iter: 1000,
            seed: "0000RequestC3");
    }

    [Fact]
    public void OperationsBehindTheHeaderAreWrittenInFieldOrder()
    {
        var request = new InternalRaftRequest
        {
            Header = new RequestHeader { ID = 7 },
            ClusterVersionSet = new EtcdAot.Wire.Membershippb.ClusterVersionSetRequest
            {
                Ver = ByteString.CopyFromUtf8("3.5.0"),
            },
        };
        byte[] body = request.ClusterVersionSet.ToByteArray();
        byte[] written = new byte[InternalRequestView.SizeOf(RaftOp.ClusterVersionSet, body.Length, 7)];
        InternalRequestView.Write(written, RaftOp.ClusterVersionSet, body, 7);
        Assert.Equal(request.ToByteArray(), written);
    }

    private static void SameTxn(TxnRequest expected, TxnRequestView actual)
    {
        int i = 0;
        foreach (ReadOnlySpan<byte> message in actual.Compares)
        {
            Compare compare = expected.Compare[i++];
            Assert.True(CompareView.TryParse(message, out CompareView view));
            Assert.Equal(((int)compare.Result, (int)compare.Target), (view.Result, view.Target));
            Assert.Equal((int)compare.TargetUnionCase, view.UnionField);
            Assert.Equal(compare.Key.ToByteArray(), view.Key.ToArray());
            Assert.Equal(compare.RangeEnd.ToByteArray(), view.RangeEnd.ToArray());
        }

        Assert.Equal(expected.Compare.Count, i);
        SameOps(expected.Success, actual.Success);
        SameOps(expected.Failure, actual.Failure);
    }

    private static void SameOps(IReadOnlyList<RequestOp> expected, RepeatedMessages actual)
    {
        int i = 0;
        foreach (ReadOnlySpan<byte> message in actual)
        {
            RequestOp op = expected[i++];
            Assert.True(RequestOpView.TryParse(message, out RequestOpView view));
            Assert.Equal((int)op.RequestCase, (int)view.Kind);
            if (op.RequestCase == RequestOp.RequestOneofCase.RequestTxn)
            {
                SameTxn(op.RequestTxn, new TxnRequestView(view.Body));
            }
        }

        Assert.Equal(expected.Count, i);
    }
}
