// Consensus of one member: messages, ticks and answers of the log in, Ready out (DESIGN 4.4, spec cluster §1). Owned by: core
// thread. Must never do I/O, read a clock, start a thread, or throw on what a peer sent. The parts: Step (terms, dispatch),
// Election, Leader, Follower, Reads, Members (conf changes), Transfer, Rounds (Ready and the answers of the log).
using EtcdAot.Observe;
using EtcdAot.Sys;
using EtcdAot.Wire;

namespace EtcdAot.Raft;

/// <summary>The raft state machine.</summary>
public sealed partial class RaftNode
{
    private readonly RaftConfig _config;
    private readonly IRandomness _randomness;
    private readonly RaftLog _log;

    private ulong _term;
    private ulong _vote;
    private ulong _leader;
    private RaftRole _role;

    // Ticks since the last contact with a leader (follower) or since the last quorum check (leader).
    private int _electionElapsed;
    private int _heartbeatElapsed;
    private int _electionTimeout;
    private long _now;

    /// <summary>Starts a follower from what is on disk.</summary>
    /// <param name="config">Settings.</param>
    /// <param name="randomness">For election timeouts.</param>
    /// <param name="start">What was recovered.</param>
    public RaftNode(RaftConfig config, IRandomness randomness, in RaftStart start)
    {
        Invariant.Check(config.Id != 0, "a member's id is not 0");
        Invariant.Check(config.ElectionTicks > config.HeartbeatTicks, "an election takes longer than a heartbeat");
        _config = config;
        _randomness = randomness;
        _log = new RaftLog(start.SnapshotIndex, start.SnapshotTerm);
        foreach (ref readonly LogEntry entry in start.Entries)
        {
            Invariant.Check(entry.Index == _log.LastIndex + 1, "recovered entries follow the snapshot without a gap");
            _log.Append(entry.Kind, entry.Term, entry.Data);
        }

        ulong applied = Math.Max(start.Applied, start.SnapshotIndex);
        ulong commit = Math.Max(start.State.Commit, applied);
        Invariant.Check(commit <= _log.LastIndex, "the recovered log reaches its commit and applied index");
        _log.Durable = _log.LastIndex;
        _log.HandedToDisk = _log.LastIndex;
        _log.Committed = commit;
        _log.Applied = applied;
        _log.HandedOut = applied;
        _durableBytes = _log.AppendedBytes;
        _term = start.State.Term;
        _vote = start.State.Vote;
        _handedState = start.State;
        SetMembers(start.Members);
        BecomeFollower(_term, 0);
        _config.Events.OnStarted(this);
        CampaignIfSoleVoter();
    }

    /// <summary>Gives the log's entries back; the node is not used any more.</summary>
    internal void Abandon() => _log.Reset(0, 0);

    /// <summary>Own id.</summary>
    public ulong Id => _config.Id;

    public ulong Term => _term;

    /// <summary>Vote of this term, 0 for none.</summary>
    public ulong Vote => _vote;

    /// <summary>Known leader, 0 for none.</summary>
    public ulong Leader => _leader;

    public RaftRole Role => _role;

    public ulong Committed => _log.Committed;

    public ulong Applied => _log.Applied;

    /// <summary>Ticks since the start.</summary>
    public long Ticks => _now;

    /// <summary>The log, for reading entries and terms.</summary>
    public RaftLog Log => _log;

    /// <summary>Why the node cannot go on; the member ends when it is not None.</summary>
    public RaftFault Fault { get; private set; }

    /// <summary>Bytes that a crash would lose.</summary>
    public long UndurableBytes => _log.AppendedBytes - _durableBytes;

    /// <summary>One raft tick (--heartbeat-interval) has passed.</summary>
    public void Tick()
    {
        _now++;
        if (_role == RaftRole.Leader)
        {
            TickLeader();
            return;
        }

        _electionElapsed++;
        if (IsPromotable && _electionElapsed >= _electionTimeout)
        {
            _electionElapsed = 0;
            Campaign();
        }
    }

