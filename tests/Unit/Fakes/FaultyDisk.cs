using EtcdAot.Sys;

namespace EtcdAot.Tests.Unit.Fakes;

/// <summary>A file system in memory that keeps what is synced apart from what is merely written. It can die at any
/// call that changes something (tearing a write), and <see cref="Crash"/> gives the image that a power cut may leave:
/// what was synced, plus a drawn subset of the rest, sector by sector and directory entry by directory entry.</summary>
internal sealed class FaultyDisk : IDisk
{
    private const int Sector = 512;
    private readonly DirNode _root = new();
    private readonly List<FaultyMap> _maps = [];
    private Random? _tear;

    /// <summary>Changing calls so far.</summary>
    public int Changes { get; private set; }

    /// <summary>The changing call with this number fails, and everything after it; -1 for never.</summary>
    public int DieAt { get; set; } = -1;

    /// <summary>True once it has died.</summary>
    public bool Dead { get; private set; }

    /// <summary>Asked before each changing call ("write", "fdatasync", "rename", …); a failure is returned to the caller.</summary>
    public Func<string, string, Errno>? Inject { get; set; }

    /// <summary>Changing calls in order, when set: "call path offset length".</summary>
    public List<string>? Trace { get; set; }

    public static FaultyDisk Tearing(int seed) => new() { _tear = new Random(seed) };

    /// <summary>What a power cut leaves. Open handles of this disk must not be used any more.</summary>
    public FaultyDisk Crash(int seed)
    {
        var random = new Random(seed);
        var survivor = new FaultyDisk { _tear = random };
        CrashInto(_root, survivor._root, random);
        return survivor;
    }

    /// <summary>The same, and of what was not synced nothing is left.</summary>
    public FaultyDisk CrashKeepingNothing()
    {
        var survivor = new FaultyDisk();
        CrashInto(_root, survivor._root, null);
        return survivor;
    }

    /// <summary>Gives the memory of maps back that a dead member has left open.</summary>
    public void FreeMaps()
    {
        foreach (FaultyMap map in _maps.ToArray())
        {
            map.Dispose();
        }
    }

    /// <summary>The same tree as it reads now, as after a kill of the process alone.</summary>
    public FaultyDisk Kill()
    {
        DieAt = -1;
        Dead = false;
        ReleaseLocks(_root);
        return this;
    }

    public Errno Open(string path, OpenFlags flags, int mode, out IDiskFile? file)
    {
        file = null;
        DirNode? dir = Find(Parent(path)) as DirNode;
        if (dir is null)
        {
            return Errno.NoEntry;
        }

        bool there = dir.Now.TryGetValue(Name(path), out object? node);
        if (there && flags.HasFlag(OpenFlags.Exclusive))
        {
            return Errno.Exists;
        }

        if (!there)
        {
            if (!flags.HasFlag(OpenFlags.Create))
            {
                return Errno.NoEntry;
            }

            Errno e = Change("create", path);
            if (e.Failed)
            {
                return e;
            }

            node = new FileNode();
            dir.Put(Name(path), node);
        }

        if (node is not FileNode found)
        {
            return new Errno(21);
        }

        if (flags.HasFlag(OpenFlags.Truncate) && found.Length > 0)
        {
            Errno e = Change("truncate", path);
            if (e.Failed)
            {
                return e;
            }

            found.SetLength(0);
        }

        file = new OpenFile(this, path, found);
        return Errno.Ok;
    }

    public Errno List(string path, out DirectoryEntry[] entries)
    {
        entries = [];
        if (Find(path) is not DirNode dir)
        {
            return Errno.NoEntry;
        }

        entries = [.. dir.Now.Select(p => new DirectoryEntry(p.Key, p.Value is DirNode))];
        return Errno.Ok;
    }

    public Errno Status(string path, out FileStatus status)
    {
        status = Find(path) switch
        {
            DirNode => new FileStatus(true, 0, 0x1C0),
            FileNode f => new FileStatus(false, f.Length, 0x180),
            _ => default,
        };
        return Find(path) is null ? Errno.NoEntry : Errno.Ok;
    }

