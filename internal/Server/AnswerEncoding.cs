// Fields of answers behind their header, encoded where they come up: by the applier for writes, by the I/O thread for
// reads. Byte for byte what the generated classes would write. Any thread; the writer belongs to one.
using EtcdAot.Mvcc;
using EtcdAot.Wire.Codecs;

namespace EtcdAot.Server;

/// <summary>Writes answer fields into a buffer.</summary>
public static class AnswerEncoding
{
    /// <summary>A varint field, left out when zero.</summary>
    public static void NonZero(AnswerBuffer target, int field, ulong value)
    {
        if (value != 0)
        {
            int size = ProtoWriter.SizeOf(field, value);
            if (target.TryTake(size, out Span<byte> room))
            {
                var writer = new ProtoWriter(room);
                writer.Field(field, value);
            }
        }
    }

    /// <summary>A bytes or message field, also when empty.</summary>
    public static void Bytes(AnswerBuffer target, int field, ReadOnlySpan<byte> value)
    {
        int size = ProtoWriter.SizeOfBytes(field, value.Length);
        if (target.TryTake(size, out Span<byte> room))
        {
            var writer = new ProtoWriter(room);
            writer.Bytes(field, value);
        }
    }

    /// <summary>A message field whose encoding stands in another buffer.</summary>
    public static void Message(AnswerBuffer target, int field, AnswerBuffer inner)
    {
        if (inner.IsOver)
        {
            target.CountOver(inner.Size);
        }
        else
        {
            Bytes(target, field, inner.WrittenSpan);
        }
    }

    /// <summary>header of an answer inside a txn: the revision alone.</summary>
    public static void InnerHeader(AnswerBuffer target, long revision)
    {
        Span<byte> header = stackalloc byte[11];
        var writer = new ProtoWriter(header);
        writer.NonZero(3, (ulong)revision);
        Bytes(target, 1, header[..writer.Position]);
    }

    /// <summary>more and count of a range answer.</summary>
    public static void RangeEnd(AnswerBuffer target, in RangeResult result)
    {
        NonZero(target, 3, result.More ? 1UL : 0);
        NonZero(target, 4, (ulong)result.Count);
    }
}

/// <summary>Writes found KeyValues as a repeated field.</summary>
public readonly struct KeyValueFieldSink(AnswerBuffer target, int field) : IRangeSink, IDeleteSink
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
