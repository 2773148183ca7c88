// Parses one complete HTTP/1 request head (RFC 9112 §3, §5), as lax and as strict as the original's server: bare LF ends
// lines, folded lines are joined, names must be tokens. Pure functions; never throws for what a peer sends.
using System.Buffers;
using System.Buffers.Text;
using System.Text;

namespace EtcdAot.Http.H1;

/// <summary>Turns the bytes of a head into an <see cref="Http1Request"/>.</summary>
internal static class Http1HeadParser
{
    private static readonly SearchValues<byte> TokenBytes = SearchValues.Create(
        "!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"u8);

    private static readonly SearchValues<byte> HostBytes = SearchValues.Create(
        "!$%&'()*+,-.:;=[]_~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ@"u8);

    /// <summary>Length of the head that the bytes begin with, its empty line included; 0 when it is not complete.
    /// The search begins at <paramref name="from"/>, where an earlier one ended.</summary>
    public static int HeadLength(ReadOnlySpan<byte> bytes, int from)
    {
        for (int at = Math.Max(0, from - 3); ;)
        {
            int found = bytes[at..].IndexOf((byte)'\n');
            if (found < 0)
            {
                return 0;
            }

            at += found + 1;
            if (at < bytes.Length && bytes[at] == '\n')
            {
                return at + 1;
            }

            if (at + 1 < bytes.Length && bytes[at] == '\r' && bytes[at + 1] == '\n')
            {
                return at + 2;
            }
        }
    }

    /// <summary>True for "METHOD SP target SP HTTP/1.digit"; trailing CR allowed.</summary>
    public static bool IsRequestLine(ReadOnlySpan<byte> line)
    {
        return TrySplitLine(line, out _, out _, out _);
    }

    /// <summary>Parses; the head array becomes the request's own.</summary>
    public static Http1Error Parse(byte[] head, Http1Request request)
    {
        request.Begin(head);
        int lineEnd = head.AsSpan().IndexOf((byte)'\n');
        if (!TrySplitLine(head.AsSpan(0, lineEnd), out Range method, out Range target, out int minor))
        {
            return Http1Error.BadRequest;
        }

        request.Method = Encoding.Latin1.GetString(head.AsSpan()[method]);
        request.MinorVersion = minor;
        request.Host = "";
        if (!SetTarget(request, Encoding.Latin1.GetString(head.AsSpan()[target])))
        {
            return Http1Error.BadRequest;
        }

        Http1Error error = ParseFields(head, lineEnd + 1, request);
        return error.IsError ? error : CheckFields(request);
    }

    private static bool TrySplitLine(ReadOnlySpan<byte> line, out Range method, out Range target, out int minor)
    {
        (method, target, minor) = (default, default, 0);
        if (line.Length > 0 && line[^1] == '\r')
        {
            line = line[..^1];
        }

        int first = line.IndexOf((byte)' ');
        int second = first < 0 ? -1 : line[(first + 1)..].IndexOf((byte)' ') + first + 1;
        if (first <= 0 || second <= first + 1 || line[..first].IndexOfAnyExcept(TokenBytes) >= 0)
        {
            return false;
        }

        ReadOnlySpan<byte> version = line[(second + 1)..];
        if (version.Length != 8 || !version.StartsWith("HTTP/1."u8) || !char.IsAsciiDigit((char)version[7]))
        {
            return false;
        }

        (method, target) = (..first, (first + 1)..second);
        minor = version[7] == '0' ? 0 : 1;
        return true;
    }

    private static bool SetTarget(Http1Request request, string target)
    {
        foreach (char c in target)
        {
            if (c is < ' ' or '\u007f')
            {
                return false;
            }
        }

        if (target[0] != '/' && target != "*")
        {
            // Absolute form: the authority wins over the Host field (RFC 9112 §3.2.2).
            int scheme = target.IndexOf("://", StringComparison.Ordinal);
            if (scheme <= 0)
            {
                return request.Method == "CONNECT" && Keep(request, target);
            }

            int path = target.IndexOfAny(['/', '?'], scheme + 3);
            request.Host = path < 0 ? target[(scheme + 3)..] : target[(scheme + 3)..path];
            target = path < 0 ? "/" : target[path] == '?' ? "/" + target[path..] : target[path..];
        }

        return Keep(request, target);
    }