    public Errno MakeDirectory(string path, int mode)
    {
        if (Find(Parent(path)) is not DirNode dir)
        {
            return Errno.NoEntry;
        }

        if (dir.Now.ContainsKey(Name(path)))
        {
            return Errno.Exists;
        }

        Errno e = Change("mkdir", path);
        if (!e.Failed)
        {
            dir.Put(Name(path), new DirNode());
        }

        return e;
    }

    public Errno Rename(string from, string to)
    {
        if (Find(Parent(from)) is not DirNode source || Find(Parent(to)) is not DirNode target
            || !source.Now.TryGetValue(Name(from), out object? node))
        {
            return Errno.NoEntry;
        }

        Errno e = Change("rename", from + " " + to);
        if (e.Failed)
        {
            return e;
        }

        if (source == target)
        {
            source.Move(Name(from), Name(to), node);
        }
        else
        {
            source.Drop(Name(from));
            target.Put(Name(to), node);
        }

        return Errno.Ok;
    }

    public Errno Remove(string path)
    {
        if (Find(path) is not FileNode)
        {
            return Find(path) is null ? Errno.NoEntry : new Errno(21);
        }

        Errno e = Change("remove", path);
        if (!e.Failed)
        {
            ((DirNode)Find(Parent(path))!).Drop(Name(path));
        }

        return e;
    }

    public Errno RemoveDirectory(string path)
    {
        if (Find(path) is not DirNode dir)
        {
            return Errno.NoEntry;
        }

        if (dir.Now.Count > 0)
        {
            return new Errno(39);
        }

        Errno e = Change("rmdir", path);
        if (!e.Failed)
        {
            ((DirNode)Find(Parent(path))!).Drop(Name(path));
        }

        return e;
    }

    public Errno SyncDirectory(string path)
    {
        if (Find(path) is not DirNode dir)
        {
            return Errno.NoEntry;
        }

        Errno e = Change("syncdir", path);
        if (!e.Failed)
        {
            dir.Sync();
        }

        return e;
    }

    public Errno FreeSpace(string path, out long bytes)
    {
        bytes = 1L << 40;
        return Errno.Ok;
    }

    /// <summary>The file's present bytes.</summary>
    public byte[] Bytes(string path)
    {
        var node = (FileNode)Find(path)!;
        byte[] bytes = new byte[node.Length];
        node.Read(bytes, 0);
        return bytes;
    }

    /// <summary>Maps that are still open, of all files.</summary>
    public int OpenMaps => _maps.Count;

    /// <summary>Puts a file there, synced.</summary>
    public void Put(string path, byte[] bytes)
    {
        for (int slash = path.IndexOf('/', 1); slash > 0; slash = path.IndexOf('/', slash + 1))
        {
            _ = MakeDirectory(path[..slash], 0x1C0);
        }

        var node = new FileNode();
        node.Write(bytes, 0);
        node.Sync();
        var dir = (DirNode)Find(Parent(path))!;
        dir.Put(Name(path), node);
        dir.Sync();
    }

    private static void CrashInto(DirNode from, DirNode into, Random? random)
    {
        foreach ((string name, object node) in from.AfterCrash(random))
        {
            object copy;
            if (node is DirNode dir)
            {
                copy = new DirNode();
                CrashInto(dir, (DirNode)copy, random);
            }
            else
            {
                copy = ((FileNode)node).AfterCrash(random);
            }

            into.Put(name, copy);
        }

        into.Sync();
    }

    private static void ReleaseLocks(DirNode dir)
    {
        foreach (object node in dir.Now.Values)
        {
            if (node is DirNode inner)
            {
                ReleaseLocks(inner);
            }
            else
            {
                ((FileNode)node).Holder = null;
            }
        }
    }

    private static string Parent(string path) => Path.GetDirectoryName(path.TrimEnd('/'))!;

    private static string Name(string path) => Path.GetFileName(path.TrimEnd('/'));

