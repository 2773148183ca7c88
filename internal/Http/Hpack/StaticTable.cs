// HPACK's static table (RFC 7541 Appendix A) and the search for an encoder's match. Immutable; any thread.
namespace EtcdAot.Http.Hpack;

/// <summary>The 61 fields that every connection knows.</summary>
public static class StaticTable
{
    private static readonly (byte[] Name, byte[] Value)[] Entries = Build();

    /// <summary>Number of entries; the dynamic table's first index is one more.</summary>
    public static int Count => Entries.Length;

    /// <summary>Entry of an index from 1 to 61.</summary>
    public static (byte[] Name, byte[] Value) Entry(int index) => Entries[index - 1];

    /// <summary>Index of the field, or of the first field of that name; 0 for none.</summary>
    public static int Find(ReadOnlySpan<byte> name, ReadOnlySpan<byte> value, out bool wholeField)
    {
        int nameIndex = 0;
        wholeField = false;
        for (int i = 0; i < Entries.Length; i++)
        {
            if (!Entries[i].Name.AsSpan().SequenceEqual(name))
            {
                continue;
            }

            if (Entries[i].Value.AsSpan().SequenceEqual(value))
            {
                wholeField = true;
                return i + 1;
            }

            nameIndex = nameIndex == 0 ? i + 1 : nameIndex;
        }

        return nameIndex;
    }

    private static (byte[] Name, byte[] Value)[] Build()
    {
        string[] fields =
        [
            ":authority", ":method=GET", ":method=POST", ":path=/", ":path=/index.html", ":scheme=http",
            ":scheme=https", ":status=200", ":status=204", ":status=206", ":status=304", ":status=400",
            ":status=404", ":status=500", "accept-charset", "accept-encoding=gzip, deflate", "accept-language",
            "accept-ranges", "accept", "access-control-allow-origin", "age", "allow", "authorization",
            "cache-control", "content-disposition", "content-encoding", "content-language", "content-length",
            "content-location", "content-range", "content-type", "cookie", "date", "etag", "expect", "expires",
            "from", "host", "if-match", "if-modified-since", "if-none-match", "if-range", "if-unmodified-since",
            "last-modified", "link", "location", "max-forwards", "proxy-authenticate", "proxy-authorization",
            "range", "referer", "refresh", "retry-after", "server", "set-cookie", "strict-transport-security",
            "transfer-encoding", "user-agent", "vary", "via", "www-authenticate",
        ];
        var entries = new (byte[] Name, byte[] Value)[fields.Length];
        for (int i = 0; i < fields.Length; i++)
        {
            int equals = fields[i].IndexOf('=', StringComparison.Ordinal);
            string name = equals < 0 ? fields[i] : fields[i][..equals];
            string value = equals < 0 ? "" : fields[i][(equals + 1)..];
            entries[i] = (System.Text.Encoding.ASCII.GetBytes(name), System.Text.Encoding.ASCII.GetBytes(value));
        }

        Observe.Invariant.Check(entries.Length == 61, "the static table has 61 entries");
        return entries;
    }
}
