// What a stream has accepted and could not send yet, in order: payload and header sets (encoded only when they leave,
// because HPACK is ordered by connection). Owned by: the connection's I/O thread. Parts and buffers are pooled.
using EtcdAot.Observe;

namespace EtcdAot.Http.H2;

/// <summary>One queued piece.</summary>
internal sealed class SendPart
{
    public byte[] Buffer = [];
    public int Start;
    public int End;
    public HeaderSet? Headers;
    public bool EndStream;
    public SendPart? Next;

    public int Length => End - Start;
}

/// <summary>A first-in first-out list of parts.</summary>
internal struct SendQueue
{
    private SendPart? _tail;

    public SendPart? Head { get; private set; }

    /// <summary>Payload bytes in the queue.</summary>
    public long Bytes { get; private set; }

    public readonly bool IsEmpty => Head is null;

    public void Enqueue(SendPart part)
    {
        Invariant.Check(part.Next is null, "a part stands in one queue only");
        if (_tail is null)
        {
            Head = part;
        }
        else
        {
            _tail.Next = part;
        }

        _tail = part;
        Bytes += part.Length;
    }

    /// <summary>Counts bytes of the head that have left.</summary>
    public void TakeBytes(int count)
    {
        Head!.Start += count;
        Bytes -= count;
    }

    public SendPart Dequeue()
    {
        SendPart part = Head!;
        Bytes -= part.Length;
        Head = part.Next;
        _tail = Head is null ? null : _tail;
        part.Next = null;
        return part;
    }
}

/// <summary>Parts and buffers for reuse; keeps at most <see cref="BytesKeptMax"/> bytes.</summary>
internal sealed class SendPool
{
    /// <summary>A connection that once queued much gives the rest back to the collector.</summary>
    private const int BytesKeptMax = 256 * 1024;

    private const int SmallestBuffer = 4096;
    private const int PartsKeptMax = 64;

    private readonly Stack<SendPart> _parts = new();
    private readonly Stack<byte[]>[] _buffers = [new(), new(), new(), new(), new()]; // 4, 8, 16, 32, 64 KiB
    private int _bytesKept;

    public SendPart RentPart() => _parts.Count > 0 ? _parts.Pop() : new SendPart();

    public byte[] RentBuffer(int length)
    {
        int size = SmallestBuffer;
        foreach (Stack<byte[]> kept in _buffers)
        {
            if (length <= size)
            {
                if (kept.Count == 0)
                {
                    return new byte[size];
                }

                _bytesKept -= size;
                return kept.Pop();
            }

            size *= 2;
        }

        return GC.AllocateUninitializedArray<byte>(length);
    }

    public void Return(SendPart part)
    {
        ReturnBuffer(part.Buffer);
        part.Buffer = [];
        part.Start = 0;
        part.End = 0;
        part.Headers = null;
        part.EndStream = false;
        if (_parts.Count < PartsKeptMax)
        {
            _parts.Push(part);
        }
    }

    public void ReturnBuffer(byte[] buffer)
    {
        int size = SmallestBuffer;
        foreach (Stack<byte[]> kept in _buffers)
        {
            if (buffer.Length == size && _bytesKept + size <= BytesKeptMax)
            {
                kept.Push(buffer);
                _bytesKept += size;
                return;
            }

            size *= 2;
        }
    }
}
