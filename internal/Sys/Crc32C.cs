// CRC-32C (Castagnoli), finalised form in and out, as etcd's WAL and HashKV chain it (spec storage §5.3).
using System.Buffers.Binary;
using System.Numerics;

namespace EtcdAot.Sys;

/// <summary>CRC-32C over byte spans.</summary>
public static class Crc32C
{
    /// <summary>Continues a finalised CRC (0 at the start) over more bytes.</summary>
    public static uint Append(uint crc, ReadOnlySpan<byte> bytes)
    {
        uint c = ~crc;
        while (bytes.Length >= 8)
        {
            c = BitOperations.Crc32C(c, BinaryPrimitives.ReadUInt64LittleEndian(bytes));
            bytes = bytes[8..];
        }

        foreach (byte b in bytes)
        {
            c = BitOperations.Crc32C(c, b);
        }

        return ~c;
    }
}
