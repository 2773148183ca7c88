// Who may use the HTTP side of a client port (spec api-v3 §8.7): the host whitelist against DNS rebinding, and CORS.
// Immutable; any thread.
using EtcdAot.Http.H1;

namespace EtcdAot.Api.Http;

/// <summary>Whitelist and allowed origins; "*" allows all.</summary>
public sealed class HttpAccess(IReadOnlyList<string> hosts, IReadOnlyList<string> origins)
{
    private readonly bool _anyHost = hosts.Count == 0 || hosts.Contains("*", StringComparer.Ordinal);
    private readonly bool _anyOrigin = origins.Contains("*", StringComparer.Ordinal);

    /// <summary>Everything is allowed, as by default.</summary>
    public static HttpAccess Open { get; } = new(["*"], ["*"]);

    /// <summary>True when the Host field, without its port, is on the list.</summary>
    public bool AllowsHost(string host)
    {
        return _anyHost || hosts.Contains(WithoutPort(host), StringComparer.Ordinal);
    }

    /// <summary>Sets the CORS fields when the origin may see the answer.</summary>
    public void AllowOrigin(string? origin, Http1Response response)
    {
        if (!_anyOrigin && (origin is null || !origins.Contains(origin, StringComparer.Ordinal)))
        {
            return;
        }

        response.SetHeader("Access-Control-Allow-Headers", "accept, content-type, authorization");
        response.SetHeader("Access-Control-Allow-Methods", "POST, GET, OPTIONS, PUT, DELETE");
        response.SetHeader("Access-Control-Allow-Origin", _anyOrigin ? "*" : origin!);
    }

    /// <summary>Answers a request whose host is not on the list.</summary>
    public static void Refuse(string host, Http1Response response)
    {
        string name = WithoutPort(host);
        response.SendText(421, $"""

            etcd received your request, but the Host header was unrecognized.

            To fix this, choose one of the following options:
            - Enable TLS, then any HTTPS request will be allowed.
            - Add the hostname you want to use to the whitelist in settings.
              - e.g. etcd --host-whitelist "{name}"

            This requirement has been added to help prevent "DNS Rebinding" attacks (CVE-2018-5702).

            """);
    }

    // What cannot be split into host and port counts as a host.
    private static string WithoutPort(string host)
    {
        int colon = host.LastIndexOf(':');
        if (colon < 0)
        {
            return host;
        }

        string name = host[..colon];
        if (name.StartsWith('[') && name.EndsWith(']'))
        {
            return name[1..^1];
        }

        return name.Contains(':') || name.Contains('[') || name.Contains(']') ? host : name;
    }
}
