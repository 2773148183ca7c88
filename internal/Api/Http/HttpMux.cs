// The HTTP/1 side of a client port (spec api-v3 §8.7, §9): whitelist, CORS, OPTIONS, the router and its pages. Routes are
// filled before the first request; every request is served on the I/O thread of its connection.
using EtcdAot.Http.H1;

namespace EtcdAot.Api.Http;

/// <summary>A request for a page, with the loop that serves it.</summary>
internal readonly record struct PageRequest(Http1Request Request, Http1Response Response, ApiLoop Home)
{
    /// <summary>Values of a field of the query.</summary>
    public List<string> Query(string name) => RequestPath.Query(Request.Query, name);
}

/// <summary>Answers requests for one path, at once or at a later wake.</summary>
internal interface IHttpPage
{
    /// <summary>True when other methods than GET are refused.</summary>
    bool OnlyGet => true;

    void Serve(PageRequest request);
}

/// <summary>Finds the page of a request.</summary>
internal sealed class HttpMux(ApiLoops loops, HttpAccess? access) : IHttp1Handler
{
    private readonly Dictionary<string, IHttpPage> _pages = new(StringComparer.Ordinal);

    /// <summary>Adds a page under an exact path.</summary>
    public void Add(string path, IHttpPage page) => _pages.Add(path, page);

    /// <inheritdoc/>
    public IHttp1Exchange? OnRequest(Http1Request request, Http1Response response)
    {
        string? path = RequestPath.Unescape(request.Path, plusIsBlank: false);
        if (path is null)
        {
            // The original's HTTP library refuses it before anything of etcd's own sees it.
            response.KeepAlive = false;
            response.Send(400, "text/plain; charset=utf-8", "400 Bad Request"u8);
            return null;
        }

        if (access is not null && !access.AllowsHost(request.Host))
        {
            HttpAccess.Refuse(request.Host, response);
            return null;
        }

        access?.AllowOrigin(request.Header("origin"), response);
        if (access is not null && request.Method == "OPTIONS")
        {
            response.Send(200, null, default);
            return null;
        }

        Route(request, response, path);
        return null;
    }

    private void Route(Http1Request request, Http1Response response, string path)
    {
        if (request.Method != "CONNECT" && RequestPath.Clean(path) is { } clean && clean != path)
        {
            Redirect(request, response, clean);
        }
        else if (!_pages.TryGetValue(path, out IHttpPage? page))
        {
            response.SendText(404, "404 page not found");
        }
        else if (page.OnlyGet && request.Method != "GET")
        {
            response.SetHeader("Allow", "GET");
            response.SendText(405, "Method Not Allowed");
        }
        else
        {
            page.Serve(new PageRequest(request, response, loops.Of(response.Transport.Loop)));
        }
    }

    private static void Redirect(Http1Request request, Http1Response response, string path)
    {
        string location = RequestPath.Escape(path) + (request.Query.Length > 0 ? "?" + request.Query : "");
        response.SetHeader("Location", location);
        if (request.Method is not ("GET" or "HEAD"))
        {
            response.Send(301, null, default);
            return;
        }

        string href = location.Replace("&", "&amp;", StringComparison.Ordinal)
            .Replace("<", "&lt;", StringComparison.Ordinal).Replace(">", "&gt;", StringComparison.Ordinal)
            .Replace("\"", "&#34;", StringComparison.Ordinal).Replace("'", "&#39;", StringComparison.Ordinal);
        string body = $"<a href=\"{href}\">Moved Permanently</a>.\n\n";
        response.Send(301, "text/html; charset=utf-8",
            request.Method == "GET" ? System.Text.Encoding.UTF8.GetBytes(body) : default);
    }
}
