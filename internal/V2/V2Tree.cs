// The v2 store as far as a cluster needs it: its own part under /0 as nodes, all the rest (user keys, event history,
// statistics) carried on as read (spec storage §6.2). Owned by the apply actor. In 3.4 and 3.5 this tree, not the backend, is
// the source of members and version (§3.5).
using System.Buffers;
using System.Globalization;
using System.Text;
using EtcdAot.Wire.Codecs;

namespace EtcdAot.V2;

/// <summary>A member's record in the tree.</summary>
/// <param name="Id">Member id.</param>
/// <param name="RaftAttributes">JSON of peer URLs and learner flag.</param>
/// <param name="Attributes">JSON of name and client URLs; empty until published.</param>
public readonly record struct V2Member(ulong Id, byte[] RaftAttributes, byte[] Attributes);

/// <summary>The v2 tree.</summary>
public sealed class V2Tree
{
    private const int HistoryCapacity = 1000;
    private readonly V2Node _root;
    private readonly byte[] _watcherHub;
    private readonly byte[] _stats;
    private readonly ulong _version;

    private V2Tree(V2TreeReader.Document document)
    {
        _root = document.Root!;
        _watcherHub = document.WatcherHub ?? EmptyWatcherHub();
        _stats = document.Stats ?? EmptyStats();
        _version = document.CurrentVersion;
        CurrentIndex = document.CurrentIndex;
    }

    /// <summary>Counts every change of the tree; X-Etcd-Index of the v2 API.</summary>
    public ulong CurrentIndex { get; private set; }

    /// <summary>The cluster version, empty while unset.</summary>
    public string Version => Find("/0/version") is { } node ? Encoding.UTF8.GetString(node.Value) : "";

    /// <summary>True when there is anything beside /0, which only the v2 API could serve: /1 with keys, or /2.</summary>
    public bool HasUserKeys => _root.Children!.Any(c => c.Key != "0" && !IsEmptyDirectory(c.Value));

    /// <summary>A new cluster's tree.</summary>
    public static V2Tree Create()
    {
        V2Node root = V2Node.Directory("/", 0);
        root.Children!["0"] = V2Node.Directory("/0", 0);
        root.Children["1"] = V2Node.Directory("/1", 0);
        return new V2Tree(new V2TreeReader.Document { Root = root });
    }

    /// <summary>Reads the data of a .snap file. False with a sentence when it is not a v2 tree.</summary>
    public static bool TryLoad(ReadOnlySpan<byte> json, out V2Tree? tree, out string problem)
    {
        bool good = V2TreeReader.TryRead(json, out V2TreeReader.Document document, out problem);
        tree = good ? new V2Tree(document) : null;
        return good;
    }

    /// <summary>Lower-case hex without padding, at most 16 digits (trap 1).</summary>
    public static bool TryParseHexId(ReadOnlySpan<byte> text, out ulong id)
    {
        return ulong.TryParse(text, NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out id)
            && text.Length <= 16;
    }

    /// <summary>The JSON for a .snap file.</summary>
    public byte[] Save()
    {
        var into = new ArrayBufferWriter<byte>(16 * 1024);
        GoJson.Raw(into, "{\"Root\":"u8);
        _root.Write(into);
        GoJson.Raw(into, ",\"WatcherHub\":"u8);
        GoJson.Raw(into, _watcherHub);
        GoJson.Raw(into, ",\"CurrentIndex\":"u8);
        GoJson.Number(into, CurrentIndex);
        GoJson.Raw(into, ",\"Stats\":"u8);
        GoJson.Raw(into, _stats);
        GoJson.Raw(into, ",\"CurrentVersion\":"u8);
        GoJson.Number(into, _version);
        GoJson.Raw(into, "}"u8);
        return into.WrittenSpan.ToArray();
    }

    /// <summary>Members of the tree; false when a name is not an id or a member has no raftAttributes.</summary>
    public bool TryReadMembers(out List<V2Member> members, out string problem)
    {
        members = [];
        problem = "";
        foreach ((string name, V2Node node) in ChildrenOf("/0/members"))
        {
            byte[]? raft = node.Children?.GetValueOrDefault("raftAttributes")?.Value;
            if (raft is null || !TryParseHexId(Encoding.UTF8.GetBytes(name), out ulong id))
            {
                problem = "v2 store: unreadable member " + name;
                return false;
            }

            members.Add(new V2Member(id, raft, node.Children!.GetValueOrDefault("attributes")?.Value ?? []));
        }

        return true;
    }

