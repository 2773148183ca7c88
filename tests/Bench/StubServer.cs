// The trial of the network stack alone: Net, Http and Grpc of the core under two methods that do nothing else. Range
// answers fixed bytes; Put is one append to a file, one fdatasync shared by all that wait, and a reply.
// Put bytes are gathered on the I/O thread and written by one log thread, as the real core does it.
using EtcdAot.Grpc;
using EtcdAot.Http.H2;
using EtcdAot.Net;
using EtcdAot.Sys;
using EtcdAot.Wire.Etcdserverpb;
using Google.Protobuf;

namespace EtcdAot.Tests.Bench;

internal static class StubServer
{
    private const string Kv = "etcdserverpb.KV";

    /// <summary>Serves until it is killed; takes the flags that the harness gives to every server.</summary>
    internal static int Run(string[] args)
    {
        string folder = ValueOf(args, "--data-dir");
        string address = ValueOf(args, "--listen-client-urls")["http://".Length..];
        Directory.CreateDirectory(folder);
        Errno e = LinuxDisk.Instance.Open(Path.Combine(folder, "log"), OpenFlags.Write | OpenFlags.Create, 0x180,
            out IDiskFile? file);
        if (e.Failed || LinuxNetwork.Instance.OpenPoller(out IPoller? poller).Failed)
        {
            Console.Error.WriteLine("cannot open the log: " + e);
            return 1;
        }

        // As with the WAL: room is reserved and already written, so that a sync moves data alone.
        e = file!.WriteAt(new byte[64 << 20], 0);
        e = e.Failed ? e : file.Sync();
        var log = new LogActor(file);
        var server = new GrpcServer(new GrpcServerOptions());
        server.Bind(Kv, "Range", MethodShape.Unary, new FixedRange());
        server.Bind(Kv, "Put", MethodShape.Unary, new SyncedPut(log));
        int threads = Math.Max(1, Environment.ProcessorCount / 2);
        if (e.Failed || LoopGroup.Open(threads, LinuxNetwork.Instance, SystemClock.Instance, new Limits(), Fail,
            out LoopGroup? loops).Failed)
        {
            Console.Error.WriteLine("cannot start: " + e);
            return 1;
        }

        loops!.Start();
        var host = new HostThread(new ActorThread("log", poller!, SystemClock.Instance, log), Fail);
        host.Start();
        if (Listener.Open(loops.Loops, address, new ListenOptions(), new Port(server), 100_000, out Listener? listener,
            out string error).Failed)
        {
            Console.Error.WriteLine(error);
            return 1;
        }

        listener!.Start();
        Thread.Sleep(Timeout.Infinite);
        return 0;
    }

    private static void Fail(Exception e) => Environment.FailFast("the stub broke", e);

    private static string ValueOf(string[] args, string flag) => args[Array.IndexOf(args, flag) + 1];

    private sealed class Port(GrpcServer server) : IConnectionAcceptor
    {
        private readonly H2Options _options = new();

        public void OnAccepted(SocketConnection connection) => H2Connection.Server(connection, server, _options);
    }

    private sealed class FixedRange : IHotMethod
    {
        private static readonly byte[] Answer = new RangeResponse
        {
            Header = new ResponseHeader { ClusterId = 1UL << 63, MemberId = 1UL << 63, Revision = 10_000, RaftTerm = 2 },
            Kvs =
            {
                new Wire.Mvccpb.KeyValue
                {
                    Key = ByteString.CopyFrom(new byte[16]), Value = ByteString.CopyFrom(new byte[256]),
                    CreateRevision = 5000, ModRevision = 5000, Version = 1,
                },
            },
            Count = 1,
        }.ToByteArray();

        public void OnMessage(ReadOnlySpan<byte> message, Call call)
        {
            call.Reply(Answer);
            call.Finish(Status.Ok);
        }
    }

    private sealed class SyncedPut(LogActor log) : IHotMethod
    {
        private static readonly byte[] Answer = new PutResponse
        {
            Header = new ResponseHeader { ClusterId = 1UL << 63, MemberId = 1UL << 63, Revision = 10_000, RaftTerm = 2 },
        }.ToByteArray();

        public void OnMessage(ReadOnlySpan<byte> message, Call call)
        {
            NativeSlab slab = NativeSlab.Allocate(message.Length);
            message.CopyTo(slab.Span);
            call.Hold();
            log.Append(new SlabSlice(slab, 0, message.Length), call);
        }

        public void OnCompletion(Call call)
        {
            call.Reply(Answer);
            call.Finish(Status.Ok);
        }
    }

    private sealed class LogActor(IDiskFile file) : Actor
    {
        private const int FileBytes = 64 << 20;
        private readonly Mailbox<(SlabSlice Bytes, Call Call)> _mailbox = new();
        private readonly byte[] _buffer = new byte[4 << 20];
        private long _position;

        public override string Name => "log";

        public void Append(SlabSlice bytes, Call call)
        {
            _mailbox.Post((bytes, call));
            WakeUp();
        }

        public override long Step(long nowNanos)
        {
            Span<(SlabSlice Bytes, Call Call)> waiting = _mailbox.TakeAll();
            if (waiting.IsEmpty)
            {
                return long.MaxValue;
            }

            int used = 0;
            foreach ((SlabSlice bytes, _) in waiting)
            {
                bytes.Span.CopyTo(_buffer.AsSpan(used));
                used += bytes.Length;
                bytes.Release();
            }

            _position = _position + used > FileBytes ? 0 : _position;
            Errno e = file.WriteAt(_buffer.AsSpan(0, used), _position);
            e = e.Failed ? e : file.DataSync();
            if (e.Failed)
            {
                Environment.FailFast("the log cannot be written: " + e);
            }

            _position += used;
            foreach ((_, Call call) in waiting)
            {
                call.Loop.Enqueue(call);
            }

            IoLoop? woken = null;
            foreach ((_, Call call) in waiting)
            {
                if (!ReferenceEquals(call.Loop, woken))
                {
                    woken = call.Loop;
                    woken.Wake();
                }
            }

            _mailbox.Release(waiting.Length);
            return nowNanos;
        }
    }
}
