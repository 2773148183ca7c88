// Fields of answers behind their header, encoded where they come up: by the applier for writes, by the I/O thread for
// reads. Byte for byte what the generated classes would write. Any thread; the writer belongs to one.
using System.Buffers;
using EtcdAot.Mvcc;
using EtcdAot.Wire.Codecs;

namespace EtcdAot.Server;

/// <summary>Writes answer fields into a buffer.</summary>
public static class AnswerEncoding
{
    /// <summary>A varint field, left out when zero.</summary>
    public static void NonZero(ArrayBufferWriter<byte> target, int field, ulong value)
    {
        if (value != 0)
        {
            int size = ProtoWriter.SizeOf(field, value);
            var writer = new ProtoWriter(target.GetSpan(size));
            writer.Field(field, value);
            target.Advance(size);
        }
    }

    /// <summary>A bytes or message field, also when empty.</summary>
    public static void Bytes(ArrayBufferWriter<byte> target, int field, ReadOnlySpan<byte> value)
    {
        int size = ProtoWriter.SizeOfBytes(field, value.Length);
        var writer = new ProtoWriter(target.GetSpan(size));
        writer.Bytes(field, value);
        target.Advance(size);
    }

    /// <summary>header of an answer inside a txn: the revision alone.</summary>
    public static void InnerHeader(ArrayBufferWriter<byte> target, long revision)
    {
        Span<byte> header = stackalloc byte[11];
        var writer = new ProtoWriter(header);
        writer.NonZero(3, (ulong)revision);
        Bytes(target, 1, header[..writer.Position]);
    }

    /// <summary>more and count of a range answer.</summary>
    public static void RangeEnd(ArrayBufferWriter<byte> target, in RangeResult result)
    {
        NonZero(target, 3, result.More ? 1UL : 0);
        NonZero(target, 4, (ulong)result.Count);
    }
}

/// <summary>Writes found KeyValues as a repeated field.</summary>
public readonly struct KeyValueFieldSink(ArrayBufferWriter<byte> target, int field) : IRangeSink, IDeleteSink
{
    public void Add(ReadOnlySpan<byte> keyValue) => AnswerEncoding.Bytes(target, field, keyValue);

    public void Deleted(ReadOnlySpan<byte> key, ReadOnlySpan<byte> previous)
    {
        if (!previous.IsEmpty)
        {
            AnswerEncoding.Bytes(target, field, previous);
        }
    }
}
