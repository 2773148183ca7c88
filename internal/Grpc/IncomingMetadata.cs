// A call's request metadata: copied once into one reused buffer, because the header block lives only while it is handed
// over. Owned by: the I/O thread of the call. Never allocates once the arrays have grown.

namespace EtcdAot.Grpc;

/// <summary>Request metadata without pseudo and transport headers. Names in lower case, "-bin" values decoded.</summary>
public sealed class IncomingMetadata
{
    private const int KeptBytes = 4096;

    private byte[] _bytes = new byte[256];
    private Entry[] _entries = new Entry[8];
    private int _used;
    private int _count;

    private record struct Entry(int Name, int NameLength, int Value, int ValueLength);

    /// <summary>Number of fields, repeated ones counted each.</summary>
    public int Count => _count;

    /// <summary>Auth token; wins over <see cref="Authorization"/>.</summary>
    public ReadOnlySpan<byte> Token => First("token"u8);

    /// <summary>Auth token of HTTP's kind, "Bearer " not stripped.</summary>
    public ReadOnlySpan<byte> Authorization => First("authorization"u8);

    /// <summary>The client's version, feeds a metric only.</summary>
    public ReadOnlySpan<byte> ClientApiVersion => First("client-api-version"u8);

    /// <summary>True when the client asks for a leader (api-v3 §1.6): exactly <c>hasleader: true</c>.</summary>
    public bool RequiresLeader => First("hasleader"u8).SequenceEqual("true"u8);

    /// <summary>Name of a field.</summary>
    public ReadOnlySpan<byte> Name(int index) => _bytes.AsSpan(_entries[index].Name, _entries[index].NameLength);

    /// <summary>Value of a field.</summary>
    public ReadOnlySpan<byte> Value(int index) => _bytes.AsSpan(_entries[index].Value, _entries[index].ValueLength);

    /// <summary>The first value of a key, which alone counts; empty when absent.</summary>
    public ReadOnlySpan<byte> First(ReadOnlySpan<byte> name) => TryGet(name, out ReadOnlySpan<byte> v) ? v : default;

    /// <summary>The first value of a key, which alone counts.</summary>
    public bool TryGet(ReadOnlySpan<byte> name, out ReadOnlySpan<byte> value)
    {
        for (int i = 0; i < _count; i++)
        {
            if (Name(i).SequenceEqual(name))
            {
                value = Value(i);
                return true;
            }
        }

        value = default;
        return false;
    }

    internal void Clear()
    {
        _used = 0;
        _count = 0;
        if (_bytes.Length > KeptBytes)
        {
            _bytes = new byte[256];
            _entries = new Entry[8];
        }
    }

    /// <summary>Copies a field. False: a "-bin" value is no base64, <paramref name="badAt"/> says where.</summary>
    internal bool Add(ReadOnlySpan<byte> name, ReadOnlySpan<byte> value, out int badAt)
    {
        badAt = -1;
        if (_count == _entries.Length)
        {
            Array.Resize(ref _entries, _count * 2);
        }

        int needed = _used + name.Length + value.Length;
        if (needed > _bytes.Length)
        {
            Array.Resize(ref _bytes, Math.Max(needed, _bytes.Length * 2));
        }

        int nameAt = _used;
        name.CopyTo(_bytes.AsSpan(nameAt));
        int valueAt = nameAt + name.Length;
        int length = value.Length;
        if (name.EndsWith("-bin"u8))
        {
            if (!Base64Text.TryDecode(value, _bytes.AsSpan(valueAt), out length, out badAt))
            {
                return false;
            }
        }
        else
        {
            value.CopyTo(_bytes.AsSpan(valueAt));
        }

        _used = valueAt + length;
        _entries[_count++] = new Entry(nameAt, name.Length, valueAt, length);
        return true;
    }

    /// <summary>True for names that belong to the transport and are no metadata.</summary>
    internal static bool IsTransport(ReadOnlySpan<byte> name)
    {
        return name.IsEmpty || name[0] == ':' || name.StartsWith("grpc-"u8) || name.SequenceEqual("te"u8) ||
            name.SequenceEqual("content-type"u8) || name.SequenceEqual("host"u8) ||
            name.SequenceEqual("content-length"u8);
    }
}
