// Takes a request body apart: by length or by chunks (RFC 9112 §6, §7). Owned by: one connection. Pure: bytes in, payload
// slices out; every line and section it waits for is bounded.
namespace EtcdAot.Http.H1;

/// <summary>Where a body stands.</summary>
internal enum BodyState
{
    /// <summary>More bytes are needed.</summary>
    Open,

    /// <summary>The body is complete.</summary>
    Done,

    /// <summary>The framing is broken.</summary>
    Malformed,
}

/// <summary>Reads one body.</summary>
internal struct Http1BodyReader
{
    private enum Step
    {
        Length,
        ChunkLine,
        ChunkData,
        ChunkEnd,
        Trailers,
    }

    private Step _step;
    private long _left;
    private int _trailerBytes;

    public BodyState State { get; private set; }

    /// <summary>Bytes that are certainly still to come; a chunked body counts as unbounded.</summary>
    public readonly long Left => State == BodyState.Done ? 0 : _step == Step.Length ? _left : long.MaxValue;

    /// <summary>Begins a body; -1 for chunks.</summary>
    public void Begin(long contentLength)
    {
        _step = contentLength < 0 ? Step.ChunkLine : Step.Length;
        _left = Math.Max(contentLength, 0);
        _trailerBytes = 0;
        State = contentLength == 0 ? BodyState.Done : BodyState.Open;
    }

    /// <summary>Takes one step: returns the bytes used, 0 when more are needed; payload may be empty.</summary>
    public int Read(ReadOnlySpan<byte> input, out ReadOnlySpan<byte> payload)
    {
        payload = default;
        if (input.Length == 0 || State != BodyState.Open)
        {
            return 0;
        }

        if (_step is Step.Length or Step.ChunkData)
        {
            payload = input[..(int)Math.Min(_left, input.Length)];
            _left -= payload.Length;
            if (_left == 0)
            {
                State = _step == Step.Length ? BodyState.Done : BodyState.Open;
                _step = _step == Step.Length ? Step.Length : Step.ChunkEnd;
            }

            return payload.Length;
        }

        int end = input.IndexOf((byte)'\n');
        if (end < 0)
        {
            State = input.Length > Http1Limits.ChunkLineMax ? BodyState.Malformed : BodyState.Open;
            return 0;
        }

        ReadOnlySpan<byte> line = input[..end].TrimEnd((byte)'\r');
        bool good = end <= Http1Limits.ChunkLineMax && _step switch
        {
            Step.ChunkLine => BeginChunk(line),
            Step.ChunkEnd => EndChunk(line),
            _ => TakeTrailer(line),
        };
        State = good ? State : BodyState.Malformed;
        return end + 1;
    }

    private bool BeginChunk(ReadOnlySpan<byte> line)
    {
        int extension = line.IndexOf((byte)';');
        ReadOnlySpan<byte> digits = (extension < 0 ? line : line[..extension]).Trim(" \t"u8);
        if (digits.Length is 0 or > 15)
        {
            return false;
        }

        _left = 0;
        foreach (byte b in digits)
        {
            if (!char.IsAsciiHexDigit((char)b))
            {
                return false;
            }

            _left = (_left << 4) + (b <= '9' ? b - '0' : (b | 0x20) - 'a' + 10);
        }

        _step = _left == 0 ? Step.Trailers : Step.ChunkData;
        return true;
    }

    private bool EndChunk(ReadOnlySpan<byte> line)
    {
        _step = Step.ChunkLine;
        return line.Length == 0;
    }

    private bool TakeTrailer(ReadOnlySpan<byte> line)
    {
        _trailerBytes += line.Length;
        if (line.Length == 0)
        {
            State = BodyState.Done;
        }

        return _trailerBytes <= Http1Limits.TrailersMax;
    }
}
