// One call on the server: what is sent. A reply is written into the transport's own buffer when it fits the windows; gzip
// and dead calls get a scratch buffer instead. Owned by: the I/O thread of its connection.
using System.Buffers.Binary;
using EtcdAot.Observe;

namespace EtcdAot.Grpc;

public partial class Call
{
    private byte[] _contentType = RequestHead.PlainContentType;
    private bool _headersSent;
    private bool _sendingHeaders;
    private byte[]? _scratch;
    private int _replyLength = -1;
    private int _missing;
    private bool _pieceIsOpen;

    /// <summary>Reply bytes that wait for the client's window; a streaming handler stops above its own limit and goes
    /// on in <see cref="IHotMethod.OnWritable"/>.</summary>
    public long QueuedBytes => _stream?.QueuedBytes ?? 0;

    /// <summary>Sends the response headers now instead of with the first reply.</summary>
    public void SendHeaders()
    {
        if (!_headersSent && !_ended && _stream is not null)
        {
            _headersSent = true;
            _sendingHeaders = true;
            _stream.SendHeaders(ReplyHeaders.Initial(_contentType, Encoding), endOfStream: false);
            _sendingHeaders = false;
        }
    }

    /// <summary>Space for one message of exactly this length, to be filled before <see cref="EndReply"/>.</summary>
    /// <param name="length">Bytes, 0 to 2^31-6.</param>
    public Span<byte> BeginReply(int length)
    {
        Invariant.Check(_replyLength < 0 && _missing == 0, "replies are written one after the other");
        _replyLength = length;
        SendHeaders();
        if (_ended || _stream is null || Encoding == MessageEncoding.Gzip)
        {
            _scratch = _home.Buffers.Rent(length);
            return _scratch.AsSpan(0, length);
        }

        Span<byte> frame = _stream.BeginData(MessageReader.PrefixLength + length);
        WritePrefix(frame, 0, length);
        return frame[MessageReader.PrefixLength..];
    }

    /// <summary>Sends what was filled since <see cref="BeginReply"/>.</summary>
    public void EndReply()
    {
        Invariant.Check(_replyLength >= 0, "a reply is begun before it is ended");
        int length = _replyLength;
        _replyLength = -1;
        if (_scratch is null)
        {
            _stream!.EndData(endOfStream: false);
        }
        else
        {
            byte[] scratch = _scratch;
            _scratch = null;
            SendCompressed(scratch.AsSpan(0, length));
            _home.Buffers.Return(scratch);
        }

        if (!_ended)
        {
            _home.Options.Interceptor?.OnSent(this, length);
        }
    }

    /// <summary>Sends one message.</summary>
    public void Reply(ReadOnlySpan<byte> message)
    {
        message.CopyTo(BeginReply(message.Length));
        EndReply();
    }

    /// <summary>Begins a large message whose bytes come in pieces (DESIGN 4.11); never for gzip calls.</summary>
    public void BeginLargeReply(int length)
    {
        Invariant.Check(Encoding == MessageEncoding.Identity, "a large reply in pieces is not compressed");
        Invariant.Check(_replyLength < 0 && _missing == 0, "replies are written one after the other");
        _missing = length;
        SendHeaders();
        if (!_ended && _stream is not null)
        {
            WritePrefix(_stream.BeginData(MessageReader.PrefixLength), 0, length);
            _stream.EndData(endOfStream: false);
            _home.Options.Interceptor?.OnSent(this, length);
        }
    }

    /// <summary>Space for the next piece of the large message, to be filled before <see cref="EndPiece"/>.</summary>
    public Span<byte> BeginPiece(int length)
    {
        Invariant.Check(length <= _missing && !_pieceIsOpen, "pieces do not exceed the announced message");
        _missing -= length;
        _pieceIsOpen = true;
        if (_ended || _stream is null)
        {
            _scratch = _home.Buffers.Rent(length);
            return _scratch.AsSpan(0, length);
        }

        return _stream.BeginData(length);
    }

    /// <summary>Sends what was filled since <see cref="BeginPiece"/>.</summary>
    public void EndPiece()
    {
        Invariant.Check(_pieceIsOpen, "a piece is begun before it is ended");
        _pieceIsOpen = false;
        if (_scratch is not null)
        {
            _home.Buffers.Return(_scratch);
            _scratch = null;
            return;
        }

        _stream!.EndData(endOfStream: false);
    }

    private void SendCompressed(ReadOnlySpan<byte> message)
    {
        if (_ended || _stream is null)
        {
            return;
        }

        byte[] compressed = Gzip.Deflate(message);
        Span<byte> frame = _stream.BeginData(MessageReader.PrefixLength + compressed.Length);
        WritePrefix(frame, 1, compressed.Length);
        compressed.CopyTo(frame[MessageReader.PrefixLength..]);
        _stream.EndData(endOfStream: false);
    }

    private static void WritePrefix(Span<byte> frame, byte flag, int length)
    {
        frame[0] = flag;
        BinaryPrimitives.WriteInt32BigEndian(frame[1..], length);
    }

    private void ReleaseReply()
    {
        if (_scratch is not null)
        {
            _home.Buffers.Return(_scratch);
            _scratch = null;
        }

        _contentType = RequestHead.PlainContentType;
        _headersSent = false;
        _replyLength = -1;
        _missing = 0;
        _pieceIsOpen = false;
    }
}
