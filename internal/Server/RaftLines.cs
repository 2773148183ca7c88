// Log lines of raft, in the original's words with logger "raft" (facts log-golden). Owned by: core thread.
using System.Globalization;
using EtcdAot.Observe;
using EtcdAot.Raft;
using EtcdAot.Wire;

namespace EtcdAot.Server;

/// <summary>Turns raft's events into lines.</summary>
internal sealed class RaftLines(Log log, ulong id) : IRaftEvents
{
    private readonly string _self = id.ToString("x", CultureInfo.InvariantCulture);

    // What a node says before its member runs waits until the start has said all of its own.
    private List<string>? _held;
    private bool _muted;

    /// <summary>Writes what waited, and from now on at once.</summary>
    public void Release()
    {
        if (_held is { } held)
        {
            _held = null;
            held.ForEach(Emit);
        }
    }

    /// <summary>A founded node starts empty and is told its members before it runs.</summary>
    /// <param name="founders">By ascending id; none for a member that joins.</param>
    public void WriteFounded(IReadOnlyList<ulong> founders)
    {
        OnMembers(ConfiguredMembers.Empty);
        OnFollower(0);
        Write($"newRaft {_self} [peers: [], term: 0, commit: 0, applied: 0, lastindex: 0, lastterm: 0]");
        OnFollower(1);
        for (int i = 1; i <= founders.Count; i++)
        {
            OnMembers(new ConfiguredMembers([.. founders.Take(i)], []));
        }

        _muted = true;
    }

    /// <summary>Another leader, or none.</summary>
    public void WriteLeader(ulong before, ulong now, ulong term)
    {
        if (before == now)
        {
            return;
        }

        Write(before == 0 ? $"raft.node: {_self} elected leader {now:x} at term {term}"
            : now == 0 ? $"raft.node: {_self} lost leader {before:x} at term {term}"
            : $"raft.node: {_self} changed leader from {before:x} to {now:x} at term {term}");
    }

    public void OnMembers(ConfiguredMembers members)
    {
        string learners = members.Learners.Length == 0 ? "" : $" learners=({string.Join(' ', members.Learners)})";
        Write($"{_self} switched to configuration voters=({string.Join(' ', members.Voters)}){learners}");
    }

    public void OnFollower(ulong term) => Write($"{_self} became follower at term {term}");

    public void OnStarted(RaftNode node)
    {
        string peers = string.Join(',', node.Members.Voters.Select(static v => v.ToString("x", CultureInfo.InvariantCulture)));
        Write($"newRaft {_self} [peers: [{peers}], term: {node.Term}, commit: {node.Committed}, applied: {node.Applied}, " +
            $"lastindex: {node.Log.LastIndex}, lastterm: {node.Log.LastTerm}]");
        _muted = false;
        _held = [];
    }

    public void OnElection(ulong term) => Write($"{_self} is starting a new election at term {term}");

    public void OnPreCandidate(ulong term) => Write($"{_self} became pre-candidate at term {term}");

    public void OnCandidate(ulong term) => Write($"{_self} became candidate at term {term}");

    public void OnVote(bool preVote, ulong from, ulong term) =>
        Write($"{_self} received {(preVote ? "MsgPreVoteResp" : "MsgVoteResp")} from {from:x} at term {term}");

    public void OnVotesCounted(bool preVote, int granted, int rejected) => Write(
        $"{_self} has received {granted} {(preVote ? "MsgPreVoteResp" : "MsgVoteResp")} votes and {rejected} vote rejections");

    public void OnHappening(RaftHappening what, RaftNode node, in RaftMessage message)
    {
        ulong from = message.From;
        ulong to = message.To;
        string own = $"[logterm: {node.Log.LastTerm}, index: {node.Log.LastIndex}";
        string asked = $"{message.Type} from {from:x} [logterm: {message.LogTerm}, index: {message.Index}] at term {node.Term}";
        switch (what)
        {
            case RaftHappening.HigherTerm:
                Write($"{_self} [term: {node.Term}] received a {message.Type} message with higher term from {from:x} " +
                    $"[term: {message.Term}]");
                break;
            case RaftHappening.VoteCast:
                Write($"{_self} {own}, vote: {node.Vote:x}] cast {message.Type} for {from:x} " +
                    $"[logterm: {message.LogTerm}, index: {message.Index}] at term {node.Term}");
                break;
            case RaftHappening.VoteRejected:
                Write($"{_self} {own}, vote: {node.Vote:x}] rejected {asked}");
                break;
            case RaftHappening.VoteIgnored:
                Write($"{_self} {own}, vote: {node.Vote:x}] ignored {asked}: lease is not expired " +
                    $"(remaining ticks: {node.LeaseTicksLeft})");
                break;
            case RaftHappening.VoteRequested:
                Write($"{_self} {own}] sent {message.Type} request to {to:x} at term {node.Term}");
                break;
            case RaftHappening.QuorumLost:
                WriteWarning($"{_self} stepped down to follower since quorum is not active");
                break;
            case RaftHappening.ReadWithoutLeader:
                Write($"{_self} no leader at term {node.Term}; dropping index reading msg");
                break;
            case RaftHappening.TransferStarts:
                Write($"{_self} [term {node.Term}] starts to transfer leadership to {to:x}");
                break;
            case RaftHappening.SuccessorCalled:
                Write($"{_self} sends MsgTimeoutNow to {to:x} immediately as {to:x} already has up-to-date log");
                break;
            case RaftHappening.CalledToLead:
                Write($"{_self} [term {node.Term}] received MsgTimeoutNow from {from:x} and starts an election to get leadership.");
                break;
            default:
                WriteSnapshot(what, node.Log, message.Snapshot!);
                break;
        }
    }

    public void OnLeader(ulong term) => Write($"{_self} became leader at term {term}");

    private void WriteSnapshot(RaftHappening what, RaftLog raftLog, RaftSnapshot snapshot)
    {
        string index = $"[index: {snapshot.Index}, term: {snapshot.Term}]";
        if (what == RaftHappening.SnapshotStarts)
        {
            Write($"log [committed={raftLog.Committed}, applied={raftLog.Applied}, unstable.offset={raftLog.Durable + 1}, " +
                $"len(unstable.Entries)={raftLog.LastIndex - raftLog.Durable}] starts to restore snapshot {index}");
            return;
        }

        Write($"{_self} [commit: {raftLog.Committed}, lastindex: {raftLog.LastIndex}, lastterm: {raftLog.LastTerm}] " +
            $"restored snapshot {index}");
        Write($"{_self} [commit: {raftLog.Committed}] restored snapshot {index}");
    }

    // Never before the member runs.
    private void WriteWarning(string message) => log.WarnOf("raft", "etcdserver/zap_raft.go", message).Write();

    private void Write(string message)
    {
        if (_held is { } held)
        {
            held.Add(message);
        }
        else if (!_muted)
        {
            Emit(message);
        }
    }

    private void Emit(string message) => log.InfoOf("raft", "etcdserver/zap_raft.go", message).Write();
}
