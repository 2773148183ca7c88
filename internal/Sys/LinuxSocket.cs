// The real form of ISocket: a non-blocking descriptor. Owned by: the thread of its poller.
namespace EtcdAot.Sys;

internal sealed unsafe class LinuxSocket(int fd, NetworkAddress local, NetworkAddress remote, bool ownsPath) : ISocket
{
    /// <summary>Seconds of silence before keep-alive probes, and between them: etcd's 30 s.</summary>
    private const int KeepAliveSeconds = 30;

    private int _fd = fd;

    public NetworkAddress LocalAddress { get; } = local;

    public NetworkAddress RemoteAddress { get; } = remote;

    internal int Descriptor => _fd;

    public void Dispose()
    {
        int closing = _fd;
        _fd = -1;
        if (closing < 0)
        {
            return;
        }

        _ = Libc.close(closing);
        if (ownsPath && LocalAddress.Path is { Length: > 0 } path && path[0] != '@')
        {
            _ = Libc.unlink(path);
        }
    }

    public Errno Accept(out ISocket? accepted)
    {
        accepted = null;
        byte* encoded = stackalloc byte[SocketAddressCodec.MaxLength];
        uint length = SocketAddressCodec.MaxLength;
        int taken;
        do
        {
            length = SocketAddressCodec.MaxLength;
            taken = LibcSocket.accept4(_fd, encoded, &length, LibcSocket.SOCK_NONBLOCK | LibcSocket.SOCK_CLOEXEC);
        }
        while (taken < 0 && Libc.LastErrno() == Errno.Interrupted);

        if (taken < 0)
        {
            return Libc.LastErrno();
        }

        int known = (int)Math.Min(length, SocketAddressCodec.MaxLength);
        NetworkAddress peer = SocketAddressCodec.Decode(new ReadOnlySpan<byte>(encoded, known));
        var socket = new LinuxSocket(taken, LocalAddress, peer, ownsPath: false);
        socket.SetStreamOptions();
        accepted = socket;
        return Errno.Ok;
    }

    public Errno Receive(Span<byte> destination, out int received)
    {
        received = 0;
        fixed (byte* start = destination)
        {
            while (true)
            {
                nint n = LibcSocket.recv(_fd, start, (nuint)destination.Length, 0);
                if (n >= 0)
                {
                    received = (int)n;
                    return Errno.Ok;
                }

                Errno result = Libc.LastErrno();
                if (result != Errno.Interrupted)
                {
                    return result;
                }
            }
        }
    }

    public Errno Send(ReadOnlySpan<byte> source, out int sent)
    {
        sent = 0;
        fixed (byte* start = source)
        {
            while (true)
            {
                nint n = LibcSocket.send(_fd, start, (nuint)source.Length, LibcSocket.MSG_NOSIGNAL);
                if (n >= 0)
                {
                    sent = (int)n;
                    return Errno.Ok;
                }

                Errno result = Libc.LastErrno();
                if (result != Errno.Interrupted)
                {
                    return result;
                }
            }
        }
    }

    public Errno SendParts(ReadOnlySpan<SendPart> parts, out int sent)
    {
        if (parts.Length == 1)
        {
            return Send(parts[0].Array.AsSpan(parts[0].Offset, parts[0].Length), out sent);
        }

        sent = 0;
        int count = Math.Min(parts.Length, ISocket.MaxParts);
        LibcSocket.IoVector* vectors = stackalloc LibcSocket.IoVector[count];
        for (int i = 0; i < count; i++)
        {
            // The arrays are pinned by contract, so the address stays good after the fixed block.
            fixed (byte* start = parts[i].Array.AsSpan(parts[i].Offset, parts[i].Length))
            {
                vectors[i] = new LibcSocket.IoVector { Base = start, Length = (nuint)parts[i].Length };
            }
        }

        var message = new LibcSocket.MessageHeader { Vectors = vectors, VectorCount = (nuint)count };
        while (true)
        {
            nint n = LibcSocket.sendmsg(_fd, &message, LibcSocket.MSG_NOSIGNAL);
            if (n >= 0)
            {
                sent = (int)n;
                return Errno.Ok;
            }

            Errno result = Libc.LastErrno();
            if (result != Errno.Interrupted)
            {
                return result;
            }
        }
    }

    public Errno ConnectResult()
    {
        int code = 0;
        uint length = sizeof(int);
        int returned = LibcSocket.getsockopt(_fd, LibcSocket.SOL_SOCKET, LibcSocket.SO_ERROR, &code, &length);
        return returned < 0 ? Libc.LastErrno() : new Errno(code);
    }

    public Errno ShutdownSend()
    {
        return LibcSocket.shutdown(_fd, LibcSocket.SHUT_WR) < 0 ? Libc.LastErrno() : Errno.Ok;
    }

    /// <summary>NoDelay (without it small frames wait for acks) and keep-alive; unix sockets have neither.</summary>
    internal void SetStreamOptions()
    {
        if (RemoteAddress.Family is not (NetworkFamily.Ip4 or NetworkFamily.Ip6))
        {
            return;
        }

        SetOption(_fd, LibcSocket.IPPROTO_TCP, LibcSocket.TCP_NODELAY, 1);
        SetOption(_fd, LibcSocket.SOL_SOCKET, LibcSocket.SO_KEEPALIVE, 1);
        SetOption(_fd, LibcSocket.IPPROTO_TCP, LibcSocket.TCP_KEEPIDLE, KeepAliveSeconds);
        SetOption(_fd, LibcSocket.IPPROTO_TCP, LibcSocket.TCP_KEEPINTVL, KeepAliveSeconds);
    }

    internal static void SetOption(int descriptor, int level, int name, int value)
    {
        // An option that is refused leaves a slower or plainer socket, never a wrong one.
        _ = LibcSocket.setsockopt(descriptor, level, name, &value, sizeof(int));
    }

    internal static NetworkAddress LocalOf(int descriptor)
    {
        byte* encoded = stackalloc byte[SocketAddressCodec.MaxLength];
        uint length = SocketAddressCodec.MaxLength;
        if (LibcSocket.getsockname(descriptor, encoded, &length) < 0)
        {
            return default;
        }

        return SocketAddressCodec.Decode(new ReadOnlySpan<byte>(encoded, (int)Math.Min(length, SocketAddressCodec.MaxLength)));
    }
}
