// The answer to one HTTP/1 request. Owned by: the I/O thread of its connection; may be given at any later wake. Lays its
// bytes out as the original's server does (header order, Content-Length or chunks, Connection).
using System.Buffers.Text;
using System.Globalization;
using System.Text;
using EtcdAot.Net;
using EtcdAot.Observe;

namespace EtcdAot.Http.H1;

/// <summary>Status, headers and body of an answer. Calls after the end, or after the connection is lost, do nothing.
/// </summary>
public sealed class Http1Response
{
    private enum Framing
    {
        None,
        Length,
        Chunked,
        UntilClose,
    }

    private readonly Http1Connection _connection;
    private readonly Http1Request _request;
    private readonly List<(string Name, string Value)> _headers = [];
    private byte[] _pending = [];
    private int _pendingLength;
    private Framing _framing;
    private bool _bodyAllowed = true;

    internal Http1Response(Http1Connection connection, Http1Request request)
    {
        _connection = connection;
        _request = request;
        KeepAlive = request.MinorVersion >= 1
            ? !request.HasToken("connection", "close")
            : request.HasToken("connection", "keep-alive");
    }

    /// <summary>The connection under this answer, for its loop and addresses.</summary>
    public Connection Transport => _connection.Transport;

    /// <summary>Status code; 200 unless set before the headers leave.</summary>
    public int Status { get; set; } = 200;

    /// <summary>Headers have left; status and headers can no longer be changed.</summary>
    public bool HeadersSent { get; private set; }

    /// <summary>The answer is complete, or its connection is lost.</summary>
    public bool IsEnded { get; private set; }

    /// <summary>False: the connection closes behind this answer.</summary>
    public bool KeepAlive { get; set; }

    /// <summary>Sets a header, in the place of one of the same name. Names in their canonical spelling.</summary>
    public void SetHeader(string name, string value)
    {
        _headers.RemoveAll(h => string.Equals(h.Name, name, StringComparison.OrdinalIgnoreCase));
        AddHeader(name, value);
    }

    /// <summary>Adds a header beside those of the same name.</summary>
    public void AddHeader(string name, string value)
    {
        Invariant.Check(!HeadersSent, "headers are set before they leave");
        Invariant.Check(value.AsSpan().IndexOfAny('\r', '\n') < 0, "a header value is one line");
        _headers.Add((name, value));
    }

    /// <summary>A whole answer.</summary>
    public void Send(int status, string? contentType, ReadOnlySpan<byte> body)
    {
        Status = status;
        if (contentType is not null)
        {
            SetHeader("Content-Type", contentType);
        }

        Write(body);
        End();
    }

    /// <summary>A whole answer of text with a newline behind it, in the manner of the original's errors.</summary>
    public void SendText(int status, string text)
    {
        SetHeader("X-Content-Type-Options", "nosniff");
        Send(status, "text/plain; charset=utf-8", Encoding.UTF8.GetBytes(text + "\n"));
    }

    /// <summary>Appends to the body. Up to 2 KiB wait for <see cref="Flush"/> or the end.</summary>
    public void Write(ReadOnlySpan<byte> body)
    {
        if (IsEnded || body.Length == 0)
        {
            return;
        }

        if (_pendingLength + body.Length <= Http1Limits.LengthKnownMax)
        {
            _pending = _pending.Length == 0 ? new byte[Http1Limits.LengthKnownMax] : _pending;
            body.CopyTo(_pending.AsSpan(_pendingLength));
            _pendingLength += body.Length;
            return;
        }

        Flush();
        WriteBody(body);
    }

    /// <summary>Sends headers and what was written so far.</summary>
    public void Flush()
    {
        if (IsEnded)
        {
            return;
        }

        if (!HeadersSent)
        {
            WriteHead(knownLength: -1);
        }

        WriteBody(_pending.AsSpan(0, _pendingLength));
        _pendingLength = 0;
    }

    /// <summary>Ends the answer; the next request of the connection may begin.</summary>
    public void End()
    {
        if (IsEnded)
        {
            return;
        }

        if (!HeadersSent)
        {
            WriteHead(_pendingLength);
        }

        WriteBody(_pending.AsSpan(0, _pendingLength));
        _pendingLength = 0;
        if (_framing == Framing.Chunked)
        {
            Put("0\r\n\r\n"u8);
        }

        IsEnded = true;
        _connection.AnswerEnded(this);
    }