    /// <summary>Ids of removed members; names that are no ids are passed over.</summary>
    public List<ulong> ReadRemoved()
    {
        var removed = new List<ulong>();
        foreach ((string name, _) in ChildrenOf("/0/removed_members"))
        {
            if (TryParseHexId(Encoding.UTF8.GetBytes(name), out ulong id))
            {
                removed.Add(id);
            }
        }

        return removed;
    }

    /// <summary>Adds a member.</summary>
    public void AddMember(ulong id, ReadOnlySpan<byte> raftAttributes) => Set(MemberPath(id, "raftAttributes"), raftAttributes);

    /// <summary>Replaces a member's peer URLs or learner flag; its creation index stays.</summary>
    public void UpdateMember(ulong id, ReadOnlySpan<byte> raftAttributes)
    {
        if (Find(MemberPath(id, "raftAttributes")) is { } node)
        {
            node.Value = raftAttributes.ToArray();
            node.ModifiedIndex = ++CurrentIndex;
        }
    }

    /// <summary>Sets a member's name and client URLs.</summary>
    public void SetAttributes(ulong id, ReadOnlySpan<byte> attributes) => Set(MemberPath(id, "attributes"), attributes);

    /// <summary>Removes a member and remembers its id.</summary>
    public void RemoveMember(ulong id)
    {
        string hex = id.ToString("x", CultureInfo.InvariantCulture);
        if (Find("/0/members")?.Children?.Remove(hex) == true)
        {
            CurrentIndex++;
        }

        Set("/0/removed_members/" + hex, default);
    }

    /// <summary>Sets the cluster version.</summary>
    public void SetVersion(string version) => Set("/0/version", Encoding.UTF8.GetBytes(version));

    private static string MemberPath(ulong id, string file) => string.Create(
        CultureInfo.InvariantCulture, $"/0/members/{id:x}/{file}");

    private static bool IsEmptyDirectory(V2Node node)
    {
        return node.Opaque is null
            ? node.Children is { Count: 0 }
            : Encoding.UTF8.GetString(node.Opaque).Replace(" ", "", StringComparison.Ordinal)
                .EndsWith("\"Children\":{}}", StringComparison.Ordinal);
    }

    private static byte[] EmptyWatcherHub()
    {
        var text = new StringBuilder("{\"EventHistory\":{\"Queue\":{\"Events\":[");
        text.Insert(text.Length, "null,", HistoryCapacity);
        text.Length--;
        text.Append("],\"Size\":0,\"Front\":0,\"Back\":0,\"Capacity\":1000},\"StartIndex\":0,\"LastIndex\":0}}");
        return Encoding.ASCII.GetBytes(text.ToString());
    }

    private static byte[] EmptyStats()
    {
        string[] names =
        [
            "getsSuccess", "getsFail", "setsSuccess", "setsFail", "deleteSuccess", "deleteFail", "updateSuccess",
            "updateFail", "createSuccess", "createFail", "compareAndSwapSuccess", "compareAndSwapFail",
            "compareAndDeleteSuccess", "compareAndDeleteFail", "expireCount", "watchers",
        ];
        return Encoding.ASCII.GetBytes("{" + string.Join(',', names.Select(n => $"\"{n}\":0")) + "}");
    }

    private SortedDictionary<string, V2Node> ChildrenOf(string path)
    {
        return Find(path)?.Children ?? new SortedDictionary<string, V2Node>(StringComparer.Ordinal);
    }

    private V2Node? Find(string path)
    {
        V2Node? node = _root;
        foreach (string part in path.Split('/', StringSplitOptions.RemoveEmptyEntries))
        {
            node = node?.Children?.GetValueOrDefault(part);
        }

        return node;
    }

    /// <summary>Sets a file as the original's "set": a new node, directories above it made as needed.</summary>
    private void Set(string path, ReadOnlySpan<byte> value)
    {
        ulong index = ++CurrentIndex;
        V2Node at = _root;
        string[] parts = path.Split('/', StringSplitOptions.RemoveEmptyEntries);
        string walked = "";
        foreach (string part in parts[..^1])
        {
            walked += "/" + part;
            at.Children ??= new SortedDictionary<string, V2Node>(StringComparer.Ordinal);
            if (!at.Children.TryGetValue(part, out V2Node? next))
            {
                next = V2Node.Directory(walked, index);
                at.Children[part] = next;
            }

            at = next;
        }

        at.Children ??= new SortedDictionary<string, V2Node>(StringComparer.Ordinal);
        at.Children[parts[^1]] = new V2Node
        {
            Path = path,
            CreatedIndex = index,
            ModifiedIndex = index,
            Value = value.ToArray(),
        };
    }
}
