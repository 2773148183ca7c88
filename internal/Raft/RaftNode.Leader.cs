// A leader's side: proposals, replication, commit, heartbeats, quorum check (spec cluster §1.5, §1.11). Appends to peers are
// put off to the end of the round, so that a batch of proposals travels as one message.
using EtcdAot.Sys;
using EtcdAot.Wire;
using EtcdAot.Wire.Raftpb;

namespace EtcdAot.Raft;

public sealed partial class RaftNode
{
    // Set while peers have not been sent the newest entries, or the newest commit index.
    private bool _sendEntries;
    private bool _sendCommit;

    /// <summary>A message to the peer could not be delivered.</summary>
    public void ReportUnreachable(ulong id)
    {
        // What ran ahead is probably lost; a probe finds out.
        if (_role == RaftRole.Leader && FindProgress(id) is { State: ProgressState.Replicate } progress)
        {
            progress.BecomeProbe();
        }
    }

    /// <summary>The upload of a snapshot to the peer ended.</summary>
    public void ReportSnapshot(ulong id, bool delivered)
    {
        if (_role != RaftRole.Leader || FindProgress(id) is not { State: ProgressState.Snapshot } progress)
        {
            return;
        }

        if (delivered)
        {
            progress.BecomeProbe();
        }
        else
        {
            progress.SnapshotFailed();
        }

        // Wait for its answer, or for the next heartbeat's, before the next try.
        progress.ProbeSent = true;
    }

    private void BecomeLeader()
    {
        Reset(_term);
        _role = RaftRole.Leader;
        _leader = _config.Id;
        _self!.Reset(_log.Durable, _log.LastIndex + 1);
        _self.BecomeReplicate();
        _self.RecentActive = true;
        // What was appended under older leaders may hold a conf change that is not applied.
        _pendingConfIndex = _log.LastIndex;
        _diskCheckedAt = _now;
        _log.Append(EntryKind.Normal, _term, default);
        _sendEntries = true;
        _sendCommit = true;
        _config.Events.OnLeader(_term);
    }

    private void TickLeader()
    {
        _heartbeatElapsed++;
        _electionElapsed++;
        if (_electionElapsed >= _config.ElectionTicks)
        {
            _electionElapsed = 0;
            _transferee = 0;
            if (_config.CheckQuorum && !CheckQuorumActive())
            {
                _config.Events.OnHappening(RaftHappening.QuorumLost, this, default);
                BecomeFollower(_term, 0);
                return;
            }
        }

        if (_heartbeatElapsed >= _config.HeartbeatTicks)
        {
            _heartbeatElapsed = 0;
            SendHeartbeats(LastReadContext);
        }

        CheckDisk();
    }

    private bool CheckQuorumActive()
    {
        int active = 0;
        foreach (Progress progress in _progress)
        {
            active += !progress.IsLearner && (progress.RecentActive || progress == _self) ? 1 : 0;
            progress.RecentActive = progress == _self;
        }

        return active >= Quorum.Size(_voterCount);
    }

    private ProposeResult AppendProposal(SlabSlice data, EntryKind kind)
    {
        if (_self is null || _transferee != 0)
        {
            return ProposeResult.Dropped;
        }

        if (UndurableBytes > _config.UndurableBytesMax)
        {
            return ProposeResult.TooManyUndurable;
        }

        _sendEntries = true;
        if (kind == EntryKind.ConfChange)
        {
            if (_pendingConfIndex > _log.Applied)
            {
                data.Release();
                _log.Append(EntryKind.Normal, _term, default);
                return ProposeResult.ConfChangePending;
            }

            _pendingConfIndex = _log.LastIndex + 1;
        }

        _log.Append(kind, _term, data);
        return ProposeResult.Ok;
    }

    private StepResult HandleForwardedProposals(in RaftMessage m)
    {
        foreach (ref readonly LogEntry entry in m.EntrySpan)
        {
            if (entry.Kind is not (EntryKind.Normal or EntryKind.ConfChange))
            {
                return StepResult.Malformed;
            }
        }

        foreach (ref readonly LogEntry entry in m.EntrySpan)
        {
            entry.Data.AddReference();
            if (Propose(entry.Data, entry.Kind) is not (ProposeResult.Ok or ProposeResult.Forwarded
                or ProposeResult.ConfChangePending))
            {
                // Forwarded proposals are lost silently; their owner's timeout reports it.
                entry.Data.Release();
                return StepResult.Ignored;
            }
        }

        return StepResult.Ok;
    }

    // Sends what the peer lacks, if it may be sent anything; false when nothing was.
    private bool SendAppend(Progress progress, bool evenEmpty)
    {
        if (progress.IsPaused)
        {
            return false;
        }

        ulong previous = progress.Next - 1;
        if (!_log.TryTerm(previous, out ulong previousTerm))
        {
            return SendSnapshot(progress);
        }

        int count = _log.CountWithin(progress.Next, _log.LastIndex, _config.MessageBytesMax);
        if (count == 0 && !evenEmpty)
        {
            return false;
        }

        Send(new RaftMessage
        {
            Type = MessageType.MsgApp,
            To = progress.Id,
            Term = _term,
            Index = previous,
            LogTerm = previousTerm,
            Commit = _log.Committed,
            Entries = CopyEntries(progress.Next, count),
            EntryCount = count,
        });
        if (count > 0)
        {
            progress.Sent(previous + (ulong)count);
        }

        return true;
    }

