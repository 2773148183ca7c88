// What a command that talks to a cluster needs: settings from options and environment, the printer, clients,
// time limits and etcd's wording of errors (etcdctl §4 to §8). One command at a time.
using EtcdAot.Client;
using EtcdAot.Cmd.Etcdctl.Commands;
using EtcdAot.Cmd.Etcdctl.Printing;
using Grpc.Core;

namespace EtcdAot.Cmd.Etcdctl;

/// <summary>The settings of one run; clients are made from it.</summary>
internal sealed class Session : IDisposable
{
    private readonly Invocation _call;
    private readonly List<EtcdClient> _clients = [];
    private EtcdClient? _shared;
    private (string Name, string Password)? _login;

    private Session(Invocation call)
    {
        _call = call;
    }

    public Terminal Terminal => _call.Terminal;

    public Printer Printer { get; private set; } = null!;

    /// <summary>The endpoints as typed.</summary>
    public IReadOnlyList<string> Endpoints { get; private set; } = [];

    /// <summary>The name under which failed attempts are logged.</summary>
    public string Logger { get; init; } = ClientLog.Usual;

    /// <summary>Limit of one short call.</summary>
    public TimeSpan CommandTimeout => Nanos("command-timeout");

    /// <summary>Limit of connecting for a login.</summary>
    public TimeSpan DialTimeout => Nanos("dial-timeout");

    /// <summary>The client over all endpoints; made and logged in at the first use.</summary>
    public EtcdClient Client => _shared ??= Dial([.. Endpoints.Select(e => e.Trim())]);

    /// <summary>Options for a call that --command-timeout limits.</summary>
    public CallOptions Limited => new(deadline: DateTime.UtcNow + CommandTimeout);

    /// <summary>Reads the environment and checks the settings, in the order in which the original
    /// does.</summary>
    public static Session Open(Invocation call, string logger = ClientLog.Usual)
    {
        var session = new Session(call) { Logger = logger };
        FlagEnvironment.Apply(call, Environment.GetEnvironmentVariables());
        if (call.Bool("debug"))
        {
            FlagEnvironment.Print(call);
        }

        session.Printer = Printer.Create(call.Text("write-out"), call.Bool("hex"), call.Terminal);
        TlsSettings.Check(call);
        session.Endpoints = Discovery.Endpoints(call);
        session.WarnOfDebugLevel();
        return session;
    }

    /// <summary>A client of one endpoint.</summary>
    public EtcdClient Dial(string endpoint) => Dial([endpoint]);

    /// <summary>Ends the command with the refusal of a call: exit 1 and etcd's text.</summary>
    public static CommandFailedException Refused(RpcException error) => new(ExitCode.Error, TextOf(error));

    /// <summary>What etcdctl prints for a failed call (etcdctl §12).</summary>
    public static string TextOf(RpcException error)
    {
        string detail = error.Status.Detail;
        return error.StatusCode switch
        {
            _ when detail.StartsWith("etcdserver: ", StringComparison.Ordinal) => detail,
            StatusCode.DeadlineExceeded => "context deadline exceeded",
            StatusCode.Cancelled => "context canceled",
            _ => GoForm(error.StatusCode, detail),
        };
    }

    /// <summary>The form that Go's gRPC library gives an error.</summary>
    public static string GoForm(StatusCode code, string detail)
    {
        string name = code == StatusCode.Cancelled ? "Canceled" : code.ToString();
        return $"rpc error: code = {name} desc = {detail}";
    }

    /// <summary>Runs <paramref name="call"/> and waits for its answer; refusals end the command.</summary>
    public static T Ask<T>(Func<AsyncUnaryCall<T>> call)
    {
        try
        {
            return call().ResponseAsync.GetAwaiter().GetResult();
        }
        catch (RpcException e)
        {
            throw Refused(e);
        }
    }

    public void Dispose() => _clients.ForEach(c => c.Dispose());

    private EtcdClient Dial(string[] endpoints)
    {
        if (endpoints.Length == 0)
        {
            throw new CommandFailedException(ExitCode.BadConnection, "etcdclient: no available endpoints");
        }

        TlsSettings.CheckScheme(endpoints[0]);
        (string name, string password) = _login ??= Login.Read(_call);
        var client = EtcdClient.Create(new EtcdClientOptions
        {
            Endpoints = endpoints,
            DialTimeout = DialTimeout,
            KeepAliveTime = Nanos("keepalive-time"),
            KeepAliveTimeout = Nanos("keepalive-timeout"),
            UserName = name,
            Password = password,
            OnFailedAttempt = a => ClientLog.FailedAttempt(Terminal.Error, Logger, endpoints[0], a),
        });
        lock (_clients)
        {
            _clients.Add(client);
        }

        try
        {
            client.LoginAsync().GetAwaiter().GetResult();
            return client;
        }
        catch (RpcException e)
        {
            throw new CommandFailedException(ExitCode.BadConnection, TextOf(e));
        }
    }

    private TimeSpan Nanos(string flag) =>
        TimeSpan.FromTicks(_call.Flags[flag].Nanos / TimeSpan.NanosecondsPerTick);

    // The original says it once for each of its two loggers (etcdctl §4).
    private void WarnOfDebugLevel()
    {
        string? level = Environment.GetEnvironmentVariable("ETCD_CLIENT_DEBUG");
        if (level is null or "" or "true" or "debug" or "info" or "warn" or "error"
            or "dpanic" or "panic" or "fatal")
        {
            return;
        }

        string time = DateTime.UtcNow.ToString("yyyy/MM/dd HH:mm:ss",
            System.Globalization.CultureInfo.InvariantCulture);
        string line =
            $"{time} Invalid value for environment variable 'ETCD_CLIENT_DEBUG'. " +
            "Using default level: 'info'\n";
        Terminal.Error.Write(line + line);
    }
}
