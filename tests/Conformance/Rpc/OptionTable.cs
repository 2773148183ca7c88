// Counts what was sent: every field and enum value of every request message, from the descriptors (so that a new field
// is a row at once), the forms of hostile bytes, compare target x result, and the texts that came back from the real
// server. A row that must be there and has count 0 fails the run.
using System.Globalization;
using System.Text;
using EtcdAot.Wire.Etcdserverpb;
using Google.Protobuf;
using Google.Protobuf.Reflection;

namespace EtcdAot.Tests.Conformance.Rpc;

/// <summary>The table that the run prints.</summary>
internal sealed class OptionTable
{
    private const int Columns = 106;

    private readonly SortedDictionary<string, SortedDictionary<string, int>> _groups =
        new(StringComparer.Ordinal);

    public OptionTable()
    {
        var seen = new HashSet<MessageDescriptor>();
        foreach (RawMethod method in RawMethods.All)
        {
            Declare(method.Request, seen);
            Row("methods", method.Path, 0);
        }

        foreach (Compare.Types.CompareTarget target in Enum.GetValues<Compare.Types.CompareTarget>())
        {
            foreach (Compare.Types.CompareResult result in Enum.GetValues<Compare.Types.CompareResult>())
            {
                Row("compare", $"{target} {result}", 0);
            }
        }
    }

    /// <summary>Rows with count 0.</summary>
    public List<string> Missing => [.. from g in _groups from r in g.Value where r.Value == 0 select $"{g.Key}: {r.Key}"];

    /// <summary>Declares a row (by 0) or counts one.</summary>
    public void Row(string group, string row, int add = 1)
    {
        if (!_groups.TryGetValue(group, out SortedDictionary<string, int>? rows))
        {
            _groups[group] = rows = new SortedDictionary<string, int>(StringComparer.Ordinal);
        }

        rows[row] = rows.GetValueOrDefault(row) + add;
    }

    /// <summary>Counts what a request sets.</summary>
    public void Count(IMessage message)
    {
        string group = message.Descriptor.Name;
        foreach (FieldDescriptor field in message.Descriptor.Fields.InFieldNumberOrder())
        {
            object? value = field.Accessor.GetValue(message);
            if (field.IsRepeated)
            {
                foreach (object? item in (System.Collections.IList)value)
                {
                    CountValue(group, field, item!);
                }
            }
            else if (field.ContainingOneof is not { } one || one.Accessor.GetCaseFieldDescriptor(message) == field)
            {
                CountValue(group, field, value);
            }
        }

        if (message is Compare compare)
        {
            Row("compare", $"{compare.Target} {compare.Result}");
        }
    }

    /// <summary>Several rows a line.</summary>
    public string Print()
    {
        var text = new StringBuilder();
        foreach ((string group, SortedDictionary<string, int> rows) in _groups)
        {
            var line = new StringBuilder(group + ":");
            bool onePerLine = rows.Keys.Any(static k => k.Length > 50);
            foreach ((string row, int count) in rows)
            {
                string cell = $" {row}={count.ToString(CultureInfo.InvariantCulture)}";
                if (onePerLine || line.Length + cell.Length > Columns)
                {
                    text.AppendLine(line.ToString());
                    line.Clear().Append("   ");
                }

                line.Append(cell);
            }

            text.AppendLine(line.ToString());
        }

        return text.ToString();
    }

    private void Declare(MessageDescriptor message, HashSet<MessageDescriptor> seen)
    {
        if (!seen.Add(message))
        {
            return;
        }

        foreach (FieldDescriptor field in message.Fields.InFieldNumberOrder())
        {
            if (field.FieldType == FieldType.Message)
            {
                Row(message.Name, field.Name, 0);
                Declare(field.MessageType, seen);
            }
            else if (field.FieldType == FieldType.Enum)
            {
                foreach (EnumValueDescriptor value in field.EnumType.Values)
                {
                    Row(message.Name, $"{field.Name}:{value.Name}", 0);
                }

                if (!LeftOut.UnknownNumber(message.Name, field.Name))
                {
                    Row(message.Name, $"{field.Name}:unknown", 0);
                }
            }
            else
            {
                Row(message.Name, field.Name, 0);
                Row(message.Name, field.Name + ":absent", 0);
            }
        }
    }

    private void CountValue(string group, FieldDescriptor field, object? value)
    {
        switch (value)
        {
            case IMessage inner:
                Row(group, field.Name);
                Count(inner);
                break;
            case null:
                break;
            case Enum or int when field.FieldType == FieldType.Enum:
                int number = Convert.ToInt32(value, CultureInfo.InvariantCulture);
                Row(group, $"{field.Name}:{field.EnumType.FindValueByNumber(number)?.Name ?? "unknown"}");
                break;
            default:
                bool absent = value is false or "" or ByteString { IsEmpty: true }
                    || (value is long or ulong && Convert.ToDecimal(value, CultureInfo.InvariantCulture) == 0);
                Row(group, absent ? field.Name + ":absent" : field.Name);
                break;
        }
    }
}

/// <summary>What is never sent to a real server, or cannot be seen here, with the reason.</summary>
internal static class LeftOut
{
    public static readonly string[] Calls =
    [
        "RangeRequest.sort_target unknown: a real 3.5 server crashes on it",
        "AlarmRequest.action unknown: a real 3.5 server crashes on it, and again at restart",
        "TxnRequest that deletes to the open end and keeps value or lease of a key in there: so does it on this",
    ];

    /// <summary>Takes from a txn what a real 3.5 server might crash on.</summary>
    public static TxnRequest Defuse(TxnRequest txn)
    {
        if (Ops(txn).Any(static op => op.RequestDeleteRange?.RangeEnd is { Length: 1 } end && end[0] == 0))
        {
            foreach (RequestOp op in Ops(txn).Where(static op => op.RequestPut is not null))
            {
                op.RequestPut.IgnoreValue = false;
                op.RequestPut.IgnoreLease = false;
            }
        }

        return txn;
    }

    private static IEnumerable<RequestOp> Ops(TxnRequest txn) => txn.Success.Concat(txn.Failure)
        .SelectMany(static op => op.RequestTxn is { } nested ? Ops(nested) : [op]);

    public static bool UnknownNumber(string message, string field) =>
        (message, field) is ("RangeRequest", "sort_target") or ("AlarmRequest", "action");
}
