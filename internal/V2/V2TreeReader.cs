// Reads the v2 store's JSON of a .snap file (spec storage §6.2), minimal form included. Stateless; start-up thread, or the
// apply actor when a snapshot is received. Hostile input gives a sentence, never an exception.
using System.Text;
using System.Text.Json;

namespace EtcdAot.V2;

internal static class V2TreeReader
{
    // A node of user keys takes two levels, and users nest as they like; only /0 is walked by recursion.
    private const int MaxJsonDepth = 10_000;
    private const int MaxNodeDepth = 8;

    /// <summary>Parts of the document.</summary>
    internal sealed class Document
    {
        public V2Node? Root { get; set; }

        public byte[]? WatcherHub { get; set; }

        public byte[]? Stats { get; set; }

        public ulong CurrentIndex { get; set; }

        public ulong CurrentVersion { get; set; } = 2;
    }

    public static bool TryRead(ReadOnlySpan<byte> json, out Document document, out string problem)
    {
        document = new Document();
        problem = "";
        try
        {
            var reader = new Utf8JsonReader(json, new JsonReaderOptions { MaxDepth = MaxJsonDepth });
            Expect(reader.Read() && reader.TokenType == JsonTokenType.StartObject, "an object");
            while (reader.Read() && reader.TokenType != JsonTokenType.EndObject)
            {
                ReadField(ref reader, json, document);
            }

            Expect(!reader.Read(), "nothing behind the object");
            Expect(document.Root is { Children: not null }, "a Root directory");
            return true;
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException or FormatException)
        {
            problem = "v2 store: " + e.Message;
            return false;
        }
    }

    private static void ReadField(ref Utf8JsonReader reader, ReadOnlySpan<byte> json, Document document)
    {
        string field = reader.GetString()!;
        reader.Read();
        switch (field)
        {
            case "Root":
                document.Root = ReadNode(ref reader, json, 0);
                break;
            case "WatcherHub":
                document.WatcherHub = ReadRaw(ref reader, json);
                break;
            case "Stats":
                document.Stats = ReadRaw(ref reader, json);
                break;
            case "CurrentIndex":
                document.CurrentIndex = reader.GetUInt64();
                break;
            case "CurrentVersion":
                document.CurrentVersion = reader.GetUInt64();
                break;
            default:
                reader.Skip();
                break;
        }
    }

    private static V2Node ReadNode(ref Utf8JsonReader reader, ReadOnlySpan<byte> json, int depth)
    {
        Expect(depth <= MaxNodeDepth, "at most eight levels under /0");
        Expect(reader.TokenType == JsonTokenType.StartObject, "a node");
        var node = new V2Node();
        while (reader.Read() && reader.TokenType != JsonTokenType.EndObject)
        {
            string field = reader.GetString()!;
            reader.Read();
            switch (field)
            {
                case "Path":
                    node.Path = reader.GetString() ?? "";
                    break;
                case "CreatedIndex":
                    node.CreatedIndex = reader.GetUInt64();
                    break;
                case "ModifiedIndex":
                    node.ModifiedIndex = reader.GetUInt64();
                    break;
                case "ExpireTime":
                    node.ExpireTime = reader.GetString() ?? V2Node.Permanent;
                    break;
                case "Value":
                    node.Value = Encoding.UTF8.GetBytes(reader.GetString() ?? "");
                    break;
                case "Children":
                    node.Children = ReadChildren(ref reader, json, depth);
                    break;
                default:
                    reader.Skip();
                    break;
            }
        }

        return node;
    }

    private static SortedDictionary<string, V2Node>? ReadChildren(
        ref Utf8JsonReader reader, ReadOnlySpan<byte> json, int depth)
    {
        if (reader.TokenType == JsonTokenType.Null)
        {
            return null;
        }

        Expect(reader.TokenType == JsonTokenType.StartObject, "Children as an object");
        var children = new SortedDictionary<string, V2Node>(StringComparer.Ordinal);
        while (reader.Read() && reader.TokenType != JsonTokenType.EndObject)
        {
            string name = reader.GetString()!;
            reader.Read();
            children[name] = depth == 0 && name != "0"
                ? new V2Node { Opaque = ReadRaw(ref reader, json) }
                : ReadNode(ref reader, json, depth + 1);
        }

        return children;
    }

    private static byte[] ReadRaw(ref Utf8JsonReader reader, ReadOnlySpan<byte> json)
    {
        int start = (int)reader.TokenStartIndex;
        reader.Skip();
        return json[start..(int)reader.BytesConsumed].ToArray();
    }

    private static void Expect(bool condition, string what)
    {
        if (!condition)
        {
            throw new FormatException("expected " + what);
        }
    }
}
