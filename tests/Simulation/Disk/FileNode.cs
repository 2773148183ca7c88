// One simulated file. Its bytes lie in a range of memory that is reserved once, so that a map of it never moves. What is
// merely written is told from what is synced by the old contents of each sector that was changed since the last sync.
using EtcdAot.Sys;
using EtcdAot.Tests.Simulation.World;

namespace EtcdAot.Tests.Simulation.Disk;

/// <summary>Contents of a file, written and synced.</summary>
internal sealed unsafe class FileNode(int id) : IDisposable
{
    public const int SectorBytes = 512;

    /// <summary>No simulated file may grow beyond it; address space costs nothing.</summary>
    public const long ReserveBytes = 1L << 28;

    private const int Writable = 2;

    private readonly Dictionary<int, byte[]?> _before = [];
    private readonly Stack<byte[]> _spare = new();
    private byte* _memory = Reserve();
    private long _durableLength;
    private long _writtenEnd;

    /// <summary>Number in order of creation; stands for the file in the trace.</summary>
    public int Id { get; } = id;

    /// <summary>Start of the contents; stable.</summary>
    public byte* Memory => _memory;

    /// <summary>Bytes as written.</summary>
    public long Length { get; private set; }

    /// <summary>Bytes of the disk that it occupies.</summary>
    public long OccupiedBytes { get; private set; }

    /// <summary>Who holds its lock.</summary>
    public object? Holder { get; set; }

    /// <summary>Open handles and maps.</summary>
    public int Uses { get; set; }

    /// <summary>Names that lead to it.</summary>
    public bool IsReachable { get; set; }

    public ReadOnlySpan<byte> Contents => new(_memory, (int)Length);

    public void Dispose()
    {
        if (_memory != null)
        {
            _ = Libc.munmap(_memory, (nuint)ReserveBytes);
            _memory = null;
        }
    }

    public void Occupy(long end) => OccupiedBytes = Math.Max(OccupiedBytes, end);

    public void Write(ReadOnlySpan<byte> source, long offset)
    {
        Check(offset + source.Length);
        Length = Math.Max(Length, offset + source.Length);
        Occupy(Length);
        while (source.Length > 0)
        {
            int sector = (int)(offset / SectorBytes);
            int length = (int)Math.Min(source.Length, ((sector + 1L) * SectorBytes) - offset);
            var target = new Span<byte>(_memory + offset, length);
            // What does not change needs no old contents, and its pages stay untouched.
            if (!target.SequenceEqual(source[..length]))
            {
                Remember(sector);
                source[..length].CopyTo(target);
                _writtenEnd = Math.Max(_writtenEnd, offset + length);
            }

            source = source[length..];
            offset += length;
        }
    }

    public void SetLength(long length)
    {
        Check(length);
        if (length < Length)
        {
            Clear(length, Math.Min(Length, _writtenEnd));
            OccupiedBytes = Math.Min(OccupiedBytes, length);
        }

        Length = length;
    }

    /// <summary>Everything written is durable.</summary>
    public void Sync()
    {
        foreach (byte[]? bytes in _before.Values)
        {
            if (bytes is not null && _spare.Count < 256)
            {
                _spare.Push(bytes);
            }
        }

        _before.Clear();
        _durableLength = Length;
    }

    /// <summary>The power fails: what is not synced stays or goes, sector by sector.</summary>
    public void LosePower(Dice dice)
    {
        long length = dice.OneIn(2) ? _durableLength : Length;
        int mode = dice.Below(4);
        int[] sectors = [.. _before.Keys];
        Array.Sort(sectors);
        int kept = dice.Below(sectors.Length + 1);
        for (int i = 0; i < sectors.Length; i++)
        {
            // Nothing, all, a coin for each, or the first ones. Behind a cut that may be undone everything comes back.
            bool stays = mode == 1 || (mode == 2 && dice.OneIn(2)) || (mode == 3 && i < kept);
            if (!stays || (long)sectors[i] * SectorBytes >= Length)
            {
                Restore(sectors[i], _before[sectors[i]]);
            }
        }

        long end = Math.Max(length, Math.Max(Length, _writtenEnd));
        if (end > length)
        {
            new Span<byte>(_memory + length, (int)(Math.Min(end, ReserveBytes) - length)).Clear();
        }

        Length = length;
        _writtenEnd = Math.Min(_writtenEnd, length);
        OccupiedBytes = length;
        Sync();
    }

    /// <summary>First offset from which there may be something other than a hole.</summary>
    public long SeekData(long offset) => offset >= Math.Min(_writtenEnd, Length) ? Length : offset;

    private static byte* Reserve()
    {
        byte* range = Libc.mmap(null, (nuint)ReserveBytes, Libc.PROT_READ | Writable,
            Libc.MAP_PRIVATE | Libc.MAP_ANONYMOUS | Libc.MAP_NORESERVE, -1, 0);
        return (nint)range != -1 ? range : throw new InvalidOperationException("no address space for a simulated file");
    }

    private static void Check(long end)
    {
        if (end > ReserveBytes)
        {
            throw new InvalidOperationException("a simulated file outgrew FileNode.ReserveBytes");
        }
    }

    private void Clear(long from, long to)
    {
        for (long at = from; at < to;)
        {
            int sector = (int)(at / SectorBytes);
            int length = (int)Math.Min(to - at, ((sector + 1L) * SectorBytes) - at);
            var target = new Span<byte>(_memory + at, length);
            if (target.ContainsAnyExcept((byte)0))
            {
                Remember(sector);
                target.Clear();
            }

            at += length;
        }
    }

    private void Remember(int sector)
    {
        if (_before.ContainsKey(sector))
        {
            return;
        }

        var now = new ReadOnlySpan<byte>(_memory + ((long)sector * SectorBytes), SectorBytes);
        byte[]? copy = null;
        if (now.ContainsAnyExcept((byte)0))
        {
            copy = _spare.TryPop(out byte[]? spare) ? spare : new byte[SectorBytes];
            now.CopyTo(copy);
        }

        _before.Add(sector, copy);
    }

    private void Restore(int sector, byte[]? before)
    {
        var target = new Span<byte>(_memory + ((long)sector * SectorBytes), SectorBytes);
        if (before is null)
        {
            target.Clear();
        }
        else
        {
            before.CopyTo(target);
            _writtenEnd = Math.Max(_writtenEnd, ((long)sector + 1) * SectorBytes);
        }
    }
}
