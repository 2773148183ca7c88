using System.Buffers;
using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography;
using EtcdAot.Net;
using EtcdAot.Sys;

namespace EtcdAot.Tests.Unit.Net;

/// <summary>Goal: a connection over real sockets delivers every byte in order, tells its end once, and closes as it
/// promises. The other end is the BCL's socket, an independent judge.</summary>
public sealed class ConnectionTests
{
    private static Socket Connect(Listener listener)
    {
        var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        socket.ReceiveTimeout = socket.SendTimeout = (int)LoopFixture.Patience.TotalMilliseconds;
        socket.Connect(new IPEndPoint(IPAddress.Loopback, listener.Address.Port));
        return socket;
    }

    private static byte[] ReadToEnd(Socket socket)
    {
        var all = new MemoryStream();
        byte[] buffer = new byte[64 * 1024];
        int n;
        while ((n = socket.Receive(buffer)) > 0)
        {
            all.Write(buffer, 0, n);
        }

        return all.ToArray();
    }

    [Fact]
    public void EchoesManyBytesOverTcp()
    {
        using var fixture = new LoopFixture();
        using Socket socket = Connect(fixture.Listen(Echo.Serve));
        byte[] sent = RandomNumberGenerator.GetBytes(8 * 1024 * 1024);
        var writer = new Thread(() =>
        {
            socket.Send(sent);
            socket.Shutdown(SocketShutdown.Send);
        });
        writer.Start();
        byte[] got = ReadToEnd(socket);
        writer.Join();
        Assert.True(sent.AsSpan().SequenceEqual(got), "the echo is the same bytes");
    }

    [Fact]
    public void EchoesOverUnixSocketAndRemovesItsFile()
    {
        string path = Path.Combine(Path.GetTempPath(), "net-" + Guid.NewGuid().ToString("N") + ".sock");
        using var fixture = new LoopFixture();
        string? remote = null;
        Listener listener = fixture.Listen(c =>
        {
            remote = c.RemoteAddress;
            Echo.Serve(c);
        }, "unix:" + path);
        using var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        socket.Connect(new UnixDomainSocketEndPoint(path));
        socket.Send("hello"u8);
        byte[] buffer = new byte[16];
        Assert.Equal(5, socket.Receive(buffer));
        Assert.Equal("@", remote);
        listener.Close();
        LoopFixture.Until(() => !File.Exists(path), "the socket's file goes with the listener");
    }

    [Fact]
    public void PeerEndIsToldOnceAndUnsentStillLeaves()
    {
        using var fixture = new LoopFixture();
        byte[] reply = RandomNumberGenerator.GetBytes(16 * 1024 * 1024);
        var recorder = new Recorder();
        using Socket socket = Connect(fixture.Listen(c =>
        {
            c.Handler = recorder;
            ((IBufferWriter<byte>)c).Write(reply);
        }));
        socket.Shutdown(SocketShutdown.Send);
        LoopFixture.Until(() => recorder.ClosedCalls == 1, "the end of the peer's side is told");
        Assert.Equal(Errno.Ok, recorder.Reason);
        Assert.True(reply.AsSpan().SequenceEqual(ReadToEnd(socket)), "what was unsent at the peer's end arrives");
        Assert.Equal(1, recorder.ClosedCalls);
    }

    [Fact]
    public void CloseFlushesThenEndsThenWaitsForThePeer()
    {
        using var fixture = new LoopFixture();
        byte[] reply = RandomNumberGenerator.GetBytes(4 * 1024 * 1024);
        var recorder = new Recorder();
        using Socket socket = Connect(fixture.Listen(c =>
        {
            c.Handler = recorder;
            ((IBufferWriter<byte>)c).Write(reply);
            c.Close();
            ((IBufferWriter<byte>)c).Write("too late"u8);
        }));
        socket.Send(new byte[100_000]);
        Assert.True(reply.AsSpan().SequenceEqual(ReadToEnd(socket)), "all that was written before the close arrives");
        Assert.Equal(0, recorder.ClosedCalls);
        socket.Shutdown(SocketShutdown.Send);
        LoopFixture.Until(() => recorder.ClosedCalls == 1, "the connection is gone after the peer's end");
        Assert.Equal(Errno.Ok, recorder.Reason);
        Assert.Equal(0, recorder.ReceivedBytes);
    }

    [Fact]
    public void CloseOfASilentPeerEndsByTheLingerTime()
    {
        using var fixture = new LoopFixture(limits: new Limits { LingerNanos = 50_000_000 });
        var recorder = new Recorder();
        using Socket socket = Connect(fixture.Listen(c =>
        {
            c.Handler = recorder;
            c.Close();
        }));
        LoopFixture.Until(() => recorder.ClosedCalls == 1, "the linger time ends a close");
        Assert.Equal(Errno.TimedOut, recorder.Reason);
        Assert.Equal(0, fixture.Loop.Connections);
    }

