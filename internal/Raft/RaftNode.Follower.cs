// A follower's side: appends, heartbeats and snapshots of the leader (spec cluster §1.6, §1.7). What a peer sends is checked
// before anything changes; a message that would break the log is answered by a fault, never by an exception.
using EtcdAot.Wire;
using EtcdAot.Wire.Raftpb;

namespace EtcdAot.Raft;

public sealed partial class RaftNode
{
    private StepResult HandleFromLeader(in RaftMessage m)
    {
        if (_role == RaftRole.Leader)
        {
            // Two leaders in a term do not exist; whoever says so is wrong.
            return StepResult.Malformed;
        }

        if (_role != RaftRole.Follower)
        {
            BecomeFollower(m.Term, m.From);
        }

        _electionElapsed = 0;
        _leader = m.From;
        return m.Type switch
        {
            MessageType.MsgApp => HandleAppend(in m),
            MessageType.MsgHeartbeat => HandleHeartbeat(in m),
            _ => HandleSnapshot(in m),
        };
    }

    private StepResult HandleHeartbeat(in RaftMessage m)
    {
        if (m.Commit > _log.LastIndex)
        {
            return Fail(RaftFault.CommitOutOfRange);
        }

        CommitTo(m.Commit);
        Send(new RaftMessage { Type = MessageType.MsgHeartbeatResp, To = m.From, Term = _term, Context = m.Context });
        return StepResult.Ok;
    }

    private StepResult HandleAppend(in RaftMessage m)
    {
        if (!AreEntriesSound(in m))
        {
            return StepResult.Malformed;
        }

        if (m.Index < _log.Committed)
        {
            SendAppendResponse(m.From, _log.Committed);
            return StepResult.Ok;
        }

        if (!_log.Matches(m.Index, m.LogTerm))
        {
            ulong hint = _log.FindConflictByTerm(Math.Min(m.Index, _log.LastIndex), m.LogTerm, out ulong hintTerm);
            Send(new RaftMessage
            {
                Type = MessageType.MsgAppResp,
                To = m.From,
                Term = _term,
                Index = m.Index,
                Reject = true,
                RejectHint = hint,
                LogTerm = hintTerm,
            });
            return StepResult.Ok;
        }

        if (m.EntryCount > 0 && UndurableBytes > _config.UndurableBytesMax)
        {
            // The disk does not keep up: as if the network had lost it. The leader probes and sends again.
            return StepResult.Ignored;
        }

        return AppendFromLeader(in m);
    }

    private StepResult AppendFromLeader(in RaftMessage m)
    {
        ReadOnlySpan<LogEntry> entries = m.EntrySpan;
        int known = 0;
        while (known < entries.Length && _log.Matches(entries[known].Index, entries[known].Term))
        {
            known++;
        }

        if (known < entries.Length)
        {
            // Behind the commit index, because the append itself begins there or later.
            ulong from = entries[known].Index;
            if (from <= _log.LastIndex)
            {
                _log.TruncateFrom(from);
            }

            foreach (ref readonly LogEntry entry in entries[known..])
            {
                entry.Data.AddReference();
                _log.Append(entry.Kind, entry.Term, entry.Data);
            }
        }

        ulong last = m.Index + (ulong)entries.Length;
        CommitTo(Math.Min(m.Commit, last));
        SendAppendResponse(m.From, last);
        return StepResult.Ok;
    }

    // Indexes without a gap, terms that neither fall nor pass the leader's, kinds that exist.
    private static bool AreEntriesSound(in RaftMessage m)
    {
        ulong index = m.Index;
        ulong term = m.LogTerm;
        foreach (ref readonly LogEntry entry in m.EntrySpan)
        {
            if (index == ulong.MaxValue || entry.Index != index + 1 || entry.Term < term || entry.Term > m.Term
                || entry.Term == 0 || entry.Kind is < EntryKind.Normal or > EntryKind.ConfChangeV2)
            {
                return false;
            }

            index = entry.Index;
            term = entry.Term;
        }

        return true;
    }

    private void SendAppendResponse(ulong to, ulong index)
    {
        Send(new RaftMessage { Type = MessageType.MsgAppResp, To = to, Term = _term, Index = index });
    }

    private StepResult HandleSnapshot(in RaftMessage m)
    {
        if (m.Snapshot is not { Index: > 0 } snapshot || snapshot.Term == 0 || snapshot.Term > m.Term
            || snapshot.Members.VotersOutgoing.Length + snapshot.Members.LearnersNext.Length > 0)
        {
            return StepResult.Malformed;
        }

        SendAppendResponse(m.From, Restore(in m, snapshot) ? _log.LastIndex : _log.Committed);
        return StepResult.Ok;
    }

    // False when the snapshot is of no use here.
    private bool Restore(in RaftMessage m, RaftSnapshot snapshot)
    {
        if (snapshot.Index <= _log.Committed)
        {
            return false;
        }

        if (Array.IndexOf(snapshot.Members.Voters, _config.Id) < 0 && Array.IndexOf(snapshot.Members.Learners, _config.Id) < 0)
        {
            return false;
        }

        if (_log.Matches(snapshot.Index, snapshot.Term))
        {
            CommitTo(snapshot.Index);
            return false;
        }

        _config.Events.OnHappening(RaftHappening.SnapshotStarts, this, in m);
        snapshot.Data.AddReference();
        _pendingSnapshot?.Data.Release();
        _pendingSnapshot = snapshot;
        _snapshotStage = SnapshotStage.Received;
        _log.Reset(snapshot.Index, snapshot.Term);
        SetMembers(snapshot.Members);
        _config.Events.OnHappening(RaftHappening.SnapshotRestored, this, in m);
        return true;
    }
}
