// The round: Ready out, answers of the log and of the applier in (DESIGN 4.4). Rules that live here:
//   own acknowledgements and votes leave only with a durable append;   a term change always hands out an append;
//   an answer's index counts only in the term in which it was handed out, its snapshot always;
//   only durable entries are applied;   a follower's messages wait for the conf change of their batch.
using EtcdAot.Observe;
using EtcdAot.Sys;
using EtcdAot.Wire;
using EtcdAot.Wire.Raftpb;

namespace EtcdAot.Raft;

public sealed partial class RaftNode
{
    private readonly Queue<AppendOut> _appends = new();
    private ulong _lastAppend;
    private DurableState _handedState;
    private long _durableBytes;

    private List<RaftMessage> _messages = [];
    private List<RaftMessage> _messagesOut = [];

    // Payload of the last message in _messages when it is a MsgProp of ours.
    private long _forwardedBytes;

    // To be released by the next append.
    private readonly List<RaftMessage> _answers = [];

    // Messages stay here until this index is applied.
    private ulong _holdUntilApplied;

    private RaftSnapshot? _pendingSnapshot;
    private SnapshotStage _snapshotStage;

    private ulong _shownLeader;
    private RaftRole _shownRole;

    private enum SnapshotStage
    {
        Received,
        HandedToDisk,
        Durable,
        HandedToApplier,
    }

    /// <summary>Appends handed out and not answered.</summary>
    public int AppendsInFlight => _appends.Count;

    /// <summary>True when <see cref="TakeReady"/> has something to say.</summary>
    public bool HasReady =>
        _sendEntries || _sendCommit || _readStates.Count > 0
        || _log.HandedToDisk < _log.LastIndex || State != _handedState
        || (_messages.Count + _answers.Count > 0 && !IsHolding)
        || (_pendingSnapshot is null ? _log.HandedOut < Math.Min(_log.Committed, _log.Durable)
            : _snapshotStage is SnapshotStage.Received or SnapshotStage.Durable)
        || _shownLeader != _leader || _shownRole != _role;

    private DurableState State => new(_term, _vote, _log.Committed);

    private bool IsHolding => _log.Applied < _holdUntilApplied;

    /// <summary>Takes the round's output; may be called at any time.</summary>
    public Ready TakeReady()
    {
        FlushAppends();
        RaftSnapshot? snapshot = TakeDurableSnapshot();
        (ulong committedFirst, int committedCount) = TakeCommitted();
        LogAppend append = TakeAppend();
        bool shown = _shownLeader != _leader || _shownRole != _role;
        _shownLeader = _leader;
        _shownRole = _role;

        _messagesOut.Clear();
        if (!IsHolding)
        {
            (_messages, _messagesOut) = (_messagesOut, _messages);
        }

        _readStatesOut.Clear();
        (_readStates, _readStatesOut) = (_readStatesOut, _readStates);
        return new Ready
        {
            SoftStateChanged = shown,
            Leader = _leader,
            Role = _role,
            Messages = System.Runtime.InteropServices.CollectionsMarshal.AsSpan(_messagesOut),
            Append = append,
            AppendEntries = _log.Read(append.FirstIndex, append.EntryCount),
            Snapshot = snapshot,
            Committed = _log.Read(committedFirst, committedCount),
            ReadStates = System.Runtime.InteropServices.CollectionsMarshal.AsSpan(_readStatesOut),
        };
    }

    /// <summary>The log actor has made an append, and all before it, durable. Answers come in the order of the appends; one
    /// that is late is harmless.</summary>
    public void OnAppended(in AppendAnswer answer)
    {
        Invariant.Check(answer.Identity <= _lastAppend, "only what was handed out is answered");
        while (_appends.Count > 0 && _appends.Peek().Answer.Identity <= answer.Identity)
        {
            AppendOut done = _appends.Dequeue();
            if (done.Answer.SnapshotIndex != 0 && _pendingSnapshot?.Index == done.Answer.SnapshotIndex
                && _snapshotStage == SnapshotStage.HandedToDisk)
            {
                _snapshotStage = SnapshotStage.Durable;
            }

            // Another term may have overwritten the index with an entry that is not durable. Its own append makes up for this.
            if (done.Answer.Term == _term)
            {
                BecameDurable(in done);
            }
        }
    }

    /// <summary>The applier has finished everything up to <paramref name="index"/>.</summary>
    public void OnApplied(ulong index)
    {
        Invariant.Check(index <= _log.HandedOut, "only what was handed out is applied");
        _log.Applied = Math.Max(_log.Applied, index);
        if (_pendingSnapshot is { } snapshot && _snapshotStage == SnapshotStage.HandedToApplier && index >= snapshot.Index)
        {
            snapshot.Data.Release();
            _pendingSnapshot = null;
        }

        CampaignIfSoleVoter();
    }

    private void BecameDurable(in AppendOut done)
    {
        AppendAnswer answer = done.Answer;
        if (answer.LastIndex > _log.Durable && _log.Matches(answer.LastIndex, answer.LastTerm))
        {
            _log.Durable = answer.LastIndex;
        }

        if (_log.Durable == answer.LastIndex)
        {
            _durableBytes = Math.Max(_durableBytes, done.AppendedBytes);
        }

        if (_role == RaftRole.Candidate)
        {
            CountVote(_config.Id, granted: true);
        }

        if (_role == RaftRole.Leader && _self is not null && _self.MaybeUpdate(_log.Durable))
        {
            MaybeCommit();
        }
    }

