// Outcomes of checking a conf change when it is applied (spec storage §7.4). Every member must reach the same one.
namespace EtcdAot.Members;

/// <summary>Why a conf change is refused.</summary>
public enum MembershipError
{
    None,
    IdRemoved,
    IdExists,
    PeerUrlExists,
    TooManyLearners,
    IdNotFound,
    NotLearner,

    /// <summary>The context is not the JSON of a member; the original panics, and so must we.</summary>
    BadContext,

    /// <summary>The context names another member; the original panics, and so must we.</summary>
    WrongContextId,
}

/// <summary>The original's texts.</summary>
public static class MembershipErrors
{
    /// <summary>Text as the original's internal error has it.</summary>
    public static string Text(this MembershipError error) => error switch
    {
        MembershipError.None => "",
        MembershipError.IdRemoved => "membership: ID removed",
        MembershipError.IdExists => "membership: ID exists",
        MembershipError.PeerUrlExists => "membership: peerURL exists",
        MembershipError.TooManyLearners => "membership: too many learner members in cluster",
        MembershipError.IdNotFound => "membership: ID not found",
        MembershipError.NotLearner => "membership: can only promote a learner member",
        MembershipError.BadContext => "failed to unmarshal member",
        _ => "got different member ID",
    };

    /// <summary>True for what must end the member instead of being answered.</summary>
    public static bool IsFatal(this MembershipError error)
    {
        return error is MembershipError.BadContext or MembershipError.WrongContextId;
    }
}
