// The meta page: which tree is current (spec storage §2.2). Immutable value; any thread. Never trusts a byte
// before the checksum has been compared.
//
//   16 u32 magic | 20 u32 version | 24 u32 pageSize | 28 u32 flags | 32 u64 root | 40 u64 sequence | 48 u64
// freelist
//   56 u64 hwm | 64 u64 txid | 72 u64 FNV-1a over the 56 bytes at 16
using System.Buffers.Binary;

namespace EtcdAot.Bolt;

/// <summary>The fields of a meta page.</summary>
internal readonly record struct Meta(
    int PageSize, ulong Root, ulong Sequence, ulong Freelist, ulong HighWaterMark, ulong TxId)
{
    public const uint Magic = 0xED0CDAED;
    public const uint Version = 2;

    /// <summary>Bytes of header and meta; the rest of the page is zero.</summary>
    public const int Bytes = 80;

    /// <summary>The freelist is not stored (what etcd on Linux writes).</summary>
    public const ulong NoFreelist = ulong.MaxValue;

    private const int Start = Page.HeaderSize;

    /// <summary>Reads and validates in bbolt's order. <paramref name="page"/> starts at the page's
    /// header.</summary>
    public static BoltError Read(ReadOnlySpan<byte> page, out Meta meta)
    {
        meta = default;
        if (page.Length < Bytes || BinaryPrimitives.ReadUInt32LittleEndian(page[Start..]) != Magic)
        {
            return BoltError.Invalid;
        }

        if (BinaryPrimitives.ReadUInt32LittleEndian(page[(Start + 4)..]) != Version)
        {
            return BoltError.VersionMismatch;
        }

        if (BinaryPrimitives.ReadUInt64LittleEndian(page[(Start + 56)..]) != Fnv1A(page.Slice(Start, 56)))
        {
            return BoltError.Checksum;
        }

        uint pageSize = BinaryPrimitives.ReadUInt32LittleEndian(page[(Start + 8)..]);
        if (pageSize is < Limits.MinPageSize or > Limits.MaxPageSize || !uint.IsPow2(pageSize))
        {
            return BoltError.Invalid;
        }

        meta = new Meta(
            (int)pageSize,
            BinaryPrimitives.ReadUInt64LittleEndian(page[(Start + 16)..]),
            BinaryPrimitives.ReadUInt64LittleEndian(page[(Start + 24)..]),
            BinaryPrimitives.ReadUInt64LittleEndian(page[(Start + 32)..]),
            BinaryPrimitives.ReadUInt64LittleEndian(page[(Start + 40)..]),
            BinaryPrimitives.ReadUInt64LittleEndian(page[(Start + 48)..]));
        return BoltError.Ok;
    }

    /// <summary>Writes a whole page with id <paramref name="pageId"/> (0 or 1); the tail is zeroed.</summary>
    public void Write(Span<byte> page, ulong pageId)
    {
        page.Clear();
        BinaryPrimitives.WriteUInt64LittleEndian(page, pageId);
        BinaryPrimitives.WriteUInt16LittleEndian(page[8..], PageFlags.Meta);
        BinaryPrimitives.WriteUInt32LittleEndian(page[Start..], Magic);
        BinaryPrimitives.WriteUInt32LittleEndian(page[(Start + 4)..], Version);
        BinaryPrimitives.WriteUInt32LittleEndian(page[(Start + 8)..], (uint)PageSize);
        BinaryPrimitives.WriteUInt64LittleEndian(page[(Start + 16)..], Root);
        BinaryPrimitives.WriteUInt64LittleEndian(page[(Start + 24)..], Sequence);
        BinaryPrimitives.WriteUInt64LittleEndian(page[(Start + 32)..], Freelist);
        BinaryPrimitives.WriteUInt64LittleEndian(page[(Start + 40)..], HighWaterMark);
        BinaryPrimitives.WriteUInt64LittleEndian(page[(Start + 48)..], TxId);
        BinaryPrimitives.WriteUInt64LittleEndian(page[(Start + 56)..], Fnv1A(page.Slice(Start, 56)));
    }

    private static ulong Fnv1A(ReadOnlySpan<byte> bytes)
    {
        ulong hash = 0xCBF29CE484222325;
        foreach (byte b in bytes)
        {
            hash = (hash ^ b) * 0x100000001B3;
        }

        return hash;
    }
}
