using System.Buffers;
using System.Net;
using System.Net.Sockets;
using EtcdAot.Net;
using EtcdAot.Sys;

namespace EtcdAot.Tests.Unit.Net;

/// <summary>Goal: listening and dialing work for each kind of address and fail with the original's texts.</summary>
public sealed class ListenDialTests
{
    private static string ListenError(LoopFixture fixture, string where)
    {
        Errno result = Listener.Open(
            fixture.Group.Loops,
            where,
            ListenOptions.Default,
            new LoopFixture.Acceptor(static _ => { }),
            10,
            out Listener? listener,
            out string error);
        Assert.True(result.Failed);
        Assert.Null(listener);
        return error;
    }

    private static (SocketConnection? Connection, Errno Reason, string Text) Dial(
        LoopFixture fixture, long timeoutNanos, IConnectionHandler handler, params NetworkAddress[] addresses)
    {
        var result = new DialOutcome(handler);
        fixture.OnLoop(() =>
        {
            Dialer.Dial(fixture.Loop, addresses, timeoutNanos, result);
            Assert.False(result.Done.IsSet);
        });
        Assert.True(result.Done.Wait(LoopFixture.Patience), "a dial ends");
        return (result.Connection, result.Reason, result.Text);
    }

    [Fact]
    public void ListenErrorsAreTheOriginals()
    {
        using var fixture = new LoopFixture();
        int port = fixture.Listen(Echo.Serve).Address.Port;
        Assert.Equal(
            $"listen tcp 127.0.0.1:{port}: bind: address already in use", ListenError(fixture, $"127.0.0.1:{port}"));
        Assert.Equal(
            "listen tcp 192.0.2.1:24012: bind: cannot assign requested address", ListenError(fixture, "192.0.2.1:24012"));
        Assert.Equal(
            "listen unix /nowhere/x.sock: bind: no such file or directory", ListenError(fixture, "unix:/nowhere/x.sock"));
        Assert.NotEmpty(ListenError(fixture, "example.com:1"));
        Assert.NotEmpty(ListenError(fixture, "127.0.0.1:70000"));
    }

    [Theory]
    [InlineData("0.0.0.0:0", "127.0.0.1")]
    [InlineData("0.0.0.0:0", "::1")]
    [InlineData("[::]:0", "127.0.0.1")]
    [InlineData(":0", "::1")]
    [InlineData("localhost:0", "127.0.0.1")]
    [InlineData("[::1]:0", "::1")]
    public void ListensOnEachKindOfAddress(string where, string from)
    {
        using var fixture = new LoopFixture();
        string? remote = null;
        Listener listener = fixture.Listen(c =>
        {
            remote = c.RemoteAddress;
            Echo.Serve(c);
        }, where);
        var ip = IPAddress.Parse(from);
        using var socket = new Socket(ip.AddressFamily, SocketType.Stream, ProtocolType.Tcp);
        socket.Connect(ip, listener.Address.Port);
        socket.Send("x"u8);
        Assert.Equal(1, socket.Receive(new byte[4]));
        Assert.Equal(socket.LocalEndPoint!.ToString(), remote);
    }

    [Fact]
    public void AboveTheMaximumConnectionsWaitUntilOneGoes()
    {
        using var fixture = new LoopFixture(loops: 2);
        Listener listener = fixture.Listen(Echo.Serve, max: 2);
        var sockets = new List<TcpClient>();
        for (int i = 0; i < 3; i++)
        {
            sockets.Add(new TcpClient("127.0.0.1", listener.Address.Port));
            sockets[i].Client.Send("x"u8);
            sockets[i].ReceiveTimeout = i < 2 ? 8000 : 100;
            if (i < 2)
            {
                Assert.Equal(1, sockets[i].Client.Receive(new byte[4]));
            }
        }

        Assert.Throws<SocketException>(() => sockets[2].Client.Receive(new byte[4]));
        sockets[0].Dispose();
        sockets[2].ReceiveTimeout = 8000;
        Assert.Equal(1, sockets[2].Client.Receive(new byte[4]));
        sockets.ForEach(s => s.Dispose());
    }

    [Fact]
    public void ASocketFileThatAKilledMemberLeftIsReplaced()
    {
        string path = Path.Combine(Path.GetTempPath(), "net-" + Guid.NewGuid().ToString("N") + ".sock");
        using (var left = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified))
        {
            left.Bind(new UnixDomainSocketEndPoint(path));
        }

