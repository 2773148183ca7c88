// Paths and queries as the original's router takes them apart. Pure; any thread.
using System.Text;

namespace EtcdAot.Api.Http;

/// <summary>A decoded path and the path that it should have been.</summary>
internal static class RequestPath
{
    /// <summary>Resolves "." and "..", and slashes that follow one another; a slash at the end stays.</summary>
    public static string Clean(string path)
    {
        var parts = new List<string>();
        foreach (string part in path.Split('/'))
        {
            if (part == "..")
            {
                parts.RemoveRange(Math.Max(0, parts.Count - 1), Math.Min(1, parts.Count));
            }
            else if (part is not ("" or "."))
            {
                parts.Add(part);
            }
        }

        string clean = "/" + string.Join('/', parts);
        return clean.Length > 1 && path.EndsWith('/') ? clean + "/" : clean;
    }

    /// <summary>Undoes percent escapes; null when one is broken.</summary>
    public static string? Unescape(string text, bool plusIsBlank)
    {
        if (!text.Contains('%') && !(plusIsBlank && text.Contains('+')))
        {
            return text;
        }

        byte[] from = Encoding.Latin1.GetBytes(text);
        var to = new List<byte>(from.Length);
        for (int i = 0; i < from.Length; i++)
        {
            if (from[i] == '%')
            {
                if (i + 2 >= from.Length || !char.IsAsciiHexDigit((char)from[i + 1])
                    || !char.IsAsciiHexDigit((char)from[i + 2]))
                {
                    return null;
                }

                to.Add(Convert.FromHexString(text.AsSpan(i + 1, 2))[0]);
                i += 2;
            }
            else
            {
                to.Add(plusIsBlank && from[i] == '+' ? (byte)' ' : from[i]);
            }
        }

        return Encoding.UTF8.GetString([.. to]);
    }

    /// <summary>Escapes what may not stand in a path.</summary>
    public static string Escape(string path)
    {
        var text = new StringBuilder(path.Length);
        foreach (byte b in Encoding.UTF8.GetBytes(path))
        {
            char c = (char)b;
            if (char.IsAsciiLetterOrDigit(c) || "-_.~$&+,/:;=@".Contains(c, StringComparison.Ordinal))
            {
                text.Append(c);
            }
            else
            {
                text.Append('%').Append(b.ToString("X2", System.Globalization.CultureInfo.InvariantCulture));
            }
        }

        return text.ToString();
    }

    /// <summary>The values of a query's field in their order; pairs that cannot be decoded do not count.</summary>
    public static List<string> Query(string query, string name)
    {
        var values = new List<string>();
        foreach (string pair in query.Split('&'))
        {
            int equals = pair.IndexOf('=', StringComparison.Ordinal);
            string? key = Unescape(equals < 0 ? pair : pair[..equals], plusIsBlank: true);
            string? value = Unescape(equals < 0 ? "" : pair[(equals + 1)..], plusIsBlank: true);
            if (key == name && value is not null && pair.Length > 0 && !pair.Contains(';'))
            {
                values.Add(value);
            }
        }

        return values;
    }
}
