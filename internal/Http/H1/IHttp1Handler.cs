// What the rooms above see of HTTP/1: a handler of requests and an exchange for each. All calls come on the I/O thread of
// the connection; answers may be given at once or at any later wake.
namespace EtcdAot.Http.H1;

/// <summary>Serves requests; one for each listener.</summary>
public interface IHttp1Handler
{
    /// <summary>A request head arrived. Returns who hears the body and the loss of the connection; null when
    /// neither matters (the body is thrown away, and a "100 Continue" is not sent).</summary>
    IHttp1Exchange? OnRequest(Http1Request request, Http1Response response);
}

/// <summary>Hears what happens to one request.</summary>
public interface IHttp1Exchange
{
    /// <summary>Body bytes, chunk framing removed; dead after the call.</summary>
    void OnData(ReadOnlySpan<byte> data)
    {
    }

    /// <summary>The body is complete; called for an empty body too.</summary>
    void OnEnd();

    /// <summary>The connection is gone, or the body broken, before the answer had ended: the last call.</summary>
    void OnLost()
    {
    }

    /// <summary>Unsent output fell below the low-water mark after it had been above the high-water mark.</summary>
    void OnWritable()
    {
    }
}

/// <summary>Gathers a whole body up to a limit, then hands it over once.</summary>
public abstract class Http1BufferedBody(int limit) : IHttp1Exchange
{
    private byte[] _bytes = [];
    private int _length;
    private bool _tooLarge;

    public void OnData(ReadOnlySpan<byte> data)
    {
        if (_tooLarge || _length + (long)data.Length > limit)
        {
            _tooLarge = true;
            return;
        }

        if (_bytes.Length - _length < data.Length)
        {
            Array.Resize(ref _bytes, Math.Max(_bytes.Length * 2, _length + data.Length));
        }

        data.CopyTo(_bytes.AsSpan(_length));
        _length += data.Length;
    }

    public void OnEnd()
    {
        OnBody(_tooLarge ? default : _bytes.AsSpan(0, _length), _tooLarge);
    }

    public virtual void OnLost()
    {
    }

    public virtual void OnWritable()
    {
    }

    /// <summary>The body, or nothing when it was larger than the limit.</summary>
    protected abstract void OnBody(ReadOnlySpan<byte> body, bool tooLarge);
}
