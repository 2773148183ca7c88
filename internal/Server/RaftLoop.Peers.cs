// The core's side of the other members: what they send, what is sent to them, changes of the membership, the end of a
// removed member (spec cluster §1.1, §1.12, §2.12). Owned by: core thread; the posting methods by any.
using EtcdAot.Members;
using EtcdAot.Observe;
using EtcdAot.Sys;
using EtcdAot.Wire;
using EtcdAot.Wire.Raftpb;

namespace EtcdAot.Server;

public sealed partial class RaftLoop
{
    private const long AdvanceWaitNanos = 5_000_000_000;
    private const long RemovalNoticeNanos = 1_000_000_000;

    /// <summary>Forwarded proposals kept while this member cannot serve them; more are lost, as they may be.</summary>
    private const int MaxHeldMessages = 1024;

    private readonly Mailbox<PeerEvent> _events = new();
    private readonly List<(RaftMessage Message, long Since)> _heldMessages = [];
    private readonly PriorityQueue<ICoreWork, long> _later = new();
    private readonly PeerSet _peers;
    private readonly RequestIds _ids;
    private readonly LeaderTransfers _transfers;
    private readonly Reconfiguration _reconfiguration;
    private readonly SnapshotSender _snapshotSender;
    private readonly SnapshotLoader _snapshotLoader;
    private Action? _onRemoved;
    private long _removedAt = long.MaxValue;
    private long _advanceUntil;

    private enum PeerEventKind
    {
        Message,
        Unreachable,
        SnapshotSent,
        SnapshotFailed,
        Removed,
    }

    private readonly record struct PeerEvent(PeerEventKind Kind, ulong Id, RaftMessage Message);

    /// <summary>Questions to other members.</summary>
    internal IPeerCalls Calls { get; private set; } = NoPeerCalls.Instance;

    /// <summary>The peers, for who wants to know whether they are reachable.</summary>
    internal PeerSet Peers => _peers;

    /// <summary>True while another db takes the place of the old one: nothing is applied.</summary>
    private bool IsLoadingSnapshot { get; set; }

    /// <summary>A message came; takes over its counts. Any thread.</summary>
    internal void Receive(in RaftMessage message) => Post(new PeerEvent(PeerEventKind.Message, 0, message));

    /// <summary>Something to a peer was lost. Any thread.</summary>
    internal void ReportUnreachable(ulong id) => Post(new PeerEvent(PeerEventKind.Unreachable, id, default));

    /// <summary>A snapshot was delivered, or not. Any thread.</summary>
    internal void ReportSnapshot(ulong id, bool delivered)
    {
        Post(new PeerEvent(delivered ? PeerEventKind.SnapshotSent : PeerEventKind.SnapshotFailed, id, default));
    }

    /// <summary>A peer says that this member was removed from the cluster. Any thread.</summary>
    internal void ReportRemoved() => Post(new PeerEvent(PeerEventKind.Removed, 0, default));

    /// <summary>Before the core runs.</summary>
    internal void Connect(IPeerCalls calls, Action? onRemoved)
    {
        Calls = calls;
        _onRemoved = onRemoved;
    }

    /// <summary>True while the log keeps what the receiver of a snapshot will need.</summary>
    internal bool HoldsLog => _snapshotSender.HoldsLog(_now);

    /// <summary>Takes a change of the membership that a client asks for; core thread.</summary>
    internal void Change(MemberRequest request) => _reconfiguration.Begin(request, this);

    /// <summary>Takes a wish for another leader; core thread.</summary>
    internal void Transfer(LeaderTransfer transfer) => _transfers.Begin(transfer, this, _completions);

    /// <summary>Runs something on the core at that time, or soon after; core thread.</summary>
    internal void Later(long nanos, ICoreWork work) => _later.Enqueue(work, nanos);

    /// <summary>Called by the applier for each applied change.</summary>
    internal void OnMemberChanged(MemberChange change)
    {
        _isSoleVoter = IsSoleVoter();
        if (change.NodeId == _memberId && change.Type == ConfChangeType.ConfChangeRemoveNode)
        {
            // The others are to hear of it from here first.
            _removedAt = Math.Min(_removedAt, _now);
        }

        _peers.OnChange(change);
    }

    /// <summary>The state is that of a received snapshot.</summary>
    internal void OnSnapshotLoaded(ulong index)
    {
        IsLoadingSnapshot = false;
        _isSoleVoter = IsSoleVoter();
        _raft.OnApplied(index);
        PublishAndRelease();
    }

