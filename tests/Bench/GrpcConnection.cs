// A small HTTP/2 client for gRPC calls: fixed header blocks, frames written straight into the output. It answers
// SETTINGS and PING and keeps both windows, and decodes no header block: a call without a message counts as failed.
// Owned by: the I/O thread of its loop.
using System.Buffers.Binary;
using System.Text;
using EtcdAot.Net;
using EtcdAot.Sys;

namespace EtcdAot.Tests.Bench;

/// <summary>Hears what a call answers.</summary>
internal interface ICallSink
{
    void OnMessage(ReadOnlySpan<byte> message);

    /// <summary>The stream ended, in order or not.</summary>
    void OnEnd(bool reset);
}

/// <summary>One gRPC method: its path as a literal header field.</summary>
internal sealed class Method(string path)
{
    /// <summary>Literal without indexing, name from the static table (4), plain text (RFC 7541 §6.2.2).</summary>
    internal byte[] PathField { get; } = [0x04, (byte)path.Length, .. Encoding.ASCII.GetBytes(path)];
}

internal sealed class GrpcConnection : IConnectionHandler
{
    private const int FrameHead = 9;
    private const int StreamWindow = 16 << 20;
    private const byte EndStream = 1, Ack = 1, EndHeaders = 4;

    private readonly SocketConnection _transport;
    private readonly byte[] _authority;
    private readonly Dictionary<uint, Call> _calls = [];
    private readonly Queue<Waiting> _waiting = new();
    private readonly Stack<Call> _spare = new();
    private byte[] _carry = new byte[64 * 1024];
    private int _carried;
    private uint _nextStream = 1;
    private bool _indexed;
    private long _sendWindow = 65_535;
    private int _initialWindow = 65_535;
    private int _unreturned;

    internal GrpcConnection(SocketConnection transport, string authority)
    {
        _transport = transport;
        _authority = Encoding.ASCII.GetBytes(authority);
        transport.Handler = this;
        WritePreface();
    }

    private enum Kind : byte
    {
        Data = 0,
        Headers = 1,
        Reset = 3,
        Settings = 4,
        Ping = 6,
        GoAway = 7,
        WindowUpdate = 8,
    }

    internal bool Closed { get; private set; }

    internal void Close() => _transport.Close(abort: true);

    /// <summary>Begins a call with its first message.</summary>
    internal uint Open(Method method, ReadOnlySpan<byte> message, bool end, ICallSink sink)
    {
        if (Closed)
        {
            _transport.Loop.AtEndOfWake(new Dead(sink));
            return 0;
        }

        uint stream = _nextStream;
        _nextStream += 2;
        Call call = _spare.TryPop(out Call? spare) ? spare : new Call();
        call.Sink = sink;
        call.SendWindow = _initialWindow;
        call.Filled = 0;
        _calls.Add(stream, call);
        WriteHeaders(stream, method);
        Send(stream, message, end);
        return stream;
    }

    /// <summary>Sends one more message.</summary>
    internal void Send(uint stream, ReadOnlySpan<byte> message, bool end)
    {
        if (_calls.TryGetValue(stream, out Call? call) && (_waiting.Count > 0 || !TryWrite(stream, call, message, end)))
        {
            _waiting.Enqueue(new Waiting(stream, message.ToArray(), end));
        }
    }

    void IConnectionHandler.OnBytes(ReadOnlySpan<byte> bytes)
    {
        if (_carried > 0)
        {
            if (_carry.Length < _carried + bytes.Length)
            {
                Array.Resize(ref _carry, Math.Max(_carry.Length * 2, _carried + bytes.Length));
            }

            bytes.CopyTo(_carry.AsSpan(_carried));
            int length = _carried + bytes.Length;
            int taken = TakeFrames(_carry.AsSpan(0, length));
            _carry.AsSpan(taken, length - taken).CopyTo(_carry);
            _carried = length - taken;
            return;
        }

        int used = TakeFrames(bytes);
        bytes[used..].CopyTo(_carry);
        _carried = bytes.Length - used;
    }

    void IConnectionHandler.OnDrained()
    {
    }

    void IConnectionHandler.OnClosed(Errno reason)
    {
        Closed = true;
        foreach (Call call in _calls.Values.ToArray())
        {
            call.Sink.OnEnd(reset: true);
        }

        _calls.Clear();
    }

