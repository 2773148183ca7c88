// Maintenance.Snapshot (spec api-v3 §5.2, storage §8.1): the db as chunks of 32 KiB, then their SHA-256. The copy pins one
// transaction; it is read as the client takes it, never more than a chunk beyond what the transport takes, and freed
// with the call however that ends. Owned by: the I/O thread of the call.
using System.Security.Cryptography;
using EtcdAot.Grpc;
using EtcdAot.Observe;
using EtcdAot.Server;
using EtcdAot.Wire;
using EtcdAot.Wire.Codecs;

namespace EtcdAot.Api;

/// <summary>A snapshot being sent.</summary>
internal sealed class SnapshotCall : Call
{
    public DatabaseCopy? Copy { get; set; }

    public IncrementalHash? Digest { get; set; }

    public long Sent { get; set; }

    public long StartNanos { get; set; }

    /// <summary>True while another thread, or the loop's queue, has the call.</summary>
    public bool IsAway { get; set; }

    public void Drop()
    {
        Copy?.Dispose();
        Copy = null;
        Digest?.Dispose();
        Digest = null;
    }
}

/// <summary>Serves Maintenance.Snapshot.</summary>
internal sealed class SnapshotMethod(ApiLoops loops) : IHotMethod
{
    /// <summary>Bytes of a message's blob, as the original's.</summary>
    private const int ChunkBytes = 32 * 1024;

    /// <summary>Bytes read in one wake (DESIGN 4.10).</summary>
    private const int StepBytes = 256 * 1024;

    private const string Caller = "v3rpc/maintenance.go";

    private EtcdServer Server => loops.Server;

    private Maintenance Maintenance => loops.Server.Maintenance;

    public bool ReusesCalls => false;

    public Call CreateCall() => new SnapshotCall();

    public void OnMessage(ReadOnlySpan<byte> message, Call call)
    {
        if (!Answers.IsMessage(message))
        {
            call.Finish(DecodeFault.OnStream(message, Wire.Etcdserverpb.SnapshotRequest.Descriptor));
            return;
        }

        var mine = (SnapshotCall)call;
        mine.StartNanos = call.Loop.NowNanos;
        Leave(mine);
        Maintenance.Copy(copy =>
        {
            mine.Copy = copy;
            mine.Loop.Post(mine);
        });
    }

    public void OnCompletion(Call call)
    {
        var mine = (SnapshotCall)call;
        mine.IsAway = false;
        if (call.IsEnded)
        {
            End(mine, Status.Canceled);
        }
        else if (mine.Copy is null)
        {
            End(mine, new Status(RpcCode.Unknown, "failed to open the database for a snapshot"));
        }
        else
        {
            if (mine.Digest is null)
            {
                mine.Digest = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
                Maintenance.Log.Info(Caller, "sending database snapshot to client")
                    .With("total-bytes", mine.Copy.Length).With("size", HumanBytes.Text(mine.Copy.Length)).Write();
            }

            Pump(mine);
        }
    }

    public void OnWritable(Call call)
    {
        var mine = (SnapshotCall)call;
        if (!mine.IsAway && mine.Copy is not null)
        {
            Pump(mine);
        }
    }

    public void OnCancel(Call call)
    {
        // A call that is away is ended when it comes back.
        if (!((SnapshotCall)call).IsAway)
        {
            End((SnapshotCall)call, Status.Canceled);
        }
    }

    private static void Leave(SnapshotCall call)
    {
        call.IsAway = true;
        call.Hold();
    }

    private static void End(SnapshotCall call, in Status status)
    {
        call.Drop();
        call.Finish(status);
    }

    // A chunk that had to wait for the client's window stops the reading until it has left.
    private void Pump(SnapshotCall call)
    {
        byte[] chunk = new byte[ChunkBytes];
        int budget = StepBytes;
        while (!call.IsEnded && call.QueuedBytes == 0)
        {
            if (call.Sent == call.Copy!.Length)
            {
                SendDigest(call);
                return;
            }

            if (budget <= 0)
            {
                Leave(call);
                call.Loop.Post(call);
                return;
            }

            int length = (int)Math.Min(ChunkBytes, call.Copy.Length - call.Sent);
            if (call.Copy.Read(call.Sent, chunk.AsSpan(0, length)) is { } error)
            {
                End(call, new Status(RpcCode.Unknown, error));
                return;
            }

            call.Digest!.AppendData(chunk.AsSpan(0, length));
            call.Sent += length;
            budget -= length;
            SendChunk(call, (ulong)(call.Copy.Length - call.Sent), chunk.AsSpan(0, length));
        }
    }

    private static void SendChunk(SnapshotCall call, ulong remaining, ReadOnlySpan<byte> blob)
    {
        int size = ProtoWriter.SizeOfNonZero(2, remaining) + ProtoWriter.SizeOfBytes(3, blob.Length);
        var writer = new ProtoWriter(call.BeginReply(size));
        writer.NonZero(2, remaining);
        writer.Bytes(3, blob);
        call.EndReply();
    }

    private void SendDigest(SnapshotCall call)
    {
        long total = call.Sent;
        byte[] digest = call.Digest!.GetHashAndReset();
        Maintenance.Log.Info(Caller, "sending database sha256 checksum to client")
            .With("total-bytes", total).With("checksum-size", digest.Length).Write();
        SendChunk(call, 0, digest);
        long took = call.Loop.NowNanos - call.StartNanos;
        Server.Metrics.Snapshot.ObserveNanos(took);
        Maintenance.Log.Info(Caller, "successfully sent database snapshot to client").With("total-bytes", total)
            .With("size", HumanBytes.Text(total)).With("took", GoDuration.Ago(took)).Write();
        End(call, Status.Ok);
    }
}
