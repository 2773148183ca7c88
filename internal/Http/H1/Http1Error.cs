// The answers that the HTTP/1 side itself gives to a request it cannot serve, in the original's words. Immutable.
namespace EtcdAot.Http.H1;

/// <summary>Why a request is refused before any handler sees it; the connection closes behind the answer.</summary>
/// <param name="Code">Status, 0 for none.</param>
/// <param name="Detail">Text behind the status; null for none.</param>
internal readonly record struct Http1Error(int Code, string? Detail = null)
{
    public static readonly Http1Error BadRequest = new(400);
    public static readonly Http1Error MissingHost = new(400, "missing required Host header");
    public static readonly Http1Error TwoHosts = new(400, "too many Host headers");
    public static readonly Http1Error BadHost = new(400, "malformed Host header");
    public static readonly Http1Error BadName = new(400, "invalid header name");
    public static readonly Http1Error BadValue = new(400, "invalid header value");
    public static readonly Http1Error HeadTooLarge = new(431);
    public static readonly Http1Error TransferEncoding = new(501, "Unsupported transfer encoding");

    public bool IsError => Code != 0;

    /// <summary>The whole answer.</summary>
    public string Text()
    {
        string status = Code + " " + StatusText.Of(Code);
        const string headers = "\r\nContent-Type: text/plain; charset=utf-8\r\nConnection: close\r\n\r\n";
        return Code switch
        {
            501 => "HTTP/1.1 " + status + headers + Detail,
            _ when Detail is not null => $"HTTP/1.1 {status}: {Detail}{headers}{status}: {Detail}",
            _ => "HTTP/1.1 " + status + headers + status,
        };
    }
}

/// <summary>Reason phrases (RFC 9110 §15).</summary>
public static class StatusText
{
    /// <summary>Phrase of a status; "status code N" for one without a phrase.</summary>
    public static string Of(int code) => code switch
    {
        100 => "Continue",
        101 => "Switching Protocols",
        200 => "OK",
        201 => "Created",
        202 => "Accepted",
        204 => "No Content",
        206 => "Partial Content",
        301 => "Moved Permanently",
        302 => "Found",
        304 => "Not Modified",
        307 => "Temporary Redirect",
        308 => "Permanent Redirect",
        400 => "Bad Request",
        401 => "Unauthorized",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        408 => "Request Timeout",
        409 => "Conflict",
        412 => "Precondition Failed",
        413 => "Request Entity Too Large",
        415 => "Unsupported Media Type",
        417 => "Expectation Failed",
        421 => "Misdirected Request",
        429 => "Too Many Requests",
        431 => "Request Header Fields Too Large",
        499 => "status code 499",
        500 => "Internal Server Error",
        501 => "Not Implemented",
        502 => "Bad Gateway",
        503 => "Service Unavailable",
        504 => "Gateway Timeout",
        505 => "HTTP Version Not Supported",
        _ => "status code " + code,
    };
}