    private LogEntry[]? CopyEntries(ulong first, int count)
    {
        if (count == 0)
        {
            return null;
        }

        var entries = new LogEntry[count];
        EntrySpans spans = _log.Read(first, count);
        spans.First.CopyTo(entries);
        spans.Second.CopyTo(entries.AsSpan(spans.First.Length));
        foreach (ref readonly LogEntry entry in entries.AsSpan())
        {
            entry.Data.AddReference();
        }

        return entries;
    }

    private bool SendSnapshot(Progress progress)
    {
        if (!progress.RecentActive)
        {
            return false;
        }

        // What travels is built from the state machine as it is now; the server may send a later index.
        ulong index = _log.Applied;
        _log.TryTerm(index, out ulong term);
        progress.BecomeSnapshot(index);
        Send(new RaftMessage
        {
            Type = MessageType.MsgSnap,
            To = progress.Id,
            Term = _term,
            Snapshot = new RaftSnapshot(index, term, Members, default),
        });
        return true;
    }

    private void FlushAppends()
    {
        if (_role == RaftRole.Leader && (_sendEntries || _sendCommit))
        {
            foreach (Progress progress in _progress)
            {
                if (progress != _self)
                {
                    SendAppend(progress, evenEmpty: _sendCommit);
                    SendAllAppends(progress);
                }
            }
        }

        _sendEntries = false;
        _sendCommit = false;
    }

    private void SendAllAppends(Progress progress)
    {
        while (SendAppend(progress, evenEmpty: false))
        {
        }
    }

    private void SendHeartbeats(byte[]? context)
    {
        foreach (Progress progress in _progress)
        {
            if (progress != _self)
            {
                Send(new RaftMessage
                {
                    Type = MessageType.MsgHeartbeat,
                    To = progress.Id,
                    Term = _term,
                    Commit = Math.Min(progress.Match, _log.Committed),
                    Context = context,
                });
            }
        }
    }

    private StepResult HandleAppendResponse(in RaftMessage m)
    {
        Progress progress = FindProgress(m.From)!;
        progress.RecentActive = true;
        if (m.Reject)
        {
            ulong hint = m.RejectHint;
            if (m.LogTerm > 0)
            {
                hint = _log.FindConflictByTerm(m.RejectHint, m.LogTerm, out _);
            }

            if (progress.MaybeDecrease(m.Index, Math.Min(hint, _log.LastIndex)))
            {
                if (progress.State == ProgressState.Replicate)
                {
                    progress.BecomeProbe();
                }

                SendAppend(progress, evenEmpty: true);
            }

            return StepResult.Ok;
        }

        if (m.Index > _log.LastIndex)
        {
            return StepResult.Malformed;
        }

        progress.AckTick = _now;
        bool wasPaused = progress.IsPaused;
        if (progress.MaybeUpdate(m.Index))
        {
            Acknowledged(progress, wasPaused);
        }

        return StepResult.Ok;
    }

    private void Acknowledged(Progress progress, bool wasPaused)
    {
        switch (progress.State)
        {
            case ProgressState.Probe:
                progress.BecomeReplicate();
                break;
            case ProgressState.Snapshot when progress.Match >= progress.PendingSnapshot:
                progress.BecomeProbe();
                progress.BecomeReplicate();
                break;
            case ProgressState.Replicate:
                progress.Inflights.FreeTo(progress.Match);
                break;
            default:
                break;
        }

        if (!MaybeCommit() && wasPaused)
        {
            // It may have missed commits while nothing could be sent.
            SendAppend(progress, evenEmpty: true);
        }

        SendAllAppends(progress);
        if (progress.Id == _transferee && progress.Match == _log.LastIndex)
        {
            SendTimeoutNow(progress.Id);
        }
    }

    private StepResult HandleHeartbeatResponse(in RaftMessage m)
    {
        Progress progress = FindProgress(m.From)!;
        progress.RecentActive = true;
        progress.ProbeSent = false;
        if (progress is { State: ProgressState.Replicate, Inflights.IsFull: true })
        {
            progress.Inflights.FreeFirst();
        }

        if (progress.Match < _log.LastIndex)
        {
            SendAppend(progress, evenEmpty: true);
        }

        AcknowledgeRead(m.From, m.Context);
        return StepResult.Ok;
    }

    // Largest index on a quorum, only if its term is the current one (raft paper §5.4.2).
    private bool MaybeCommit()
    {
        if (_voterCount == 0)
        {
            return false;
        }

        Span<ulong> matches = _voterCount <= 16 ? stackalloc ulong[_voterCount] : new ulong[_voterCount];
        int n = 0;
        foreach (Progress progress in _progress)
        {
            if (!progress.IsLearner)
            {
                matches[n++] = progress.Match;
            }
        }

        ulong index = Quorum.Committed(matches);
        if (index <= _log.Committed || !_log.Matches(index, _term))
        {
            return false;
        }

        CommitTo(index);
        _sendCommit = true;
        ServePostponedReads();
        return true;
    }
}