    /// <summary>Lets a follower that has just started count as if it had waited so many ticks; less than an election
    /// timeout, so that a leader has its chance to be heard.</summary>
    public void AdvanceElection(int ticks)
    {
        Invariant.Check(ticks < _config.ElectionTicks, "the advance of a start does not begin an election");
        if (_role == RaftRole.Follower)
        {
            _electionElapsed = Math.Max(_electionElapsed, ticks);
        }
    }

    /// <summary>Offers an entry. On Ok, Forwarded and ConfChangePending the node took over the caller's count of
    /// <paramref name="data"/>, else the caller keeps it.</summary>
    public ProposeResult Propose(SlabSlice data, EntryKind kind = EntryKind.Normal)
    {
        Invariant.Check(kind != EntryKind.ConfChangeV2, "etcd never proposes a ConfChangeV2");
        if (_role == RaftRole.Leader)
        {
            return AppendProposal(data, kind);
        }

        if (_role != RaftRole.Follower)
        {
            return ProposeResult.Dropped;
        }

        if (_leader == 0)
        {
            return ProposeResult.NoLeader;
        }

        Forward(data, kind);
        return ProposeResult.Forwarded;
    }

    /// <summary>Offers an encoded raftpb.ConfChange.</summary>
    public ProposeResult ProposeConfChange(SlabSlice data) => Propose(data, EntryKind.ConfChange);

    /// <summary>Forgets entries up to an applied index; what peers need behind it is sent as a snapshot.</summary>
    public void Compact(ulong index) => _log.Compact(index);

    /// <summary>Releases every count the node holds; it is not used any more.</summary>
    public void Close()
    {
        _log.Reset(_log.LastIndex, _log.LastTerm);
        _pendingSnapshot?.Data.Release();
        _pendingSnapshot = null;
        ReleaseQueued();
    }

    private void Reset(ulong term)
    {
        if (_term != term)
        {
            _term = term;
            _vote = 0;
        }

        // What was to be said in the old role is no longer true, if a new leader overwrites the log in this same round.
        _answers.Clear();
        _leader = 0;
        _electionElapsed = 0;
        _heartbeatElapsed = 0;
        _electionTimeout = _config.ElectionTicks + _randomness.Below(_config.ElectionTicks);
        _transferee = 0;
        _pendingConfIndex = 0;
        _sendEntries = false;
        _sendCommit = false;
        ResetVotes();
        ForgetReads();
        foreach (Progress progress in _progress)
        {
            progress.Reset(0, _log.LastIndex + 1);
        }
    }

    private StepResult Fail(RaftFault fault)
    {
        Fault = fault;
        return StepResult.Fault;
    }

    // Commit moves only forward; the caller has checked that the log reaches it.
    private void CommitTo(ulong index)
    {
        if (index > _log.Committed)
        {
            Invariant.Check(index <= _log.LastIndex, "what is committed is in the log");
            _log.Committed = index;
        }
    }
}

/// <summary>What a member recovered from its disk.</summary>
public readonly ref struct RaftStart
{
    /// <summary>HardState of the WAL.</summary>
    public DurableState State { get; init; }

    /// <summary>Last index that the snapshot includes; 0 for none.</summary>
    public ulong SnapshotIndex { get; init; }

    public ulong SnapshotTerm { get; init; }

    /// <summary>Configuration as of <see cref="Applied"/>.</summary>
    public ConfiguredMembers Members { get; init; }

    /// <summary>Entries behind the snapshot, already durable. The node takes over the counts.</summary>
    public ReadOnlySpan<LogEntry> Entries { get; init; }

    /// <summary>Highest index whose effects the state machine (and <see cref="Members"/>) already has; at least the
    /// snapshot's. Entries behind it are handed out again.</summary>
    public ulong Applied { get; init; }
}
