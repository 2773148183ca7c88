// Questions about leases that only the leader can answer, asked of another member (spec cluster §2.14, §5.6): they go to the
// leader's peer URLs, again after a short pause when nobody answered there. Owned by: core thread.
using EtcdAot.Members;
using EtcdAot.Wire;

namespace EtcdAot.Server;

/// <summary>Sends questions to the leader.</summary>
internal sealed class LeaseForwarding(MembershipKeeper membership, ulong self)
{
    private const long PauseNanos = 50_000_000;
    private readonly List<LeaseQuestion> _away = [];

    /// <summary>Sends it when there is somebody to send it to; its end comes by itself.</summary>
    /// <returns>False when there is no other leader: it must wait.</returns>
    public bool TryForward(LeaseQuestion question, RaftLoop loop)
    {
        ulong id = loop.Raft.Leader;
        Member? leader = id == self ? null : membership.Current.Members.FirstOrDefault(m => m.Id == id);
        if (leader is null)
        {
            return false;
        }

        _away.Add(question);
        question.Forward(loop.Calls, leader.PeerUrls, answer => loop.Post(new Arrival(this, question, answer, loop)));
        return true;
    }

    /// <summary>The member stops: nothing comes back any more.</summary>
    public void Stop(RaftLoop loop)
    {
        foreach (LeaseQuestion question in _away)
        {
            question.Error = EtcdError.Stopped;
            loop.OnAnswered(question);
        }

        _away.Clear();
    }

    private void OnAnswer(LeaseQuestion question, in LeaseCallAnswer answer, RaftLoop loop)
    {
        if (!_away.Remove(question))
        {
            return;
        }

        if (answer.Outcome == PeerCallOutcome.Failed)
        {
            // Its keeper looks again, at time limit and leader.
            loop.Later(loop.Now + PauseNanos, question);
            return;
        }

        question.TakeForwarded(answer);
        loop.OnAnswered(question);
    }

    private sealed class Arrival(
        LeaseForwarding owner, LeaseQuestion question, LeaseCallAnswer answer, RaftLoop loop) : ICoreWork
    {
        public void RunOnCore() => owner.OnAnswer(question, answer, loop);
    }
}
