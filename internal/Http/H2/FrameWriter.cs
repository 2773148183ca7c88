// Writes HTTP/2 frames into a connection's output (RFC 9113 §4, §6). Stateless; called on the I/O thread.
using System.Buffers;
using System.Buffers.Binary;

namespace EtcdAot.Http.H2;

/// <summary>Frames without state: everything but header blocks and DATA, which the connection lays out itself.</summary>
internal static class FrameWriter
{
    /// <summary>Fills the nine bytes before a payload.</summary>
    public static void Header(Span<byte> at, int length, FrameType type, FrameFlags flags, uint streamId)
    {
        BinaryPrimitives.WriteUInt32BigEndian(at, ((uint)length << 8) | (byte)type);
        BinaryPrimitives.WriteUInt32BigEndian(at[5..], streamId);
        at[4] = (byte)flags;
    }

    public static void WindowUpdate(IBufferWriter<byte> output, uint streamId, int increment)
    {
        WriteUInt32(output, FrameType.WindowUpdate, streamId, (uint)increment);
    }

    public static void RstStream(IBufferWriter<byte> output, uint streamId, uint errorCode)
    {
        WriteUInt32(output, FrameType.RstStream, streamId, errorCode);
    }

    public static void Ping(IBufferWriter<byte> output, ReadOnlySpan<byte> eightBytes, bool ack)
    {
        Span<byte> at = output.GetSpan(H2Protocol.FrameHeaderSize + 8);
        Header(at, 8, FrameType.Ping, ack ? FrameFlags.Ack : FrameFlags.None, 0);
        eightBytes.CopyTo(at[H2Protocol.FrameHeaderSize..]);
        output.Advance(H2Protocol.FrameHeaderSize + 8);
    }

    public static void SettingsAck(IBufferWriter<byte> output)
    {
        Span<byte> at = output.GetSpan(H2Protocol.FrameHeaderSize);
        Header(at, 0, FrameType.Settings, FrameFlags.Ack, 0);
        output.Advance(H2Protocol.FrameHeaderSize);
    }

    public static void Settings(IBufferWriter<byte> output, ReadOnlySpan<(SettingId Id, uint Value)> settings)
    {
        int length = settings.Length * 6;
        Span<byte> at = output.GetSpan(H2Protocol.FrameHeaderSize + length);
        Header(at, length, FrameType.Settings, FrameFlags.None, 0);
        at = at[H2Protocol.FrameHeaderSize..];
        foreach ((SettingId id, uint value) in settings)
        {
            BinaryPrimitives.WriteUInt16BigEndian(at, (ushort)id);
            BinaryPrimitives.WriteUInt32BigEndian(at[2..], value);
            at = at[6..];
        }

        output.Advance(H2Protocol.FrameHeaderSize + length);
    }

    public static void GoAway(IBufferWriter<byte> output, uint lastStreamId, uint code, ReadOnlySpan<byte> debugData)
    {
        int length = 8 + debugData.Length;
        Span<byte> at = output.GetSpan(H2Protocol.FrameHeaderSize + length);
        Header(at, length, FrameType.GoAway, FrameFlags.None, 0);
        at = at[H2Protocol.FrameHeaderSize..];
        BinaryPrimitives.WriteUInt32BigEndian(at, lastStreamId);
        BinaryPrimitives.WriteUInt32BigEndian(at[4..], code);
        debugData.CopyTo(at[8..]);
        output.Advance(H2Protocol.FrameHeaderSize + length);
    }

    private static void WriteUInt32(IBufferWriter<byte> output, FrameType type, uint streamId, uint value)
    {
        Span<byte> at = output.GetSpan(H2Protocol.FrameHeaderSize + 4);
        Header(at, 4, type, FrameFlags.None, streamId);
        BinaryPrimitives.WriteUInt32BigEndian(at[H2Protocol.FrameHeaderSize..], value);
        output.Advance(H2Protocol.FrameHeaderSize + 4);
    }
}