    private static bool Keep(Http1Request request, string target)
    {
        int query = target.IndexOf('?', StringComparison.Ordinal);
        request.Target = target;
        request.Path = query < 0 ? target : target[..query];
        request.Query = query < 0 ? "" : target[(query + 1)..];
        return true;
    }

    private static Http1Error ParseFields(byte[] head, int at, Http1Request request)
    {
        while (at < head.Length)
        {
            int end = at + head.AsSpan(at).IndexOf((byte)'\n');
            int length = end - at - (end > at && head[end - 1] == '\r' ? 1 : 0);
            if (length == 0)
            {
                return default;
            }

            // A line that begins with a blank continues the one before: the line end between them becomes blanks.
            while (end + 1 < head.Length && head[end + 1] is (byte)' ' or (byte)'\t')
            {
                head.AsSpan(at + length, end + 1 - at - length).Fill((byte)' ');
                end = end + 1 + head.AsSpan(end + 1).IndexOf((byte)'\n');
                length = end - at - (head[end - 1] == '\r' ? 1 : 0);
            }

            int colon = head.AsSpan(at, length).IndexOf((byte)':');
            if (colon <= 0)
            {
                return Http1Error.BadRequest;
            }

            if (head.AsSpan(at, colon).IndexOfAnyExcept(TokenBytes) >= 0)
            {
                return head.AsSpan(at, colon).IndexOfAny((byte)' ', (byte)'\t') >= 0
                    ? Http1Error.BadRequest
                    : Http1Error.BadName;
            }

            int start = at + colon + 1;
            int stop = at + length;
            while (start < stop && head[start] is (byte)' ' or (byte)'\t')
            {
                start++;
            }

            while (stop > start && head[stop - 1] is (byte)' ' or (byte)'\t')
            {
                stop--;
            }

            request.AddField(at, colon, start, stop - start);
            at = end + 1;
        }

        return default;
    }

    private static Http1Error CheckFields(Http1Request request)
    {
        int hosts = 0;
        string? host = null;
        for (int i = 0; i < request.FieldCount; i++)
        {
            foreach (byte b in request.FieldValue(i))
            {
                if ((b < ' ' && b != '\t') || b == 0x7f)
                {
                    return Http1Error.BadValue;
                }
            }

            if (Ascii.EqualsIgnoreCase(request.FieldName(i), "host"))
            {
                hosts++;
                host ??= Encoding.Latin1.GetString(request.FieldValue(i));
                if (request.FieldValue(i).IndexOfAnyExcept(HostBytes) >= 0)
                {
                    return Http1Error.BadHost;
                }
            }
        }

        if (hosts > 1)
        {
            return Http1Error.TwoHosts;
        }

        if (hosts == 0 && request.MinorVersion >= 1 && request.Method != "CONNECT")
        {
            return Http1Error.MissingHost;
        }

        request.Host = request.Host.Length > 0 ? request.Host : host ?? "";
        return SetBody(request);
    }

    private static Http1Error SetBody(Http1Request request)
    {
        request.ContentLength = 0;
        string? length = null;
        int encodings = 0;
        for (int i = 0; i < request.FieldCount; i++)
        {
            if (Ascii.EqualsIgnoreCase(request.FieldName(i), "transfer-encoding"))
            {
                encodings++;
                if (encodings > 1 || !Ascii.EqualsIgnoreCase(request.FieldValue(i), "chunked"u8))
                {
                    return Http1Error.TransferEncoding;
                }
            }
            else if (Ascii.EqualsIgnoreCase(request.FieldName(i), "content-length"))
            {
                string text = Encoding.Latin1.GetString(request.FieldValue(i));
                if (length is not null && length != text)
                {
                    return Http1Error.BadRequest;
                }

                length = text;
            }
        }

        // HTTP/1.0 knows no chunks: there the field is ignored, as in the original.
        if (encodings == 1 && request.MinorVersion >= 1)
        {
            request.ContentLength = -1;
            return default;
        }

        if (length is null)
        {
            return default;
        }

        byte[] digits = Encoding.Latin1.GetBytes(length);
        bool good = digits.Length > 0 && digits.AsSpan().IndexOfAnyExceptInRange((byte)'0', (byte)'9') < 0
            && Utf8Parser.TryParse(digits, out long value, out int used) && used == digits.Length;
        request.ContentLength = good ? long.Parse(length, System.Globalization.CultureInfo.InvariantCulture) : 0;
        return good ? default : Http1Error.BadRequest;
    }
}