        File.WriteAllText(path, "");
        using var fixture = new LoopFixture();
        Listener listener = fixture.Listen(Echo.Serve, "unix:" + path);
        (SocketConnection? connection, _, string text) =
            Dial(fixture, 1_000_000_000, new Recorder(), NetworkAddress.Unix(path));
        Assert.True(connection is not null, text);
        listener.Close();
    }

    [Fact]
    public void DialsTcpAndTalks()
    {
        using var fixture = new LoopFixture();
        Listener listener = fixture.Listen(Echo.Serve);
        var recorder = new Recorder();
        (SocketConnection? connection, _, _) = Dial(fixture, 1_000_000_000, recorder, listener.Address);
        Assert.Equal(listener.Address.ToString(), connection!.RemoteAddress);
        fixture.OnLoop(() => ((IBufferWriter<byte>)connection).Write("hello"u8));
        LoopFixture.Until(() => recorder.ReceivedBytes == 5, "the echo arrives");
        fixture.OnLoop(() => connection.Close());
        LoopFixture.Until(() => recorder.ClosedCalls == 1 && listener.LiveConnections == 0, "both ends are gone");
        Assert.Equal(Errno.Ok, recorder.Reason);
    }

    [Fact]
    public void DialFailuresAreTheOriginals()
    {
        using var fixture = new LoopFixture();
        Listener listener = fixture.Listen(Echo.Serve);
        NetworkAddress gone = listener.Address;
        listener.Close();
        LoopFixture.Until(() => !CanConnect(gone.Port), "the listener is closed");
        var recorder = new Recorder();
        (_, Errno reason, string text) = Dial(fixture, 1_000_000_000, recorder, gone);
        Assert.Equal(Errno.ConnectionRefused, reason);
        Assert.Equal($"dial tcp {gone}: connect: connection refused", text);
        (_, reason, text) = Dial(fixture, 1_000_000_000, recorder, NetworkAddress.Unix("/nowhere/x.sock"));
        Assert.Equal(Errno.NoEntry, reason);
        Assert.Equal("dial unix /nowhere/x.sock: connect: no such file or directory", text);
    }

    [Fact]
    public void DialGoesOnToTheNextAddress()
    {
        using var fixture = new LoopFixture();
        Listener listener = fixture.Listen(Echo.Serve);
        NetworkAddress dead = NetworkAddress.Unix("/nowhere/x.sock");
        (SocketConnection? connection, _, _) = Dial(fixture, 1_000_000_000, new Recorder(), dead, listener.Address);
        Assert.NotNull(connection);
    }

    [Fact]
    public void DialEndsByItsDeadline()
    {
        // A listener whose queue is full: the kernel drops further connects, which is a silent peer without a network.
        using var full = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        full.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        full.Listen(0);
        NetworkAddress address = NetworkAddress.Loopback(((IPEndPoint)full.LocalEndPoint!).Port);
        using var filler = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        filler.Connect(full.LocalEndPoint);
        using var fixture = new LoopFixture();
        (_, Errno reason, string text) = Dial(fixture, 100_000_000, new Recorder(), address);
        Assert.Equal(NetError.DialDeadline, reason);
        Assert.Equal($"dial tcp {address}: i/o timeout", text);
    }

    [Theory]
    [InlineData("1.2.3.4", true)]
    [InlineData("255.255.255.255", true)]
    [InlineData("::1", true)]
    [InlineData("2001:db8::1", true)]
    [InlineData("::ffff:1.2.3.4", true)]
    [InlineData("1.2.3", false)]
    [InlineData("1.2.3.4.5", false)]
    [InlineData("01.2.3.4", false)]
    [InlineData("256.1.1.1", false)]
    [InlineData("1.2.3.", false)]
    [InlineData("0x1.2.3.4", false)]
    [InlineData("1", false)]
    [InlineData("", false)]
    [InlineData("fe80::1%lo", false)]
    [InlineData("[::1]", false)]
    public void IpLiteralsAreReadAsGoReadsThem(string text, bool good)
    {
        Assert.Equal(good, NetworkAddress.TryParseIp(text, 1, out NetworkAddress address));
        if (good)
        {
            string expected = text.StartsWith("::ffff:", StringComparison.Ordinal) ? text[7..] : text;
            Assert.Equal(expected, address.IpText());
        }
    }

    private static bool CanConnect(int port)
    {
        try
        {
            using var client = new TcpClient("127.0.0.1", port);
            return true;
        }
        catch (SocketException)
        {
            return false;
        }
    }

    private sealed class DialOutcome(IConnectionHandler handler) : IDialResult
    {
        internal ManualResetEventSlim Done { get; } = new();

        internal SocketConnection? Connection { get; private set; }

        internal Errno Reason { get; private set; }

        internal string Text { get; private set; } = "";

        public void OnConnected(SocketConnection connection)
        {
            connection.Handler = handler;
            Connection = connection;
            Done.Set();
        }

        public void OnDialFailed(Errno reason, string text)
        {
            Reason = reason;
            Text = text;
            Done.Set();
        }
    }
}
