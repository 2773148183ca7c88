// Members as answers carry them (spec api-v3 §5.1). Pure; any thread.
using EtcdAot.Wire.Etcdserverpb;

namespace EtcdAot.Server;

/// <summary>Turns members into messages.</summary>
public static class MemberAnswers
{
    /// <summary>All members by ascending id.</summary>
    public static IEnumerable<Member> Of(MemberList list)
    {
        foreach (Members.Member member in list.Members)
        {
            var message = new Member { ID = member.Id, Name = member.Name, IsLearner = member.IsLearner };
            message.PeerURLs.Add(member.PeerUrls);
            message.ClientURLs.Add(member.ClientUrls);
            yield return message;
        }
    }

    /// <summary>True when the member is known and has no vote.</summary>
    public static bool IsLearner(MemberList list, ulong id)
    {
        return list.Members.Any(m => m.Id == id && m.IsLearner);
    }
}
