// A consistent copy of the db while it is in use (spec storage §2.13): pins one transaction by id and reads through its
// own file descriptor, so it may last longer than a wake (DESIGN 4.10). owned by: whoever streams it, one thread.
using EtcdAot.Bolt;
using EtcdAot.Observe;
using EtcdAot.Sys;

namespace EtcdAot.Backend;

/// <summary>Bytes of the db at one transaction. Dispose it, or freed pages stay pending for ever.</summary>
public sealed class HotCopy : IDisposable
{
    private readonly BackendStore _owner;
    private readonly IDiskFile _file;
    private bool _disposed;

    internal HotCopy(BackendStore owner, Db db, ReadSnapshot pinned, IDiskFile file)
    {
        _owner = owner;
        _file = file;
        Db = db;
        Pinned = pinned;
        Length = pinned.SizeBytes;
    }

    /// <summary>Bytes of the copy.</summary>
    public long Length { get; }

    internal Db Db { get; }

    internal ReadSnapshot Pinned { get; }

    /// <summary>Reads part of the copy; all of the span inside <see cref="Length"/> is filled.</summary>
    /// <param name="offset">First byte.</param>
    /// <param name="destination">At most 256 KiB a step (DESIGN 4.10).</param>
    /// <param name="read">Bytes read; 0 at the end.</param>
    public Errno Read(long offset, Span<byte> destination, out int read)
    {
        read = (int)Math.Min(destination.Length, Math.Max(0, Length - offset));
        destination = destination[..read];
        int page = Pinned.Meta.PageSize;
        long metas = 2L * page;
        if (offset < metas && read > 0)
        {
            int part = (int)Math.Min(read, metas - offset);
            Metas(page).AsSpan((int)offset, part).CopyTo(destination);
            destination = destination[part..];
            offset += part;
        }

        if (destination.IsEmpty)
        {
            return default;
        }

        Errno errno = _file.ReadAt(destination, offset, out int got);
        Invariant.Check(errno.Failed || got == destination.Length, "the file covers its high-water mark");
        return errno;
    }

    /// <summary>Ends the pin; any thread.</summary>
    public void Dispose()
    {
        if (!_disposed)
        {
            _disposed = true;
            _file.Dispose();
            _owner.Release(this);
        }
    }

    private byte[] Metas(int page)
    {
        byte[] bytes = new byte[2 * page];
        Pinned.Meta.Write(bytes.AsSpan(0, page), 0);
        (Pinned.Meta with { TxId = Pinned.Meta.TxId - 1 }).Write(bytes.AsSpan(page, page), 1);
        return bytes;
    }
}
