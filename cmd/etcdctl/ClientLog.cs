// The JSON lines that etcd's client library writes on stderr beside the "Error:" line (etcdctl §9). Callers
// are those of the original, so that people find what they search for.
using System.Globalization;
using EtcdAot.Client;
using EtcdAot.Cmd.Etcdctl.Printing;

namespace EtcdAot.Cmd.Etcdctl;

/// <summary>Log lines of the client.</summary>
internal static class ClientLog
{
    /// <summary>The name most clients log under.</summary>
    public const string Usual = "etcd-client";

    /// <summary>The name that endpoint health and snapshot save log under.</summary>
    public const string Plain = "client";

    private const string Module = $"v3@v{Versions.Client}";

    public static void ShadowedVariable(Output error, string name)
    {
        error.Line(Start("fatal", null, "flags/flag.go:85")
            .Name("msg").Value(
                "conflicting environment variable is shadowed by corresponding command-line flag " +
                "(either unset environment variable or disable flag))")
            .Name("environment-variable").Value(name).Close('}').ToString());
    }

    public static void UnknownVariable(Output error, string assignment)
    {
        error.Line(Start("warn", null,
            "flags/flag.go:93").Name("msg").Value("unrecognized environment variable")
            .Name("environment-variable").Value(assignment).Close('}').ToString());
    }

    /// <summary>One failed attempt of a call, final or not.</summary>
    public static void FailedAttempt(Output error, string logger, string endpoint, FailedAttempt attempt)
    {
        if (attempt.IsStream)
        {
            error.Line(Start("error", logger, $"{Module}/retry_interceptor.go:134")
                .Name("msg").Value("streamer failed to create ClientStream")
                .Name("error").Value(attempt.Error).Close('}').ToString());
            return;
        }

        string peer = attempt.RemoteAddress is null
            ? "Peer{Addr: <nil>, LocalAddr: <nil>, AuthInfo: <nil>}"
            : $"Peer{{Addr: '{attempt.RemoteAddress}', LocalAddr: '{attempt.LocalAddress}', " +
              $"AuthInfo: '{(attempt.IsTls ? "tls" : "insecure")}'}}";
        error.Line(Start("warn", logger, $"{Module}/retry_interceptor.go:66")
            .Name("msg").Value("retrying of unary invoker failed")
            .Name("target").Value($"etcd-endpoints://0x{Environment.ProcessId:x}/{WithoutScheme(endpoint)}")
            .Name("peer").Value(peer).Name("attempt").Value((long)attempt.Attempt)
            .Name("error").Value(attempt.Error).Close('}').ToString());
    }

    /// <summary>A line of "snapshot save"; <paramref name="fields"/> are name, value, name, value
    /// ….</summary>
    public static void Info(Output error, string? logger, string caller, string message,
        params string[] fields)
    {
        GoJson line = Start("info", logger, logger is null ? caller
            : $"{Module}/{caller}").Name("msg").Value(message);
        for (int i = 0; i + 1 < fields.Length; i += 2)
        {
            line.Name(fields[i]).Value(fields[i + 1]);
        }

        error.Line(line.Close('}').ToString());
    }

    /// <summary>A line in console form, as the offline tools write it (etcdctl §14).</summary>
    public static void Console(Output error, string caller, string message, string json)
    {
        string time = DateTime.UtcNow.ToString("yyyy-MM-ddTHH:mm:ssZ", CultureInfo.InvariantCulture);
        error.Line($"{time}\tinfo\t{caller}\t{message}{(json.Length > 0 ? $"\t{json}" : "")}");
    }

    private static GoJson Start(string level, string? logger, string caller)
    {
        string time = DateTime.UtcNow.ToString("yyyy-MM-ddTHH:mm:ss.ffffffZ", CultureInfo.InvariantCulture);
        GoJson line = new GoJson(isLog: true).Open('{').Name("level").Value(level).Name("ts").Value(time);
        if (logger is not null)
        {
            line.Name("logger").Value(logger);
        }

        return line.Name("caller").Value(caller);
    }

    private static string WithoutScheme(string endpoint)
    {
        int at = endpoint.IndexOf("://", StringComparison.Ordinal);
        return at >= 0 ? endpoint[(at + 3)..]
            : endpoint.StartsWith("unix:", StringComparison.Ordinal) ? endpoint["unix:".Length..]
            : endpoint;
    }
}
