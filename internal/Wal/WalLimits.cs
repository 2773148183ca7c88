// The numbers of this room, each with its reason.
namespace EtcdAot.Wal;

/// <summary>Limits of the log on disk.</summary>
public static class WalLimits
{
    /// <summary>A segment is preallocated to this and cut once it is full; decimal, as the original's (§5.1).</summary>
    public const long SegmentBytes = 64_000_000;

    /// <summary>Entering new ground, a write carries zeros up to the next multiple of this (DESIGN 4.7): the syncs that
    /// follow then overwrite written blocks, 107 µs instead of 201 µs.</summary>
    public const int ZeroAheadBytes = 256 * 1024;

    /// <summary>Records are buffered up to this before a write of their own; a batch below it is one write.</summary>
    public const int BufferBytes = 1024 * 1024;

    /// <summary>Sectors are written whole or not at all: the unit of the torn-write test (§5.10).</summary>
    public const int SectorBytes = 512;

    /// <summary>Window of the reader; a longer record grows it, bounded by the file's length.</summary>
    public const int ReadBytes = 1024 * 1024;

    /// <summary>A record claiming more is refused, so that a hostile file cannot ask for unbounded memory. The largest
    /// request is far below; the original has no bound of its own but the file's length.</summary>
    public const long MaxRecordBytes = 1L << 30;

    /// <summary>Segments kept by default (--max-wals).</summary>
    public const int DefaultMaxFiles = 5;

    /// <summary>A .snap file claiming more is set aside: it holds the v2 tree, a few kilobytes in practice.</summary>
    public const long MaxSnapBytes = 1L << 30;
}
