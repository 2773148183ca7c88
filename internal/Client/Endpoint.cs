// One endpoint as the user typed it: what to dial, and whether TLS is wanted (etcdctl §5). Immutable; any thread.
using System.Buffers;
using System.Globalization;

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
                int query = path.IndexOf('?', StringComparison.Ordinal);
                path = query < 0 ? path : path[..query];
                return new Endpoint(text, path, tls)
                {
                    UnixPath = path,
                    Error = path.Length == 0 ? "dial unix: missing address" : null,
                };
            }
        }

        foreach ((string prefix, bool tls) in Web)
        {
            // What is no URL is dialled as it stands.
            if (text.StartsWith(prefix, StringComparison.OrdinalIgnoreCase)
                && AuthorityOf(text[prefix.Length..]) is string authority)
            {
                return HostPort(text, authority, tls);
            }
        }

        return HostPort(text, text, null);
    }

    private static readonly SearchValues<char> NoHostCharacters = SearchValues.Create(" %\"\\^`{|}");

    private static readonly (string, bool)[] Unix = [("unix:", false), ("unixs:", true)];

    private static readonly (string, bool)[] Web = [("http://", false), ("https://", true)];

    // Host and port of what follows "http://", without path, query and user; null where Go's URL parser finds a fault.
    private static string? AuthorityOf(string rest)
    {
        int end = rest.IndexOfAny(['/', '?', '#']);
        string authority = end < 0 ? rest : rest[..end];
        authority = authority[(authority.LastIndexOf('@') + 1)..];
        int hostEnd;
        if (authority.StartsWith('['))
        {
            hostEnd = authority.LastIndexOf(']') + 1;
            if (hostEnd == 0 || !authority[1..(hostEnd - 1)].Contains(':', StringComparison.Ordinal)
                || (hostEnd < authority.Length && authority[hostEnd] != ':'))
            {
                return null;
            }
        }
        else
        {
            hostEnd = authority.LastIndexOf(':') is int colon and >= 0 ? colon : authority.Length;
            if (authority.AsSpan(0, hostEnd).ContainsAny(NoHostCharacters))
            {
                return null;
            }
        }

        return hostEnd == authority.Length || !authority.AsSpan(hostEnd + 1).ContainsAnyExceptInRange('0', '9')
            ? authority : null;
    }

    private static Endpoint HostPort(string text, string address, bool? tls)
    {
        if (address.Length == 0)
        {
            return new Endpoint(text, address, tls) { Error = "dial tcp: missing address" };
        }

        if (SplitFault(address, out string host, out string portText) is string fault)
        {
            return new Endpoint(text, address, tls) { Error = $"dial tcp: address {address}: {fault}" };
        }

        // Go takes a sign, and no port as 0.
        bool signed = portText.Length > 1 && portText[0] is '+' or '-';
        if (portText.AsSpan(signed ? 1 : 0).ContainsAnyExceptInRange('0', '9'))
        {
            return new Endpoint(text, address, tls) { Error = $"dial tcp: lookup tcp/{portText}: unknown port" };
        }

        string digits = portText.TrimStart('+');
        return digits.Length == 0 | int.TryParse(digits, NumberStyles.None, CultureInfo.InvariantCulture, out int port)
            && port <= ushort.MaxValue
            ? new Endpoint(text, address, tls) { Host = host, Port = port }
            : new Endpoint(text, address, tls) { Error = $"dial tcp: address {portText}: invalid port" };
    }

    // Splits "host:port" and "[host]:port"; the fault in the words of Go's net package, null when there is none.
    private static string? SplitFault(string address, out string host, out string port)
    {
        host = port = "";
        int colon = address.LastIndexOf(':');
        if (colon < 0)
        {
            return "missing port in address";
        }

        port = address[(colon + 1)..];
        int from = 0;
        if (address[0] == '[')
        {
            from = address.IndexOf(']', StringComparison.Ordinal);
            if (from < 0)
            {
                return "missing ']' in address";
            }

            if (from + 1 != colon)
            {
                return from + 1 < address.Length && address[from + 1] == ':'
                    ? "too many colons in address" : "missing port in address";
            }

            host = address[1..from];
        }
        else
        {
            host = address[..colon];
            if (host.Contains(':', StringComparison.Ordinal))
            {
                return "too many colons in address";
            }
        }

        return address.IndexOf('[', from > 0 ? 1 : 0) >= 0 ? "unexpected '[' in address"
            : address.IndexOf(']', from > 0 ? from + 1 : 0) >= 0 ? "unexpected ']' in address" : null;
    }
}
