// An open file of a simulated disk, and a map of it.
using EtcdAot.Sys;

namespace EtcdAot.Tests.Simulation.Disk;

/// <summary>A handle.</summary>
internal sealed class SimFile : IDiskFile
{
    private readonly SimDisk _disk;
    private readonly FileNode _node;
    private bool _closed;

    public SimFile(SimDisk disk, string path, FileNode node)
    {
        _disk = disk;
        _node = node;
        Path = path;
        node.Uses++;
    }

    public string Path { get; }

    public void Dispose()
    {
        if (_closed)
        {
            return;
        }

        _closed = true;
        if (ReferenceEquals(_node.Holder, this))
        {
            _node.Holder = null;
        }

        Release();
    }

    public Errno Length(out long bytes)
    {
        bytes = _node.Length;
        return Errno.Ok;
    }

    public unsafe Errno ReadAt(Span<byte> destination, long offset, out int read)
    {
        read = (int)Math.Clamp(_node.Length - offset, 0, destination.Length);
        new ReadOnlySpan<byte>(_node.Memory + Math.Min(offset, _node.Length), read).CopyTo(destination);
        return Errno.Ok;
    }

    public Errno WriteAt(ReadOnlySpan<byte> source, long offset) => _disk.Write(this, _node, source, offset);

    public Errno Allocate(long offset, long length) => _disk.Allocate(_node, offset, length);

    public Errno Truncate(long length)
    {
        _disk.Truncate(_node, length);
        return Errno.Ok;
    }

    public Errno DataSync() => _disk.Sync(this, _node);

    public Errno Sync() => _disk.Sync(this, _node);

    public Errno TryLock(LockKind kind)
    {
        if (_node.Holder is not null && !ReferenceEquals(_node.Holder, this))
        {
            return Errno.Again;
        }

        _node.Holder = this;
        return Errno.Ok;
    }

    public Errno Unlock(LockKind kind)
    {
        _node.Holder = null;
        return Errno.Ok;
    }

    public Errno SeekData(long offset, out long data)
    {
        data = _node.SeekData(offset);
        return Errno.Ok;
    }

    public Errno Map(long reserveBytes, out IFileMap? map)
    {
        _node.Uses++;
        map = new SimMap(this, _node);
        return Errno.Ok;
    }

    private void Release()
    {
        _node.Uses = Math.Max(0, _node.Uses - 1);
        _disk.Released(_node);
    }

    private sealed unsafe class SimMap(SimFile file, FileNode node) : IFileMap
    {
        private bool _disposed;

        public byte* Address => node.Memory;

        public long Length { get; private set; }

        public void Dispose()
        {
            if (!_disposed)
            {
                _disposed = true;
                file.Release();
            }
        }

        public Errno Extend(long length)
        {
            Length = Math.Max(Length, length);
            return length > FileNode.ReserveBytes ? new Errno(12) : Errno.Ok;
        }

        public void Populate(long offset, long length)
        {
        }
    }
}
