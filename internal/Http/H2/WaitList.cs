// Streams with queued output, in the order of their turns: linked through the streams, so that a stream that ends leaves
// at once. Owned by: the connection's I/O thread.
namespace EtcdAot.Http.H2;

/// <summary>A first-in first-out list that a stream can leave from anywhere.</summary>
internal struct WaitList
{
    public H2Stream? Head { get; private set; }

    public H2Stream? Tail { get; private set; }

    /// <summary>Appends, unless it stands in the list already.</summary>
    public void Add(H2Stream stream)
    {
        if (stream.InWaitList)
        {
            return;
        }

        stream.InWaitList = true;
        stream.PreviousWaiting = Tail;
        if (Tail is null)
        {
            Head = stream;
        }
        else
        {
            Tail.NextWaiting = stream;
        }

        Tail = stream;
    }

    /// <summary>Takes the stream out, when it is in.</summary>
    public void Remove(H2Stream stream)
    {
        if (!stream.InWaitList)
        {
            return;
        }

        if (stream.PreviousWaiting is null)
        {
            Head = stream.NextWaiting;
        }
        else
        {
            stream.PreviousWaiting.NextWaiting = stream.NextWaiting;
        }

        if (stream.NextWaiting is null)
        {
            Tail = stream.PreviousWaiting;
        }
        else
        {
            stream.NextWaiting.PreviousWaiting = stream.PreviousWaiting;
        }

        stream.NextWaiting = null;
        stream.PreviousWaiting = null;
        stream.InWaitList = false;
    }
}