    private int TakeFrames(ReadOnlySpan<byte> bytes)
    {
        int at = 0;
        while (bytes.Length - at >= FrameHead)
        {
            ReadOnlySpan<byte> head = bytes[at..];
            int length = (head[0] << 16) | (head[1] << 8) | head[2];
            if (head.Length < FrameHead + length)
            {
                break;
            }

            uint stream = BinaryPrimitives.ReadUInt32BigEndian(head[5..]) & 0x7fffffff;
            OnFrame((Kind)head[3], head[4], stream, head.Slice(FrameHead, length));
            at += FrameHead + length;
        }

        return at;
    }

    private void OnFrame(Kind kind, byte flags, uint stream, ReadOnlySpan<byte> payload)
    {
        switch (kind)
        {
            case Kind.Data:
                OnData(stream, payload, (flags & EndStream) != 0);
                break;
            case Kind.Headers when (flags & EndStream) != 0:
                End(stream, reset: false);
                break;
            case Kind.Reset:
                End(stream, reset: true);
                break;
            case Kind.Settings when (flags & Ack) == 0:
                OnSettings(payload);
                break;
            case Kind.Ping when (flags & Ack) == 0:
                WriteFrame(Kind.Ping, Ack, 0, payload);
                break;
            case Kind.WindowUpdate:
                OnWindowUpdate(stream, (int)(BinaryPrimitives.ReadUInt32BigEndian(payload) & 0x7fffffff));
                break;
            default:
                break;
        }
    }

    private void OnData(uint stream, ReadOnlySpan<byte> payload, bool end)
    {
        _unreturned += payload.Length;
        if (_unreturned > StreamWindow / 4)
        {
            WriteWindowUpdate(0, _unreturned);
            _unreturned = 0;
        }

        if (!_calls.TryGetValue(stream, out Call? call))
        {
            return;
        }

        call.Unreturned += payload.Length;
        if (call.Unreturned > StreamWindow / 4 && !end)
        {
            WriteWindowUpdate(stream, call.Unreturned);
            call.Unreturned = 0;
        }

        call.Take(payload);
        if (end)
        {
            End(stream, reset: false);
        }
    }

    private void End(uint stream, bool reset)
    {
        if (_calls.Remove(stream, out Call? call))
        {
            ICallSink sink = call.Sink;
            _spare.Push(call);
            sink.OnEnd(reset);
        }
    }

    private void OnSettings(ReadOnlySpan<byte> payload)
    {
        for (; payload.Length >= 6; payload = payload[6..])
        {
            if (BinaryPrimitives.ReadUInt16BigEndian(payload) == 4)
            {
                int value = (int)BinaryPrimitives.ReadUInt32BigEndian(payload[2..]);
                foreach (Call call in _calls.Values)
                {
                    call.SendWindow += value - _initialWindow;
                }

                _initialWindow = value;
            }
        }

        WriteFrame(Kind.Settings, Ack, 0, default);
        DrainWaiting();
    }

    private void OnWindowUpdate(uint stream, int increment)
    {
        if (stream == 0)
        {
            _sendWindow += increment;
        }
        else if (_calls.TryGetValue(stream, out Call? call))
        {
            call.SendWindow += increment;
        }

        DrainWaiting();
    }

    private void DrainWaiting()
    {
        while (_waiting.TryPeek(out Waiting next))
        {
            if (_calls.TryGetValue(next.Stream, out Call? call) && !TryWrite(next.Stream, call, next.Message, next.End))
            {
                return;
            }

            _waiting.Dequeue();
        }
    }

    private bool TryWrite(uint stream, Call call, ReadOnlySpan<byte> message, bool end)
    {
        int length = 5 + message.Length;
        if (_sendWindow < length || call.SendWindow < length)
        {
            return false;
        }

        _sendWindow -= length;
        call.SendWindow -= length;
        Span<byte> span = _transport.GetSpan(FrameHead + length);
        WriteHead(span, length, Kind.Data, end ? EndStream : (byte)0, stream);
        span[FrameHead] = 0;
        BinaryPrimitives.WriteInt32BigEndian(span[(FrameHead + 1)..], message.Length);
        message.CopyTo(span[(FrameHead + 5)..]);
        _transport.Advance(FrameHead + length);
        return true;
    }

