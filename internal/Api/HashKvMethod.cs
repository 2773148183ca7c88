// Maintenance.HashKV (spec api-v3 §5.2, storage §4.6): hashed in steps on the I/O thread of the call, one step a wake, each
// from that wake's view; between them only a revision guard is held (DESIGN 4.10). Owned by: that I/O thread.
using EtcdAot.Grpc;
using EtcdAot.Mvcc;
using EtcdAot.Server;
using EtcdAot.Wire;
using EtcdAot.Wire.Codecs;
using EtcdAot.Wire.Etcdserverpb;

namespace EtcdAot.Api;

/// <summary>A hash under way.</summary>
internal sealed class HashKvCall : Call
{
    public long Revision { get; set; }

    public long StartNanos { get; set; }

    public HashKvJob? Job { get; set; }

    public void Drop()
    {
        Job?.Dispose();
        Job = null;
    }
}

/// <summary>Serves Maintenance.HashKV.</summary>
internal sealed class HashKvMethod(ApiLoops loops) : IHotMethod
{
    private EtcdServer Server => loops.Server;

    public bool ReusesCalls => false;

    public Call CreateCall() => new HashKvCall();

    public void OnMessage(ReadOnlySpan<byte> message, Call call)
    {
        var mine = (HashKvCall)call;
        mine.StartNanos = call.Loop.NowNanos;
        var reader = new ProtoReader(message);
        while (reader.Next())
        {
            if (reader.Field == 1)
            {
                mine.Revision = reader.ReadInt64();
            }
        }

        if (reader.Failed)
        {
            call.Finish(DecodeFault.Of(message, HashKVRequest.Descriptor));
            return;
        }

        Begin(mine);
    }

    /// <summary>The next wake has come. A call always waits for one while its hash is under way, so a cancelled one is
    /// seen here too.</summary>
    public void OnCompletion(Call call)
    {
        var mine = (HashKvCall)call;
        if (call.IsEnded)
        {
            mine.Drop();
            call.Finish(Status.Canceled);
            return;
        }

        Step(mine);
    }

    private void Begin(HashKvCall call)
    {
        View view = loops.Of(call.Loop).BeginRead();
        MvccStatus status = HashKvJob.Begin(
            Server.Store, view, call.Revision, out HashKvJob? job, out HashKvResult? cached);
        loops.Of(call.Loop).EndRead();
        if (TxnApplier.ErrorOf(status) is { } error)
        {
            call.Finish(Status.From(error));
        }
        else if (cached is { } known)
        {
            Answer(call, known);
        }
        else if (job is null)
        {
            call.Finish(Status.From(EtcdError.TooManyRequests));
        }
        else
        {
            call.Job = job;
            Step(call);
        }
    }

    private void Step(HashKvCall call)
    {
        ApiLoop home = loops.Of(call.Loop);
        bool done = call.Job!.Step(home.BeginRead());
        home.EndRead();
        if (!done)
        {
            call.Hold();
            call.Loop.Post(call);
            return;
        }

        bool broken = call.Job.Broken;
        HashKvResult result = call.Job.Result;
        call.Drop();
        if (broken)
        {
            Begin(call);
        }
        else
        {
            Answer(call, result);
        }
    }

    // 3.5 does not send hash_revision.
    private void Answer(HashKvCall call, in HashKvResult result)
    {
        Server.Metrics.HashRevision.ObserveNanos(call.Loop.NowNanos - call.StartNanos);
        Span<byte> fields = stackalloc byte[32];
        var writer = new ProtoWriter(fields);
        writer.NonZero(2, result.Hash);
        writer.NonZero(3, (ulong)result.CompactRevision);
        Answers.Send(call, Server.HeaderAt(result.CurrentRevision), fields[..writer.Position]);
    }
}
