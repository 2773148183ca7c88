// The disk of one simulated machine (DESIGN 4.3): IDisk over FileNode and DirectoryNode. Every changing call goes into the
// trace with its bytes' CRC, may fail, may be the one at which the power fails, and may take time.
using EtcdAot.Sys;
using EtcdAot.Tests.Simulation.World;

namespace EtcdAot.Tests.Simulation.Disk;

/// <summary>What a disk asks of its machine.</summary>
internal interface IDiskMachine
{
    /// <summary>World's time.</summary>
    long LocalNow { get; }

    /// <summary>What called waits for the disk; the world goes on. Throws when the life ends meanwhile.</summary>
    void Spend(long nanos);
}

/// <summary>Files of a machine.</summary>
internal sealed class SimDisk(IDiskMachine machine, Trace trace, Dice dice) : IDisk, IDisposable
{
    private const int IsDirectory = 21;
    private const int NotEmpty = 39;

    private readonly DirectoryNode _root = new();
    private readonly List<FileNode> _files = [];
    private int _made;

    /// <summary>Faults and latency.</summary>
    public DiskFaults Faults { get; } = new(dice.Fork());

    /// <summary>Changing calls so far.</summary>
    public long Calls { get; private set; }

    /// <summary>Bytes occupied.</summary>
    public long OccupiedBytes
    {
        get
        {
            long sum = 0;
            foreach (FileNode file in _files)
            {
                sum += file.OccupiedBytes;
            }

            return sum;
        }
    }

    /// <summary>The process is gone: its handles and locks with it.</summary>
    public void Kill() => Sweep();

    /// <summary>The power fails.</summary>
    public void LosePower()
    {
        LosePower(_root);
        Sweep();
    }

    public Errno Open(string path, OpenFlags flags, int mode, out IDiskFile? file)
    {
        file = null;
        if (Find(Parent(path)) is not DirectoryNode directory)
        {
            return Errno.NoEntry;
        }

        bool there = directory.Names.TryGetValue(Name(path), out object? node);
        if (there && flags.HasFlag(OpenFlags.Exclusive))
        {
            return Errno.Exists;
        }

        if (!there && !flags.HasFlag(OpenFlags.Create))
        {
            return Errno.NoEntry;
        }

        if (!there)
        {
            Change("create", (ulong)_made);
            var made = new FileNode(_made++);
            _files.Add(made);
            directory.Put(Name(path), node = made);
        }

        if (node is not FileNode found)
        {
            return new Errno(IsDirectory);
        }

        if (flags.HasFlag(OpenFlags.Truncate) && found.Length > 0)
        {
            Change("truncate", (ulong)found.Id);
            found.SetLength(0);
        }

        file = new SimFile(this, path, found);
        return Errno.Ok;
    }

    public Errno List(string path, out DirectoryEntry[] entries)
    {
        entries = [];
        if (Find(path) is not DirectoryNode directory)
        {
            return Errno.NoEntry;
        }

        entries = [.. directory.Names.Select(static p => new DirectoryEntry(p.Key, p.Value is DirectoryNode))];
        return Errno.Ok;
    }

    public Errno Status(string path, out FileStatus status)
    {
        object? node = Find(path);
        status = node switch
        {
            DirectoryNode => new FileStatus(true, 0, 0x1C0),
            FileNode file => new FileStatus(false, file.Length, 0x180),
            _ => default,
        };
        return node is null ? Errno.NoEntry : Errno.Ok;
    }

    public Errno MakeDirectory(string path, int mode)
    {
        if (Find(Parent(path)) is not DirectoryNode parent)
        {
            return Errno.NoEntry;
        }

        if (parent.Names.ContainsKey(Name(path)))
        {
            return Errno.Exists;
        }

        Change("mkdir");
        parent.Put(Name(path), new DirectoryNode());
        return Errno.Ok;
    }

    public Errno Rename(string from, string to)
    {
        if (Find(Parent(from)) is not DirectoryNode source || Find(Parent(to)) is not DirectoryNode target
            || !source.Names.TryGetValue(Name(from), out object? node))
        {
            return Errno.NoEntry;
        }

        Change("rename");
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
        if (Find(path) is not FileNode file)
        {
            return Find(path) is null ? Errno.NoEntry : new Errno(IsDirectory);
        }

        Change("remove", (ulong)file.Id);
        ((DirectoryNode)Find(Parent(path))!).Drop(Name(path));
        return Errno.Ok;
    }

    public Errno RemoveDirectory(string path)
    {
        if (Find(path) is not DirectoryNode directory)
        {
            return Errno.NoEntry;
        }

        if (directory.Names.Count > 0)
        {
            return new Errno(NotEmpty);
        }

        Change("rmdir");
        ((DirectoryNode)Find(Parent(path))!).Drop(Name(path));
        return Errno.Ok;
    }

    public Errno SyncDirectory(string path)
    {
        if (Find(path) is not DirectoryNode directory)
        {
            return Errno.NoEntry;
        }

        Change("syncdir");
        machine.Spend(Faults.SyncNanos());
        directory.Sync();
        MarkReachable();
        FreeUnreachable();
        return Errno.Ok;
    }

