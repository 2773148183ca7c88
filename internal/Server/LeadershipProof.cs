// Whether a leader that did not run for a while still leads: only a quorum can tell (spec cluster §5.6). Until it has,
// nothing is done that rests on leading: no renewal, no expiry. Owned by: core thread.
using EtcdAot.Raft;

namespace EtcdAot.Server;

/// <summary>Asks the quorum after a pause.</summary>
internal sealed class LeadershipProof(RaftNode raft, RequestIds ids)
{
    private const long RetryNanos = 500_000_000;

    // Every question of this doubt; an answer to any of them ends it.
    private readonly List<ulong> _asked = [];
    private long _askAt;

    /// <summary>True while no answer has come.</summary>
    public bool IsInDoubt { get; private set; }

    /// <summary>The member paused for longer than a heartbeat lasts.</summary>
    public void Doubt()
    {
        if (raft.Role == RaftRole.Leader && raft.Members.Voters.Length > 1)
        {
            IsInDoubt = true;
            _asked.Clear();
            _askAt = long.MinValue;
        }
    }

    /// <summary>Asks, and asks again.</summary>
    public void Step(long now)
    {
        if (IsInDoubt && now >= _askAt)
        {
            ulong id = ids.Next();
            _asked.Add(id);
            _askAt = now + RetryNanos;
            _ = raft.ReadIndex(id);
        }
    }

    /// <summary>A quorum has answered.</summary>
    public void OnReadState(ReadState state)
    {
        if (IsInDoubt && _asked.Contains(state.Context))
        {
            Forget();
        }
    }

    /// <summary>This member leads no more, or is sure.</summary>
    public void Forget()
    {
        IsInDoubt = false;
        _asked.Clear();
    }
}
