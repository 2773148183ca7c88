// A byte copy of one committed state while writing goes on (spec storage §2.13; DESIGN 4.10): both metas,
// then the pages by pread, in steps. Holds a pin by id and the file, no pointer into the map. Made and
// disposed by the writer's actor; Read may be called from one other thread.
using EtcdAot.Observe;
using EtcdAot.Sys;

namespace EtcdAot.Bolt;

/// <summary>Streams a snapshot of the file; exactly <see cref="Length"/> bytes.</summary>
public sealed class HotCopy : IDisposable
{
    /// <summary>Most bytes of one Read: bounds how long a step holds its thread.</summary>
    public const int MaxStep = 256 << 10;

    private readonly Db _db;
    private readonly IDiskFile _file;
    private readonly byte[] _metas;
    private bool _pinned = true;

    /// <summary>Pins the current state of <paramref name="db"/>.</summary>
    public HotCopy(Db db)
    {
        _db = db;
        _file = db.File;
        TxId = db.Current.TxId;
        Length = db.Current.SizeBytes;
        db.Pin(TxId);

        // Both metas lead to the same root; the second one is a transaction older, so that the first is
        // chosen.
        Meta meta = db.Current.Meta;
        _metas = new byte[2 * meta.PageSize];
        meta.Write(_metas.AsSpan(0, meta.PageSize), 0);
        (meta with { TxId = meta.TxId - 1 }).Write(_metas.AsSpan(meta.PageSize), 1);
    }

    /// <summary>The pinned transaction.</summary>
    public ulong TxId { get; }

    /// <summary>Bytes in all: high-water mark × page size.</summary>
    public long Length { get; }

    /// <summary>Bytes read so far.</summary>
    public long Position { get; private set; }

    /// <summary>Reads the next bytes, at most <see cref="MaxStep"/>; 0 at the end.</summary>
    public BoltError Read(Span<byte> destination, out int read)
    {
        destination = destination[..(int)Math.Min(Math.Min(destination.Length, MaxStep), Length - Position)];
        read = 0;
        if (destination.IsEmpty)
        {
            return BoltError.Ok;
        }

        if (Position < _metas.Length)
        {
            read = (int)Math.Min(destination.Length, _metas.Length - Position);
            _metas.AsSpan((int)Position, read).CopyTo(destination);
            Position += read;
            return BoltError.Ok;
        }

        Errno errno = _file.ReadAt(destination, Position, out read);
        if (errno.Failed)
        {
            return BoltError.From("read", _file.Path, errno);
        }

        Invariant.Check(read == destination.Length, "the file covers its high-water mark");
        Position += read;
        return BoltError.Ok;
    }

    /// <summary>Ends the pin.</summary>
    public void Dispose()
    {
        if (_pinned)
        {
            _pinned = false;
            _db.Unpin(TxId);
        }
    }
}
