// The real form of IPoller: an epoll instance and an eventfd for wakes. The eventfd is watched edge-triggered, so that a
// wake costs one write and no read. Owned by: one I/O thread; Wake is for any.
using System.Runtime.InteropServices;

namespace EtcdAot.Sys;

internal sealed unsafe class EpollPoller : IPoller
{
    /// <summary>Events of one wait. More wait for the next one, which comes at once.</summary>
    private const int Capacity = 128;

    private const ulong WakeToken = ulong.MaxValue;

    private readonly PollEvent[] _events = new PollEvent[Capacity];
    private readonly byte* _native;
    private readonly int _wake;
    private int _epoll;

    private EpollPoller(int epoll, int wake)
    {
        _epoll = epoll;
        _wake = wake;
        _native = (byte*)NativeMemory.Alloc((nuint)(Capacity * LibcEpoll.EventSize));
    }

    /// <summary>Opens both descriptors.</summary>
    internal static Errno Open(out EpollPoller? poller)
    {
        poller = null;
        int epoll = LibcEpoll.epoll_create1(LibcEpoll.EPOLL_CLOEXEC);
        if (epoll < 0)
        {
            return Libc.LastErrno();
        }

        int wake = LibcEpoll.eventfd(0, LibcEpoll.EFD_NONBLOCK | LibcEpoll.EFD_CLOEXEC);
        if (wake < 0)
        {
            Errno result = Libc.LastErrno();
            _ = Libc.close(epoll);
            return result;
        }

        var opened = new EpollPoller(epoll, wake);
        Errno added = opened.Control(LibcEpoll.EPOLL_CTL_ADD, wake, WakeToken, LibcEpoll.EPOLLIN | LibcEpoll.EPOLLET);
        if (added.Failed)
        {
            opened.Dispose();
            return added;
        }

        poller = opened;
        return Errno.Ok;
    }

    public void Dispose()
    {
        if (_epoll >= 0)
        {
            _ = Libc.close(_epoll);
            _ = Libc.close(_wake);
            NativeMemory.Free(_native);
            _epoll = -1;
        }
    }

    public Errno Add(ISocket socket, ulong token, PollFlags interest)
    {
        return Control(LibcEpoll.EPOLL_CTL_ADD, ((LinuxSocket)socket).Descriptor, token, ToNative(interest));
    }

    public Errno Modify(ISocket socket, ulong token, PollFlags interest)
    {
        return Control(LibcEpoll.EPOLL_CTL_MOD, ((LinuxSocket)socket).Descriptor, token, ToNative(interest));
    }

    public Errno Remove(ISocket socket)
    {
        return Control(LibcEpoll.EPOLL_CTL_DEL, ((LinuxSocket)socket).Descriptor, 0, 0);
    }

    public ReadOnlySpan<PollEvent> Wait(long timeoutNanos)
    {
        // Rounded up: a wait that ends early would spin until the timer is due.
        int millis = timeoutNanos < 0 ? -1 : (int)Math.Min(int.MaxValue, (timeoutNanos + 999_999) / 1_000_000);
        int n = LibcEpoll.epoll_wait(_epoll, _native, Capacity, millis);
        int count = 0;
        for (int i = 0; i < n; i++)
        {
            byte* at = _native + (i * LibcEpoll.EventSize);
            ulong token = *(ulong*)(at + LibcEpoll.EventDataOffset);
            if (token != WakeToken)
            {
                _events[count++] = new PollEvent(token, FromNative(*(uint*)at));
            }
        }

        return _events.AsSpan(0, count);
    }

    public void Wake()
    {
        if (_epoll < 0)
        {
            return;
        }

        ulong one = 1;
        // EAGAIN means that the counter is full: a wake is pending then.
        _ = LibcEpoll.write(_wake, (byte*)&one, sizeof(ulong));
    }

    private Errno Control(int operation, int descriptor, ulong token, uint native)
    {
        byte* polled = stackalloc byte[16];
        *(uint*)polled = native;
        *(ulong*)(polled + LibcEpoll.EventDataOffset) = token;
        return LibcEpoll.epoll_ctl(_epoll, operation, descriptor, polled) < 0 ? Libc.LastErrno() : Errno.Ok;
    }

    private static uint ToNative(PollFlags interest)
    {
        return (interest.HasFlag(PollFlags.Read) ? LibcEpoll.EPOLLIN : 0)
            | (interest.HasFlag(PollFlags.Write) ? LibcEpoll.EPOLLOUT : 0);
    }

    private static PollFlags FromNative(uint native)
    {
        return ((native & LibcEpoll.EPOLLIN) != 0 ? PollFlags.Read : PollFlags.None)
            | ((native & LibcEpoll.EPOLLOUT) != 0 ? PollFlags.Write : PollFlags.None)
            | ((native & (LibcEpoll.EPOLLERR | LibcEpoll.EPOLLHUP)) != 0 ? PollFlags.Error : PollFlags.None);
    }
}