    /// <summary>The first block enters authority, content-type and te into the server's table; later ones name them by
    /// index. The path stays literal, so that one form serves every method.</summary>
    private void WriteHeaders(uint stream, Method method)
    {
        Span<byte> span = _transport.GetSpan(FrameHead + 256);
        int at = FrameHead;
        span[at++] = 0x83; // :method POST
        span[at++] = 0x86; // :scheme http
        method.PathField.CopyTo(span[at..]);
        at += method.PathField.Length;
        if (_indexed)
        {
            span[at++] = 0xc0; // 64 :authority
            span[at++] = 0xbf; // 63 content-type
            span[at++] = 0xbe; // 62 te
        }
        else
        {
            _indexed = true;
            byte[] rest = [
                0x41, (byte)_authority.Length, .. _authority,
                0x5f, 16, .. "application/grpc"u8,
                0x40, 2, .. "te"u8, 8, .. "trailers"u8];
            rest.CopyTo(span[at..]);
            at += rest.Length;
        }

        WriteHead(span, at - FrameHead, Kind.Headers, EndHeaders, stream);
        _transport.Advance(at);
    }

    private void WritePreface()
    {
        ReadOnlySpan<byte> magic = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"u8;
        magic.CopyTo(_transport.GetSpan(magic.Length));
        _transport.Advance(magic.Length);
        Span<byte> settings = stackalloc byte[12];
        BinaryPrimitives.WriteUInt16BigEndian(settings, 2); // no push
        BinaryPrimitives.WriteUInt32BigEndian(settings[2..], 0);
        BinaryPrimitives.WriteUInt16BigEndian(settings[6..], 4); // initial window
        BinaryPrimitives.WriteUInt32BigEndian(settings[8..], StreamWindow);
        WriteFrame(Kind.Settings, 0, 0, settings);
        WriteWindowUpdate(0, StreamWindow);
    }

    private void WriteWindowUpdate(uint stream, int increment)
    {
        Span<byte> payload = stackalloc byte[4];
        BinaryPrimitives.WriteInt32BigEndian(payload, increment);
        WriteFrame(Kind.WindowUpdate, 0, stream, payload);
    }

    private void WriteFrame(Kind kind, byte flags, uint stream, ReadOnlySpan<byte> payload)
    {
        Span<byte> span = _transport.GetSpan(FrameHead + payload.Length);
        WriteHead(span, payload.Length, kind, flags, stream);
        payload.CopyTo(span[FrameHead..]);
        _transport.Advance(FrameHead + payload.Length);
    }

    private static void WriteHead(Span<byte> span, int length, Kind kind, byte flags, uint stream)
    {
        span[0] = (byte)(length >> 16);
        BinaryPrimitives.WriteUInt16BigEndian(span[1..], (ushort)length);
        span[3] = (byte)kind;
        span[4] = flags;
        BinaryPrimitives.WriteUInt32BigEndian(span[5..], stream);
    }

    private readonly record struct Waiting(uint Stream, byte[] Message, bool End);

    private sealed class Dead(ICallSink sink) : ILoopWork
    {
        public void Run() => sink.OnEnd(reset: true);
    }

    /// <summary>One stream: puts messages together that span frames.</summary>
    private sealed class Call
    {
        private byte[] _buffer = [];

        internal ICallSink Sink { get; set; } = null!;

        internal long SendWindow { get; set; }

        internal int Unreturned { get; set; }

        internal int Filled { get; set; }

        internal void Take(ReadOnlySpan<byte> payload)
        {
            if (Filled > 0)
            {
                Append(payload);
                int taken = Deliver(_buffer.AsSpan(0, Filled));
                _buffer.AsSpan(taken, Filled - taken).CopyTo(_buffer);
                Filled -= taken;
                return;
            }

            Append(payload[Deliver(payload)..]);
        }

        private int Deliver(ReadOnlySpan<byte> bytes)
        {
            int at = 0;
            while (bytes.Length - at >= 5)
            {
                int length = BinaryPrimitives.ReadInt32BigEndian(bytes[(at + 1)..]);
                if (length < 0 || bytes.Length - at - 5 < length)
                {
                    break;
                }

                Sink.OnMessage(bytes.Slice(at + 5, length));
                at += 5 + length;
            }

            return at;
        }

        private void Append(ReadOnlySpan<byte> bytes)
        {
            if (_buffer.Length < Filled + bytes.Length)
            {
                Array.Resize(ref _buffer, Math.Max(_buffer.Length * 2, Filled + bytes.Length));
            }

            bytes.CopyTo(_buffer.AsSpan(Filled));
            Filled += bytes.Length;
        }
    }
}
