// One server of the pair: its process, its channel, and what of its answers is its own (ids, term, addresses,
// leases it named). Ended by its process id at the end.
using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Text.Json;
using EtcdAot.Wire.Etcdserverpb;
using Google.Protobuf;
using Grpc.Core;
using Grpc.Net.Client;

namespace EtcdAot.Tests.Conformance.Rpc;

/// <summary>A started single member with a raw channel.</summary>
internal sealed class RpcMember : IDisposable
{
    private static readonly Marshaller<byte[]> Raw = Marshallers.Create(static b => b, static b => b);

    private readonly Process _process;
    private readonly string _folder = Directory.CreateTempSubdirectory("rpc.").FullName;
    private readonly string _client = $"http://127.0.0.1:{FreePort()}";
    private readonly string _peer = $"http://127.0.0.1:{FreePort()}";
    private readonly HttpClient _http = new();
    private readonly GrpcChannel _channel;
    private readonly CallInvoker _invoker;
    private readonly Dictionary<long, string> _leases = [];

    /// <summary>Starts it; <see cref="WaitUntilServing"/> comes next.</summary>
    public RpcMember(string name, string program)
    {
        Name = name;
        string[] args =
        [
            "--data-dir", Path.Combine(_folder, "d"), "--listen-client-urls", _client,
            "--advertise-client-urls", _client, "--listen-peer-urls", _peer,
            "--initial-advertise-peer-urls", _peer, "--initial-cluster", $"default={_peer}",
            "--experimental-watch-progress-notify-interval", "1s",
        ];
        var start = new ProcessStartInfo("/bin/sh",
            ["-c", "exec \"$@\" > \"$0\" 2>&1", LogFile, program, .. args])
        {
            WorkingDirectory = _folder,
            UseShellExecute = false,
        };
        foreach (string variable in start.Environment.Keys.Where(k =>
            k.StartsWith("ETCD", StringComparison.Ordinal)).ToList())
        {
            start.Environment.Remove(variable);
        }

        _process = Process.Start(start)!;
        _channel = GrpcChannel.ForAddress(_client, new GrpcChannelOptions
        {
            MaxReceiveMessageSize = null,
            MaxSendMessageSize = null,
            MaxRetryAttempts = 1,
        });
        _invoker = _channel.CreateCallInvoker();
    }

    /// <summary>"ours" or "real".</summary>
    public string Name { get; }

    public ulong ClusterId { get; private set; }

    public ulong MemberId { get; private set; }

    public ulong Term { get; private set; }

    /// <summary>What it says of itself on its HTTP page.</summary>
    public string Version { get; private set; } = "";

    public bool HasExited => _process.HasExited;

    private string LogFile => Path.Combine(_folder, "log");

    /// <summary>One unary call; a status other than OK comes as text.</summary>
    public RawReply Unary(string service, string method, byte[] request)
    {
        var raw = new Method<byte[], byte[]>(MethodType.Unary, service, method, Raw, Raw);
        try
        {
            return new RawReply(Status.DefaultSuccess, _invoker.BlockingUnaryCall(raw, null, Options(), request));
        }
        catch (RpcException e)
        {
            return new RawReply(e.Status, null);
        }
    }

    /// <summary>Opens a stream in both directions, whatever the method's shape.</summary>
    public RawStream Open(string service, string method)
    {
        var raw = new Method<byte[], byte[]>(MethodType.DuplexStreaming, service, method, Raw, Raw);
        return new RawStream(_invoker.AsyncDuplexStreamingCall(raw, null, Options(minutes: 5)));
    }

    /// <summary>Waits for the first answer, and takes the member's ids and term from it.</summary>
    public void WaitUntilServing()
    {
        byte[] probe = new RangeRequest { Key = ByteString.CopyFromUtf8("probe") }.ToByteArray();
        long started = Stopwatch.GetTimestamp();
        while (true)
        {
            RawReply reply = Unary("etcdserverpb.KV", "Range", probe);
            if (reply.Body is { } body)
            {
                ResponseHeader header = RangeResponse.Parser.ParseFrom(body).Header;
                (ClusterId, MemberId, Term) = (header.ClusterId, header.MemberId, header.RaftTerm);
                Version = JsonDocument.Parse(Page("/version")).RootElement.GetProperty("etcdserver").GetString()!;
                Thread.Sleep(500);
                return;
            }

            Assert.False(_process.HasExited || Stopwatch.GetElapsedTime(started) > TimeSpan.FromSeconds(30),
                $"{Name} does not serve ({reply.Status}):\n{LogTail()}");
            Thread.Sleep(100);
        }
    }

    /// <summary>True while the original still has history to send to watchers.</summary>
    public bool HasWatchersBehind() =>
        !Page("/metrics").Contains("\netcd_debugging_mvcc_slow_watcher_total 0\n", StringComparison.Ordinal);

    /// <summary>The last lines of its log.</summary>
    public string LogTail() =>
        File.Exists(LogFile) ? string.Join('\n', File.ReadLines(LogFile).TakeLast(40)) : "(no log)";

    /// <summary>Gives a lease that the server named a common name.</summary>
    public void NameLease(long id, string name) => (_leases[id], LastNamed) = (name, id);

    /// <summary>The lease that it named last.</summary>
    public long LastNamed { get; private set; }

    public string LeaseText(long id) =>
        _leases.TryGetValue(id, out string? name) ? name : id.ToString(CultureInfo.InvariantCulture);

    /// <summary>Puts common words in place of this member's addresses and decimal id.</summary>
    public string Hide(string text) => text
        .Replace(_client, "{client}", StringComparison.Ordinal)
        .Replace(_peer, "{peer}", StringComparison.Ordinal)
        .Replace(MemberId.ToString(CultureInfo.InvariantCulture), "{member}", StringComparison.Ordinal);

    public void Dispose()
    {
        _http.Dispose();
        _channel.Dispose();
        if (!_process.HasExited)
        {
            _process.Kill();
            _process.WaitForExit();
        }

        _process.Dispose();
        Directory.Delete(_folder, recursive: true);
    }

    private string Page(string path)
    {
        try
        {
            return _http.GetStringAsync(_client + path).GetAwaiter().GetResult();
        }
        catch (HttpRequestException e)
        {
            _process.WaitForExit(TimeSpan.FromSeconds(1));
            string end = _process.HasExited ? $"ended with {_process.ExitCode}" : "runs";
            throw new InvalidOperationException($"{Name} ({end}) does not answer {path}:\n{LogTail()}", e);
        }
    }

    private static CallOptions Options(double minutes = 0.3) =>
        new(deadline: DateTime.UtcNow.AddMinutes(minutes));

    private static int FreePort()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }
}
