// What a header list of HTTP/2 may hold (RFC 9113 §8.2, §8.3), with the original's answers where they are laxer
// (api-v3 §1.1). Pure functions; any thread.
using System.Buffers;
using System.Buffers.Text;

namespace EtcdAot.Http;

/// <summary>What the connection itself wants to know of a request.</summary>
/// <param name="Valid">False: RST_STREAM(PROTOCOL_ERROR).</param>
/// <param name="ContentLength">Announced body length, -1 when there is none.</param>
internal readonly record struct RequestFields(bool Valid, long ContentLength);

/// <summary>Checks of header lists.</summary>
internal static class HeaderRules
{
    private static readonly SearchValues<byte> NameBytes =
        SearchValues.Create("!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyz"u8);

    private static readonly SearchValues<byte> ForbiddenInValues = SearchValues.Create("\0\r\n"u8);

    [Flags]
    private enum Pseudo
    {
        None = 0,
        Method = 1,
        Path = 2,
        Scheme = 4,
        Authority = 8,
        Status = 16,
    }

    /// <summary>A request needs :method, :scheme and a :path that is not empty; te may be anything or absent, and
    /// keep-alive, transfer-encoding, upgrade are ignored, but connection is not.</summary>
    public static RequestFields CheckRequest(HeaderBlock headers)
    {
        const Pseudo needed = Pseudo.Method | Pseudo.Path | Pseudo.Scheme;
        if (!CheckFields(headers, needed | Pseudo.Authority, out Pseudo seen) || (seen & needed) != needed)
        {
            return new RequestFields(Valid: false, -1);
        }

        long contentLength = -1;
        if (headers.TryGet("content-length"u8, out ReadOnlySpan<byte> text)
            && (!Utf8Parser.TryParse(text, out contentLength, out int used) || used != text.Length || contentLength < 0))
        {
            return new RequestFields(Valid: false, -1);
        }

        return new RequestFields(Valid: true, contentLength);
    }

    public static bool CheckResponse(HeaderBlock headers)
    {
        return CheckFields(headers, Pseudo.Status, out Pseudo seen) && seen == Pseudo.Status;
    }

    public static bool CheckTrailers(HeaderBlock headers) => CheckFields(headers, Pseudo.None, out _);

    /// <summary>True for a 1xx response, which is followed by the real one.</summary>
    public static bool IsInformational(HeaderBlock headers)
    {
        return headers.TryGet(":status"u8, out ReadOnlySpan<byte> status) && status.Length == 3 && status[0] == '1';
    }

    private static bool CheckFields(HeaderBlock headers, Pseudo allowed, out Pseudo seen)
    {
        seen = Pseudo.None;
        bool regularSeen = false;
        for (int i = 0; i < headers.Count; i++)
        {
            ReadOnlySpan<byte> name = headers.Name(i);
            ReadOnlySpan<byte> value = headers.Value(i);
            if (value.IndexOfAny(ForbiddenInValues) >= 0 || name.Length == 0)
            {
                return false;
            }

            if (name[0] == ':')
            {
                Pseudo which = PseudoOf(name);
                bool empty = which == Pseudo.Path && value.Length == 0;
                if (regularSeen || empty || (which & allowed) == Pseudo.None || (which & seen) != Pseudo.None)
                {
                    return false;
                }

                seen |= which;
                continue;
            }

            regularSeen = true;
            if (name.IndexOfAnyExcept(NameBytes) >= 0 || name.SequenceEqual("connection"u8))
            {
                return false;
            }
        }

        return true;
    }

    private static Pseudo PseudoOf(ReadOnlySpan<byte> name)
    {
        return name.SequenceEqual(":method"u8) ? Pseudo.Method
            : name.SequenceEqual(":path"u8) ? Pseudo.Path
            : name.SequenceEqual(":scheme"u8) ? Pseudo.Scheme
            : name.SequenceEqual(":authority"u8) ? Pseudo.Authority
            : name.SequenceEqual(":status"u8) ? Pseudo.Status
            : Pseudo.None;
    }
}
