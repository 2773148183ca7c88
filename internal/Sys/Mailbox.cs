// Many writers, one reader. Messages are structs kept in an array that is swapped, not a linked list: no allocation per
// post once the arrays have grown.
namespace EtcdAot.Sys;

/// <summary>Unbounded queue of messages for one actor.</summary>
/// <typeparam name="T">Message type.</typeparam>
public sealed class Mailbox<T>
{
    private readonly System.Threading.Lock _gate = new();
    private T[] _incoming = new T[64];
    private T[] _outgoing = new T[64];
    private int _count;

    /// <summary>Adds a message. Returns true when the mailbox was empty, so that the poster must wake the reader.</summary>
    public bool Post(in T message)
    {
        lock (_gate)
        {
            if (_count == _incoming.Length)
            {
                Array.Resize(ref _incoming, _count * 2);
            }

            _incoming[_count++] = message;
            return _count == 1;
        }
    }

    /// <summary>True when something waits; a hint, any thread.</summary>
    public bool HasMessages => Volatile.Read(ref _count) != 0;

    /// <summary>Takes everything posted so far. The span is valid until the next call; reader only.</summary>
    public Span<T> TakeAll()
    {
        lock (_gate)
        {
            (_incoming, _outgoing) = (_outgoing, _incoming);
            int n = _count;
            _count = 0;
            return _outgoing.AsSpan(0, n);
        }
    }

    /// <summary>Forgets the references of the last <see cref="TakeAll"/>; reader only.</summary>
    public void Release(int taken) => Array.Clear(_outgoing, 0, taken);
}
