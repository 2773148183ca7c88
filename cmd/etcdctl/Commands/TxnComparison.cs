// One comparison of a transaction: TARGET("KEY") OP "VALUE" (etcdctl §13). Pure.
using System.Text;
using EtcdAot.Observe;
using EtcdAot.Wire.Etcdserverpb;
using Google.Protobuf;

namespace EtcdAot.Cmd.Etcdctl.Commands;

/// <summary>Reads comparisons.</summary>
internal static class TxnComparison
{
    /// <summary>The comparison of <paramref name="line"/>; ends the command with exit 3 when there is
    /// none.</summary>
    public static Compare Parse(string line)
    {
        int bracket = line.IndexOf('(', StringComparison.Ordinal);
        if (bracket < 0)
        {
            throw Invalid($"malformed comparison: {line}");
        }

        string target = line[..bracket];
        byte[] key = [];
        string op = "";
        byte[] value = [];
        if (!Read(line.AsSpan(bracket + 1), ref key, ref op, ref value))
        {
            string got = $"{target}({GoQuote.Bytes(key)}) {op} {GoQuote.Bytes(value)}";
            throw Invalid($"malformed comparison: {line}; got {got}");
        }

        var compare = new Compare { Key = ByteString.CopyFrom(key) };
        SetTarget(compare, target, line, value);
        compare.Result = op switch
        {
            "=" => Compare.Types.CompareResult.Equal,
            "!=" => Compare.Types.CompareResult.NotEqual,
            "<" => Compare.Types.CompareResult.Less,
            ">" => Compare.Types.CompareResult.Greater,
            // The original crashes here (Traps 17); exit 1 is what the recorded runs allow instead.
            _ => throw new CommandFailedException(ExitCode.Error,
                $"invalid txn compare request: {line} (unknown operator {op})"),
        };
        return compare;
    }

    private static void SetTarget(Compare compare, string target, string line, byte[] value)
    {
        switch (target)
        {
            case "ver" or "version":
                compare.Target = Compare.Types.CompareTarget.Version;
                compare.Version = Number(value, line);
                break;
            case "c" or "create":
                compare.Target = Compare.Types.CompareTarget.Create;
                compare.CreateRevision = Number(value, line);
                break;
            case "m" or "mod":
                compare.Target = Compare.Types.CompareTarget.Mod;
                compare.ModRevision = Number(value, line);
                break;
            case "val" or "value":
                compare.Target = Compare.Types.CompareTarget.Value;
                compare.Value = ByteString.CopyFrom(value);
                break;
            case "lease":
                throw new CommandFailedException(ExitCode.Error,
                    $"invalid txn compare request: {line} (leases cannot be compared by this version)");
            default:
                throw Invalid($"malformed comparison: {line} (unknown target {target})");
        }
    }

    private static long Number(byte[] value, string line)
    {
        return GoNumber.ParseInt(Encoding.UTF8.GetString(value), 10, out long number) is null
            ? number
            : throw Invalid($"invalid txn compare request: {line}");
    }

    // "KEY") OP "VALUE": blanks on both sides of OP; what was read so far is echoed in the error.
    private static bool Read(ReadOnlySpan<char> text, ref byte[] key, ref string op, ref byte[] value)
    {
        text = text.TrimStart(' ');
        if (!GoQuote.TryRead(text, out byte[] readKey, out int used))
        {
            return false;
        }

        key = readKey;
        text = text[used..];
        if (!text.StartsWith(") "))
        {
            return false;
        }

        text = text[1..].TrimStart(' ');
        int end = text.IndexOf(' ');
        op = (end < 0 ? text : text[..end]).ToString();
        if (end < 0 || !GoQuote.TryRead(text[end..].TrimStart(' '), out byte[] readValue, out _))
        {
            return false;
        }

        value = readValue;
        return true;
    }

    private static CommandFailedException Invalid(string text) => new(ExitCode.InvalidInput, text);
}
