// Cuts a stream of DATA pieces into messages: flag byte, 4 bytes of length, payload (api-v3 §1.1). Whole messages inside a
// piece are handed out in place; only split ones are gathered. Owned by: the I/O thread. Knows nothing of meaning.

namespace EtcdAot.Grpc;

internal enum ReadStep
{
    /// <summary>The piece is used up.</summary>
    NeedMore,

    /// <summary>A prefix is complete and more of its message is to come.</summary>
    Prefix,

    /// <summary>A message is complete.</summary>
    Message,

    /// <summary>The prefix names more than the limit.</summary>
    TooLarge,
}

internal struct MessageReader
{
    internal const int PrefixLength = 5;

    private long _prefix;
    private int _prefixHave;
    private byte[]? _buffer;
    private int _filled;
    private bool _announced;

    /// <summary>Flag byte of the message at hand.</summary>
    internal byte Flag { get; private set; }

    /// <summary>Length that the prefix at hand names.</summary>
    internal uint Length { get; private set; }

    /// <summary>True between messages.</summary>
    internal readonly bool IsAtBoundary => _prefixHave == 0;

    /// <summary>True while a prefix is complete and its message is not.</summary>
    internal readonly bool IsInsideMessage => _prefixHave == PrefixLength;

    /// <summary>Payload bytes of the message at hand that have not arrived.</summary>
    internal readonly int Missing => (int)Length - _filled;

    /// <summary>Takes one step; <paramref name="data"/> shrinks by what was used.</summary>
    internal ReadStep Read(ref ReadOnlySpan<byte> data, uint limit, BufferPool pool, out ReadOnlySpan<byte> message)
    {
        message = default;
        while (_prefixHave < PrefixLength)
        {
            if (data.IsEmpty)
            {
                return ReadStep.NeedMore;
            }

            _prefix = (_prefix << 8) | data[0];
            _prefixHave++;
            data = data[1..];
            if (_prefixHave == PrefixLength)
            {
                Flag = (byte)(_prefix >> 32);
                Length = (uint)_prefix;
                if (Length > limit)
                {
                    return ReadStep.TooLarge;
                }
            }
        }

        return ReadPayload(ref data, pool, out message);
    }

    private ReadStep ReadPayload(ref ReadOnlySpan<byte> data, BufferPool pool, out ReadOnlySpan<byte> message)
    {
        int length = (int)Length;
        if (_buffer is null && data.Length >= length)
        {
            message = data[..length];
            data = data[length..];
            return ReadStep.Message;
        }

        message = default;
        if (!_announced)
        {
            _announced = true;
            _buffer = pool.Rent(length);
            Take(ref data, length);
            return ReadStep.Prefix;
        }

        Take(ref data, length);
        if (_filled < length)
        {
            return ReadStep.NeedMore;
        }

        message = _buffer.AsSpan(0, length);
        return ReadStep.Message;
    }

    /// <summary>Forgets the message at hand; its gathering buffer goes back to the pool.</summary>
    internal void Next(BufferPool pool)
    {
        if (_buffer is not null)
        {
            pool.Return(_buffer);
        }

        this = default;
    }

    private void Take(ref ReadOnlySpan<byte> data, int length)
    {
        int n = Math.Min(length - _filled, data.Length);
        data[..n].CopyTo(_buffer.AsSpan(_filled));
        _filled += n;
        data = data[n..];
    }
}
