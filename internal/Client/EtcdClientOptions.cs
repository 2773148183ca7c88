// How a client reaches a cluster: endpoints, times, login, and who hears of failed attempts. Set before the client is
// built; immutable afterwards, any thread.
namespace EtcdAot.Client;

/// <summary>One failed attempt of a call, whether it is retried or not (etcdctl §9 prints each).</summary>
/// <param name="IsStream">True for a streaming call.</param>
/// <param name="Attempt">Number of the attempt, from 0.</param>
/// <param name="RemoteAddress">The server's address, null when nothing was connected.</param>
/// <param name="LocalAddress">Our own end of that connection, null when nothing was connected.</param>
/// <param name="IsTls">True when the connection was a TLS one.</param>
/// <param name="Error">The error in Go's form: <c>rpc error: code = Unavailable desc = …</c>.</param>
public readonly record struct FailedAttempt(
    bool IsStream, int Attempt, string? RemoteAddress, string? LocalAddress, bool IsTls, string Error);

/// <summary>Options of <see cref="EtcdClient"/>.</summary>
public sealed class EtcdClientOptions
{
    /// <summary>"host:port", "http://host:port", "https://…", "unix:///path", "unixs:…"; all share one balancer.</summary>
    public IReadOnlyList<string> Endpoints { get; init; } = ["127.0.0.1:2379"];

    /// <summary>Limits one connection attempt and, in <see cref="EtcdClient.LoginAsync"/>, the login.</summary>
    public TimeSpan DialTimeout { get; init; } = TimeSpan.FromSeconds(2);

    /// <summary>Silence after which the connection is pinged; zero: never. Less than 10 s counts as 10 s.</summary>
    public TimeSpan KeepAliveTime { get; init; }

    /// <summary>How long the answer to such a ping may take before the connection counts as lost.</summary>
    public TimeSpan KeepAliveTimeout { get; init; } = TimeSpan.FromSeconds(20);

    /// <summary>With <see cref="Password"/>: what <see cref="EtcdClient.LoginAsync"/> authenticates as.</summary>
    public string? UserName { get; init; }

    public string? Password { get; init; }

    /// <summary>A token to send instead of logging in (etcdctl 3.7 --auth-jwt-token).</summary>
    public string? Token { get; init; }

    /// <summary>Largest request in bytes; more fails before anything is sent. Go's default: 2 MiB.</summary>
    public int MaxSendBytes { get; init; } = 2 * 1024 * 1024;

    /// <summary>Largest response in bytes.</summary>
    public int MaxReceiveBytes { get; init; } = int.MaxValue;

    /// <summary>Hears of every failed attempt; called on the thread that drives the call.</summary>
    public Action<FailedAttempt>? OnFailedAttempt { get; init; }
}
