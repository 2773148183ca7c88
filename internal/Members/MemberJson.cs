// The JSON forms of a member (spec storage §7.4, §6.2): flat in bucket `members` and in conf-change contexts, split in the
// v2 tree. Stateless; any thread. Reading trusts nothing: malformed bytes give false.
using System.Buffers;
using System.Text.Json;
using EtcdAot.Wire.Codecs;

namespace EtcdAot.Members;

/// <summary>Reads and writes members as JSON.</summary>
public static class MemberJson
{
    /// <summary>The flat form: {"id":N,"peerURLs":[…],"isLearner":true,"name":"…","clientURLs":[…]}.</summary>
    public static byte[] Flat(Member member) => Flat(member, false);

    /// <summary>Context of a conf change that adds or updates: id and peer URLs, the name only at bootstrap.</summary>
    public static byte[] AddContext(Member member) => Flat(member, false);

    /// <summary>Context of a promotion: {"id":N,"peerURLs":null,"isPromote":true}.</summary>
    public static byte[] PromoteContext(ulong id) => Flat(new Member(id, []), true);

    /// <summary>{"peerURLs":[…]} with "isLearner":true for a learner.</summary>
    public static byte[] RaftAttributes(Member member)
    {
        var into = new ArrayBufferWriter<byte>(128);
        GoJson.Raw(into, "{"u8);
        WriteRaftAttributes(into, member);
        GoJson.Raw(into, "}"u8);
        return into.WrittenSpan.ToArray();
    }

    /// <summary>{"name":"…","clientURLs":[…]}; what is empty is left out.</summary>
    public static byte[] Attributes(Member member)
    {
        var into = new ArrayBufferWriter<byte>(128);
        WriteAttributes(into, member, "{"u8);
        GoJson.Raw(into, into.WrittenCount == 0 ? "{}"u8 : "}"u8);
        return into.WrittenSpan.ToArray();
    }

    /// <summary>Reads any of the forms into a member; fields that the form has not keep the values of
    /// <paramref name="known"/>. False when it is not an object or a field has another type.</summary>
    public static bool TryRead(ReadOnlySpan<byte> json, Member known, out Member member, out bool isPromote)
    {
        member = known;
        isPromote = false;
        try
        {
            var reader = new Utf8JsonReader(json);
            bool good = reader.Read() && reader.TokenType == JsonTokenType.StartObject;
            while (good && reader.Read() && reader.TokenType != JsonTokenType.EndObject)
            {
                good = ReadField(ref reader, ref member, ref isPromote);
            }

            return good && reader.TokenType == JsonTokenType.EndObject && !reader.Read();
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException)
        {
            return false;
        }
    }

    private static bool ReadField(ref Utf8JsonReader reader, ref Member member, ref bool isPromote)
    {
        string field = reader.GetString()!;
        reader.Read();
        switch (field)
        {
            case "id":
                if (reader.TokenType != JsonTokenType.Number || !reader.TryGetUInt64(out ulong id))
                {
                    return false;
                }

                member = member with { Id = id };
                return true;
            case "peerURLs":
                member = member with { PeerUrls = ReadStrings(ref reader, out bool peers) };
                return peers;
            case "clientURLs":
                member = member with { ClientUrls = ReadStrings(ref reader, out bool clients) };
                return clients;
            case "name":
                member = member with { Name = reader.GetString() ?? "" };
                return true;
            case "isLearner":
                member = member with { IsLearner = reader.GetBoolean() };
                return true;
            case "isPromote":
                isPromote = reader.GetBoolean();
                return true;
            default:
                reader.Skip();
                return true;
        }
    }

    private static List<string> ReadStrings(ref Utf8JsonReader reader, out bool good)
    {
        var list = new List<string>();
        good = reader.TokenType is JsonTokenType.StartArray or JsonTokenType.Null;
        if (reader.TokenType != JsonTokenType.StartArray)
        {
            return list;
        }

        while (reader.Read() && reader.TokenType == JsonTokenType.String)
        {
            list.Add(reader.GetString()!);
        }

        good = reader.TokenType == JsonTokenType.EndArray;
        return list;
    }

    private static byte[] Flat(Member member, bool isPromote)
    {
        var into = new ArrayBufferWriter<byte>(256);
        GoJson.Raw(into, "{\"id\":"u8);
        GoJson.Number(into, member.Id);
        GoJson.Raw(into, ","u8);
        if (isPromote)
        {
            GoJson.Raw(into, "\"peerURLs\":null,\"isPromote\":true"u8);
        }
        else
        {
            WriteRaftAttributes(into, member);
            WriteAttributes(into, member, ","u8);
        }

        GoJson.Raw(into, "}"u8);
        return into.WrittenSpan.ToArray();
    }

    private static void WriteRaftAttributes(IBufferWriter<byte> into, Member member)
    {
        GoJson.Raw(into, "\"peerURLs\":"u8);
        GoJson.Strings(into, member.PeerUrls);
        GoJson.Raw(into, member.IsLearner ? ",\"isLearner\":true"u8 : default);
    }

    private static void WriteAttributes(IBufferWriter<byte> into, Member member, ReadOnlySpan<byte> before)
    {
        if (member.Name.Length > 0)
        {
            GoJson.Raw(into, before);
            GoJson.Raw(into, "\"name\":"u8);
            GoJson.String(into, member.Name);
            before = ","u8;
        }

        if (member.ClientUrls.Count > 0)
        {
            GoJson.Raw(into, before);
            GoJson.Raw(into, "\"clientURLs\":"u8);
            GoJson.Strings(into, member.ClientUrls);
        }
    }
}
