// mvccpb.KeyValue by hand (spec storage §4.1): proto3, ascending fields, zero fields omitted. Pure; any thread.
// Bytes from the file are hostile: Parse checks every length and never reads beyond its span.
using System.Numerics;

namespace EtcdAot.Mvcc;

/// <summary>Fields of an encoded KeyValue; spans lie in the encoded bytes.</summary>
public ref struct KeyValueFields
{
    public ReadOnlySpan<byte> Key;
    public ReadOnlySpan<byte> Value;
    public long CreateRevision;
    public long ModRevision;
    public long Version;
    public long Lease;
}

/// <summary>Reads and writes encoded KeyValues.</summary>
public static class KeyValueCodec
{
    /// <summary>Bytes of a varint.</summary>
    public static int VarintSize(ulong value) => (70 - BitOperations.LeadingZeroCount(value | 1)) / 7;

    /// <summary>Writes a varint; returns its bytes.</summary>
    public static int WriteVarint(Span<byte> destination, ulong value)
    {
        int i = 0;
        while (value >= 0x80)
        {
            destination[i++] = (byte)(value | 0x80);
            value >>= 7;
        }

        destination[i++] = (byte)value;
        return i;
    }

    /// <summary>Reads a varint at <paramref name="at"/>; false when it is cut off or too long.</summary>
    public static bool TryReadVarint(ReadOnlySpan<byte> bytes, ref int at, out ulong value)
    {
        value = 0;
        for (int shift = 0; shift < 64 && at < bytes.Length; shift += 7)
        {
            byte b = bytes[at++];
            value |= (ulong)(b & 0x7f) << shift;
            if (b < 0x80)
            {
                return true;
            }
        }

        return false;
    }

    /// <summary>Bytes that <see cref="Encode"/> will write.</summary>
    public static int EncodedSize(in KeyValueFields kv)
    {
        return BytesSize(kv.Key.Length) + NumberSize(kv.CreateRevision) + NumberSize(kv.ModRevision)
            + NumberSize(kv.Version) + BytesSize(kv.Value.Length) + NumberSize(kv.Lease);
    }

    /// <summary>Encodes; returns the bytes written.</summary>
    public static int Encode(Span<byte> destination, in KeyValueFields kv)
    {
        int at = WriteBytes(destination, 0, 0x0a, kv.Key);
        at = WriteNumber(destination, at, 0x10, kv.CreateRevision);
        at = WriteNumber(destination, at, 0x18, kv.ModRevision);
        at = WriteNumber(destination, at, 0x20, kv.Version);
        at = WriteBytes(destination, at, 0x2a, kv.Value);
        return WriteNumber(destination, at, 0x30, kv.Lease);
    }

    /// <summary>Reads the fields; unknown ones are skipped. False when the bytes are no message.</summary>
    public static bool TryParse(ReadOnlySpan<byte> bytes, out KeyValueFields kv)
    {
        kv = default;
        int at = 0;
        while (at < bytes.Length)
        {
            if (!TryReadVarint(bytes, ref at, out ulong tag))
            {
                return false;
            }

            switch (tag & 7)
            {
                case 0:
                    if (!TryReadVarint(bytes, ref at, out ulong number))
                    {
                        return false;
                    }

                    SetNumber(ref kv, tag >> 3, (long)number);
                    break;
                case 2:
                    if (!TryReadVarint(bytes, ref at, out ulong length) || length > (ulong)(bytes.Length - at))
                    {
                        return false;
                    }

                    SetBytes(ref kv, tag >> 3, bytes.Slice(at, (int)length));
                    at += (int)length;
                    break;
                case 1 when bytes.Length - at >= 8:
                    at += 8;
                    break;
                case 5 when bytes.Length - at >= 4:
                    at += 4;
                    break;
                default:
                    return false;
            }
        }

        return true;
    }

    private static void SetNumber(ref KeyValueFields kv, ulong field, long number)
    {
        switch (field)
        {
            case 2:
                kv.CreateRevision = number;
                break;
            case 3:
                kv.ModRevision = number;
                break;
            case 4:
                kv.Version = number;
                break;
            case 6:
                kv.Lease = number;
                break;
            default:
                break;
        }
    }

    private static void SetBytes(ref KeyValueFields kv, ulong field, ReadOnlySpan<byte> bytes)
    {
        if (field == 1)
        {
            kv.Key = bytes;
        }
        else if (field == 5)
        {
            kv.Value = bytes;
        }
    }

    private static int BytesSize(int length) => length == 0 ? 0 : 1 + VarintSize((ulong)length) + length;

    private static int NumberSize(long number) => number == 0 ? 0 : 1 + VarintSize((ulong)number);

    private static int WriteBytes(Span<byte> destination, int at, byte tag, ReadOnlySpan<byte> bytes)
    {
        if (bytes.IsEmpty)
        {
            return at;
        }

        destination[at++] = tag;
        at += WriteVarint(destination[at..], (ulong)bytes.Length);
        bytes.CopyTo(destination[at..]);
        return at + bytes.Length;
    }

    private static int WriteNumber(Span<byte> destination, int at, byte tag, long number)
    {
        if (number == 0)
        {
            return at;
        }

        destination[at++] = tag;
        return at + WriteVarint(destination[at..], (ulong)number);
    }
}
