// The real form of IDiskFile: a file descriptor and positional calls. Thread-safe as the kernel is.
namespace EtcdAot.Sys;

internal sealed unsafe class LinuxFile(string path, int fd) : IDiskFile
{
    private int _fd = fd;

    public string Path { get; } = path;

    public void Dispose()
    {
        int closing = Interlocked.Exchange(ref _fd, -1);
        if (closing >= 0)
        {
            _ = Libc.close(closing);
        }
    }

    public Errno Length(out long bytes)
    {
        bytes = Libc.lseek(_fd, 0, Libc.SEEK_END);
        return bytes < 0 ? Libc.LastErrno() : Errno.Ok;
    }

    public Errno ReadAt(Span<byte> destination, long offset, out int read)
    {
        read = 0;
        fixed (byte* start = destination)
        {
            while (read < destination.Length)
            {
                nint n = Libc.pread(_fd, start + read, (nuint)(destination.Length - read), offset + read);
                if (n == 0)
                {
                    break;
                }

                if (n < 0)
                {
                    Errno e = Libc.LastErrno();
                    if (e == Errno.Interrupted)
                    {
                        continue;
                    }

                    return e;
                }

                read += (int)n;
            }
        }

        return Errno.Ok;
    }

    public Errno WriteAt(ReadOnlySpan<byte> source, long offset)
    {
        int written = 0;
        fixed (byte* start = source)
        {
            while (written < source.Length)
            {
                nint n = Libc.pwrite(_fd, start + written, (nuint)(source.Length - written), offset + written);
                if (n < 0)
                {
                    Errno e = Libc.LastErrno();
                    if (e == Errno.Interrupted)
                    {
                        continue;
                    }

                    return e;
                }

                written += (int)n;
            }
        }

        return Errno.Ok;
    }

    public Errno Allocate(long offset, long length)
    {
        Errno e = Result(Libc.fallocate(_fd, 0, offset, length));
        if (e != Errno.NotSupported && e != Errno.Interrupted)
        {
            return e;
        }

        Errno sized = Length(out long now);
        return sized.Failed || now >= offset + length ? sized : Truncate(offset + length);
    }

    public Errno Truncate(long length) => Result(Libc.ftruncate(_fd, length));

    public Errno DataSync() => Result(Libc.fdatasync(_fd));

    public Errno Sync() => Result(Libc.fsync(_fd));

    public Errno TryLock(LockKind kind)
    {
        if (kind == LockKind.OpenFileDescription)
        {
            Errno e = OfdLock(Libc.F_WRLCK);
            return e.Code is 13 ? Errno.Again : e == Errno.Invalid ? Flock(Libc.LOCK_EX) : e;
        }

        return Flock(kind == LockKind.FlockShared ? Libc.LOCK_SH : Libc.LOCK_EX);
    }

    public Errno Unlock(LockKind kind)
    {
        return kind == LockKind.OpenFileDescription ? OfdLock(Libc.F_UNLCK) : Result(Libc.flock(_fd, Libc.LOCK_UN));
    }

    public Errno SeekData(long offset, out long data)
    {
        data = Libc.lseek(_fd, offset, Libc.SEEK_DATA);
        if (data >= 0)
        {
            return Errno.Ok;
        }

        // ENXIO: nothing but a hole up to the end.
        return Libc.LastErrno().Code == 6 ? Length(out data) : Libc.LastErrno();
    }

    public Errno Map(long reserveBytes, out IFileMap? map)
    {
        byte* range = Libc.mmap(null, (nuint)reserveBytes, Libc.PROT_NONE,
            Libc.MAP_PRIVATE | Libc.MAP_ANONYMOUS | Libc.MAP_NORESERVE, -1, 0);
        map = (nint)range == -1 ? null : new LinuxFileMap(_fd, range, reserveBytes);
        return map is null ? Libc.LastErrno() : Errno.Ok;
    }

    private static Errno Result(int returned) => returned < 0 ? Libc.LastErrno() : Errno.Ok;

    private Errno OfdLock(short type)
    {
        var request = new Libc.Flock { Type = type };
        return Result(Libc.fcntl(_fd, Libc.F_OFD_SETLK, &request));
    }

    private Errno Flock(int operation)
    {
        Errno e;
        do
        {
            e = Result(Libc.flock(_fd, operation | Libc.LOCK_NB));
        }
        while (e == Errno.Interrupted);
        return e;
    }
}

internal sealed unsafe class LinuxFileMap(int fd, byte* range, long reserved) : IFileMap
{
    public byte* Address { get; private set; } = range;

    public long Length { get; private set; }

    public void Dispose()
    {
        if (Address is not null)
        {
            _ = Libc.munmap(Address, (nuint)reserved);
            Address = null;
        }
    }

    public Errno Extend(long length)
    {
        if (length > reserved)
        {
            return new Errno(12);
        }

        if (length <= Length)
        {
            return Errno.Ok;
        }

        byte* at = Libc.mmap(Address + Length, (nuint)(length - Length), Libc.PROT_READ,
            Libc.MAP_SHARED | Libc.MAP_FIXED, fd, Length);
        if ((nint)at == -1)
        {
            return Libc.LastErrno();
        }

        Length = length;
        return Errno.Ok;
    }

    public void Populate(long offset, long length)
    {
        const long page = 4096;
        long start = offset & ~(page - 1);
        long end = Math.Min(Length, (offset + length + page - 1) & ~(page - 1));
        if (end > start)
        {
            // Only a hint: before Linux 5.14 the call fails and the reader takes the fault itself.
            _ = Libc.madvise(Address + start, (nuint)(end - start), Libc.MADV_POPULATE_READ);
        }
    }
}
