// The frame around each record (spec storage §5.2): u64 length field, record, 0–7 zero bytes. Stateless; any thread.
//
//   bits 0..55 record length | bits 56..58 pad bytes | bit 63 set iff pad > 0      then record, then pad, total % 8 = 0
using System.Buffers.Binary;
using EtcdAot.Wire.Codecs;

namespace EtcdAot.Wal;

/// <summary>Framing of WAL records.</summary>
internal static class RecordFrame
{
    /// <summary>Bytes of the length field.</summary>
    public const int HeaderBytes = 8;

    /// <summary>Zero bytes behind a record of this length.</summary>
    public static int PadOf(long length) => (int)((8 - (length % 8)) % 8);

    /// <summary>Length field for a record.</summary>
    public static ulong Encode(int length)
    {
        int pad = PadOf(length);
        return (uint)length | (pad == 0 ? 0 : (0x80UL | (uint)pad) << 56);
    }

    /// <summary>Takes a length field apart.</summary>
    public static (long Length, int Pad) Decode(ulong field)
    {
        return ((long)(field & 0x00FF_FFFF_FFFF_FFFF), field >> 63 == 0 ? 0 : (int)((field >> 56) & 7));
    }

    /// <summary>Whole size of a framed record.</summary>
    public static int SizeOf(WalRecordType type, uint crc, int dataLength)
    {
        int record = WalRecordView.SizeOf(type, crc, dataLength);
        return HeaderBytes + record + PadOf(record);
    }

    /// <summary>Writes the frame up to the start of the record's data and returns how many bytes that took; the data
    /// itself, when there is any, lies at <paramref name="dataLength"/> bytes behind and is put there by the caller, the
    /// pad behind it is written here.</summary>
    public static int WriteHead(Span<byte> frame, WalRecordType type, uint crc, int dataLength)
    {
        int record = WalRecordView.SizeOf(type, crc, dataLength);
        BinaryPrimitives.WriteUInt64LittleEndian(frame, Encode(record));
        var writer = new ProtoWriter(frame[HeaderBytes..]);
        writer.Field(1, (ulong)type);
        writer.Field(2, crc);
        if (dataLength >= 0)
        {
            writer.BytesHeader(3, dataLength);
        }

        frame.Slice(HeaderBytes + record, PadOf(record)).Clear();
        return HeaderBytes + writer.Position;
    }
}
