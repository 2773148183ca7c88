// What the rooms above see of HTTP/2: a stream, its headers and its handler. Everything runs on the I/O thread that owns
// the connection, run to completion. No tasks, no exceptions for what a peer can cause.
namespace EtcdAot.Http;

/// <summary>A decoded header block; slices are valid only during the call that hands it over.</summary>
public abstract class HeaderBlock
{
    public abstract int Count { get; }

    /// <summary>Blocks of one connection with the same generation hold the same fields: what was looked up for the
    /// last one need not be looked up again. Never 0 for a decoded block.</summary>
    public long Generation { get; protected set; }

    public abstract ReadOnlySpan<byte> Name(int index);

    public abstract ReadOnlySpan<byte> Value(int index);

    /// <summary>Value of the first field of that (lower-case) name.</summary>
    public bool TryGet(ReadOnlySpan<byte> name, out ReadOnlySpan<byte> value)
    {
        for (int i = 0; i < Count; i++)
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
}

/// <summary>Fields to send, built once and reused: pseudo headers first, names in lower case. Immutable.</summary>
public sealed class HeaderSet(params (byte[] Name, byte[] Value)[] fields)
{
    /// <summary>The fields in the order in which they are sent.</summary>
    public (byte[] Name, byte[] Value)[] Fields { get; } = fields;

    /// <summary>Size in the sense of SETTINGS_MAX_HEADER_LIST_SIZE: name + value + 32 for each field.</summary>
    public int ListSize { get; } = fields.Sum(f => f.Name.Length + f.Value.Length + 32);

    /// <summary>Bytes that suffice for any HPACK encoding of the set, size updates included.</summary>
    public int EncodedSizeMax { get; } = 12 + fields.Sum(f => f.Name.Length + f.Value.Length + 18);
}

/// <summary>Decides what serves a new stream; one for each listener.</summary>
public interface IStreamAcceptor
{
    /// <summary>A request began. The handler hears everything that follows on the stream.</summary>
    IStreamHandler OnRequest(HttpStream stream, HeaderBlock headers, bool endOfStream);
}

/// <summary>Hears what arrives on one stream.</summary>
public interface IStreamHandler
{
    /// <summary>Response headers (client side) or trailers.</summary>
    void OnHeaders(HeaderBlock headers, bool endOfStream);

    /// <summary>Payload of a DATA frame, padding removed. Credit is given back by <see cref="HttpStream.Consume"/>.</summary>
    void OnData(ReadOnlySpan<byte> data, bool endOfStream);

    /// <summary>The stream ended early: RST_STREAM (its code), or the connection is lost.</summary>
    void OnReset(uint errorCode, bool connectionLost);

    /// <summary>Everything queued has left the stream's queue, after some had to wait for a window.</summary>
    void OnWritable();
}

/// <summary>One HTTP/2 stream seen from above.</summary>
public abstract class HttpStream
{
    public abstract uint Id { get; }

    /// <summary>The connection's transport, for its loop and addresses.</summary>
    public abstract Net.Connection Transport { get; }

    /// <summary>DATA bytes accepted for sending that wait for a window.</summary>
    public abstract long QueuedBytes { get; }

    public abstract void SendHeaders(HeaderSet fields, bool endOfStream);

    /// <summary>Space for exactly <paramref name="length"/> bytes of payload, to be filled before
    /// <see cref="EndData"/>. It lies in the output buffer itself when windows and frame size allow.</summary>
    public abstract Span<byte> BeginData(int length);

    /// <summary>Sends what was filled since <see cref="BeginData"/>, or an empty DATA when there was none.</summary>
    public abstract void EndData(bool endOfStream);

    /// <summary>Gives receive credit back for bytes that are done with.</summary>
    public abstract void Consume(int bytes);

    /// <summary>Announces that one message of so many bytes may arrive in full (windows are opened for it).</summary>
    public abstract void ExpectMessage(int bytes);

    public abstract void Reset(uint errorCode);
}