    private RaftSnapshot? TakeDurableSnapshot()
    {
        if (_pendingSnapshot is null || _snapshotStage != SnapshotStage.Durable)
        {
            return null;
        }

        _snapshotStage = SnapshotStage.HandedToApplier;
        _log.HandedOut = Math.Max(_log.HandedOut, _pendingSnapshot.Index);
        _pendingSnapshot.Data.AddReference();
        return _pendingSnapshot;
    }

    private (ulong First, int Count) TakeCommitted()
    {
        ulong last = Math.Min(_log.Committed, _log.Durable);
        if (last <= _log.HandedOut || _pendingSnapshot is not null)
        {
            return default;
        }

        ulong first = _log.HandedOut + 1;
        int count = _log.CountWithin(first, last, _config.CommittedBytesMax);
        EntrySpans entries = _log.Read(first, count);
        for (int i = 0; i < count; i++)
        {
            EntryKind kind = entries[i].Kind;
            if (kind == EntryKind.ConfChange && _role != RaftRole.Leader)
            {
                _holdUntilApplied = first + (ulong)i;
            }
            else if (kind == EntryKind.ConfChangeV2)
            {
                Fail(RaftFault.UnknownEntryKind);
                count = i;
            }
        }

        _log.HandedOut += (ulong)count;
        return (first, count);
    }

    private LogAppend TakeAppend()
    {
        DurableState state = State;
        bool stateChanged = state != _handedState;
        ulong first = _log.HandedToDisk + 1;
        int count = (int)(_log.LastIndex - _log.HandedToDisk);
        RaftSnapshot? snapshot = _snapshotStage == SnapshotStage.Received ? _pendingSnapshot : null;
        RaftMessage[]? answers = TakeAnswers(alone: !stateChanged && count == 0 && snapshot is null);
        if (!stateChanged && count == 0 && snapshot is null && answers is null)
        {
            return default;
        }

        if (snapshot is not null)
        {
            snapshot.Data.AddReference();
            _snapshotStage = SnapshotStage.HandedToDisk;
        }

        var answer = new AppendAnswer(++_lastAppend, _term, _log.LastTerm, _log.LastIndex, snapshot?.Index ?? 0);
        bool mustSync = count > 0 || snapshot is not null || state.Term != _handedState.Term || state.Vote != _handedState.Vote;
        _appends.Enqueue(new AppendOut(answer, _log.AppendedBytes, _now));
        _log.HandedToDisk = _log.LastIndex;
        _handedState = state;
        return new LogAppend
        {
            Identity = answer.Identity,
            State = stateChanged ? state : null,
            FirstIndex = first,
            EntryCount = count,
            Snapshot = snapshot,
            Answers = answers,
            MustSync = mustSync,
            Answer = answer,
        };
    }

    // With nothing to write and nothing being written, everything is durable: the answers are ordinary messages.
    private RaftMessage[]? TakeAnswers(bool alone)
    {
        if (_answers.Count == 0 || IsHolding)
        {
            return null;
        }

        RaftMessage[]? answers = null;
        if (alone && _appends.Count == 0)
        {
            _messages.AddRange(_answers);
        }
        else
        {
            answers = [.. _answers];
        }

        _answers.Clear();
        return answers;
    }

    private void Send(RaftMessage m)
    {
        if (m.From == 0)
        {
            m.From = _config.Id;
        }

        if (!WaitsForDisk(m.Type))
        {
            _messages.Add(m);
            return;
        }

        // An acknowledgement covers the ones before it.
        if (m is { Type: MessageType.MsgAppResp, Reject: false, Index: > 0 } && _answers.Count > 0)
        {
            ref RaftMessage last = ref System.Runtime.InteropServices.CollectionsMarshal.AsSpan(_answers)[^1];
            if (last is { Type: MessageType.MsgAppResp, Reject: false } && last.To == m.To && last.Term == m.Term
                && last.Index <= m.Index)
            {
                last = m;
                return;
            }
        }

        _answers.Add(m);
    }

    // A request for votes too: a candidate that forgot its term in a crash must not find grants for a log it has lost.
    private static bool WaitsForDisk(MessageType type) => type is MessageType.MsgAppResp or MessageType.MsgVote
        or MessageType.MsgVoteResp or MessageType.MsgPreVoteResp;

    private void Forward(SlabSlice data, EntryKind kind)
    {
        var entry = new LogEntry { Kind = kind, Data = data };
        Span<RaftMessage> queued = System.Runtime.InteropServices.CollectionsMarshal.AsSpan(_messages);
        if (queued.Length > 0 && queued[^1].Type == MessageType.MsgProp && queued[^1].To == _leader
            && _forwardedBytes + data.Length <= _config.MessageBytesMax)
        {
            _forwardedBytes += data.Length;
            ref RaftMessage m = ref queued[^1];
            if (m.EntryCount == m.Entries!.Length)
            {
                Array.Resize(ref m.Entries, m.EntryCount * 2);
            }

            m.Entries[m.EntryCount++] = entry;
            return;
        }

        _forwardedBytes = data.Length;
        Send(new RaftMessage { Type = MessageType.MsgProp, To = _leader, Entries = [entry], EntryCount = 1 });
    }

    private void ReleaseQueued()
    {
        foreach (RaftMessage m in _messages)
        {
            m.Release();
        }

        foreach (RaftMessage m in _answers)
        {
            m.Release();
        }

        _messages.Clear();
        _answers.Clear();
    }

    private readonly record struct AppendOut(AppendAnswer Answer, long AppendedBytes, long HandedOutAt);
}
