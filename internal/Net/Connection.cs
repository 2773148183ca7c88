// The seam under HTTP (DESIGN 2, Net): a byte stream that says "bytes arrived" and takes "flush these segments". Its
// real forms are a socket and, with TLS, a pair of memory BIOs; the simulator and the tests have their own.
// Owned by: the I/O thread of its loop. Nothing here may be called from another thread.
using System.Buffers;
using EtcdAot.Sys;

namespace EtcdAot.Net;

/// <summary>Reacts to what happens on a connection.</summary>
public interface IConnectionHandler
{
    /// <summary>Bytes arrived; all of them are taken, the span is dead after the call.</summary>
    void OnBytes(ReadOnlySpan<byte> bytes);

    /// <summary>Unsent output fell below the low-water mark after it had been above the high-water mark.</summary>
    void OnDrained();

    /// <summary>The connection is gone. <see cref="Errno.Ok"/>: the peer closed in order, or an own close is through;
    /// <see cref="Errno.ConnectionAborted"/>: an own abort. Called once in every case, never from inside
    /// <see cref="Connection.Close"/>; no other call follows it. What is unsent then still leaves when the peer has only
    /// ended its side.</summary>
    void OnClosed(Errno reason);
}

/// <summary>One byte stream. Written bytes gather and leave in one flush at the end of the loop's wake.</summary>
public abstract class Connection : IBufferWriter<byte>
{
    /// <summary>The loop that owns this connection.</summary>
    public abstract IoLoop Loop { get; }

    /// <summary>Who hears of bytes; set before the first read, may be replaced (protocol detection).</summary>
    public IConnectionHandler? Handler { get; set; }

    /// <summary>Peer as text, "127.0.0.1:4711" or "@" for an unnamed unix socket.</summary>
    public abstract string RemoteAddress { get; }

    /// <summary>Bytes written and not yet taken by the kernel.</summary>
    public abstract long UnsentBytes { get; }

    /// <summary>True while unsent output is above the high-water mark.</summary>
    public abstract bool IsCongested { get; }

    public abstract Span<byte> GetSpan(int sizeHint = 0);

    public abstract Memory<byte> GetMemory(int sizeHint = 0);

    public abstract void Advance(int count);

    /// <summary>Closes after what is unsent has left (FIN, then what still arrives is dropped), or at once. The handler
    /// hears no more bytes after this call. Further calls change nothing, but an abort ends a slow close.</summary>
    public abstract void Close(bool abort = false);
}

/// <summary>Something to run on a loop's thread.</summary>
public interface ILoopWork
{
    void Run();
}

/// <summary>One I/O thread's loop: connections, timers, posted work; ends each wake by flushing (DESIGN 3).</summary>
public abstract class IoLoop
{
    /// <summary>Monotonic time at the start of this wake.</summary>
    public abstract long NowNanos { get; }

    /// <summary>Runs the work on this loop's thread soon. Any thread.</summary>
    public abstract void Post(ILoopWork work);

    /// <summary>As <see cref="Post"/>, but the loop may go on sleeping until <see cref="Wake"/>: whoever posts many pays
    /// one wake. Any thread.</summary>
    public virtual void Enqueue(ILoopWork work) => Post(work);

    /// <summary>Lets the loop see what was enqueued. Any thread.</summary>
    public virtual void Wake()
    {
    }

    /// <summary>Runs the work at the end of this wake, before its flush: the place to hand on what gathered in the wake
    /// as one batch. Owner thread.</summary>
    public virtual void AtEndOfWake(ILoopWork work) => Post(work);

    /// <summary>Runs the work once at a monotonic time; owner thread. The handle cancels it.</summary>
    public abstract LoopTimer Schedule(long dueNanos, ILoopWork work);
}

/// <summary>A pending timer. Owner thread only.</summary>
public abstract class LoopTimer
{
    public abstract void Cancel();
}
