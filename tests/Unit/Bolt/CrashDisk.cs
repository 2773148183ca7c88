using System.Runtime.InteropServices;
using EtcdAot.Sys;

namespace EtcdAot.Tests.Unit.Bolt;

/// <summary>A disk with one file in memory. What is written shows in the map at once; what was not synced is
/// lost, kept or torn at a crash, sector by sector, as the seed says.</summary>
internal sealed unsafe class CrashDisk : IDisk, IDisposable
{
    private const long Capacity = 32 << 20;
    private const int Sector = 512;
    private readonly byte* _memory = (byte*)NativeMemory.AllocZeroed((nuint)Capacity);
    private readonly List<(long Offset, byte[] Bytes)> _unsynced = [];
    private byte[] _synced = [];
    private long _length;
    private bool _exists;

    /// <summary>Writes and syncs fail with this when the count-down has reached zero.</summary>
    public int FailAfter { get; set; } = int.MaxValue;

    public Errno Failure { get; set; } = Errno.InputOutput;

    public List<string> Calls { get; } = [];

    public bool Locked { get; private set; }

    public ReadOnlySpan<byte> Written => new(_memory, (int)_length);

    public void Dispose() => NativeMemory.Free(_memory);

    public void SetContents(ReadOnlySpan<byte> bytes)
    {
        new Span<byte>(_memory, (int)_length).Clear();
        bytes.CopyTo(new Span<byte>(_memory, (int)Capacity));
        _length = bytes.Length;
        _synced = bytes.ToArray();
        _unsynced.Clear();
        _exists = true;
    }

    /// <summary>Power failure: the synced image plus a drawn part of the rest, in order, torn at
    /// sectors.</summary>
    public void Crash(Random random)
    {
        byte[] image = new byte[Math.Max(_length, _synced.Length)];
        _synced.CopyTo(image, 0);
        foreach ((long offset, byte[] bytes) in _unsynced)
        {
            int mode = random.Next(3);
            for (int at = 0; at < bytes.Length; at += Sector)
            {
                if (mode == 1 || (mode == 2 && random.Next(2) == 0))
                {
                    bytes.AsSpan(at, Math.Min(Sector, bytes.Length - at)).CopyTo(image.AsSpan((int)offset + at));
                }
            }
        }

        SetContents(image);
        Locked = false;
        FailAfter = int.MaxValue;
    }

    public Errno Open(string path, OpenFlags flags, int mode, out IDiskFile? file)
    {
        file = null;
        if (!_exists && !flags.HasFlag(OpenFlags.Create))
        {
            return Errno.NoEntry;
        }

        _exists = true;
        file = new MemoryFile(this, path);
        return Errno.Ok;
    }

    public Errno List(string path, out DirectoryEntry[] entries) => throw new NotSupportedException();

    public Errno Status(string path, out FileStatus status) => throw new NotSupportedException();

    public Errno MakeDirectory(string path, int mode) => throw new NotSupportedException();

    public Errno Rename(string from, string to) => throw new NotSupportedException();

    public Errno Remove(string path) => throw new NotSupportedException();

    public Errno RemoveDirectory(string path) => throw new NotSupportedException();

    public Errno SyncDirectory(string path) => Step("syncdir");

    public Errno FreeSpace(string path, out long bytes) => throw new NotSupportedException();

    private Errno Step(string call)
    {
        Calls.Add(call);
        return FailAfter-- > 0 ? Errno.Ok : Failure;
    }

    private sealed class MemoryFile(CrashDisk disk, string path) : IDiskFile
    {
        public string Path => path;

        public void Dispose() => disk.Locked = false;

        public Errno Length(out long bytes)
        {
            bytes = disk._length;
            return Errno.Ok;
        }

        public Errno ReadAt(Span<byte> destination, long offset, out int read)
        {
            read = (int)Math.Clamp(disk._length - offset, 0, destination.Length);
            new ReadOnlySpan<byte>(disk._memory + Math.Min(offset, disk._length), read).CopyTo(destination);
            return Errno.Ok;
        }

        public Errno WriteAt(ReadOnlySpan<byte> source, long offset)
        {
            Errno e = disk.Step($"write {offset} {source.Length}");
            if (e.Failed)
            {
                return e;
            }

            source.CopyTo(new Span<byte>(disk._memory + offset, source.Length));
            disk._length = Math.Max(disk._length, offset + source.Length);
            disk._unsynced.Add((offset, source.ToArray()));
            return Errno.Ok;
        }

        public Errno Allocate(long offset, long length)
        {
            Errno e = disk.Step($"allocate {offset} {length}");
            disk._length = e.Failed ? disk._length : Math.Max(disk._length, offset + length);
            return e;
        }

        public Errno Truncate(long length) => throw new NotSupportedException();

        public Errno DataSync() => Synced("datasync");

        public Errno Sync() => Synced("sync");

        public Errno TryLock(LockKind kind)
        {
            if (disk.Locked)
            {
                return Errno.Again;
            }

            disk.Locked = true;
            return Errno.Ok;
        }

        public Errno Unlock(LockKind kind) => throw new NotSupportedException();

        public Errno SeekData(long offset, out long data) => throw new NotSupportedException();

        public Errno Map(long reserveBytes, out IFileMap? map)
        {
            map = new MemoryMap(disk);
            return Errno.Ok;
        }

        private Errno Synced(string call)
        {
            Errno e = disk.Step(call);
            if (!e.Failed)
            {
                Array.Resize(ref disk._synced, (int)disk._length);
                foreach ((long offset, byte[] bytes) in disk._unsynced)
                {
                    bytes.CopyTo(disk._synced, offset);
                }

                disk._unsynced.Clear();
            }

            return e;
        }
    }

    private sealed class MemoryMap(CrashDisk disk) : IFileMap
    {
        public byte* Address => disk._memory;

        public long Length { get; private set; }

        public void Dispose()
        {
        }

        public Errno Extend(long length)
        {
            Length = length;
            return Errno.Ok;
        }

        public void Populate(long offset, long length)
        {
        }
    }
}
