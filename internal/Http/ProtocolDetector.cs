// Tells HTTP/2 from HTTP/1 on one cleartext port by the first bytes (api-v3 §1.8). Owned by: the connection's I/O thread.
// Holds at most a request line; anything that is neither protocol is closed without an answer.
using EtcdAot.Http.H1;
using EtcdAot.Http.H2;
using EtcdAot.Net;
using EtcdAot.Sys;

namespace EtcdAot.Http;

/// <summary>Makes the handler of a connection once its protocol is known.</summary>
public interface IProtocolChoice
{
    /// <summary>HTTP/2: returns the handler, or null when this port does not speak it (the connection is closed).
    /// </summary>
    IConnectionHandler? StartHttp2(Connection transport);

    /// <summary>HTTP/1, likewise.</summary>
    IConnectionHandler? StartHttp1(Connection transport);
}

/// <summary>First handler of an accepted connection. Waits without limit, as the original does; the owner may close it at
/// any time by <see cref="Connection.Close"/>.</summary>
public sealed class ProtocolDetector : IConnectionHandler
{
    /// <summary>A request line that is longer is closed, as there (a path of 5000 bytes is).</summary>
    private const int LineMax = 4096;

    private readonly Connection _transport;
    private readonly IProtocolChoice _choice;
    private readonly Action? _onClosed;
    private byte[] _held = [];
    private bool _done;

    /// <summary>Watches the connection. <paramref name="onClosed"/> is called when it ends undecided.</summary>
    public ProtocolDetector(Connection transport, IProtocolChoice choice, Action? onClosed = null)
    {
        _transport = transport;
        _choice = choice;
        _onClosed = onClosed;
        transport.Handler = this;
    }

    private enum Verdict
    {
        Undecided,
        Http2,
        Http1,
        Neither,
    }

    /// <inheritdoc/>
    public void OnBytes(ReadOnlySpan<byte> bytes)
    {
        if (_done)
        {
            return;
        }

        ReadOnlySpan<byte> all = bytes;
        if (_held.Length > 0)
        {
            _held = [.. _held, .. bytes];
            all = _held;
        }

        Verdict verdict = Judge(all);
        if (verdict == Verdict.Undecided)
        {
            _held = _held.Length > 0 ? _held : bytes.ToArray();
            return;
        }

        _done = true;
        IConnectionHandler? next = verdict switch
        {
            Verdict.Http2 => _choice.StartHttp2(_transport),
            Verdict.Http1 => _choice.StartHttp1(_transport),
            _ => null,
        };
        if (next is null)
        {
            _transport.Close();
            _onClosed?.Invoke();
            return;
        }

        _transport.Handler = next;
        next.OnBytes(all);
        _held = [];
    }

    /// <inheritdoc/>
    public void OnDrained()
    {
    }

    /// <inheritdoc/>
    public void OnClosed(Errno reason)
    {
        if (!_done)
        {
            _done = true;
            _onClosed?.Invoke();
        }
    }

    private static Verdict Judge(ReadOnlySpan<byte> bytes)
    {
        ReadOnlySpan<byte> preface = H2Protocol.Preface;
        int common = Math.Min(bytes.Length, preface.Length);
        if (bytes[..common].SequenceEqual(preface[..common]))
        {
            return common == preface.Length ? Verdict.Http2 : Verdict.Undecided;
        }

        int end = bytes[..Math.Min(bytes.Length, LineMax)].IndexOf((byte)'\n');
        if (end < 0)
        {
            return bytes.Length >= LineMax ? Verdict.Neither : Verdict.Undecided;
        }

        return Http1HeadParser.IsRequestLine(bytes[..end]) ? Verdict.Http1 : Verdict.Neither;
    }
}
