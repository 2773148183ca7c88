// Handing the leadership on (spec cluster §5.7): MoveLeader to a chosen voter, and before an orderly stop to the voter that
// was reachable longest. Done when somebody else is known to lead. Owned by: core thread.
using EtcdAot.Observe;
using EtcdAot.Raft;
using EtcdAot.Wire;

namespace EtcdAot.Server;

/// <summary>A wish for another leader.</summary>
public abstract class LeaderTransfer : CoreRequest
{
    /// <summary>The voter that is to lead.</summary>
    public ulong Target { get; set; }

    /// <summary>True when a client chose the target; else the member chooses it, as it does before it stops.</summary>
    public bool IsChosen { get; set; }

    internal ulong OldLeader { get; set; }

    /// <inheritdoc/>
    public sealed override void RunOnCore() => Core!.Transfer(this);
}

/// <summary>Transfers under way.</summary>
internal sealed class LeaderTransfers(CoreParts parts)
{
    private const string Caller = "etcdserver/server.go";
    private readonly List<LeaderTransfer> _waiting = [];

    /// <summary>Starts, or refuses.</summary>
    public void Begin(LeaderTransfer transfer, RaftLoop loop, Completions completions)
    {
        RaftNode raft = loop.Raft;
        transfer.StartNanos = loop.Now;
        transfer.OldLeader = parts.MemberId;
        transfer.Error = Refusal(transfer, raft, loop);
        if (transfer.Error is not null || transfer.Target == parts.MemberId)
        {
            completions.Add(transfer);
            return;
        }

        parts.Log.Info(Caller, "leadership transfer starting")
            .With("local-member-id", parts.MemberId.ToString("x"))
            .With("current-leader-member-id", raft.Leader.ToString("x"))
            .With("transferee-member-id", transfer.Target.ToString("x")).Write();
        _ = raft.TransferLeader(transfer.Target);
        _waiting.Add(transfer);
    }

    /// <summary>Ends those that have come to an end.</summary>
    /// <returns>When to be called again at the latest.</returns>
    public long Step(RaftLoop loop, Completions completions)
    {
        long due = long.MaxValue;
        for (int i = _waiting.Count - 1; i >= 0; i--)
        {
            LeaderTransfer transfer = _waiting[i];
            long limit = transfer.StartNanos + parts.Options.RequestTimeoutNanos;
            bool done = loop.Raft.Leader == transfer.Target;
            if (!done && loop.Now < limit)
            {
                due = Math.Min(due, limit);
                continue;
            }

            if (done)
            {
                parts.Log.Info(Caller, "leadership transfer finished")
                    .With("local-member-id", parts.MemberId.ToString("x"))
                    .With("old-leader-member-id", transfer.OldLeader.ToString("x"))
                    .With("new-leader-member-id", transfer.Target.ToString("x"))
                    .With("took", GoDuration.Text(loop.Now - transfer.StartNanos)).Write();
            }

            transfer.Error = done ? null : EtcdError.TimeoutLeaderTransfer;
            _waiting.RemoveAt(i);
            completions.Add(transfer);
        }

        return due;
    }

    /// <summary>The member stops.</summary>
    public void Stop(Completions completions)
    {
        foreach (LeaderTransfer transfer in _waiting)
        {
            transfer.Error = EtcdError.Stopped;
            completions.Add(transfer);
        }

        _waiting.Clear();
    }

    private EtcdError? Refusal(LeaderTransfer transfer, RaftNode raft, RaftLoop loop)
    {
        if (raft.Role != RaftRole.Leader)
        {
            return EtcdError.NotLeader;
        }

        if (!transfer.IsChosen)
        {
            transfer.Target = LongestReachable(raft, loop);
            return transfer.Target == 0 ? EtcdError.UnhealthyCluster : null;
        }

        return Array.IndexOf(raft.Members.Voters, transfer.Target) < 0 ? EtcdError.BadLeaderTransferee : null;
    }

    private ulong LongestReachable(RaftNode raft, RaftLoop loop)
    {
        ulong best = 0;
        long since = long.MaxValue;
        foreach (ulong voter in raft.Members.Voters)
        {
            long active = voter == parts.MemberId ? 0 : loop.Peers.ActiveSince(voter);
            if (active != 0 && active < since)
            {
                best = voter;
                since = active;
            }
        }

        return best;
    }
}
