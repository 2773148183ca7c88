// The real form of INetwork over libc. Stateless; any thread.
namespace EtcdAot.Sys;

/// <summary>Sockets of this machine.</summary>
public sealed unsafe class LinuxNetwork : INetwork
{
    public static readonly LinuxNetwork Instance = new();

    private const int Stream = LibcSocket.SOCK_STREAM | LibcSocket.SOCK_NONBLOCK | LibcSocket.SOCK_CLOEXEC;
    private const int Datagram = LibcSocket.SOCK_DGRAM | LibcSocket.SOCK_NONBLOCK | LibcSocket.SOCK_CLOEXEC;

    /// <inheritdoc/>
    public Errno OpenPoller(out IPoller? poller)
    {
        Errno result = EpollPoller.Open(out EpollPoller? opened);
        poller = opened;
        return result;
    }

    /// <inheritdoc/>
    public Errno Listen(NetworkAddress address, ListenOptions options, out ISocket? socket, out NetworkStep step)
    {
        socket = null;
        step = NetworkStep.Socket;
        // Both wildcards mean every address of both families, as in Go; without IPv6 in the kernel, IPv4 alone.
        NetworkAddress bound = address.IsWildcard ? NetworkAddress.Any(address.Port) : address;
        int family = SocketAddressCodec.FamilyOf(bound);
        int fd = LibcSocket.socket(family, Stream, 0);
        if (fd < 0 && address.IsWildcard)
        {
            bound = new NetworkAddress(NetworkFamily.Ip4, 0, address.Port, null);
            family = LibcSocket.AF_INET;
            fd = LibcSocket.socket(family, Stream, 0);
        }

        if (fd < 0)
        {
            return Libc.LastErrno();
        }

        Errno result = Bind(fd, family, bound, options, out step);
        if (result.Failed)
        {
            _ = Libc.close(fd);
            return result;
        }

        step = NetworkStep.None;
        socket = new LinuxSocket(fd, LinuxSocket.LocalOf(fd), default, bound.Family == NetworkFamily.Unix);
        return Errno.Ok;
    }

    /// <inheritdoc/>
    public Errno Dial(NetworkAddress address, out ISocket? socket)
    {
        Errno result = Connect(address, Stream, out LinuxSocket? connected);
        connected?.SetStreamOptions();
        socket = connected;
        return result;
    }

    /// <inheritdoc/>
    public Errno OpenDatagram(NetworkAddress remote, out ISocket? socket)
    {
        Errno result = Connect(remote, Datagram, out LinuxSocket? connected);
        socket = connected;
        return result;
    }

    private static Errno Bind(int fd, int family, NetworkAddress address, ListenOptions options, out NetworkStep step)
    {
        step = NetworkStep.Bind;
        if (family != LibcSocket.AF_UNIX)
        {
            LinuxSocket.SetOption(fd, LibcSocket.SOL_SOCKET, LibcSocket.SO_REUSEADDR, options.ReuseAddress ? 1 : 0);
            LinuxSocket.SetOption(fd, LibcSocket.SOL_SOCKET, LibcSocket.SO_REUSEPORT, options.ReusePort ? 1 : 0);
        }

        if (family == LibcSocket.AF_INET6)
        {
            LinuxSocket.SetOption(fd, LibcSocket.IPPROTO_IPV6, LibcSocket.IPV6_V6ONLY, address.IsWildcard ? 0 : 1);
        }

        byte* encoded = stackalloc byte[SocketAddressCodec.MaxLength];
        var span = new Span<byte>(encoded, SocketAddressCodec.MaxLength);
        if (!SocketAddressCodec.TryEncode(address, family, span, out int length))
        {
            return Errno.Invalid;
        }

        if (address is { Family: NetworkFamily.Unix, Path: { Length: > 0 } path } && path[0] != '@')
        {
            // As the original does: what a killed member left at the path (or anything else) is replaced.
            _ = Libc.unlink(path);
        }

        if (LibcSocket.bind(fd, encoded, (uint)length) < 0)
        {
            return Libc.LastErrno();
        }

        step = NetworkStep.Listen;
        return LibcSocket.listen(fd, options.Backlog) < 0 ? Libc.LastErrno() : Errno.Ok;
    }

    private static Errno Connect(NetworkAddress address, int type, out LinuxSocket? socket)
    {
        socket = null;
        int family = SocketAddressCodec.FamilyOf(address);
        byte* encoded = stackalloc byte[SocketAddressCodec.MaxLength];
        var span = new Span<byte>(encoded, SocketAddressCodec.MaxLength);
        if (!SocketAddressCodec.TryEncode(address, family, span, out int length))
        {
            return Errno.Invalid;
        }

        int fd = LibcSocket.socket(family, type, 0);
        if (fd < 0)
        {
            return Libc.LastErrno();
        }

        int returned;
        do
        {
            returned = LibcSocket.connect(fd, encoded, (uint)length);
        }
        while (returned < 0 && Libc.LastErrno() == Errno.Interrupted);

        Errno result = returned < 0 ? Libc.LastErrno() : Errno.Ok;
        if (result.Failed && result != Errno.InProgress)
        {
            _ = Libc.close(fd);
            return result;
        }

        socket = new LinuxSocket(fd, LinuxSocket.LocalOf(fd), address, ownsPath: false);
        return result;
    }
}
