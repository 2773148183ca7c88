// Key ranges as the API writes them (spec api-v3 §2.1). Immutable; any thread.
namespace EtcdAot.Mvcc;

/// <summary>A key, or [start, end), or everything from a key on.</summary>
public readonly ref struct KeyRange
{
    private enum Kind
    {
        Single,
        Bounded,
        Open,
    }

    private readonly Kind _kind;

    /// <summary>From the API's two fields: an empty end is the single key, one zero byte means "and above".</summary>
    public KeyRange(ReadOnlySpan<byte> key, ReadOnlySpan<byte> rangeEnd)
    {
        Start = key;
        End = rangeEnd;
        _kind = rangeEnd.IsEmpty ? Kind.Single
            : rangeEnd.Length == 1 && rangeEnd[0] == 0 ? Kind.Open : Kind.Bounded;
    }

    public ReadOnlySpan<byte> Start { get; }

    /// <summary>First key beyond, when bounded.</summary>
    public ReadOnlySpan<byte> End { get; }

    public bool IsSingle => _kind == Kind.Single;

    public bool IsOpenEnd => _kind == Kind.Open;

    /// <summary>True when end ≤ start: an empty result, no error.</summary>
    public bool IsEmpty => _kind == Kind.Bounded && End.SequenceCompareTo(Start) <= 0;

    /// <summary>True when a key not below the start is beyond the range.</summary>
    public bool EndsBefore(ReadOnlySpan<byte> key) => _kind switch
    {
        Kind.Single => !key.SequenceEqual(Start),
        Kind.Bounded => key.SequenceCompareTo(End) >= 0,
        _ => false,
    };

    public bool Contains(ReadOnlySpan<byte> key) => key.SequenceCompareTo(Start) >= 0 && !EndsBefore(key);
}
