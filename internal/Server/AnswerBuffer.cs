// The fields of an answer while they are encoded. Bounded as gRPC's messages are: what passes the bound is counted and not
// kept. Owned by: whoever encodes, one thread at a time. It must never throw for size, nor keep the room of an unusually
// large answer for ever: there is one for each pooled call.
using EtcdAot.Observe;

namespace EtcdAot.Server;

/// <summary>Grows up to a limit and shrinks back.</summary>
/// <param name="kept">Room that stays after <see cref="Reset"/>, bytes.</param>
public sealed class AnswerBuffer(int kept = AnswerBuffer.DefaultKept)
{
    /// <summary>The longest message: just below what an array can hold, and 1 KiB below grpc's own bound of 2^31 - 1, which
    /// is all that the original has.</summary>
    public const int MaxBytes = 0x7FFFFFC7 - 1024;

    /// <summary>Room that a pooled call keeps.</summary>
    public const int DefaultKept = 64 << 10;

    private byte[] _bytes = [];

    /// <summary>Bytes that may be kept; smaller only in tests.</summary>
    public int Limit { get; set; } = MaxBytes;

    /// <summary>Bytes asked for so far, kept or not.</summary>
    public long Size { get; private set; }

    /// <summary>True when the answer is too long to be sent; its bytes are gone.</summary>
    public bool IsOver => Size > Limit;

    /// <summary>Room held, bytes.</summary>
    public int Capacity => _bytes.Length;

    /// <summary>What was encoded; not when <see cref="IsOver"/>.</summary>
    public ReadOnlySpan<byte> WrittenSpan
    {
        get
        {
            Invariant.Check(!IsOver, "only an answer within its limit has bytes");
            return _bytes.AsSpan(0, (int)Size);
        }
    }

    /// <summary>Room for the next bytes; all of it is to be written.</summary>
    /// <returns>False when the answer is over its limit: only the size is noted.</returns>
    public bool TryTake(int size, out Span<byte> room)
    {
        long before = Size;
        Size += size;
        if (IsOver)
        {
            _bytes = [];
            room = default;
            return false;
        }

        if (Size > _bytes.Length)
        {
            Grow((int)before);
        }

        room = _bytes.AsSpan((int)before, size);
        return true;
    }

    /// <summary>Puts what another holds behind.</summary>
    public void Append(AnswerBuffer other)
    {
        if (other.IsOver)
        {
            CountOver(other.Size);
        }
        else if (TryTake((int)other.Size, out Span<byte> room))
        {
            other.WrittenSpan.CopyTo(room);
        }
    }

    /// <summary>Notes bytes that another buffer could not keep.</summary>
    public void CountOver(long size)
    {
        Size = Math.Max(Size + size, Limit + 1L);
        _bytes = [];
    }

    /// <summary>Empties it, and gives an unusually large room back.</summary>
    public void Reset()
    {
        Size = 0;
        if (_bytes.Length > kept)
        {
            _bytes = [];
        }
    }

    private void Grow(int used)
    {
        const int smallest = 64;
        long capacity = Math.Clamp(2L * _bytes.Length, Math.Max(smallest, Size), MaxBytes);
        byte[] bigger = GC.AllocateUninitializedArray<byte>((int)capacity);
        _bytes.AsSpan(0, used).CopyTo(bigger);
        _bytes = bigger;
    }
}
