// Reads protobuf wire format from a span without copying. Hostile input gives Failed, never an exception and never a
// read outside the span. Any thread; lives on the stack.
using System.Runtime.CompilerServices;

namespace EtcdAot.Wire.Codecs;

/// <summary>Wire types of protobuf.</summary>
public enum WireType
{
    Varint = 0,
    Fixed64 = 1,
    Bytes = 2,
    StartGroup = 3,
    EndGroup = 4,
    Fixed32 = 5,
}

/// <summary>A cursor over one encoded message: <c>while (r.Next()) switch (r.Field) …</c>, then look at Failed.</summary>
/// <param name="message">The bytes.</param>
/// <param name="strict">False: what etcd's generated decoders take (the tags inside an unknown group count by their wire
/// type alone, field numbers and varints lose what is beyond their bits). True: what the standard library takes, which
/// decodes grpc.health.v1.</param>
public ref struct ProtoReader(ReadOnlySpan<byte> message, bool strict = false)
{
    private const int MaxGroupDepth = 32;
    private const int LastVarintShift = 63;
    private readonly ReadOnlySpan<byte> _message = message;
    private bool _valuePending;

    /// <summary>Offset of the next unread byte.</summary>
    public int Position { get; private set; }

    /// <summary>Field number of the current field.</summary>
    public int Field { get; private set; }

    /// <summary>Wire type of the current field.</summary>
    public WireType Type { get; private set; }

    /// <summary>True once the bytes turned out not to be a message.</summary>
    public bool Failed { get; private set; }

    /// <summary>Moves to the next field, skipping the current value if it was not read. False at the end or on
    /// malformed bytes.</summary>
    public bool Next()
    {
        if (_valuePending)
        {
            Skip(0);
        }

        if (Failed || Position >= _message.Length)
        {
            return false;
        }

        ulong tag = RawVarint();
        Field = (int)(tag >> 3);
        Type = (WireType)(tag & 7);
        if (Failed || Field <= 0 || Type > WireType.Fixed32 || Type == WireType.EndGroup
            || (strict && tag > uint.MaxValue))
        {
            return Fail();
        }

        _valuePending = true;
        return true;
    }

    /// <summary>The current value as a varint; a value of another wire type fails.</summary>
    public ulong ReadVarint()
    {
        _valuePending = false;
        return Type == WireType.Varint ? RawVarint() : FailZero();
    }

    public long ReadInt64() => (long)ReadVarint();

    public int ReadInt32() => (int)ReadVarint();

    public bool ReadBool() => ReadVarint() != 0;

    /// <summary>The current value as bytes, a slice of the message.</summary>
    public ReadOnlySpan<byte> ReadBytes()
    {
        _valuePending = false;
        if (Type != WireType.Bytes)
        {
            Fail();
            return default;
        }

        ulong length = RawVarint();
        if (Failed || length > (ulong)(_message.Length - Position))
        {
            Fail();
            return default;
        }

        ReadOnlySpan<byte> slice = _message.Slice(Position, (int)length);
        Position += (int)length;
        return slice;
    }

    /// <summary>Adds the current value of a repeated varint field to the list, packed or not.</summary>
    public void ReadVarints(List<ulong> into)
    {
        if (Type != WireType.Bytes)
        {
            into.Add(ReadVarint());
            return;
        }

        int length = ReadBytes().Length;
        int end = Position;
        Position -= length;
        while (!Failed && Position < end)
        {
            into.Add(RawVarint());
        }

        if (Position != end)
        {
            Fail();
        }
    }

    /// <summary>The next bytes as a bare varint, for packed fields; false at the end or on malformed bytes.</summary>
    public bool TryReadRawVarint(out ulong value)
    {
        value = 0;
        if (Failed || Position >= _message.Length)
        {
            return false;
        }

        value = RawVarint();
        return !Failed;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private ulong RawVarint()
    {
        if (Position < _message.Length && _message[Position] < 0x80)
        {
            return _message[Position++];
        }

        return SlowVarint();
    }

    private ulong SlowVarint()
    {
        ulong value = 0;
        for (int shift = 0; shift <= LastVarintShift; shift += 7)
        {
            if (Position >= _message.Length)
            {
                return FailZero();
            }

            // Bits beyond 64 are dropped, as the original's generated decoders do.
            byte b = _message[Position++];
            if (strict && shift == LastVarintShift && b > 1)
            {
                return FailZero();
            }

            value |= (ulong)(b & 0x7F) << shift;
            if (b < 0x80)
            {
                return value;
            }
        }

        return FailZero();
    }

    private void Skip(int depth)
    {
        _valuePending = false;
        switch (Type)
        {
            case WireType.Varint:
                RawVarint();
                break;
            case WireType.Fixed64:
                Move(8);
                break;
            case WireType.Fixed32:
                Move(4);
                break;
            case WireType.Bytes:
                ReadBytes();
                break;
            default:
                if (strict)
                {
                    SkipStrictGroup(Field, depth);
                }
                else
                {
                    SkipGroup();
                }

                break;
        }
    }

    private void SkipGroup()
    {
        int open = 1;
        while (!Failed && open > 0)
        {
            Type = (WireType)(RawVarint() & 7);
            if (Type > WireType.Fixed32)
            {
                Fail();
            }
            else if (Type is WireType.StartGroup or WireType.EndGroup)
            {
                open += Type == WireType.StartGroup ? 1 : -1;
            }
            else
            {
                Skip(0);
            }
        }
    }

    private void SkipStrictGroup(int field, int depth)
    {
        if (depth >= MaxGroupDepth)
        {
            Fail();
        }

        while (!Failed)
        {
            ulong tag = RawVarint();
            if (Failed || tag > uint.MaxValue || tag >> 3 == 0)
            {
                Fail();
                return;
            }

            Type = (WireType)(tag & 7);
            if (Type == WireType.EndGroup)
            {
                if ((int)(tag >> 3) != field)
                {
                    Fail();
                }

                return;
            }

            Field = (int)(tag >> 3);
            if (Type > WireType.Fixed32)
            {
                Fail();
                return;
            }

            Skip(depth + 1);
        }
    }

    private void Move(int bytes)
    {
        if (bytes > _message.Length - Position)
        {
            Fail();
            return;
        }

        Position += bytes;
    }

    private bool Fail()
    {
        Failed = true;
        _valuePending = false;
        return false;
    }

    private ulong FailZero()
    {
        Fail();
        return 0;
    }
}
