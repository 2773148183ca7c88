// A server as a process, ours or an original one, with a client of another make. Killed at the end of the test.
using System.Net;
using System.Net.Sockets;
using System.Text;
using EtcdAot.Client;
using EtcdAot.Wire.Etcdserverpb;
using Google.Protobuf;
using Grpc.Core;
using Grpc.Net.Client;

namespace EtcdAot.Tests.Conformance.Servers;

/// <summary>One running member.</summary>
internal sealed class EtcdProcess : IDisposable
{
    private static readonly TimeSpan ReadyLimit = TimeSpan.FromSeconds(40);

    private readonly ToolProcess _process;
    private readonly GrpcChannel _channel;
    private readonly string _program;
    private readonly int _port;

    private EtcdProcess(string program, string dataDirectory, string[] wrapper, string[] more)
    {
        _program = program;
        DataDirectory = dataDirectory;
        _port = FreePort();
        string client = $"http://127.0.0.1:{_port}";
        string peer = $"http://127.0.0.1:{FreePort()}";
        string[] args =
        [
            "--name", "m1", "--data-dir", dataDirectory,
            "--listen-client-urls", client, "--advertise-client-urls", client,
            "--listen-peer-urls", peer, "--initial-advertise-peer-urls", peer, "--initial-cluster", "m1=" + peer,
            .. more,
        ];
        string[] line = [.. wrapper, program, .. args];
        _process = new ToolProcess(line[0], line[1..], Path.GetTempPath(), [], []);
        _channel = GrpcChannel.ForAddress(client, new GrpcChannelOptions
        {
            MaxReceiveMessageSize = null,
            HttpHandler = new SocketsHttpHandler { EnableMultipleHttp2Connections = false },
        });
        Client = new EtcdClient(new EtcdClientOptions(), _channel.CreateCallInvoker());
    }

    public string DataDirectory { get; }

    public string DbPath => Path.Combine(DataDirectory, "member", "snap", "db");

    /// <summary>host:port of the client port.</summary>
    public string Endpoint => $"127.0.0.1:{_port}";

    /// <summary>A client of another make than the server.</summary>
    public EtcdClient Client { get; }

    /// <summary>Starts a server and waits until it answers a linearizable read.</summary>
    public static EtcdProcess Start(string program, string dataDirectory, params string[] more)
    {
        return StartUnder([], program, dataDirectory, more);
    }

    /// <summary>The same under another program (strace), which must leave the process id to the server.</summary>
    public static EtcdProcess StartUnder(string[] wrapper, string program, string dataDirectory, params string[] more)
    {
        var server = new EtcdProcess(program, dataDirectory, wrapper, more);
        try
        {
            server.AwaitReady();
            return server;
        }
        catch
        {
            server.Dispose();
            throw;
        }
    }

    /// <summary>Starts a server that has to end by itself; what it wrote.</summary>
    public static ToolResult RunToEnd(string program, string dataDirectory)
    {
        using var server = new EtcdProcess(program, dataDirectory, [], []);
        return server._process.End(TimeSpan.FromSeconds(20));
    }

    /// <summary>Ends it with SIGKILL.</summary>
    public void Kill()
    {
        _process.Signal("KILL");
        Assert.True(_process.Wait(TimeSpan.FromSeconds(10)), "a killed process ends");
    }

    /// <summary>Ends it with SIGTERM; it has to obey.</summary>
    public void Stop()
    {
        _process.Signal("TERM");
        if (!_process.Wait(TimeSpan.FromSeconds(20)))
        {
            Kill();
            Assert.Fail($"{_program} did not end after SIGTERM\n{Tail()}");
        }
    }

    public void Dispose()
    {
        _channel.Dispose();
        _process.Dispose();
    }

    private static int FreePort()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }

    private void AwaitReady()
    {
        var watch = System.Diagnostics.Stopwatch.StartNew();
        while (true)
        {
            if (_process.HasExited)
            {
                Assert.Fail($"{_program} ended at start\n{Tail()}");
            }

            if (Answers())
            {
                return;
            }

            if (watch.Elapsed > ReadyLimit)
            {
                Kill();
                Assert.Fail($"{_program} does not answer\n{Tail()}");
            }

            Thread.Sleep(50);
        }
    }

    private bool Answers()
    {
        using (var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp))
        {
            try
            {
                socket.Connect(IPAddress.Loopback, _port);
            }
            catch (SocketException)
            {
                return false;
            }
        }

        try
        {
            var request = new RangeRequest { Key = ByteString.CopyFromUtf8("no such key") };
            Client.Kv.Range(request, deadline: DateTime.UtcNow.AddSeconds(2));
            return true;
        }
        catch (RpcException)
        {
            return false;
        }
    }

    private string Tail()
    {
        string text = Encoding.UTF8.GetString(_process.End(TimeSpan.FromSeconds(1)).Error);
        return text.Length > 4000 ? text[^4000..] : text;
    }
}
