// URL lists (spec server-config §4): what is a URL, the error texts, sorting, which hosts may be listened on.
// Pure.
using EtcdAot.Observe;
using EtcdAot.Sys;

namespace EtcdAot.Cmd.Etcd.Flags;

/// <summary>Lists of http, https, unix and unixs URLs.</summary>
internal static class UrlList
{
    /// <summary>Trims, checks, sorts, drops doubles. Null, or the first problem.</summary>
    public static string? Parse(IEnumerable<string> texts, out IReadOnlyList<string> urls)
    {
        var found = new SortedSet<string>(StringComparer.Ordinal);
        urls = [];
        foreach (string text in texts)
        {
            string url = text.Trim();
            if (Problem(url) is { } problem)
            {
                return problem;
            }

            found.Add(url);
        }

        urls = [.. found];
        return null;
    }

    /// <summary>"name=url,name=url". Null, or the problem.</summary>
    public static string? ParseNamed(string text, out SortedDictionary<string, IReadOnlyList<string>> members)
    {
        members = new(StringComparer.Ordinal);
        var texts = new Dictionary<string, List<string>>(StringComparer.Ordinal);
        foreach (string item in text.Length == 0 ? [] : text.Split(','))
        {
            string trimmed = item.Trim();
            int equals = trimmed.IndexOf('=', StringComparison.Ordinal);
            string name = equals < 0 ? trimmed : trimmed[..equals];
            if (!texts.TryGetValue(name, out List<string>? list))
            {
                texts[name] = list = [];
            }

            list.Add(equals < 0 ? "" : trimmed[(equals + 1)..]);
        }

        foreach ((string name, List<string> list) in texts)
        {
            if (Parse(list, out IReadOnlyList<string> urls) is { } problem)
            {
                return problem;
            }

            members[name] = urls;
        }

        return null;
    }

    /// <summary>The scheme of a checked URL.</summary>
    public static string Scheme(string url) => url[..url.IndexOf(':', StringComparison.Ordinal)];

    /// <summary>Host and port, or the path of a unix URL.</summary>
    public static string Address(string url) => url[(Scheme(url).Length + "://".Length)..];

    /// <summary>True for unix and unixs.</summary>
    public static bool IsUnix(string url) => url.StartsWith("unix", StringComparison.Ordinal);

    /// <summary>Null when a listener can be bound there, else the text.</summary>
    public static string? BindProblem(string url)
    {
        if (IsUnix(url) || !NetworkAddress.TrySplitHostPort(Address(url), out string host, out _)
            || host == "localhost")
        {
            return null;
        }

        return NetworkAddress.TryParseIp(host, 0, out _) ? null : $"expected IP in URL for binding ({url})";
    }

    /// <summary>Null when others can be told this URL, else the text.</summary>
    public static string? AdvertiseProblem(string url)
    {
        return IsUnix(url) || !Address(url).StartsWith(':') ? null : $"unexpected empty host ({url})";
    }

    private static string? Problem(string url)
    {
        int scheme = SchemeLength(url);
        string rest = scheme > 0 ? url[(scheme + 1)..] : url;
        if (scheme < 0)
        {
            return $"parse {GoQuote.Text(url)}: missing protocol scheme";
        }

        if (scheme == 0 && !url.StartsWith('/') && url.Split('/')[0].Contains(':', StringComparison.Ordinal))
        {
            return $"parse {GoQuote.Text(url)}: first path segment in URL cannot contain colon";
        }

        string name = scheme > 0 ? url[..scheme].ToLowerInvariant() : "";
        if (name is not ("http" or "https" or "unix" or "unixs"))
        {
            return $"URL scheme must be http, https, unix, or unixs: {url}";
        }

        string authority = rest.StartsWith("//", StringComparison.Ordinal) ? rest[2..] : "";
        int slash = authority.IndexOf('/', StringComparison.Ordinal);
        string host = slash < 0 ? authority : authority[..slash];
        if (name.StartsWith("unix", StringComparison.Ordinal))
        {
            return authority.Length > 0 ? null : $"URL must not be empty: {url}";
        }

        int colon = host.LastIndexOf(':');
        if (colon >= 0 && !host[(colon + 1)..].All(char.IsAsciiDigit) && !host.EndsWith(']'))
        {
            return $"parse {GoQuote.Text(url)}: invalid port {GoQuote.Text(host[colon..])} after host";
        }

        return !NetworkAddress.TrySplitHostPort(host, out _, out _)
            ? $"URL address does not have the form \"host:port\": {url}"
            : slash >= 0 ? $"URL must not contain a path: {url}" : null;
    }

    // 0: no scheme; -1: a colon where a scheme should be.
    private static int SchemeLength(string url)
    {
        for (int i = 0; i < url.Length; i++)
        {
            char c = url[i];
            if (c == ':')
            {
                return i == 0 ? -1 : i;
            }

            if (!char.IsAsciiLetter(c) && (i == 0 || !(char.IsAsciiDigit(c) || c is '+' or '-' or '.')))
            {
                return 0;
            }
        }

        return 0;
    }
}