    private object? Find(string path)
    {
        object? at = _root;
        foreach (string part in path.Split('/', StringSplitOptions.RemoveEmptyEntries))
        {
            at = at is DirNode dir && dir.Now.TryGetValue(part, out object? next) ? next : null;
        }

        return at;
    }

    private Errno Change(string call, string path)
    {
        if (Dead)
        {
            return Errno.InputOutput;
        }

        Errno injected = Inject?.Invoke(call, path) ?? Errno.Ok;
        if (injected.Failed)
        {
            return injected;
        }

        Trace?.Add($"{call} {path}");
        if (Changes++ == DieAt)
        {
            Dead = true;
            return Errno.InputOutput;
        }

        return Errno.Ok;
    }

    private sealed class DirNode
    {
        private readonly List<Action<SortedDictionary<string, object>>> _pending = [];
        private SortedDictionary<string, object> _durable = new(StringComparer.Ordinal);

        public SortedDictionary<string, object> Now { get; } = new(StringComparer.Ordinal);

        public void Put(string name, object node) => Do(d => d[name] = node);

        public void Drop(string name) => Do(d => d.Remove(name));

        public void Move(string from, string to, object node) => Do(d =>
        {
            d.Remove(from);
            d[to] = node;
        });

        public void Sync()
        {
            _durable = new(Now, StringComparer.Ordinal);
            _pending.Clear();
        }

        public SortedDictionary<string, object> AfterCrash(Random? random)
        {
            var image = new SortedDictionary<string, object>(_durable, StringComparer.Ordinal);
            foreach (Action<SortedDictionary<string, object>> op in _pending.Take(random?.Next(_pending.Count + 1) ?? 0))
            {
                op(image);
            }

            return image;
        }

        private void Do(Action<SortedDictionary<string, object>> op)
        {
            op(Now);
            _pending.Add(op);
        }
    }

    /// <summary>Bytes of a file: <see cref="Now"/> is what was written, everything behind it up to the length is
    /// zero, so that reserved room costs no memory.</summary>
    private sealed class FileNode
    {
        private readonly HashSet<long> _dirty = [];
        private readonly List<FaultyMap> _maps = [];
        private byte[] _durable = [];
        private long _durableLength;
        private long _written;

        public byte[] Now { get; private set; } = [];

        public long Length { get; private set; }

        public object? Holder { get; set; }

        public ReadOnlySpan<byte> Written => Now.AsSpan(0, (int)Math.Min(_written, Length));

        public FaultyMap Map(List<FaultyMap> all)
        {
            var map = new FaultyMap(m =>
            {
                _maps.Remove(m);
                all.Remove(m);
            });
            map.Write(Written, 0);
            _maps.Add(map);
            all.Add(map);
            return map;
        }

        public void Read(Span<byte> destination, long offset)
        {
            int there = (int)Math.Clamp(Written.Length - offset, 0, destination.Length);
            Written.Slice((int)Math.Min(offset, Written.Length), there).CopyTo(destination);
            destination[there..].Clear();
        }

        public void Write(ReadOnlySpan<byte> source, long offset)
        {
            long end = offset + source.Length;
            if (end > Now.Length)
            {
                byte[] bigger = new byte[Math.Max(end, Now.Length * 2)];
                Now.CopyTo(bigger, 0);
                Now = bigger;
            }

            source.CopyTo(Now.AsSpan((int)offset));
            _written = Math.Max(_written, end);
            Length = Math.Max(Length, end);
            MarkDirty(offset, source.Length);
            Mirror(offset, end);
        }

        public void SetLength(long length)
        {
            if (length < Length)
            {
                long end = Math.Min(Length, _written);
                if (length < end)
                {
                    Now.AsSpan((int)length, (int)(end - length)).Clear();
                    MarkDirty(length, end - length);
                    Mirror(length, end);
                }
            }

            Length = length;
        }

        public void Sync()
        {
            if (_durable.Length != Now.Length)
            {
                _durable = (byte[])Now.Clone();
            }
            else
            {
                foreach (long sector in _dirty)
                {
                    int at = (int)(sector * Sector);
                    Now.AsSpan(at, Math.Min(Sector, Now.Length - at)).CopyTo(_durable.AsSpan(at));
                }
            }

            _dirty.Clear();
            _durableLength = Length;
        }

