// One node of the v2 tree. Only the cluster's own part under /0 is taken apart; everything else stays the bytes it was read
// as, so that it is carried on without loss. Owned by the apply actor.
using System.Buffers;
using System.Text;
using EtcdAot.Wire.Codecs;

namespace EtcdAot.V2;

internal sealed class V2Node
{
    public const string Permanent = "0001-01-01T00:00:00Z";

    /// <summary>The JSON as read, when this node is not taken apart.</summary>
    public byte[]? Opaque { get; init; }

    public string Path { get; set; } = "";

    public ulong CreatedIndex { get; set; }

    public ulong ModifiedIndex { get; set; }

    public string ExpireTime { get; set; } = Permanent;

    public byte[] Value { get; set; } = [];

    /// <summary>Null for a file; an empty directory has an empty one (trap 23).</summary>
    public SortedDictionary<string, V2Node>? Children { get; set; }

    public static V2Node Directory(string path, ulong index) => new()
    {
        Path = path,
        CreatedIndex = index,
        ModifiedIndex = index,
        Children = new SortedDictionary<string, V2Node>(StringComparer.Ordinal),
    };

    public void Write(IBufferWriter<byte> into)
    {
        if (Opaque is not null)
        {
            GoJson.Raw(into, Opaque);
            return;
        }

        GoJson.Raw(into, "{\"Path\":"u8);
        GoJson.String(into, Path);
        GoJson.Raw(into, ",\"CreatedIndex\":"u8);
        GoJson.Number(into, CreatedIndex);
        GoJson.Raw(into, ",\"ModifiedIndex\":"u8);
        GoJson.Number(into, ModifiedIndex);
        GoJson.Raw(into, ",\"ExpireTime\":"u8);
        GoJson.String(into, ExpireTime);
        GoJson.Raw(into, ",\"Value\":"u8);
        GoJson.String(into, Value);
        GoJson.Raw(into, ",\"Children\":"u8);
        WriteChildren(into);
        GoJson.Raw(into, "}"u8);
    }

    private void WriteChildren(IBufferWriter<byte> into)
    {
        if (Children is null)
        {
            GoJson.Raw(into, "null"u8);
            return;
        }

        ReadOnlySpan<byte> separator = "{"u8;
        foreach ((string name, V2Node child) in Children)
        {
            GoJson.Raw(into, separator);
            GoJson.String(into, Encoding.UTF8.GetBytes(name));
            GoJson.Raw(into, ":"u8);
            child.Write(into);
            separator = ","u8;
        }

        GoJson.Raw(into, Children.Count == 0 ? "{}"u8 : "}"u8);
    }
}
