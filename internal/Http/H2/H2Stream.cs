// One HTTP/2 stream: its state and its two windows; what it does, its connection does for it. Owned by: the connection's
// I/O thread. Pooled: a reference is dead once the stream has ended for its handler (see the rules at H2Connection).
using EtcdAot.Net;

namespace EtcdAot.Http.H2;

/// <summary>A stream of an <see cref="H2Connection"/>.</summary>
internal sealed class H2Stream(H2Connection connection) : HttpStream
{
    internal SendQueue Queue;
    internal uint StreamId;

    /// <summary>Null once the handler is to hear nothing more.</summary>
    internal IStreamHandler? Handler;

    /// <summary>Bytes we may still send; negative after the peer shrank its initial window.</summary>
    internal long SendWindow;

    /// <summary>Bytes the peer may still send, and those that came and are not done with.</summary>
    internal long ReceiveWindow;

    internal long Unconsumed;

    /// <summary>Body bytes still to come by the content-length field; -1 when there was none.</summary>
    internal long ContentLeft;

    /// <summary>The peer sent END_STREAM.</summary>
    internal bool RemoteEnded;

    /// <summary>END_STREAM was accepted from above (it may still be queued).</summary>
    internal bool LocalEnding;

    /// <summary>END_STREAM has been written.</summary>
    internal bool LocalEnded;

    internal bool Closed = true;

    /// <summary>Client: response headers are in, so the next block is trailers.</summary>
    internal bool HeadersSeen;

    /// <summary>Something had to wait since the queue was last empty: OnWritable is owed.</summary>
    internal bool Waited;

    /// <summary>Stands in the connection's list of streams with queued output.</summary>
    internal bool InWaitList;

    internal H2Stream? NextWaiting;

    internal H2Stream? PreviousWaiting;

    public override uint Id => StreamId;

    public override Connection Transport => connection.Transport;

    public override long QueuedBytes => Queue.Bytes;

    public override void SendHeaders(HeaderSet fields, bool endOfStream)
    {
        connection.SendHeaders(this, fields, endOfStream);
    }

    public override Span<byte> BeginData(int length) => connection.BeginData(this, length);

    public override void EndData(bool endOfStream) => connection.EndData(this, endOfStream);

    public override void Consume(int bytes) => connection.Consume(this, bytes);

    public override void ExpectMessage(int bytes) => connection.ExpectMessage(this, bytes);

    public override void Reset(uint errorCode) => connection.ResetByUser(this, errorCode);

    internal void Start(uint id, long sendWindow, long receiveWindow)
    {
        Observe.Invariant.Check(Closed && Queue.IsEmpty && !InWaitList, "a stream that starts has ended before");
        StreamId = id;
        SendWindow = sendWindow;
        ReceiveWindow = receiveWindow;
        Unconsumed = 0;
        ContentLeft = -1;
        RemoteEnded = false;
        LocalEnding = false;
        LocalEnded = false;
        Closed = false;
        HeadersSeen = false;
        Waited = false;
    }
}