        public FileNode AfterCrash(Random? random)
        {
            long length = random is null || random.Next(2) == 0 ? _durableLength : Length;
            byte[] image = new byte[Math.Min(length, Math.Max(_written, _durable.Length))];
            int kept = (int)Math.Min(image.Length, Math.Min(_durableLength, _durable.Length));
            _durable.AsSpan(0, kept).CopyTo(image);
            foreach (long sector in _dirty.Order())
            {
                int at = (int)(sector * Sector);
                int take = (int)Math.Min(Sector, Math.Min(image.Length, Now.Length) - at);
                if (take > 0 && random?.Next(2) == 0)
                {
                    Now.AsSpan(at, take).CopyTo(image.AsSpan(at));
                }
            }

            var node = new FileNode();
            node.Write(image, 0);
            node.SetLength(length);
            node.Sync();
            return node;
        }

        private void Mirror(long from, long to)
        {
            foreach (FaultyMap map in _maps)
            {
                map.Write(Now.AsSpan((int)from, (int)(to - from)), from);
            }
        }

        private void MarkDirty(long offset, long length)
        {
            for (long s = offset / Sector; length > 0 && s <= (offset + length - 1) / Sector; s++)
            {
                _dirty.Add(s);
            }
        }
    }

    private sealed class OpenFile(FaultyDisk disk, string path, FileNode node) : IDiskFile
    {
        public string Path => path;

        public void Dispose()
        {
            if (node.Holder == this)
            {
                node.Holder = null;
            }
        }

        public Errno Length(out long bytes)
        {
            bytes = node.Length;
            return Errno.Ok;
        }

        public Errno ReadAt(Span<byte> destination, long offset, out int read)
        {
            read = (int)Math.Clamp(node.Length - offset, 0, destination.Length);
            node.Read(destination[..read], offset);
            return disk.Dead ? Errno.InputOutput : Errno.Ok;
        }

        public Errno WriteAt(ReadOnlySpan<byte> source, long offset)
        {
            bool dead = disk.Dead;
            Errno e = disk.Change("write", $"{path} {offset} {source.Length}");
            if (!e.Failed)
            {
                node.Write(source, offset);
            }
            else if (disk.Dead && !dead && disk._tear is not null)
            {
                // A write tears at a sector's edge: what was copied of it before the end is whole sectors.
                long edge = (offset + disk._tear.Next(source.Length + 1)) / Sector * Sector;
                node.Write(source[..(int)Math.Max(0, edge - offset)], offset);
            }

            return e;
        }

        public Errno Allocate(long offset, long length)
        {
            Errno e = disk.Change("fallocate", path);
            if (!e.Failed && offset + length > node.Length)
            {
                node.SetLength(offset + length);
            }

            return e;
        }

        public Errno Truncate(long length)
        {
            Errno e = disk.Change("truncate", path);
            if (!e.Failed)
            {
                node.SetLength(length);
            }

            return e;
        }

        public Errno DataSync()
        {
            Errno e = disk.Change("fdatasync", path);
            if (!e.Failed)
            {
                node.Sync();
            }

            return e;
        }

        public Errno Sync() => DataSync();

        public Errno TryLock(LockKind kind)
        {
            if (node.Holder is not null && node.Holder != this)
            {
                return Errno.Again;
            }

            node.Holder = this;
            return Errno.Ok;
        }

        public Errno Unlock(LockKind kind)
        {
            Dispose();
            return Errno.Ok;
        }

        public Errno SeekData(long offset, out long data)
        {
            int found = offset >= node.Written.Length
                ? -1
                : node.Written[(int)offset..].IndexOfAnyExcept((byte)0);
            data = found < 0 ? node.Length : Math.Max(offset, (offset + found) / 4096 * 4096);
            return Errno.Ok;
        }

        public Errno Map(long reserveBytes, out IFileMap? map)
        {
            map = node.Map(disk._maps);
            return Errno.Ok;
        }
    }
}