    /// <summary>Breaks an answer off: the connection closes without the end of the body.</summary>
    public void Abort()
    {
        if (!IsEnded)
        {
            IsEnded = true;
            _connection.Close();
        }
    }

    /// <summary>Answers 101 with the headers set so far and hands the connection over; bytes behind the request go to
    /// the new handler.</summary>
    public void Upgrade(IConnectionHandler raw)
    {
        if (IsEnded)
        {
            return;
        }

        Status = 101;
        WriteHead(knownLength: -1);
        IsEnded = true;
        _connection.HandOver(raw);
    }

    internal void Lose() => IsEnded = true;

    private void WriteBody(ReadOnlySpan<byte> body)
    {
        if (body.Length == 0 || !_bodyAllowed)
        {
            return;
        }

        if (_framing == Framing.Chunked)
        {
            Span<byte> size = stackalloc byte[18];
            Utf8Formatter.TryFormat(body.Length, size, out int n, new System.Buffers.StandardFormat('x'));
            size[n++] = (byte)'\r';
            size[n++] = (byte)'\n';
            Put(size[..n]);
            Put(body);
            Put("\r\n"u8);
            return;
        }

        Put(body);
    }

    private void WriteHead(int knownLength)
    {
        HeadersSent = true;
        bool statusHasBody = Status >= 200 && Status is not (204 or 304);
        _bodyAllowed = statusHasBody && _request.Method != "HEAD";
        bool lengthSet = Find("Content-Length") is not null;
        _framing = !statusHasBody ? Framing.None
            : lengthSet || knownLength >= 0 ? Framing.Length
            : _request.MinorVersion >= 1 ? Framing.Chunked
            : Framing.UntilClose;
        KeepAlive &= _framing != Framing.UntilClose && !_connection.MustCloseAfterAnswer;
        KeepAlive &= Find("Connection") is not { } set || !set.Equals("close", StringComparison.OrdinalIgnoreCase);

        var head = new StringBuilder();
        head.Append(_request.MinorVersion >= 1 ? "HTTP/1.1 " : "HTTP/1.0 ").Append(Status).Append(' ')
            .Append(StatusText.Of(Status)).Append("\r\n");
        foreach ((string name, string value) in _headers.OrderBy(h => h.Name, StringComparer.Ordinal))
        {
            head.Append(name).Append(": ").Append(value).Append("\r\n");
        }

        AppendOwnHeaders(head, lengthSet, knownLength);
        head.Append("\r\n");
        string text = head.ToString();
        Span<byte> space = _connection.Transport.GetSpan(text.Length);
        _connection.Transport.Advance(Encoding.Latin1.GetBytes(text, space));
        _framing = _bodyAllowed ? _framing : Framing.None;
    }

    /// <summary>The headers that the server itself adds, behind the others and in its order.</summary>
    private void AppendOwnHeaders(StringBuilder head, bool lengthSet, int knownLength)
    {
        if (Status == 101)
        {
            return;
        }

        if (Find("Date") is null)
        {
            DateTime now = DateTime.UnixEpoch.AddTicks(_connection.WallUnixNanos / 100);
            head.Append("Date: ").Append(now.ToString("R", CultureInfo.InvariantCulture)).Append("\r\n");
        }

        bool emptyHead = _request.Method == "HEAD" && knownLength == 0;
        if (_framing == Framing.Length && !lengthSet && !emptyHead)
        {
            head.Append("Content-Length: ").Append(knownLength).Append("\r\n");
        }

        if (_framing != Framing.None && (knownLength > 0 || _pendingLength > 0) && Find("Content-Type") is null)
        {
            head.Append("Content-Type: text/plain; charset=utf-8\r\n");
        }

        if (Find("Connection") is null && (KeepAlive != (_request.MinorVersion >= 1)))
        {
            head.Append(KeepAlive ? "Connection: keep-alive\r\n" : "Connection: close\r\n");
        }

        if (_framing == Framing.Chunked)
        {
            head.Append("Transfer-Encoding: chunked\r\n");
        }
    }

    private string? Find(string name)
    {
        foreach ((string known, string value) in _headers)
        {
            if (string.Equals(known, name, StringComparison.OrdinalIgnoreCase))
            {
                return value;
            }
        }

        return null;
    }

    private void Put(ReadOnlySpan<byte> bytes)
    {
        bytes.CopyTo(_connection.Transport.GetSpan(bytes.Length));
        _connection.Transport.Advance(bytes.Length);
    }
}