    public Errno FreeSpace(string path, out long bytes)
    {
        bytes = Math.Max(0, Faults.Capacity - OccupiedBytes);
        return Errno.Ok;
    }

    public void Dispose()
    {
        foreach (FileNode file in _files)
        {
            file.Dispose();
        }

        _files.Clear();
    }

    internal Errno Write(SimFile file, FileNode node, ReadOnlySpan<byte> source, long offset)
    {
        Errno e = Faults.OnWrite();
        e = e.Failed ? e : Room(node, offset + source.Length);
        if (e.Failed)
        {
            return Failed(file, e);
        }

        ulong crc = Crc32C.Append(0, source);
        bool fails = Faults.LosesPower();
        trace.Add(machine.LocalNow, "write", ((ulong)node.Id << 40) | (ulong)offset, crc | ((ulong)source.Length << 32));
        Calls++;
        node.Write(source, offset);
        return fails ? throw PowerLost() : Errno.Ok;
    }

    internal Errno Allocate(FileNode node, long offset, long length)
    {
        Errno e = Room(node, offset + length);
        if (!e.Failed)
        {
            Change("allocate", (ulong)node.Id, (ulong)length);
            node.SetLength(Math.Max(node.Length, offset + length));
            node.Occupy(node.Length);
        }

        return e;
    }

    internal void Truncate(FileNode node, long length)
    {
        Change("truncate", (ulong)node.Id, (ulong)length);
        node.SetLength(length);
    }

    internal Errno Sync(SimFile file, FileNode node)
    {
        Change("sync", (ulong)node.Id);
        machine.Spend(Faults.SyncNanos());
        Errno e = Faults.OnSync();
        if (e.Failed)
        {
            // As Linux: the pages count as clean afterwards, so a second try would lie.
            trace.Add(machine.LocalNow, "sync failed", (ulong)node.Id);
            return Failed(file, e);
        }

        node.Sync();
        return Errno.Ok;
    }

    internal void Released(FileNode node)
    {
        if (node.Uses == 0)
        {
            MarkReachable();
            FreeUnreachable();
        }
    }

    private static LifeEndedException PowerLost() => new(LifeEnd.PowerLost, "the power failed in a disk call");

    private static string Parent(string path) => Path.GetDirectoryName(path.TrimEnd('/')) ?? "/";

    private static string Name(string path) => Path.GetFileName(path.TrimEnd('/'));

    // A full disk is told apart: some of it is expected. The reserved next segment may fail without harm.
    private Errno Failed(SimFile file, Errno e)
    {
        Faults.Errors++;
        bool kept = file.Path.EndsWith(".wal", StringComparison.Ordinal) || file.Path.EndsWith("/db", StringComparison.Ordinal);
        Faults.DeadlyErrors += kept && e == Errno.InputOutput ? 1 : 0;
        return e;
    }

    private Errno Room(FileNode node, long end)
    {
        long more = end - node.OccupiedBytes;
        return more > 0 && Faults.Capacity != long.MaxValue && OccupiedBytes + more > Faults.Capacity
            ? Errno.NoSpace : Errno.Ok;
    }

    private void Change(string call, ulong detail = 0, ulong more = 0)
    {
        trace.Add(machine.LocalNow, call, detail, more);
        Calls++;
        if (Faults.LosesPower())
        {
            throw PowerLost();
        }
    }

    private object? Find(string path)
    {
        object? at = _root;
        foreach (string part in path.Split('/', StringSplitOptions.RemoveEmptyEntries))
        {
            at = at is DirectoryNode directory && directory.Names.TryGetValue(part, out object? next) ? next : null;
        }

        return at;
    }

    private void LosePower(DirectoryNode directory)
    {
        directory.LosePower(dice);
        foreach (object node in directory.Names.Values)
        {
            if (node is DirectoryNode inner)
            {
                LosePower(inner);
            }
            else
            {
                ((FileNode)node).LosePower(dice);
            }
        }
    }

    private void Sweep()
    {
        foreach (FileNode file in _files)
        {
            file.Uses = 0;
            file.Holder = null;
        }

        MarkReachable();
        FreeUnreachable();
    }

    private void MarkReachable()
    {
        foreach (FileNode file in _files)
        {
            file.IsReachable = false;
        }

        Mark(_root);
    }

    private static void Mark(DirectoryNode directory)
    {
        foreach (object node in directory.Names.Values)
        {
            if (node is DirectoryNode inner)
            {
                Mark(inner);
            }
            else
            {
                ((FileNode)node).IsReachable = true;
            }
        }
    }

    private void FreeUnreachable()
    {
        // A removed name that is not synced may come back: its file stays until the directory forgets it too.
        _files.RemoveAll(file =>
        {
            bool gone = !file.IsReachable && file.Uses == 0 && !MayComeBack(_root, file);
            if (gone)
            {
                file.Dispose();
            }

            return gone;
        });
    }

    private static bool MayComeBack(DirectoryNode directory, FileNode file)
    {
        return directory.Remembers(file)
            || directory.Names.Values.Any(n => n is DirectoryNode inner && MayComeBack(inner, file));
    }
}