    [Fact]
    public void AbortIsNeverToldFromInsideTheCall()
    {
        using var fixture = new LoopFixture();
        var recorder = new Recorder();
        int toldInside = -1;
        using Socket socket = Connect(fixture.Listen(c =>
        {
            c.Handler = recorder;
            c.Close(abort: true);
            toldInside = recorder.ClosedCalls;
            c.Close(abort: true);
        }));
        LoopFixture.Until(() => recorder.ClosedCalls == 1, "an abort is told");
        Assert.Equal(0, toldInside);
        Assert.Equal(Errno.ConnectionAborted, recorder.Reason);
        Assert.Empty(ReadToEnd(socket));
    }

    [Fact]
    public void ResetByThePeerIsItsReason()
    {
        using var fixture = new LoopFixture();
        var recorder = new Recorder();
        Socket socket = Connect(fixture.Listen(c => c.Handler = recorder));
        socket.Send("x"u8);
        LoopFixture.Until(() => recorder.ReceivedBytes == 1, "bytes arrive");
        socket.LingerState = new LingerOption(true, 0);
        socket.Dispose();
        LoopFixture.Until(() => recorder.ClosedCalls == 1, "a reset is told");
        Assert.Equal(Errno.ConnectionReset, recorder.Reason);
    }

    [Fact]
    public void CongestionIsSeenAndItsEndTold()
    {
        var limits = new Limits { HighWater = 100_000, LowWater = 10_000 };
        using var fixture = new LoopFixture(limits: limits);
        var recorder = new Recorder();
        SocketConnection? connection = null;
        long written = 0;
        byte[] block = new byte[50_000];
        bool congested = false;
        void Produce()
        {
            while (!connection!.IsCongested && written < 20_000_000)
            {
                ((IBufferWriter<byte>)connection).Write(block);
                written += block.Length;
            }

            congested |= connection.IsCongested;
            Assert.True(connection.UnsentBytes <= limits.HighWater + block.Length, "a polite producer stays near the mark");
        }

        recorder.Drained = Produce;
        using Socket socket = Connect(fixture.Listen(c =>
        {
            connection = c;
            c.Handler = recorder;
            Produce();
        }));
        long got = 0;
        while (got < 20_000_000)
        {
            got += socket.Receive(new byte[1 << 20]);
        }

        Assert.Equal(20_000_000, got);
        Assert.True(congested && recorder.DrainedCalls > 10, "it took many rounds");
    }

    [Fact]
    public void AnEndlessProducerLeavesTheLoopToOthers()
    {
        using var fixture = new LoopFixture(limits: new Limits { HighWater = 1000, LowWater = 1000 });
        Listener endless = fixture.Listen(c =>
        {
            byte[] block = new byte[2000];
            c.Handler = new Recorder { Drained = () => ((IBufferWriter<byte>)c).Write(block) };
            ((IBufferWriter<byte>)c).Write(block);
        });
        using Socket fast = Connect(endless);
        var reader = new Thread(() =>
        {
            byte[] buffer = new byte[1 << 20];
            try
            {
                while (fast.Receive(buffer) > 0)
                {
                }
            }
            catch (SocketException)
            {
                // The test is over.
            }
        });
        reader.Start();
        using Socket other = Connect(fixture.Listen(Echo.Serve));
        for (int i = 0; i < 20; i++)
        {
            other.Send("ping"u8);
            Assert.Equal(4, other.Receive(new byte[8]));
        }

        fast.Shutdown(SocketShutdown.Both);
        reader.Join();
    }

    [Fact]
    public void AThousandConnectionsOverSeveralLoops()
    {
        using var fixture = new LoopFixture(loops: 3);
        Listener listener = fixture.Listen(Echo.Serve);
        var sockets = new List<Socket>();
        for (int i = 0; i < 1000; i++)
        {
            sockets.Add(Connect(listener));
        }

        for (int round = 0; round < 2; round++)
        {
            sockets.ForEach(s => s.Send(BitConverter.GetBytes(round)));
            foreach (Socket s in sockets)
            {
                byte[] buffer = new byte[4];
                Assert.Equal(4, s.Receive(buffer));
                Assert.Equal(round, BitConverter.ToInt32(buffer));
            }
        }

        Assert.Equal(1000, listener.LiveConnections);
        Assert.All(fixture.Group.Loops, loop => Assert.InRange(loop.Connections, 100, 700));
        sockets.ForEach(s => s.Dispose());
        LoopFixture.Until(() => listener.LiveConnections == 0, "all are gone");
    }
}
