// etcdserverpb.TxnRequest as slices: compares and operations are walked where they lie, level by level. Depth and counts
// are bounded by the caller (max-txn-ops, spec api-v3 §2.5). Any thread.
namespace EtcdAot.Wire.Codecs;

/// <summary>Which member of RequestOp is set.</summary>
public enum OpKind
{
    None = 0,
    Range = 1,
    Put = 2,
    DeleteRange = 3,
    Txn = 4,
}

/// <summary>One message of a transaction level.</summary>
public ref struct TxnRequestView(ReadOnlySpan<byte> message)
{
    /// <summary>The encoded TxnRequest.</summary>
    public readonly ReadOnlySpan<byte> Message = message;

    public readonly RepeatedMessages Compares => new(Message, 1);

    public readonly RepeatedMessages Success => new(Message, 2);

    public readonly RepeatedMessages Failure => new(Message, 3);

    /// <summary>The branch that the compares chose.</summary>
    public readonly RepeatedMessages Branch(bool succeeded) => new(Message, succeeded ? 2 : 3);

    /// <summary>Levels that this build walks, whatever --max-txn-ops says: every walk is recursive, so the stack is the
    /// bound. Clients nest one or two levels; the default of --max-txn-ops allows 128.</summary>
    public const int DepthMax = 512;

    /// <summary>True when every byte on every level is well formed, no deeper than <paramref name="maxDepth"/> levels.
    /// </summary>
    /// <param name="message">The encoded TxnRequest.</param>
    /// <param name="maxDepth">Levels allowed.</param>
    /// <param name="tooDeep">True when it is nested deeper; what lies there was not looked at.</param>
    public static bool IsWellFormed(ReadOnlySpan<byte> message, int maxDepth, out bool tooDeep)
    {
        tooDeep = maxDepth < 1;
        if (tooDeep)
        {
            return false;
        }

        var reader = new ProtoReader(message);
        while (reader.Next())
        {
            bool good = reader.Field switch
            {
                1 => CompareView.TryParse(reader.ReadBytes(), out _),
                2 or 3 => IsWellFormedOp(reader.ReadBytes(), maxDepth, out tooDeep),
                _ => true,
            };
            if (!good)
            {
                return false;
            }
        }

        return !reader.Failed;
    }

    private static bool IsWellFormedOp(ReadOnlySpan<byte> op, int maxDepth, out bool tooDeep)
    {
        tooDeep = false;
        if (!RequestOpView.TryParse(op, out RequestOpView view))
        {
            return false;
        }

        return view.Kind switch
        {
            OpKind.Range => RangeRequestView.TryParse(view.Body, out _),
            OpKind.Put => PutRequestView.TryParse(view.Body, out _),
            OpKind.DeleteRange => DeleteRangeRequestView.TryParse(view.Body, out _),
            OpKind.Txn => IsWellFormed(view.Body, maxDepth - 1, out tooDeep),
            _ => true,
        };
    }
}

/// <summary>Walks the occurrences of one repeated message field: <c>foreach (var m in txn.Success)</c>.</summary>
public ref struct RepeatedMessages(ReadOnlySpan<byte> message, int field)
{
    private readonly int _field = field;
    private ProtoReader _reader = new(message);

    /// <summary>The encoded element.</summary>
    public ReadOnlySpan<byte> Current { get; private set; }

    public readonly RepeatedMessages GetEnumerator() => this;

    public bool MoveNext()
    {
        while (_reader.Next())
        {
            if (_reader.Field == _field && _reader.Type == WireType.Bytes)
            {
                Current = _reader.ReadBytes();
                return !_reader.Failed;
            }
        }

        return false;
    }

    /// <summary>Number of elements; walks them.</summary>
    public readonly int Count()
    {
        RepeatedMessages walk = this;
        int n = 0;
        while (walk.MoveNext())
        {
            n++;
        }

        return n;
    }
}

/// <summary>etcdserverpb.RequestOp: the last member set on the wire counts.</summary>
public ref struct RequestOpView
{
    public OpKind Kind;

    /// <summary>The encoded member.</summary>
    public ReadOnlySpan<byte> Body;

    /// <summary>False when the bytes are not a message.</summary>
    public static bool TryParse(ReadOnlySpan<byte> message, out RequestOpView op)
    {
        op = default;
        var reader = new ProtoReader(message);
        while (reader.Next())
        {
            if (reader.Field is >= 1 and <= 4)
            {
                op.Kind = (OpKind)reader.Field;
                op.Body = reader.ReadBytes();
            }
        }

        return !reader.Failed;
    }
}

/// <summary>etcdserverpb.Compare.</summary>
public ref struct CompareView
{
    /// <summary>EQUAL 0, GREATER 1, LESS 2, NOT_EQUAL 3; other numbers are kept.</summary>
    public int Result;

    /// <summary>VERSION 0, CREATE 1, MOD 2, VALUE 3, LEASE 4; other numbers are kept.</summary>
    public int Target;
    public ReadOnlySpan<byte> Key;
    public ReadOnlySpan<byte> RangeEnd;

    /// <summary>Field number of the member of target_union that is set, 0 for none.</summary>
    public int UnionField;

    /// <summary>The union's number, when it is one.</summary>
    public long Number;

    /// <summary>The union's value, when it is bytes.</summary>
    public ReadOnlySpan<byte> Value;

    /// <summary>False when the bytes are not a message.</summary>
    public static bool TryParse(ReadOnlySpan<byte> message, out CompareView compare)
    {
        compare = default;
        var reader = new ProtoReader(message);
        while (reader.Next())
        {
            switch (reader.Field)
            {
                case 1:
                    compare.Result = reader.ReadInt32();
                    break;
                case 2:
                    compare.Target = reader.ReadInt32();
                    break;
                case 3:
                    compare.Key = reader.ReadBytes();
                    break;
                case 4 or 5 or 6 or 8:
                    compare.UnionField = reader.Field;
                    compare.Number = reader.ReadInt64();
                    compare.Value = default;
                    break;
                case 7:
                    compare.UnionField = 7;
                    compare.Number = 0;
                    compare.Value = reader.ReadBytes();
                    break;
                case 64:
                    compare.RangeEnd = reader.ReadBytes();
                    break;
                default:
                    break;
            }
        }

        return !reader.Failed;
    }
}
