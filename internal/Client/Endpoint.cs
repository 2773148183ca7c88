// One endpoint as the user typed it: what to dial, and whether TLS is wanted (etcdctl §5). Immutable; any thread.
using EtcdAot.Sys;

namespace EtcdAot.Client;

/// <summary>A parsed endpoint. A bad one is no error here: dialling it fails with <see cref="Error"/>.</summary>
public sealed class Endpoint
{
    private Endpoint(string text, string address, bool? tls)
    {
        Text = text;
        Address = address;
        Tls = tls;
    }

    /// <summary>As typed.</summary>
    public string Text { get; }

    /// <summary>Without scheme and path: "host:port", or the path of a unix socket.</summary>
    public string Address { get; }

    /// <summary>What the scheme says; null without one.</summary>
    public bool? Tls { get; }

    public string Host { get; private init; } = "";

    public int Port { get; private init; }

    /// <summary>Path of a unix socket, else null.</summary>
    public string? UnixPath { get; private init; }

    /// <summary>Why it cannot be dialled, in the original's words; null when it can.</summary>
    public string? Error { get; private init; }

    /// <summary>Value of :authority.</summary>
    public string Authority => UnixPath is null ? Address : "localhost";

    /// <summary>Parses one of the forms of etcdctl §5.</summary>
    public static Endpoint Parse(string text)
    {
        foreach ((string prefix, bool tls) in Unix)
        {
            if (text.StartsWith(prefix, StringComparison.Ordinal))
            {
                string path = text[prefix.Length..];
                path = path.StartsWith("//", StringComparison.Ordinal) ? path[2..] : path;
                return new Endpoint(text, path, tls) { UnixPath = path };
            }
        }

        foreach ((string prefix, bool tls) in Web)
        {
            if (text.StartsWith(prefix, StringComparison.Ordinal))
            {
                string rest = text[prefix.Length..];
                int end = rest.IndexOfAny(['/', '?', '#']);
                return HostPort(text, end < 0 ? rest : rest[..end], tls);
            }
        }

        return HostPort(text, text, null);
    }

    private static readonly (string, bool)[] Unix = [("unix:", false), ("unixs:", true)];

    private static readonly (string, bool)[] Web = [("http://", false), ("https://", true)];

    private static Endpoint HostPort(string text, string address, bool? tls)
    {
        if (NetworkAddress.TrySplitHostPort(address, out string host, out int port))
        {
            return new Endpoint(text, address, tls) { Host = host, Port = port };
        }

        string error;
        int colon = address.LastIndexOf(':');
        if (address.Length == 0)
        {
            error = "dial tcp: missing address";
        }
        else if (colon < 0)
        {
            error = $"dial tcp: address {address}: missing port in address";
        }
        else if (address.AsSpan(0, colon).Contains(':') && address[0] != '[')
        {
            error = $"dial tcp: address {address}: too many colons in address";
        }
        else
        {
            string portText = address[(colon + 1)..];
            error = portText.Length > 0 && portText.All(char.IsAsciiDigit)
                ? $"dial tcp: address {portText}: invalid port"
                : $"dial tcp: lookup tcp/{portText}: unknown port";
        }

        return new Endpoint(text, address, tls) { Error = error };
    }
}
