// Draws keys, values, ranges and revisions from a small space, so that calls meet one another. At most twelve keys:
// up to that many results the real server keeps key order among equals when it sorts.
using Google.Protobuf;

namespace EtcdAot.Tests.Conformance.Rpc;

/// <summary>Seeded draws.</summary>
internal sealed class Dice(int seed)
{
    private static readonly byte[][] Keys =
    [
        [0], [(byte)'a'], [(byte)'a', 0], "aa"u8.ToArray(), "ab"u8.ToArray(), [(byte)'b'], "b/1"u8.ToArray(),
        "b/2"u8.ToArray(), [(byte)'c'], [(byte)'z'], [0xff], [0xff, 0xff],
    ];

    private readonly Random _random = new(seed);

    public int Below(int bound) => _random.Next(bound);

    public bool Chance(int percent) => _random.Next(100) < percent;

    public T Of<T>(params ReadOnlySpan<T> choices) => choices[_random.Next(choices.Length)];

    public byte[] Bytes(int count)
    {
        byte[] bytes = new byte[count];
        _random.NextBytes(bytes);
        return bytes;
    }

    public ByteString Key(int emptyPercent = 2) =>
        Chance(emptyPercent) ? ByteString.Empty : ByteString.CopyFrom(Keys[Below(Keys.Length)]);

    /// <summary>A single key, a from-key, a prefix, a range, a range that ends before it begins.</summary>
    public ByteString RangeEnd(ByteString key, OptionTable table)
    {
        int kind = Below(5);
        ByteString other = Key(0);
        ByteString end = kind switch
        {
            0 => ByteString.Empty,
            1 => ByteString.CopyFrom(0),
            2 when !key.IsEmpty && key[^1] != 0xff => ByteString.CopyFrom([.. key.Span[..^1], (byte)(key[^1] + 1)]),
            _ => other,
        };
        string form = end.IsEmpty ? "single key" : end.Length == 1 && end[0] == 0 ? "from key"
            : kind == 2 ? "prefix" : key.Span.SequenceCompareTo(end.Span) >= 0 ? "end before key" : "range";
        table.Row("ranges", form);
        return end;
    }

    public ByteString Value() => Below(6) switch
    {
        0 => ByteString.Empty,
        1 => ByteString.CopyFrom(0xff, 0),
        2 => ByteString.CopyFrom(Bytes(Of(1, 100, 3000))),
        _ => ByteString.CopyFromUtf8("v" + Below(6)),
    };

    /// <summary>Current, old, compacted, future or negative revisions.</summary>
    public long RevisionNear(Lockstep pair)
    {
        (string form, long revision) = Below(12) switch
        {
            0 => ("current", pair.Revision),
            1 => ("future", pair.Revision + 1 + Below(3)),
            2 => ("at compaction", pair.Compacted),
            3 => ("below compaction", pair.Compacted - 1),
            4 => ("negative", Of(-1L, long.MinValue)),
            5 => ("largest", long.MaxValue),
            _ => ("old", pair.Revision - Below(30)),
        };
        pair.Table.Row("revisions", form);
        return revision;
    }
}
