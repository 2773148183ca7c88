// Methods and the table that finds them by the bytes of the path. The table is filled before the first request and
// immutable afterwards; any thread may look up.
using System.Text;
using EtcdAot.Observe;

namespace EtcdAot.Grpc;

/// <summary>Which sides stream.</summary>
public enum MethodShape
{
    Unary,
    ServerStreaming,
    ClientStreaming,
    Duplex,
}

/// <summary>One method as bound.</summary>
public sealed class GrpcMethod(string service, string name, MethodShape shape, IHotMethod handler)
{
    /// <summary>"etcdserverpb.KV".</summary>
    public string Service { get; } = service;

    /// <summary>"Range".</summary>
    public string Name { get; } = name;

    /// <summary>"/etcdserverpb.KV/Range".</summary>
    public string FullName { get; } = $"/{service}/{name}";

    public MethodShape Shape { get; } = shape;

    /// <summary>Place in the table, for arrays kept beside it (metrics).</summary>
    public int Index { get; internal set; }

    /// <summary>True when a call brings exactly one message.</summary>
    public bool TakesOneMessage => Shape is MethodShape.Unary or MethodShape.ServerStreaming;

    internal IHotMethod Handler { get; } = handler;

    internal byte[] Path { get; } = Encoding.ASCII.GetBytes($"/{service}/{name}");
}

/// <summary>Finds a method by path without making a string.</summary>
public sealed class MethodTable
{
    private readonly List<GrpcMethod> _methods = [];
    private readonly HashSet<string> _services = [];
    private GrpcMethod?[] _slots = new GrpcMethod?[64];

    /// <summary>All methods, in the order in which they were added.</summary>
    public IReadOnlyList<GrpcMethod> Methods => _methods;

    /// <summary>Adds a method; a second one of the same path takes the first one's place (hot over generated).</summary>
    public void Add(GrpcMethod method)
    {
        _services.Add(method.Service);
        int same = _methods.FindIndex(m => m.FullName == method.FullName);
        method.Index = same >= 0 ? same : _methods.Count;
        if (same >= 0)
        {
            _methods[same] = method;
        }
        else
        {
            _methods.Add(method);
        }

        Rebuild();
    }

    /// <summary>The method of a path, null when there is none.</summary>
    public GrpcMethod? Find(ReadOnlySpan<byte> path)
    {
        int mask = _slots.Length - 1;
        for (int i = (int)Hash(path) & mask; _slots[i] is { } method; i = (i + 1) & mask)
        {
            if (path.SequenceEqual(method.Path))
            {
                return method;
            }
        }

        return null;
    }

    /// <summary>Why a path has no method, in the original's words (api-v3 §1.1).</summary>
    public Status Explain(ReadOnlySpan<byte> path)
    {
        int slash = path.LastIndexOf((byte)'/');
        if (path.IsEmpty || path[0] != '/' || slash == 0)
        {
            return new Status(Wire.RpcCode.Unimplemented, "malformed method name: " + GoQuote.Bytes(path));
        }

        string service = Encoding.UTF8.GetString(path[1..slash]);
        string name = Encoding.UTF8.GetString(path[(slash + 1)..]);
        return new Status(Wire.RpcCode.Unimplemented, _services.Contains(service)
            ? $"unknown method {name} for service {service}"
            : $"unknown service {service}");
    }

    private void Rebuild()
    {
        int size = _slots.Length;
        while (size < _methods.Count * 4)
        {
            size *= 2;
        }

        _slots = new GrpcMethod?[size];
        foreach (GrpcMethod method in _methods)
        {
            int i = (int)Hash(method.Path) & (size - 1);
            while (_slots[i] is not null)
            {
                i = (i + 1) & (size - 1);
            }

            _slots[i] = method;
        }
    }

    // FNV-1a: the table holds only our own names, so nobody can make it collide more than it does.
    private static uint Hash(ReadOnlySpan<byte> bytes)
    {
        uint hash = 2166136261;
        foreach (byte b in bytes)
        {
            hash = (hash ^ b) * 16777619;
        }

        return hash ^ (hash >> 15);
    }
}
