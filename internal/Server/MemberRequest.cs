// A change of the membership that a client asks for (spec cluster §3.6): checked by the member that it was asked of, then
// an entry of kind ConfChange, answered when it is applied. Owned in turn: I/O thread → core → I/O thread.
using EtcdAot.Wire;

namespace EtcdAot.Server;

/// <summary>What is to be done to the membership.</summary>
public enum MemberAction
{
    Add,
    AddLearner,
    Remove,
    Update,
    Promote,
}

/// <summary>One such request and its completion slot; handed in through <see cref="EtcdServer.Change"/>.</summary>
public abstract class MemberRequest : Proposal, ICoreWork
{
    /// <summary>What is asked for.</summary>
    public MemberAction Action { get; set; }

    /// <summary>The member concerned; of an addition the core sets the new one's.</summary>
    public ulong MemberId { get; set; }

    /// <summary>Peer URLs of an addition or update, checked and sorted.</summary>
    public IReadOnlyList<string> PeerUrls { get; set; } = [];

    /// <summary>Members after the change; empty until it is applied.</summary>
    public MemberList Result { get; internal set; } = new([], "");

    internal RaftLoop? Core { get; set; }

    /// <inheritdoc/>
    public override EntryKind Kind => EntryKind.ConfChange;

    /// <inheritdoc/>
    public void RunOnCore() => Core!.Change(this);
}
