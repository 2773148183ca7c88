// Protobuf bytes as lines `path=value`, so that single fields can be masked before a comparison.
using System.Text;

namespace EtcdAot.Tests.Conformance.Ctl;

/// <summary>Fields of a message without its schema.</summary>
internal static class ProtobufText
{
    /// <summary>One line a field; fields in <paramref name="masked"/> show as N.</summary>
    public static string Of(byte[] message, params string[] masked)
    {
        var lines = new List<string>();
        return Append(message, "", masked, lines) ? string.Join('\n', lines)
            : "raw=" + Convert.ToHexString(message);
    }

    private static bool Append(ReadOnlySpan<byte> rest, string path, string[] masked, List<string> lines)
    {
        while (rest.Length > 0)
        {
            if (!Varint(ref rest, out ulong tag) || tag >> 3 is 0 or > 200)
            {
                return false;
            }

            string name = $"{path}{tag >> 3}";
            if ((tag & 7) == 0)
            {
                if (!Varint(ref rest, out ulong value))
                {
                    return false;
                }

                lines.Add($"{name}={(masked.Contains(name) ? "N" : value)}");
                continue;
            }

            if ((tag & 7) != 2 || !Varint(ref rest, out ulong length) || length > (ulong)rest.Length)
            {
                return false;
            }

            AppendBytes(rest[..(int)length], name, masked, lines);
            rest = rest[(int)length..];
        }

        return true;
    }

    private static void AppendBytes(ReadOnlySpan<byte> bytes, string name, string[] masked,
        List<string> lines)
    {
        bool printable = bytes.Length > 0 && !bytes.ContainsAnyExceptInRange((byte)32, (byte)126);
        var inner = new List<string>();
        if (printable)
        {
            lines.Add($"{name}=\"{Encoding.ASCII.GetString(bytes)}\"");
        }
        else if (bytes.Length > 0 && Append(bytes, name + ".", masked, inner))
        {
            lines.AddRange(inner);
        }
        else
        {
            lines.Add($"{name}={Convert.ToHexString(bytes)}");
        }
    }

    private static bool Varint(ref ReadOnlySpan<byte> rest, out ulong value)
    {
        value = 0;
        for (int shift = 0; shift < 64 && rest.Length > 0; shift += 7)
        {
            byte b = rest[0];
            rest = rest[1..];
            value |= (ulong)(b & 127) << shift;
            if (b < 128)
            {
                return true;
            }
        }

        return false;
    }
}
