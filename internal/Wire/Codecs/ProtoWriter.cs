// Writes protobuf wire format into a span whose size was computed first. A span that is too small is a programmer error.
// Any thread; lives on the stack.
using System.Numerics;
using System.Runtime.CompilerServices;

namespace EtcdAot.Wire.Codecs;

/// <summary>A write cursor over a span.</summary>
public ref struct ProtoWriter(Span<byte> destination)
{
    private readonly Span<byte> _destination = destination;

    /// <summary>Bytes written.</summary>
    public int Position { get; private set; }

    /// <summary>Bytes that a varint takes, 1 to 10.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static int SizeOf(ulong value) => (BitOperations.Log2(value | 1) / 7) + 1;

    /// <summary>Bytes of a varint field with its tag; zero values still count.</summary>
    public static int SizeOf(int field, ulong value) => SizeOf((ulong)field << 3) + SizeOf(value);

    /// <summary>Bytes of a length-delimited field with its tag and length.</summary>
    public static int SizeOfBytes(int field, int length)
    {
        return SizeOf((ulong)field << 3) + SizeOf((ulong)length) + length;
    }

    /// <summary>Bytes of a varint field that is left out when zero (proto3).</summary>
    public static int SizeOfNonZero(int field, ulong value) => value == 0 ? 0 : SizeOf(field, value);

    /// <summary>Bytes of a bytes field that is left out when empty (proto3).</summary>
    public static int SizeOfNonEmpty(int field, int length) => length == 0 ? 0 : SizeOfBytes(field, length);

    public void Varint(ulong value)
    {
        while (value >= 0x80)
        {
            _destination[Position++] = (byte)(value | 0x80);
            value >>= 7;
        }

        _destination[Position++] = (byte)value;
    }

    /// <summary>A varint field, also when zero (proto2 always-emit, spec storage §5.4).</summary>
    public void Field(int field, ulong value)
    {
        Varint(((ulong)field << 3) | (ulong)WireType.Varint);
        Varint(value);
    }

    /// <summary>A varint field, left out when zero (proto3).</summary>
    public void NonZero(int field, ulong value)
    {
        if (value != 0)
        {
            Field(field, value);
        }
    }

    /// <summary>A bytes field, also when empty.</summary>
    public void Bytes(int field, scoped ReadOnlySpan<byte> value)
    {
        BytesHeader(field, value.Length);
        Raw(value);
    }

    /// <summary>A bytes field, left out when empty (proto3).</summary>
    public void NonEmpty(int field, scoped ReadOnlySpan<byte> value)
    {
        if (!value.IsEmpty)
        {
            Bytes(field, value);
        }
    }

    /// <summary>Tag and length of a bytes field or sub-message whose body follows.</summary>
    public void BytesHeader(int field, int length)
    {
        Varint(((ulong)field << 3) | (ulong)WireType.Bytes);
        Varint((ulong)length);
    }

    public void Raw(scoped ReadOnlySpan<byte> bytes)
    {
        bytes.CopyTo(_destination[Position..]);
        Position += bytes.Length;
    }
}
