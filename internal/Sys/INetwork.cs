// Seam: the network. Sockets never block; a poller says which of them can go on. The real form is LinuxNetwork (epoll);
// the simulator gives pipes with drawn delays, cuts and losses. Every call returns an Errno, nothing throws.
namespace EtcdAot.Sys;

/// <summary>How a listener is opened.</summary>
/// <param name="ReuseAddress">SO_REUSEADDR; the original's listeners always have it.</param>
/// <param name="ReusePort">SO_REUSEPORT (--socket-reuse-port).</param>
/// <param name="Backlog">Waiting connections; the kernel cuts it to its somaxconn.</param>
public readonly record struct ListenOptions(bool ReuseAddress = true, bool ReusePort = false, int Backlog = 4096)
{
    /// <summary>What the original does without flags.</summary>
    public static readonly ListenOptions Default = new(true);
}

/// <summary>Which system call of several failed, for error texts.</summary>
public enum NetworkStep
{
    None,
    Socket,
    Bind,
    Listen,
    Connect,
}

/// <summary>The network.</summary>
public interface INetwork
{
    /// <summary>A poller for one thread.</summary>
    Errno OpenPoller(out IPoller? poller);

    /// <summary>Opens a stream listener; <paramref name="step"/> names the call that failed.</summary>
    Errno Listen(NetworkAddress address, ListenOptions options, out ISocket? socket, out NetworkStep step);

    /// <summary>Begins to connect a stream. When it is not through at once the result is
    /// <see cref="Errno.InProgress"/> with a socket: wait until writable, then ask
    /// <see cref="ISocket.ConnectResult"/>.</summary>
    Errno Dial(NetworkAddress address, out ISocket? socket);

    /// <summary>A datagram socket that sends to, and hears only, one address.</summary>
    Errno OpenDatagram(NetworkAddress remote, out ISocket? socket);
}

/// <summary>A part of a gathered send. The array must be pinned (see <see cref="SegmentPool"/>).</summary>
/// <param name="Array">Pinned array.</param>
/// <param name="Offset">First byte.</param>
/// <param name="Length">Bytes.</param>
public readonly record struct SendPart(byte[] Array, int Offset, int Length);

/// <summary>One non-blocking socket. One owner thread.</summary>
public interface ISocket : IDisposable
{
    /// <summary>This end.</summary>
    NetworkAddress LocalAddress { get; }

    /// <summary>The other end; none for a listener.</summary>
    NetworkAddress RemoteAddress { get; }

    /// <summary>Takes a waiting connection; <see cref="Errno.Again"/> when there is none.</summary>
    Errno Accept(out ISocket? accepted);

    /// <summary>Receives what is there. Zero bytes with <see cref="Errno.Ok"/>: the peer has ended its side.</summary>
    Errno Receive(Span<byte> destination, out int received);

    /// <summary>Sends as much as fits; <see cref="Errno.Again"/> when nothing does.</summary>
    Errno Send(ReadOnlySpan<byte> source, out int sent);

    /// <summary>Sends parts in order, as much as fits; at most <see cref="MaxParts"/> at a time.</summary>
    Errno SendParts(ReadOnlySpan<SendPart> parts, out int sent);

    /// <summary>How a begun connect ended.</summary>
    Errno ConnectResult();

    /// <summary>Ends the sending side (FIN).</summary>
    Errno ShutdownSend();

    /// <summary>Most parts of one <see cref="SendParts"/>.</summary>
    const int MaxParts = 64;
}

/// <summary>What a socket is waited for, and what it is ready for.</summary>
[Flags]
public enum PollFlags
{
    None = 0,

    /// <summary>Bytes, a connection, or the end of the stream can be read.</summary>
    Read = 1,

    /// <summary>Room to write, or a connect has ended.</summary>
    Write = 2,

    /// <summary>The socket failed; the next call on it tells the reason. Always reported.</summary>
    Error = 4,
}

/// <summary>One ready socket.</summary>
/// <param name="Token">What it was added with.</param>
/// <param name="Ready">What it is ready for.</param>
public readonly record struct PollEvent(ulong Token, PollFlags Ready);

/// <summary>Waits for many sockets; level-triggered. One owner thread, but <see cref="Wake"/> is for any.</summary>
public interface IPoller : IDisposable
{
    Errno Add(ISocket socket, ulong token, PollFlags interest);

    Errno Modify(ISocket socket, ulong token, PollFlags interest);

    /// <summary>To be called before the socket is disposed.</summary>
    Errno Remove(ISocket socket);

    /// <summary>Waits until something is ready, <see cref="Wake"/> was called or the time is over. Wakes are not among
    /// the events. A span is valid until the next call.</summary>
    /// <param name="timeoutNanos">0 looks only, negative waits for ever.</param>
    ReadOnlySpan<PollEvent> Wait(long timeoutNanos);

    /// <summary>Ends the current or next <see cref="Wait"/>. Any thread.</summary>
    void Wake();
}
