using EtcdAot.Sys;

namespace EtcdAot.Tests.Unit.Server.Cluster;

/// <summary>Real files of one life of a member: a kill closes them all, with their locks, and nothing is written any more.
/// What was written before stays, as after SIGKILL.</summary>
internal sealed class KillableDisk : IDisk
{
    private readonly LinuxDisk _disk = LinuxDisk.Instance;
    private readonly List<IDiskFile> _open = [];
    private readonly List<IFileMap> _maps = [];
    private bool _dead;

    public void Kill()
    {
        _dead = true;

        // A map keeps the lock of its file.
        _maps.ForEach(static m => m.Dispose());
        foreach (IDiskFile file in _open)
        {
            file.Dispose();
        }
    }

    public Errno Open(string path, OpenFlags flags, int mode, out IDiskFile? file)
    {
        file = null;
        if (_dead)
        {
            return Errno.InputOutput;
        }

        Errno e = _disk.Open(path, flags, mode, out IDiskFile? real);
        if (!e.Failed)
        {
            _open.Add(real!);
            file = new Tracked(this, real!);
        }

        return e;
    }

    public Errno List(string path, out DirectoryEntry[] entries)
    {
        entries = [];
        return _dead ? Errno.InputOutput : _disk.List(path, out entries);
    }

    public Errno Status(string path, out FileStatus status)
    {
        status = default;
        return _dead ? Errno.InputOutput : _disk.Status(path, out status);
    }

    public Errno MakeDirectory(string path, int mode) => _dead ? Errno.InputOutput : _disk.MakeDirectory(path, mode);

    public Errno Rename(string from, string to) => _dead ? Errno.InputOutput : _disk.Rename(from, to);

    public Errno Remove(string path) => _dead ? Errno.InputOutput : _disk.Remove(path);

    public Errno RemoveDirectory(string path) => _dead ? Errno.InputOutput : _disk.RemoveDirectory(path);

    public Errno SyncDirectory(string path) => _dead ? Errno.InputOutput : Errno.Ok;

    public Errno FreeSpace(string path, out long bytes) => _disk.FreeSpace(path, out bytes);

    private sealed class Tracked(KillableDisk owner, IDiskFile file) : IDiskFile
    {
        public string Path => file.Path;

        public void Dispose()
        {
            if (owner._open.Remove(file))
            {
                file.Dispose();
            }
        }

        public Errno Length(out long bytes)
        {
            bytes = 0;
            return owner._dead ? Errno.InputOutput : file.Length(out bytes);
        }

        public Errno ReadAt(Span<byte> destination, long offset, out int read)
        {
            read = 0;
            return owner._dead ? Errno.InputOutput : file.ReadAt(destination, offset, out read);
        }

        public Errno WriteAt(ReadOnlySpan<byte> source, long offset) =>
            owner._dead ? Errno.InputOutput : file.WriteAt(source, offset);

        public Errno Allocate(long offset, long length) => owner._dead ? Errno.InputOutput : file.Allocate(offset, length);

        public Errno Truncate(long length) => owner._dead ? Errno.InputOutput : file.Truncate(length);

        public Errno DataSync() => owner._dead ? Errno.InputOutput : Errno.Ok;

        public Errno Sync() => DataSync();

        public Errno TryLock(LockKind kind) => owner._dead ? Errno.InputOutput : file.TryLock(kind);

        public Errno Unlock(LockKind kind) => owner._dead ? Errno.InputOutput : file.Unlock(kind);

        public Errno SeekData(long offset, out long data)
        {
            data = 0;
            return owner._dead ? Errno.InputOutput : file.SeekData(offset, out data);
        }

        public Errno Map(long reserveBytes, out IFileMap? map)
        {
            Errno e = file.Map(reserveBytes, out map);
            if (!e.Failed)
            {
                owner._maps.Add(map!);
            }

            return e;
        }
    }
}
