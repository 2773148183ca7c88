// The backend's own half: commits closed batches and does maintenance, on its host thread. Order inside a commit is of no
// matter to readers: they see it whole. It must never touch what the core owns but through orders and reports.
using System.Buffers.Binary;
using EtcdAot.Bolt;
using EtcdAot.Observe;

namespace EtcdAot.Backend;

public sealed partial class BackendStore
{
    private bool _broken;

    /// <inheritdoc/>
    public override long Step(long nowNanos)
    {
        StepAll();
        return long.MaxValue;
    }

    private void StepAll()
    {
        Span<Order> orders = _orders.TakeAll();
        foreach (ref readonly Order order in orders)
        {
            if (_broken)
            {
                break;
            }

            switch (order.Kind)
            {
                case OrderKind.Commit:
                    Commit((BatchBuffer)order.Subject!);
                    break;
                case OrderKind.Hash:
                    StatusHash hash = StatusHash.Of(_db.Current, (SkipsEntry)order.Subject!);
                    Tell(new Report(null, null, null, order.Done, hash.Hash));
                    break;
                case OrderKind.Defragment:
                    Defragment(order.Done!);
                    break;
                case OrderKind.Copy:
                    BeginCopy(order.Done!);
                    break;
                case OrderKind.Adopt:
                    Adopt((string)order.Subject!, order.Done!);
                    break;
                case OrderKind.EndCopy:
                    EndCopy((HotCopy)order.Subject!);
                    break;
                default:
                    ((Db)order.Subject!).Dispose();
                    break;
            }
        }

        _orders.Release(orders.Length);
    }

    private void Commit(BatchBuffer batch)
    {
        if (Volatile.Read(ref _unreadBefore) is { } oldest && oldest.Db == _db)
        {
            _db.ReleasePendingBefore(oldest.TxId);
        }

        BoltError error = _db.Begin(out WriteTx? tx);
        error = error.Failed ? error : Fill(tx!, batch);
        long began = Timings?.Clock.MonotonicNanos ?? 0;
        error = error.Failed ? error : tx!.Commit();
        Timings?.Commit.ObserveNanos(Timings.Clock.MonotonicNanos - began);
        if (error.Failed)
        {
            Probe.Hit("a commit of the db fails");
            _broken = true;
            _onFatal(error.Text!);
            return;
        }

        Tell(new Report(batch, new BackendSnapshot(_db), null, null, null));
    }

    private void Tell(in Report report)
    {
        if (_reports.Post(report))
        {
            _onReport?.Invoke();
        }
    }

    private BoltError Fill(WriteTx tx, BatchBuffer batch)
    {
        var buckets = new WriteBucket?[BackendNames.Count];
        BoltError error = BoltError.Ok;
        if (batch.Extent.End > batch.Extent.First)
        {
            WriteBucket keys = Open(tx, buckets, BackendBucket.Key);
            keys.FillPercent = 0.9;
            for (long i = batch.Extent.First; i < batch.Extent.End && !error.Failed; i++)
            {
                Source!.Read(batch.Extent, i, out ReadOnlySpan<byte> key, out ReadOnlySpan<byte> value);
                error = keys.Put(key, value);
            }
        }

        long at = 0;
        while (!error.Failed && batch.Next(
            ref at,
            out BackendBucket bucket,
            out bool isDelete,
            out ReadOnlySpan<byte> opKey,
            out ReadOnlySpan<byte> opValue))
        {
            WriteBucket target = Open(tx, buckets, bucket);
            error = isDelete ? target.Delete(opKey) : target.Put(opKey, opValue);
        }

        return error.Failed ? error : FillMeta(Open(tx, buckets, BackendBucket.Meta), batch);
    }

    private static BoltError FillMeta(WriteBucket meta, BatchBuffer batch)
    {
        Span<byte> number = stackalloc byte[8];
        BoltError error = BoltError.Ok;
        if (batch.ConsistentIndex > 0)
        {
            BinaryPrimitives.WriteUInt64BigEndian(number, batch.ConsistentIndex);
            error = meta.Put(BackendNames.ConsistentIndex, number);
            if (!error.Failed && batch.Term > 0)
            {
                BinaryPrimitives.WriteUInt64BigEndian(number, batch.Term);
                error = meta.Put(BackendNames.Term, number);
            }
        }

        return !error.Failed && batch.ConfState is not null
            ? meta.Put(BackendNames.ConfState, batch.ConfState) : error;
    }

    private static WriteBucket Open(WriteTx tx, WriteBucket?[] buckets, BackendBucket bucket)
    {
        ref WriteBucket? open = ref buckets[(int)bucket];
        if (open is null)
        {
            BoltError error = tx.CreateBucketIfNotExists(BackendNames.Of(bucket), out open);
            Invariant.Check(!error.Failed, "a bucket of the backend can be opened");
        }

        return open!;
    }
}
