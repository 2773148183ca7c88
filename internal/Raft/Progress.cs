// What the leader knows of one member, itself included. Owned by: core thread. Must never send or decide quorum itself.
//
//   Probe ──ack──────────────► Replicate          Probe: one append at a time, Next is a guess
//     ▲  ◄─reject, unreachable─┘   │              Replicate: Next runs ahead, window of 512
//     │                            │ log compacted
//     └─snapshot done or failed── Snapshot ◄──────┘   Snapshot: nothing is sent
using EtcdAot.Observe;

namespace EtcdAot.Raft;

/// <summary>How entries reach a member.</summary>
public enum ProgressState
{
    Probe,
    Replicate,
    Snapshot,
}

/// <summary>The leader's view of one member (spec cluster §1.5).</summary>
public sealed class Progress(ulong id, int inflightMax)
{
    /// <summary>Member id.</summary>
    public ulong Id { get; } = id;

    /// <summary>Learners receive the log and do not count.</summary>
    public bool IsLearner { get; set; }

    /// <summary>Highest index known to be durable there.</summary>
    public ulong Match { get; private set; }

    /// <summary>Next index to send.</summary>
    public ulong Next { get; private set; }

    public ProgressState State { get; private set; }

    /// <summary>Heard from since the last quorum check.</summary>
    public bool RecentActive { get; set; }

    /// <summary>In Probe: an append is out and unanswered.</summary>
    public bool ProbeSent { get; set; }

    /// <summary>In Snapshot: the index that was sent.</summary>
    public ulong PendingSnapshot { get; private set; }

    /// <summary>Tick of the last accepted append, for the choice of a successor; -1 for never.</summary>
    public long AckTick { get; set; } = -1;

    public Inflights Inflights { get; } = new(inflightMax);

    /// <summary>True while nothing may be sent.</summary>
    public bool IsPaused => State switch
    {
        ProgressState.Probe => ProbeSent,
        ProgressState.Replicate => Inflights.IsFull,
        _ => true,
    };

    /// <summary>Back to the start of a leadership: nothing known.</summary>
    public void Reset(ulong match, ulong next)
    {
        Match = match;
        Next = next;
        RecentActive = false;
        AckTick = -1;
        ChangeState(ProgressState.Probe);
    }

    public void BecomeProbe()
    {
        // After a snapshot that was delivered, go on behind it.
        Next = State == ProgressState.Snapshot ? Math.Max(Match + 1, PendingSnapshot + 1) : Match + 1;
        ChangeState(ProgressState.Probe);
    }

    public void BecomeReplicate()
    {
        ChangeState(ProgressState.Replicate);
        Next = Match + 1;
    }

    public void BecomeSnapshot(ulong index)
    {
        ChangeState(ProgressState.Snapshot);
        PendingSnapshot = index;
    }

    /// <summary>The snapshot did not arrive: probe from Match again.</summary>
    public void SnapshotFailed()
    {
        PendingSnapshot = 0;
        BecomeProbe();
    }

    /// <summary>Notes an append with entries up to <paramref name="lastIndex"/>.</summary>
    public void Sent(ulong lastIndex)
    {
        if (State == ProgressState.Replicate)
        {
            Next = lastIndex + 1;
            Inflights.Add(lastIndex);
        }
        else
        {
            Invariant.Check(State == ProgressState.Probe, "a member in state Snapshot receives no appends");
            ProbeSent = true;
        }
    }

    /// <summary>Takes an acknowledgement; true when Match moved.</summary>
    public bool MaybeUpdate(ulong index)
    {
        bool moved = index > Match;
        if (moved)
        {
            Match = index;
            ProbeSent = false;
        }

        Next = Math.Max(Next, index + 1);
        return moved;
    }

    /// <summary>Takes a rejection of the append behind <paramref name="rejected"/>; false when it is out of date. The hint
    /// is an index where the logs may agree.</summary>
    public bool MaybeDecrease(ulong rejected, ulong hint)
    {
        if (State == ProgressState.Replicate)
        {
            if (rejected <= Match)
            {
                return false;
            }

            Next = Match + 1;
            return true;
        }

        if (Next - 1 != rejected)
        {
            return false;
        }

        Next = Math.Max(Math.Min(rejected, hint + 1), Match + 1);
        ProbeSent = false;
        return true;
    }

    private void ChangeState(ProgressState state)
    {
        ProbeSent = false;
        PendingSnapshot = 0;
        State = state;
        Inflights.Reset();
    }
}
