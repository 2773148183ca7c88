// A revision and its bolt key (spec storage §4.1). Immutable; any thread.
using System.Buffers.Binary;

namespace EtcdAot.Mvcc;

/// <summary>Main and sub revision: position of one change in the history of the store.</summary>
/// <param name="Main">One for each write that changed something; starts at 2.</param>
/// <param name="Sub">Number of the change inside it, from 0.</param>
public readonly record struct Revision(long Main, int Sub) : IComparable<Revision>
{
    /// <summary>Bytes of a bolt key: main u64 BE, '_', sub u64 BE.</summary>
    public const int KeyBytes = 17;

    /// <summary>Bytes of a deletion's bolt key: one 't' more.</summary>
    public const int TombstoneKeyBytes = 18;

    public int CompareTo(Revision other) => Main != other.Main ? Main.CompareTo(other.Main) : Sub.CompareTo(other.Sub);

    public static bool operator <(Revision a, Revision b) => a.CompareTo(b) < 0;

    public static bool operator >(Revision a, Revision b) => a.CompareTo(b) > 0;

    public static bool operator <=(Revision a, Revision b) => a.CompareTo(b) <= 0;

    public static bool operator >=(Revision a, Revision b) => a.CompareTo(b) >= 0;

    /// <summary>Writes the bolt key; returns 17 or 18.</summary>
    public int Encode(Span<byte> destination, bool tombstone = false)
    {
        BinaryPrimitives.WriteInt64BigEndian(destination, Main);
        destination[8] = (byte)'_';
        BinaryPrimitives.WriteInt64BigEndian(destination[9..], Sub);
        if (!tombstone)
        {
            return KeyBytes;
        }

        destination[17] = (byte)'t';
        return TombstoneKeyBytes;
    }

    /// <summary>Reads a bolt key. False with etcd's text when it is none (spec storage §4.1).</summary>
    public static bool TryDecode(ReadOnlySpan<byte> key, out Revision revision, out bool tombstone, out string error)
    {
        revision = default;
        tombstone = false;
        error = "";
        if (key.Length is not KeyBytes and not TombstoneKeyBytes)
        {
            error = $"invalid revision length: {key.Length}";
            return false;
        }

        if (key[8] != (byte)'_')
        {
            error = $"invalid separator in bucket key: '{(char)key[8]}'";
            return false;
        }

        long main = BinaryPrimitives.ReadInt64BigEndian(key);
        long sub = BinaryPrimitives.ReadInt64BigEndian(key[9..]);
        if (main < 0 || sub < 0 || sub > int.MaxValue)
        {
            error = $"negative revision: main={main} sub={sub}";
            return false;
        }

        revision = new Revision(main, (int)sub);
        tombstone = key.Length == TombstoneKeyBytes;
        return true;
    }
}
