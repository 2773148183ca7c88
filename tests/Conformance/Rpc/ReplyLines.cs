// A reply as lines "path = value", with what is a server's own (ids, terms, leases it named, addresses, sizes, the
// hash of the whole file) in common words. Everything else is compared as it came.
using System.Globalization;
using System.Text;
using EtcdAot.Wire.Etcdserverpb;
using Google.Protobuf;
using Google.Protobuf.Reflection;

namespace EtcdAot.Tests.Conformance.Rpc;

/// <summary>Turns replies into comparable lines.</summary>
internal static class ReplyLines
{
    private const int LongestShownValue = 60;
    private const long MostSecondsPassed = 3600;

    /// <summary>Decodes a reply; bytes that are no such message, and unknown fields in it, become lines too.</summary>
    public static List<string> Of(RawMethod method, byte[] body, RpcMember member)
    {
        var lines = new List<string>();
        try
        {
            IMessage message = method.Reply.Parser.ParseFrom(body);
            Flatten(message, "", member, lines);
            int known = method.Reply.Parser.WithDiscardUnknownFields(true).ParseFrom(body).CalculateSize();
            if (known != message.CalculateSize())
            {
                lines.Add("(unknown fields)");
            }
        }
        catch (InvalidProtocolBufferException e)
        {
            lines.Add("(undecodable: " + e.Message + ")");
        }

        return lines;
    }

    /// <summary>Bytes as readable text; long ones as length, beginning and a sum.</summary>
    public static string Readable(ReadOnlySpan<byte> bytes)
    {
        var text = new StringBuilder("\"");
        uint sum = 2166136261;
        foreach (byte b in bytes)
        {
            sum = (sum ^ b) * 16777619;
            if (text.Length < LongestShownValue)
            {
                text.Append(b is >= 0x20 and < 0x7f and not (byte)'\\' ? ((char)b).ToString() : $"\\x{b:x2}");
            }
        }

        text.Append('"');
        return text.Length < LongestShownValue ? text.ToString() : $"{text}… {bytes.Length} bytes, sum {sum:x}";
    }

    private static void Flatten(IMessage message, string path, RpcMember member, List<string> lines)
    {
        foreach (FieldDescriptor field in message.Descriptor.Fields.InFieldNumberOrder())
        {
            string name = path + field.Name;
            object? value = field.Accessor.GetValue(message);
            if (field.IsRepeated)
            {
                int i = 0;
                foreach (object? item in Items(field, value, member))
                {
                    Add(field, $"{name}[{i++}]", item!, message, member, lines);
                }
            }
            else if (field.FieldType == FieldType.Message ? value is not null : IsSet(field, message, value))
            {
                Add(field, name, value!, message, member, lines);
            }
        }
    }

    // Lists that the original keeps in Go maps come in an order of that moment: the keys of a lease and the active alarms
    // (of 60 equal requests 5 had two alarms the other way round).
    private static IEnumerable<object?> Items(FieldDescriptor field, object value, RpcMember member) => field.FullName switch
    {
        "etcdserverpb.LeaseTimeToLiveResponse.keys" => ((IEnumerable<ByteString>)value)
            .OrderBy(static k => Convert.ToHexString(k.Span), StringComparer.Ordinal),
        "etcdserverpb.StatusResponse.errors" => ((IEnumerable<string>)value).OrderBy(member.Hide, StringComparer.Ordinal),
        "etcdserverpb.AlarmResponse.alarms" => ((IEnumerable<AlarmMember>)value)
            .OrderBy(a => a.MemberID == member.MemberId).ThenBy(static a => a.MemberID).ThenBy(static a => a.Alarm),
        _ => ((System.Collections.IEnumerable)value).Cast<object?>(),
    };

    private static bool IsSet(FieldDescriptor field, IMessage message, object? value) =>
        field.ContainingOneof is { } one
            ? one.Accessor.GetCaseFieldDescriptor(message) == field
            : value switch
            {
                bool b => b,
                ByteString s => !s.IsEmpty,
                string s => s.Length > 0,
                Enum e => Convert.ToInt32(e) != 0,
                _ => Convert.ToDecimal(value, CultureInfo.InvariantCulture) != 0,
            };

    private static void Add(
        FieldDescriptor field, string name, object value, IMessage message, RpcMember member, List<string> lines)
    {
        if (value is IMessage inner)
        {
            lines.Add(name + " present");
            Flatten(inner, name + ".", member, lines);
        }
        else
        {
            lines.Add($"{name} = {Masked(field, value, message, member)}");
        }
    }

    private static string Masked(FieldDescriptor field, object value, IMessage message, RpcMember member)
    {
        switch (field.ContainingType.Name, field.Name)
        {
            case ("ResponseHeader", "cluster_id"):
                return (ulong)value == member.ClusterId ? "{cluster}" : "not its cluster id";
            case ("ResponseHeader", "member_id") or ("StatusResponse", "leader") or ("Member", "ID")
                or ("AlarmMember", "memberID"):
                return (ulong)value == member.MemberId ? "{member}" : value.ToString()!;
            case ("ResponseHeader", "raft_term") or ("StatusResponse", "raftTerm"):
                return (ulong)value == member.Term ? "{term}" : "not its term";
            case ("StatusResponse", "version"):
                return (string)value == member.Version ? "{its version}" : value.ToString()!;
            case ("KeyValue", "lease") or ("LeaseStatus", "ID") or ("LeaseGrantResponse", "ID")
                or ("LeaseKeepAliveResponse", "ID") or ("LeaseTimeToLiveResponse", "ID"):
                return member.LeaseText((long)value);
            case ("StatusResponse", "dbSize" or "dbSizeInUse" or "raftIndex" or "raftAppliedIndex")
                or ("HashResponse", "hash"):
                return "{masked}";
            // Whole seconds left: the two servers granted a moment apart.
            case ("LeaseTimeToLiveResponse", "TTL") when ((LeaseTimeToLiveResponse)message).GrantedTTL - (long)value
                is >= 0 and < MostSecondsPassed:
                return "{nearly all}";
            default:
                return value switch
                {
                    ByteString bytes => Readable(bytes.Span),
                    string text => member.Hide(text),
                    Enum e => Convert.ToInt32(e).ToString(CultureInfo.InvariantCulture),
                    _ => Convert.ToString(value, CultureInfo.InvariantCulture)!,
                };
        }
    }
}