    private void TakePeerEvents()
    {
        ServeHeldMessages();
        Span<PeerEvent> events = _events.TakeAll();
        foreach (ref readonly PeerEvent one in events)
        {
            switch (one.Kind)
            {
                case PeerEventKind.Message:
                    Take(one.Message);
                    break;
                case PeerEventKind.Unreachable:
                    _raft.ReportUnreachable(one.Id);
                    break;
                case PeerEventKind.Removed:
                    _removedAt = Math.Min(_removedAt, _now - RemovalNoticeNanos);
                    break;
                default:
                    _raft.ReportSnapshot(one.Id, one.Kind == PeerEventKind.SnapshotSent);
                    _snapshotSender.OnSent(one.Id, _now);
                    break;
            }
        }

        _events.Release(events.Length);
    }

    private void Take(in RaftMessage message)
    {
        if (message.Type == MessageType.MsgProp && CannotServe() && _heldMessages.Count < MaxHeldMessages)
        {
            _heldMessages.Add((message, _now));
            return;
        }

        _ = _raft.Step(message);
        message.Release();
    }

    private bool CannotServe() => _raft.Leader == 0 || _raft.Transferee != 0;

    // What was forwarded here just before a change of leaders goes on to the next one instead of being lost.
    private void ServeHeldMessages()
    {
        if (_heldMessages.Count == 0)
        {
            return;
        }

        bool serve = !CannotServe();
        long limit = _now - _options.RequestTimeoutNanos;
        int kept = 0;
        for (int i = 0; i < _heldMessages.Count; i++)
        {
            (RaftMessage message, long since) = _heldMessages[i];
            if (!serve && since > limit)
            {
                _heldMessages[kept++] = (message, since);
                continue;
            }

            if (serve && _raft.Leader != message.From)
            {
                _ = _raft.Step(message);
            }

            message.Release();
        }

        _heldMessages.RemoveRange(kept, _heldMessages.Count - kept);
    }

    private void ReleaseHeldMessages()
    {
        foreach ((RaftMessage message, _) in _heldMessages)
        {
            message.Release();
        }

        _heldMessages.Clear();
    }

    private void AbandonMessages()
    {
        ReleaseHeldMessages();
        foreach (ref readonly PeerEvent one in _events.TakeAll())
        {
            if (one.Kind == PeerEventKind.Message)
            {
                one.Message.Release();
            }
        }

        _log.Abandon();
    }

    private void SendAll(ReadOnlySpan<RaftMessage> messages)
    {
        foreach (ref readonly RaftMessage message in messages)
        {
            if (message.Type == MessageType.MsgSnap)
            {
                _snapshotSender.Begin(message);
            }
            else
            {
                _peers.Send(message);
            }
        }
    }

    /// <summary>What is due beside raft and apply; returns when to be called again.</summary>
    private long StepAside()
    {
        while (_later.TryPeek(out ICoreWork? work, out long at) && at <= _now)
        {
            _ = _later.Dequeue();
            work.RunOnCore();
        }

        _snapshotSender.Step(this);
        long due = _transfers.Step(this, _completions);
        due = Math.Min(due, _readIndexes.NextDueNanos);
        due = Math.Min(due, _later.TryPeek(out _, out long next) ? next : long.MaxValue);
        if (_removedAt == long.MaxValue)
        {
            return due;
        }

        if (_now - _removedAt >= RemovalNoticeNanos)
        {
            _removedAt = long.MaxValue;
            _lines.Warn("etcdserver/server.go", "server error")
                .WithError("the member has been permanently removed from the cluster").Write();
            _lines.Warn("etcdserver/server.go", "data-dir used by this member must be removed").Write();
            _onRemoved?.Invoke();
            return due;
        }

        return Math.Min(due, _removedAt + RemovalNoticeNanos);
    }

    // A member that joins others need not wait a whole election timeout for a leader that may not be there (spec §1.1).
    private void AdvanceTicks()
    {
        if (_advanceUntil == long.MinValue)
        {
            return;
        }

        int active = _peers.CountActive();
        if (_now >= _advanceUntil || !_options.InitialElectionTickAdvance || _isSoleVoter)
        {
            _advanceUntil = long.MinValue;
        }
        else if (active > 1)
        {
            _advanceUntil = long.MinValue;
            int ticks = _options.ElectionTicks - 2;
            _lines.Info("etcdserver/server.go", "initialized peer connections; fast-forwarding election ticks")
                .With("local-member-id", _memberId.ToString("x"))
                .With("forward-ticks", ticks)
                .With("forward-duration", GoDuration.Text(ticks * _tickNanos))
                .With("election-ticks", _options.ElectionTicks)
                .With("election-timeout", GoDuration.Text(_options.ElectionMillis * 1_000_000L))
                .With("active-remote-members", active).Write();
            _raft.AdvanceElection(ticks);
        }
    }

    private void Post(in PeerEvent one)
    {
        if (_events.Post(one))
        {
            WakeUp();
        }
    }
}
